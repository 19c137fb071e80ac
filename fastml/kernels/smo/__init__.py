"""Kernels of sequential minimal optimisation: the dual problem of a kernel machine."""
