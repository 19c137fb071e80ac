"""Constants of the vectorisable functions: minimax polynomials (Remez exchange with 60 digits)."""

from types import SimpleNamespace

import numpy as np
from numba import types

# Each set holds NumPy scalars, which Numba freezes with their type. `magic` = 1.5 * 2**mantissa
# rounds a small number to an integer when added and leaves that integer in the low bits. ln 2 is
# split so that exponent * ln2_high is exact.
_SINGLE = {
    "mantissa": 23,
    "bias": 127,
    "magic": 12582912.0,
    "log2_e": 1.4426950408889634,
    "ln2_high": 0.693145751953125,
    "ln2_low": 1.4286068203094172e-06,
    "exp_min": -104.0,
    "exp_max": 89.0,
    "smallest_normal": 2.0**-126,
    "tiny": 2.0**-30,
    "tanh_max": 10.0,
    # exp(r) = 1 + r + r^2 P(r) on |r| <= ln(2) / 2
    "exp_poly": (
        0.5,
        0.1666666567325592,
        0.04166628047823906,
        0.00833350419998169,
        0.0013945751124992967,
        0.00019789263023994863,
    ),
    # log(1 + f) = f - f^2 / 2 + f^3 P(f) on sqrt(1/2) <= 1 + f <= sqrt(2)
    "log_poly": (
        0.3333331346511841,
        -0.25000008940696716,
        0.2000211924314499,
        -0.1666799634695053,
        0.14219555258750916,
        -0.1240558922290802,
        0.11888144910335541,
        -0.11675640195608139,
        0.0674666315317154,
    ),
    # tanh(x) = x + x^3 P(x^2) on |x| <= 5/8
    "tanh_poly": (
        -0.3333333134651184,
        0.1333320438861847,
        -0.05394645407795906,
        0.021698690950870514,
        -0.008171705529093742,
        0.0021371645852923393,
    ),
    "erf_max": 4.0,
    # erf(x) = x + x P(x^2) on |x| <= 1
    "erf_near": (
        0.12837916651005218,
        -0.3761262884332515,
        0.1128361242824447,
        -0.026854808537194585,
        0.005190053577771648,
        -0.0008024354128061561,
        7.898210204917451e-05,
    ),
    # erf(x) = 1 - exp(-P(x - 1)) on 1 <= x <= erf_max
    "erf_far": (
        1.8496055160142288,
        2.638966857258258,
        0.843117797476498,
        0.04150305347580508,
        -0.009895253011698277,
        0.0018296356919530474,
        -0.0001865517095990864,
    ),
}
_DOUBLE = {
    "mantissa": 52,
    "bias": 1023,
    "magic": 6755399441055744.0,
    "log2_e": 1.4426950408889634,
    "ln2_high": 0.693147180559663,
    "ln2_low": 2.8235290563031577e-13,
    "exp_min": -746.0,
    "exp_max": 710.0,
    "smallest_normal": 2.0**-1022,
    "tiny": 2.0**-60,
    "tanh_max": 22.0,
    "exp_poly": (
        0.5,
        0.16666666666666685,
        0.04166666666666603,
        0.008333333333315707,
        0.0013888888889134218,
        0.0001984126989971925,
        2.4801586903772247e-05,
        2.755723148945281e-06,
        2.755759245208863e-07,
        2.5113223901158587e-08,
        2.082560957678211e-09,
    ),
    # log(1 + f) = s (2 + s^2 P(s^2)) with s = f / (2 + f)
    "log_poly": (
        0.6666666666666735,
        0.39999999999411096,
        0.2857142874326116,
        0.222221984762094,
        0.18183569724559745,
        0.15313903722715833,
        0.14797502194469664,
    ),
    "tanh_poly": (
        -0.3333333333333333,
        0.13333333333333144,
        -0.05396825396812013,
        0.021869488531374593,
        -0.008863235429028636,
        0.0035921266658813108,
        -0.0014558217662728988,
        0.0005899463273149145,
        -0.00023875993078753397,
        9.572359101712945e-05,
        -3.6580995272905315e-05,
        1.1752753939401646e-05,
        -2.2544471220200374e-06,
    ),
    "erf_max": 6.0,
    "erf_near": (
        0.12837916709551256,
        -0.37612638903183593,
        0.11283791670946516,
        -0.026866170643424187,
        0.005223977608359273,
        -0.0008548326025302988,
        0.00012055296182552279,
        -1.492475826030749e-05,
        1.6447656865154066e-06,
        -1.621006716962624e-07,
        1.3726218004434881e-08,
        -7.806297622119439e-10,
    ),
    "erf_far": (
        1.8496055099332482,
        2.638967514234788,
        0.8431072563586866,
        0.04156109804159179,
        -0.010033825371928505,
        0.0019779025510959767,
        -0.0002373224078962554,
        -2.6278094448532506e-05,
        2.715957480596495e-05,
        -9.60960724352212e-06,
        2.0605669406249576e-06,
        -1.4353832208517946e-07,
        -9.713692640519622e-08,
        5.185047792207241e-08,
        -1.4849384331745716e-08,
        2.849581657658107e-09,
        -3.660080614374357e-10,
        2.8608882469579202e-11,
        -1.0305267765735484e-12,
    ),
}


def _typed(constants, real, integer):
    """Return a set of constants of one precision, with those that follow from it."""
    typed = SimpleNamespace(real=real, integer=integer)
    for name, value in constants.items():
        if isinstance(value, tuple):
            typed.__dict__[name] = tuple(real(v) for v in value)
        else:
            typed.__dict__[name] = (integer if isinstance(value, int) else real)(value)
    typed.zero, typed.one, typed.two = real(0), real(1), real(2)
    typed.inf, typed.nan = real(np.inf), real(np.nan)
    typed.two_to_mantissa = real(2.0 ** constants["mantissa"])
    typed.fraction_mask = integer((1 << constants["mantissa"]) - 1)
    typed.sign_mask = integer(np.iinfo(integer).min)
    typed.sqrt_half_bits = real(np.sqrt(0.5)).view(integer)
    return typed


CONSTANTS = {
    types.float32: _typed(_SINGLE, np.float32, np.int32),
    types.float64: _typed(_DOUBLE, np.float64, np.int64),
}
