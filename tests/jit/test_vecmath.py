"""The elementary functions keep their error bounds everywhere, and LLVM vectorises them."""

import re

import numba
import numpy as np
import pytest
from scipy import special

from fastml._jit import vecmath
from fastml._jit.lanes import widest_vectors
from fastml._jit.simd import simd_level

NAMES = ("exp", "log", "log1p", "tanh", "sigmoid", "erf")
DTYPES = (np.float32, np.float64)
# Units in the last place; the documented maxima, rounded up.
BOUNDS = {"exp": 0.9, "log": 0.9, "log1p": 1.5, "tanh": 1.4, "sigmoid": 2.5, "erf": 1.2}


def over_array(function):
    @numba.njit(error_model="numpy")
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    return loop


LOOPS = {name: over_array(getattr(vecmath, name)) for name in NAMES}


def evaluate(name, x):
    out = np.empty_like(x)
    LOOPS[name](x, out)
    return out


def oracle(name, x):
    """Return the function in a wider precision."""
    with np.errstate(all="ignore"):
        if name == "erf":
            return special.erf(x.astype(np.float64)) if x.dtype == np.float32 else wide_erf(x)
        x = x.astype(np.float64 if x.dtype == np.float32 else np.longdouble)
        if name == "sigmoid":
            return 1 / (1 + np.exp(-x))
        return getattr(np, name)(x)


def wide_erf(x):
    """Return erf in long double: a series of positive terms, or 1 less SciPy's erfc, far out."""
    x = x.astype(np.longdouble)
    near = np.minimum(abs(x), 3)
    term = total = near
    for n in range(1, 90):
        term = term * (2 * near * near / (2 * n + 1))
        total = total + term
    near = np.exp(-near * near) * total * 2 / np.sqrt(4 * np.arctan(np.longdouble(1)))
    far = 1 - special.erfc(abs(x).astype(np.float64)).astype(np.longdouble)
    return np.copysign(np.where(abs(x) > 3, far, near), x)


def errors(got, expected):
    """Return errors in units in the last place; inf where a special value is wrong."""
    with np.errstate(all="ignore"):
        rounded = expected.astype(got.dtype)
        unit = np.spacing(np.abs(rounded)).astype(expected.dtype)
        error = np.abs(got.astype(expected.dtype) - expected) / unit
        same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    special = ~np.isfinite(rounded) | ~np.isfinite(got)
    return np.where(special, np.where(same, 0.0, np.inf), error.astype(np.float64))


def arguments(dtype):
    """Return arguments of every exponent and sign, and dense where functions bend."""
    rng = np.random.default_rng(0)
    bits = {np.float32: np.uint32, np.float64: np.uint64}[dtype]
    everywhere = rng.integers(0, np.iinfo(bits).max, 200_000, bits, endpoint=True).view(dtype)
    info = np.finfo(dtype)
    powers = 2.0 ** np.arange(info.minexp - info.nmant, info.maxexp, dtype=np.longdouble)
    powers = powers.astype(dtype)
    around = np.concatenate([np.nextafter(powers, dtype(s)) for s in (0, 8)] + [powers])
    dense = [rng.uniform(-width, width, 50_000) for width in (0.01, 1, 2, 20, 110, 750)]
    ends = [np.log(info.max), np.log(info.tiny), np.log(info.smallest_subnormal), -1.0, 0.625]
    ends = np.concatenate([dtype(e) * (1 + dtype(info.eps) * np.arange(-64, 65)) for e in ends])
    parts = [everywhere, around, -around, *dense, ends, [0.0, -0.0, np.inf, -np.inf, np.nan]]
    return np.concatenate([np.asarray(part, dtype) for part in parts])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_errors_are_bounded(name, dtype):
    if np.finfo(np.longdouble).nmant < 63 and dtype is np.float64:
        pytest.skip("no type wider than float64 here")
    x = arguments(dtype)
    error = errors(evaluate(name, x), oracle(name, x))
    worst = np.argmax(error)
    assert error[worst] <= BOUNDS[name], x[worst]


