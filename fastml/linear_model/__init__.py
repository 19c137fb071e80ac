"""Linear models: networks of a single layer."""
