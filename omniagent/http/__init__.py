"""The HTTP server: the OpenAI images API, runs, models, health and metrics. Needs `omniagent[serve]`."""
