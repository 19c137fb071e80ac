"""Elementary functions of every element, on the CPU."""

from fastml._jit import njit_parallel, prange, vecmath


def _work(x, out):
    return 8 * x.size


@njit_parallel(work=_work)
def exp(
    x,  # IN (n,)
    out,  # OUT (n,)
):
    """Exponential of every element.

    Parameters
    ----------
    x : (n,) float array
        Arguments.
    out : (n,) float array
        Written: exp(x). May be `x` itself.
    """
    for i in prange(x.size):
        out[i] = vecmath.exp(x[i])


@njit_parallel(work=_work)
def log(
    x,  # IN (n,)
    out,  # OUT (n,)
):
    """Natural logarithm of every element.

    Parameters
    ----------
    x : (n,) float array
        Arguments.
    out : (n,) float array
        Written: log(x): -inf at 0 and NaN below. May be `x` itself.
    """
    for i in prange(x.size):
        out[i] = vecmath.log(x[i])


@njit_parallel(work=_work)
def log1p(
    x,  # IN (n,)
    out,  # OUT (n,)
):
    """Natural logarithm of one plus every element, accurate near 0.

    Parameters
    ----------
    x : (n,) float array
        Arguments.
    out : (n,) float array
        Written: log(1 + x): -inf at -1 and NaN below. May be `x` itself.
    """
    for i in prange(x.size):
        out[i] = vecmath.log1p(x[i])


@njit_parallel(work=_work)
def tanh(
    x,  # IN (n,)
    out,  # OUT (n,)
):
    """Hyperbolic tangent of every element.

    Parameters
    ----------
    x : (n,) float array
        Arguments.
    out : (n,) float array
        Written: tanh(x). May be `x` itself.
    """
    for i in prange(x.size):
        out[i] = vecmath.tanh(x[i])


@njit_parallel(work=_work)
def sigmoid(
    x,  # IN (n,)
    out,  # OUT (n,)
):
    """Logistic function ``1 / (1 + exp(-x))`` of every element, without overflow.

    Parameters
    ----------
    x : (n,) float array
        Arguments.
    out : (n,) float array
        Written: 1 / (1 + exp(-x)). May be `x` itself.
    """
    for i in prange(x.size):
        out[i] = vecmath.sigmoid(x[i])
