"""The trace of a run on stderr."""
