"""Tasks of the shapes world with their truth."""
