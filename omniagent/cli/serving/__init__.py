"""The commands that serve: the chat, the HTTP server, the MCP server."""
