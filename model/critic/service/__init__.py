"""vLLM as a service of this machine: found, started in its own environment, watched, restarted and stopped."""
