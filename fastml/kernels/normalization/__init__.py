"""Batch and layer normalisation."""
