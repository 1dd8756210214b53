"""Runs as jobs: accepted, kept on disk, waiting in a bounded queue, at work, over."""
