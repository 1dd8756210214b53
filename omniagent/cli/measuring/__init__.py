"""Commands that measure: suites judged by the oracle, and the simulation."""
