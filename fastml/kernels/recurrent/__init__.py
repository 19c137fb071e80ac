"""Recurrent layers over whole sequences: products with the state, gates, and the new state."""
