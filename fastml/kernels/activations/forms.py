"""The elementwise activations, as numbers that kernels switch on."""

SIGMOID, TANH, RELU, LEAKY_RELU, ELU, GELU, GELU_TANH, SOFTPLUS, ERF = range(9)

# Whose derivative is computed from the result, which spares another exponential.
BY_RESULT = (SIGMOID, TANH)

SQRT_HALF = 0.7071067811865476
# sqrt(2 / pi), 1 / sqrt(2 pi), 2 / sqrt(pi)
SQRT_2_PI, DENSITY_AT_0, ERF_SLOPE = 0.7978845608028654, 0.3989422804014327, 1.1283791670955126
# Of the approximation of GELU by tanh.
CUBIC = 0.044715
# Beyond it GELU is x or 0, and its derivative 1 or 0, in both precisions; infinity times 0 is not.
FAR = 40.0
