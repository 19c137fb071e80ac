"""Recurrent layers over whole sequences: products with the state, gates and update, step by step."""
