"""Elementary functions that LLVM vectorises: exp, log, log1p, tanh, sigmoid, erf, and the
normal distribution.

Called from a Numba kernel, each is a branch-free polynomial in the precision of its argument
(float32 or float64), inlined into the caller's loop, where no call to libm stands in the way of
SIMD. Called from plain Python, each is NumPy's formula.

Every product that feeds a sum is an explicit `fma` and no fast-math flag is set, so that the
vector body of a loop, its scalar remainder, and the serial and the parallel variant of a kernel
all give the same bits.

Largest errors found, in units in the last place, on a CPU with FMA: float32 over all 2**32
arguments (erf: those from 1/64 to 4.5, and every 32nd), float64 over random arguments at every
exponent and densely where results are of order one. Subnormal arguments and results are included.

=========  =======  =======
function   float32  float64
=========  =======  =======
exp           0.86     0.84
log           0.84     0.80
log1p         1.39     1.25
tanh          1.31     1.32
sigmoid       2.41     2.30
erf           1.07     0.95
normal        4.91     12.6
=========  =======  =======
"""

import numpy as np
from numba import njit, types
from numba.extending import overload

from fastml._jit.lanes import fma, from_bits, horner, select, to_bits
from fastml._jit.minimax import CONSTANTS

_OPTIONS = {"forceinline": True, "error_model": "numpy"}


def exp(x):
    """Return the exponential of `x`."""
    return np.exp(x)


def log(x):
    """Return the natural logarithm of `x`."""
    return np.log(x)


def log1p(x):
    """Return the natural logarithm of ``1 + x``, accurate near 0."""
    return np.log1p(x)


def tanh(x):
    """Return the hyperbolic tangent of `x`."""
    return np.tanh(x)


