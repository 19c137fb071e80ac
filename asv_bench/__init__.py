"""Benchmarks for asv: speed beside the best peer's, measured in the same run."""
