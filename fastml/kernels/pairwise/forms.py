"""What a kernel function is made of, as numbers that kernels switch on.

Each is ``ending(gamma * sum_k term(x_k, y_k) + coef0)``.
"""

# Terms of the sum over features: x y, (x - y)^2, |x - y|, (x - y)^2 / (x + y).
PRODUCT, SQUARED, ABSOLUTE, CHI_SQUARED = range(4)

# Endings: nothing, square root, exponential, hyperbolic tangent, power.
AFFINE, ROOT, EXP, TANH, POWER = range(5)
