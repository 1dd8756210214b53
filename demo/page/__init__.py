"""The page: its layout, its files, and who may see it."""
