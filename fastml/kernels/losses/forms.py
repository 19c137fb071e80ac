"""The losses that add up over the outputs of a sample, as numbers that kernels switch on."""

SQUARED, CROSS_ENTROPY, BINARY_CROSS_ENTROPY, HINGE, SQUARED_HINGE, POISSON = range(6)
