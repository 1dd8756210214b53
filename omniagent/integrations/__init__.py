"""The agent as a tool of other programs."""
