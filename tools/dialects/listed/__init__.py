"""The notation of the bundled checkpoint: lists of things, printed and read in one place."""
