"""The commands of `omniagent runs`."""
