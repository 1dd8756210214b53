"""The nodes of the graph by what they do: read, draw, look, decide."""
