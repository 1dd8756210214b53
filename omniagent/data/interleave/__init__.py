"""Interleaved records: sequences of frames, and what changes from each to the next."""
