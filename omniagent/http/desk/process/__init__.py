"""Runs in a process of their own, so that the one that serves has its processor time and memory to itself."""
