"""Inputs for every kernel, shared by the tests and the benchmarks; nothing at run time needs it."""
