"""What the twins of sequential minimal optimisation have in common."""

# What stands for the curvature along a pair of rows where rounding, or a kernel that is not
# positive definite, leaves none.
TAU = 1e-12
