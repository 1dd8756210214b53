"""A checkpoint's folder: its parts, and how it wants to be used."""
