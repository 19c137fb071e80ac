"""Optimisers: steps of gradient descent over arrays of parameters."""
