"""Losses of samples, penalties on weights, and their gradients."""
