"""Dropout: elements that stay are drawn by their number, wherever and however often."""
