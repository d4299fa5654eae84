"""What the tables in docs/benchmarks.md are made with."""
