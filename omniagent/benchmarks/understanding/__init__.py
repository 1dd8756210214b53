"""Benchmarks of understanding, which lmms-eval runs and scores: started here, and their results read back."""
