"""What the chat remembers: visitors, their threads on disk, and the runs at work."""
