"""Generating and judging, each by itself, resumable, in shards and by executors."""
