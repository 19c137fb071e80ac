"""Layers over trees: the state of a node is made of those of its children."""