INF, NAN = np.inf, np.nan
SPECIAL = {
    "exp": {0.0: 1, INF: INF, -INF: 0, NAN: NAN, 1e30: INF, -1e30: 0},
    "log": {1.0: 0, 0.0: -INF, INF: INF, -1.0: NAN, -INF: NAN, NAN: NAN},
    "log1p": {0.0: 0.0, -1.0: -INF, INF: INF, -1.5: NAN, -INF: NAN, NAN: NAN},
    "tanh": {0.0: 0.0, INF: 1, -INF: -1, NAN: NAN, 1e30: 1},
    "erf": {0.0: 0.0, INF: 1, -INF: -1, NAN: NAN, 1e30: 1, -7.0: -1},
    "sigmoid": {0.0: 0.5, INF: 1, -INF: 0, 1e30: 1, -1e30: 0, NAN: NAN},
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_special_values(name, dtype):
    got = evaluate(name, np.array(list(SPECIAL[name]), dtype))
    np.testing.assert_array_equal(got, np.array(list(SPECIAL[name].values()), dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["log1p", "tanh", "erf"])
def test_zero_keeps_its_sign(name, dtype):
    got = evaluate(name, np.array([0.0, -0.0], dtype))
    np.testing.assert_array_equal(got, 0)
    np.testing.assert_array_equal(np.signbit(got), [False, True])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_bits_do_not_depend_on_the_place_in_the_loop(name, dtype):
    x = np.random.default_rng(1).uniform(0.1, 9, 67).astype(dtype)
    whole = evaluate(name, x)
    alone = np.concatenate([evaluate(name, x[i : i + 1]) for i in range(len(x))])
    np.testing.assert_array_equal(whole, alone)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_loops_are_vectorised(name, dtype):
    evaluate(name, np.ones(1, dtype))
    loop = LOOPS[name]
    signature = next(s for s in loop.signatures if s[0].dtype == numba.from_dtype(np.dtype(dtype)))
    code = loop.inspect_llvm(signature)
    scalar = "float" if dtype is np.float32 else "double"
    assert re.search(rf"call <\d+ x {scalar}> @llvm\.fmuladd", code)
    # Nothing of the other precision, and no function but LLVM's own inside the loop.
    assert ("double" if dtype is np.float32 else "float ") not in code.replace("double*", "")
    called = set(re.findall(r"call [^@\n]*@(\"[^\"]*\"|[\w.]+)", code))
    assert not {
        c
        for c in called
        if c.strip('"').startswith(("exp", "log", "tanh", "erf", "llvm.exp", "llvm.log"))
    }


@pytest.mark.parametrize("name", NAMES)
def test_plain_python(name):
    x = np.linspace(0.1, 2, 5)
    np.testing.assert_allclose(getattr(vecmath, name)(x), evaluate(name, x), rtol=1e-15)
    assert np.ndim(getattr(vecmath, name)(x[0])) == 0


@numba.njit(error_model="numpy")
def normal_loop(x, share, density):
    for i in range(x.size):
        share[i], density[i] = vecmath.normal(x[i])


@pytest.mark.parametrize("dtype", DTYPES)
def test_normal_distribution(dtype):
    info = np.finfo(dtype)
    x = np.random.default_rng(0).uniform(-40, 10, 100_000).astype(dtype)
    x[:6] = [0, np.inf, -np.inf, np.nan, info.max, info.min]
    share, density = np.empty_like(x), np.empty_like(x)
    normal_loop(x, share, density)
    # SciPy's ndtr rounds the square of x; its erfcx does not need it.
    size = np.minimum(abs(x).astype(np.longdouble), 50)
    square = np.exp(-0.5 * size * size)
    tail = 0.5 * special.erfcx((size / np.sqrt(np.longdouble(2))).astype(np.float64)) * square
    # 4.9 units in the last place in float32, 12.6 in float64, at worst of half an eps each.
    tolerance = {
        "rtol": (3 if dtype is np.float32 else 7) * info.eps,
        "atol": 4 * info.smallest_subnormal,
    }
    np.testing.assert_allclose(share, np.where(x > 0, 1 - tail, tail), **tolerance)
    np.testing.assert_allclose(density, square, **tolerance)
    wide = x.astype(np.float64)[6:]
    for got, plain in zip((share, density), vecmath.normal(wide), strict=True):
        np.testing.assert_allclose(got[6:], plain, rtol=2000 * info.eps, atol=info.tiny)


def test_widest_vectors_change_no_bit():
    @numba.njit(error_model="numpy")
    def loop(x, out):
        widest_vectors()
        for i in range(x.size):
            out[i] = vecmath.tanh(x[i])

    x = np.random.default_rng(0).normal(size=1001).astype(np.float32)
    out = np.empty_like(x)
    loop(x, out)
    np.testing.assert_array_equal(out, evaluate("tanh", x))
    code = loop.inspect_llvm(loop.signatures[0])
    assert '"prefer-vector-width"="512"' in code
    if simd_level() == "avx512":
        assert "<16 x float>" in code
