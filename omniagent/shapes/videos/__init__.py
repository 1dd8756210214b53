"""Synthetic videos of the shapes world with their truth: moving, growing and leaving objects, cuts, pans and zooms."""
