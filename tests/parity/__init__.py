"""Compares this implementation with numbers recorded from the published one: `python -m tests.parity DIR`."""
