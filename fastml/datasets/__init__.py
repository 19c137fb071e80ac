"""Loaders of data sets in real formats, and generators of tasks with known answers."""
