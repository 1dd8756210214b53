"""Floor 1: networks, checkpoints, sampling, critics, runtime and training loops."""
