"""Perception by rules for pictures of the shapes world, behind the protocols that real models have in a data build."""
