"""What the words of a task say, by fixed rules for English and Chinese."""
