"""Where the items of benchmarks come from."""
