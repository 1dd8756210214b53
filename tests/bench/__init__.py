"""Benchmarks: `python -m tests.bench NAME…` prints lines `NAME VALUE UNIT`."""
