"""Edits that take from their source what does not change; not exact."""
