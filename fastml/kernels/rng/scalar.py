"""Scalar arithmetic of the draws, compiled by both twins."""

import numpy as np

# 1.5 * 2**mantissa, which rounds to an integer what is added to it.
_ROUND_32 = np.float32(12582912.0)
_ROUND_64 = np.float64(6755399441055744.0)
_QUARTER = np.float32(0.25)
_ONE = np.float32(1)
_TWO = np.float32(2)
_THREE = np.float32(3)
_FOUR = np.float32(4)

# sin(2 pi t) = t S(t^2) and cos(2 pi t) = 1 + t^2 C(t^2) on |t| <= 1/8, minimax polynomials.
_S32 = tuple(map(np.float32, (6.2831855, -41.3417, 81.6052, -76.69787, 41.47295)))
_C32 = tuple(map(np.float32, (-19.739208, 64.93939, -85.45677, 60.238457, -26.064528)))
_S64 = (
    6.283185307179586,
    -41.34170224039976,
    81.60524927607493,
    -76.70585975299815,
    42.058693928993065,
    -15.094640404302705,
    3.8197881396547957,
    -0.7116361709762529,
)
_C64 = (
    -19.739208802178716,
    64.9393940226683,
    -85.45681720669357,
    60.24464137182226,
    -26.426256773052863,
    7.903535229952924,
    -1.7143174810649948,
    0.2794782196030738,
)


def sincos_float32(u):
    """Return sine and cosine of ``2 pi u`` for `u` in [0, 1)."""
    # Polynomials, as the sine of CUDA's own library computes with float64 inside.
    quarters = (_FOUR * u + _ROUND_32) - _ROUND_32
    t = u - quarters * _QUARTER
    z = t * t
    p = _S32[0] + z * (_S32[1] + z * (_S32[2] + z * (_S32[3] + z * _S32[4])))
    q = _C32[0] + z * (_C32[1] + z * (_C32[2] + z * (_C32[3] + z * _C32[4])))
    s, c = t * p, _ONE + z * q
    swap = (quarters == _ONE) | (quarters == _THREE)
    sine, cosine = (c, s) if swap else (s, c)
    sine = -sine if (quarters == _TWO) | (quarters == _THREE) else sine
    return sine, -cosine if (quarters == _ONE) | (quarters == _TWO) else cosine


def sincos_float64(u):
    """Return sine and cosine of ``2 pi u`` for `u` in [0, 1)."""
    quarters = (4.0 * u + _ROUND_64) - _ROUND_64
    t = u - quarters * 0.25
    z = t * t
    p = _S64[4] + z * (_S64[5] + z * (_S64[6] + z * _S64[7]))
    p = _S64[0] + z * (_S64[1] + z * (_S64[2] + z * (_S64[3] + z * p)))
    q = _C64[4] + z * (_C64[5] + z * (_C64[6] + z * _C64[7]))
    q = _C64[0] + z * (_C64[1] + z * (_C64[2] + z * (_C64[3] + z * q)))
    s, c = t * p, 1.0 + z * q
    swap = (quarters == 1.0) | (quarters == 3.0)
    sine, cosine = (c, s) if swap else (s, c)
    sine = -sine if (quarters == 2.0) | (quarters == 3.0) else sine
    return sine, -cosine if (quarters == 1.0) | (quarters == 2.0) else cosine


def first_group(start, width):
    """Return the counter that draw `start` comes from, and the position of that counter's draws.

    Parameters
    ----------
    start : int
        Global index of the first element of an array.
    width : int
        Draws of one counter.

    Returns
    -------
    counter : int
    position : int
        Index in the array of the counter's first draw: 0, or negative where it is not in the array.
    """
    return start // width, -(start % width)
