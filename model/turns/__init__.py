"""Models that share a device use it one after the other."""
