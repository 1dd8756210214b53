"""Putting candidates in order, which accepts none of them."""
