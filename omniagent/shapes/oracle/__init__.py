"""Reads a picture of the shapes world without any learned model."""
