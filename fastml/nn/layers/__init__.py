"""Layers: descriptions of a function, of its parameters and of the shapes it takes."""
