"""The benchmarks themselves, a module each."""
