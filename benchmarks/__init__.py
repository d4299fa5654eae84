"""What docs/benchmarks.md is made with."""
