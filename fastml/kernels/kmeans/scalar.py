"""Leaf functions of the k-means kernels, written once and compiled for CPU and CUDA."""

# The second limb of a fixed-point number counts in units of 2**-32 of the first, so that the
# limbs of 2**31 rows add up without overflow.
LOW_SCALE = 2.0**32


def to_limbs(value, scale):
    """Return `value` * `scale` as two integers: whole units, and the rest in 2**-32 units.

    Both are cut off towards zero, the same way on every device.
    """
    scaled = value * scale
    whole = int(scaled)
    return whole, int((scaled - whole) * LOW_SCALE)
