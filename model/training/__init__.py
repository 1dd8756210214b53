"""Loops that train the VAE, the MLLM and the diffusion transformer, in that order (see docs/training.md)."""
