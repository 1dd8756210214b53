"""The role that draws: in this process, by requests in a queue, or behind a URL."""