def sigmoid(x):
    """Return ``1 / (1 + exp(-x))``, without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, e.dtype.type(1), e) / (1 + e)


def erf(x):
    """Return the error function of `x`."""
    from scipy import special

    return special.erf(x)


def normal(x):
    """Return the distribution function of the normal distribution at `x`, and ``exp(-x**2 / 2)``.

    Of large negative `x` too the first keeps all its digits.
    """
    from scipy import special

    return special.ndtr(x), np.exp(-0.5 * x * x)


@overload(exp, jit_options=_OPTIONS)
def _exp(x):
    c = CONSTANTS[x]
    log2_e, magic, ln2_high, ln2_low = c.log2_e, c.magic, c.ln2_high, c.ln2_low
    lowest, highest, poly, one = c.exp_min, c.exp_max, c.exp_poly, c.one
    integer, mantissa, bias = c.integer, c.mantissa, c.bias

    def impl(x):
        # The comparisons are false for NaN, which therefore goes through.
        x = select(x < lowest, lowest, x)
        x = select(x > highest, highest, x)
        rounded = fma(x, log2_e, magic)
        n = rounded - magic
        # The low part of r joins last, so that r itself is never rounded in the sum.
        r_high = fma(n, -ln2_high, x)
        r_low = n * -ln2_low
        r = r_high + r_low
        y = one + (r_high + fma(r * r, horner(r, poly), r_low))
        # Two factors, as 2**n alone may overflow or be subnormal where the result is neither.
        k = integer(to_bits(rounded) - to_bits(magic))
        half = integer(k >> 1)
        y *= from_bits(integer((half + bias) << mantissa))
        return y * from_bits(integer((integer(k - half) + bias) << mantissa))

    return impl


@njit(**_OPTIONS)
def _log_rest_single(f, low, poly):
    """Return log(1 + f) - f + low."""
    square = f * f
    return fma(square, np.float32(-0.5), fma(f * square, horner(f, poly), low))


@njit(**_OPTIONS)
def _log_rest_double(f, low, poly):
    s = f / (2.0 + f)
    z = s * s
    half = 0.5 * f * f
    return fma(s, fma(z, horner(z, poly), half), low) - half


@overload(log, jit_options=_OPTIONS)
def _log(x):
    c = CONSTANTS[x]
    rest = _log_rest_single if x is types.float32 else _log_rest_double
    poly, ln2_high, ln2_low, one = c.log_poly, c.ln2_high, c.ln2_low, c.one
    smallest, raised, raise_by = c.smallest_normal, c.two_to_mantissa, c.mantissa
    real, integer, mantissa, fraction = c.real, c.integer, c.mantissa, c.fraction_mask
    sqrt_half, zero, inf, nan = c.sqrt_half_bits, c.zero, c.inf, c.nan

    def impl(x):
        subnormal = x < smallest
        bits = integer(to_bits(select(subnormal, x * raised, x)) - sqrt_half)
        exponent = integer(bits >> mantissa)
        f = from_bits(integer((bits & fraction) + sqrt_half)) - one
        k = real(exponent - select(subnormal, raise_by, integer(0)))
        y = fma(k, ln2_high, f + rest(f, k * ln2_low, poly))
        y = select(x < inf, y, x)
        return select(x > zero, y, select(x == zero, -inf, nan))

    return impl


@overload(log1p, jit_options=_OPTIONS)
def _log1p(x):
    c = CONSTANTS[x]
    rest = _log_rest_single if x is types.float32 else _log_rest_double
    poly, ln2_high, ln2_low, one = c.log_poly, c.ln2_high, c.ln2_low, c.one
    real, integer, mantissa, fraction = c.real, c.integer, c.mantissa, c.fraction_mask
    sqrt_half, bias, zero, inf, nan = c.sqrt_half_bits, c.bias, c.zero, c.inf, c.nan
    tiny, huge = c.tiny, one / c.tiny

    def impl(x):
        # u + lost is exactly 1 + x, and f below is exactly x where no power of two is taken out.
        u = one + x
        head = u - one
        lost = (x - head) + (one - (u - head))
        bits = integer(to_bits(u) - sqrt_half)
        exponent = integer(bits >> mantissa)
        scale = from_bits(integer(integer(bias - exponent) << mantissa))
        f = from_bits(integer((bits & fraction) + sqrt_half)) - one
        f += select(x < huge, lost * scale, zero)
        k = real(exponent)
        y = fma(k, ln2_high, f + rest(f, k * ln2_low, poly))
        y = select(abs(x) < tiny, x, y)
        y = select(x < inf, y, x)
        return select(x > -one, y, select(x == -one, -inf, nan))

    return impl


@overload(tanh, jit_options=_OPTIONS)
def _tanh(x):
    c = CONSTANTS[x]
    poly, one, two, largest, sign = c.tanh_poly, c.one, c.two, c.tanh_max, c.sign_mask
    switch, integer = c.real(0.625), c.integer

    def impl(x):
        size = abs(x)
        square = size * size
        near = fma(size * square, horner(square, poly), size)
        far = one - two / (exp(two * select(size > largest, largest, size)) + one)
        y = select(size < switch, near, far)
        return from_bits(integer(to_bits(y) | (to_bits(x) & sign)))

    return impl


@overload(erf, jit_options=_OPTIONS)
def _erf(x):
    c = CONSTANTS[x]
    near_poly, far_poly, largest = c.erf_near, c.erf_far, c.erf_max
    one, sign, integer = c.one, c.sign_mask, c.integer

    def impl(x):
        size = abs(x)
        near = fma(size, horner(size * size, near_poly), size)
        far = one - exp(-horner(select(size > largest, largest, size) - one, far_poly))
        y = select(size < one, near, far)
        return from_bits(integer(to_bits(y) | (to_bits(x) & sign)))

    return impl


@overload(normal, jit_options=_OPTIONS)
def _normal(x):
    c = CONSTANTS[x]
    poly, centre, largest, sqrt_half = c.normal_poly, c.normal_centre, c.normal_max, c.sqrt_half
    half, one, two, zero = c.half, c.one, c.two, c.zero

    def impl(x):
        size = abs(x)
        size = select(size > largest, largest, size)
        square = size * size
        e = exp(-half * square)
        # What rounding the square lost would be many units in the last place of e.
        e = fma(e, -half * fma(size, size, -square), e)
        z = size * sqrt_half
        tail = half * e * horner((z - centre) / (z + centre), poly) / fma(two, z, one)
        return select(x > zero, one - tail, tail), e

    return impl


@overload(sigmoid, jit_options=_OPTIONS)
def _sigmoid(x):
    one, zero = CONSTANTS[x].one, CONSTANTS[x].zero

    def impl(x):
        e = exp(-abs(x))
        return select(x < zero, e, one) / (one + e)

    return impl
