"""Public benchmarks of picture models: their items, judges, totals and reports."""
