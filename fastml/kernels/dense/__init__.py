"""Products of rows and a matrix of weights, with bias and activation, and their gradients."""
