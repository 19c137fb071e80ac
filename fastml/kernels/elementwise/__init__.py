"""Elementary functions of every element of an array."""
