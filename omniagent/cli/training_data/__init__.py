"""The commands of `omniagent data`."""
