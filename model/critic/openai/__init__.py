"""A critic behind the OpenAI chat API."""
