"""Penalties on weights."""

from typing import Any

import numpy as np

from fastml.autodiff import Variable, primitive
from fastml.autodiff._variable import value_of
from fastml.backends import on_device, resolve
from fastml.losses._input import as_floats, number
from fastml.losses._sums import as_number, block_rows, merged

__all__ = ["elastic_net", "l1", "l2"]


def _penalty(W: Any, on_size: float, on_square: float) -> Any:
    """Sum of ``on_size |w| + on_square w^2`` over all weights."""
    backend = resolve(W)
    flat = backend.asarray(W).reshape(-1)
    size = block_rows(flat.size, 1)
    totals = backend.empty(-(-flat.size // size), np.float64)
    real = flat.dtype.type
    backend.kernels("losses").penalty(real(on_size), real(on_square), flat, size, totals)
    stays = on_device(W) and backend.xp is not np
    return as_number(backend, merged(backend, totals), flat.dtype, stays)


def _penalty_adjoint(g: Any, out: Any, W: Any, on_size: float, on_square: float) -> Any:
    if type(g) is Variable or type(W) is Variable:
        return g * (on_size * np.sign(value_of(W)) + 2 * on_square * W)
    backend = resolve(W)
    flat = backend.asarray(W).reshape(-1)
    gradient = backend.empty(flat.shape, flat.dtype)
    real = flat.dtype.type
    kernels = backend.kernels("losses")
    scale = real(float(g))
    kernels.penalty_backward(real(on_size), real(on_square), flat, scale, gradient)
    stays = on_device(W) and backend.xp is not np
    return (gradient if stays else backend.to_host(gradient)).reshape(W.shape)


def _example(rng: np.random.Generator) -> Any:
    ways = ((1.0, 0.0), (0.0, 1.0), (0.3, 0.2))
    return [
        ((rng.standard_normal((3, 4)),), {"on_size": size, "on_square": square})
        for size, square in ways
    ]


_node = primitive(
    "penalty", _penalty, _penalty_adjoint,
    text="sum({on_size} |{0}| + {on_square} {0}^2)",
    latex=r"\sum {on_size} \left|{0}\right| + {on_square} {0}^2",
    partials=(("{on_size} sign({0}) + 2 * {on_square} {0}",
               r"{on_size}\,\mathrm{{sign}}\,{0} + 2 \cdot {on_square}\,{0}"),),
    example=_example,
)  # fmt: skip


def l2(W: Any) -> Any:
    """Return ``sum W^2``.

    Parameters
    ----------
    W : Variable, or array-like of real numbers, any shape
        Weights.

    Returns
    -------
    Variable or number
        Of the dtype of W.

    Examples
    --------
    >>> from fastml import losses
    >>> float(losses.l2([3.0, -4.0]))
    25.0
    """
    return _node(as_floats(W, "W"), on_size=0.0, on_square=1.0)


def l1(W: Any) -> Any:
    """Return ``sum |W|``; its derivative at 0 is taken to be 0.

    Parameters
    ----------
    W : Variable, or array-like of real numbers, any shape
        As for `l2`.

    Returns
    -------
    Variable or number
        As of `l2`.
    """
    return _node(as_floats(W, "W"), on_size=1.0, on_square=0.0)


def elastic_net(W: Any, alpha: float = 1.0, l1_ratio: float = 0.5) -> Any:
    """Return scikit-learn's ``alpha (l1_ratio sum |W| + (1 - l1_ratio) / 2 sum W^2)``.

    Parameters
    ----------
    W : Variable, or array-like of real numbers, any shape
        As for `l2`.
    alpha : float, default=1.0
        Factor of the whole; at least 0.
    l1_ratio : float, default=0.5
        Share of the absolute values, from 0 to 1.

    Returns
    -------
    Variable or number
        As of `l2`.

    Notes
    -----
    ``sum(beta W^2 + |W|)`` is ``alpha = 1 + 2 beta`` and ``l1_ratio = 1 / alpha``.

    References
    ----------
    H. Zou and T. Hastie, "Regularization and variable selection via the elastic net", Journal of
    the Royal Statistical Society B 67, 2005.
    """
    alpha = number("alpha", alpha, 0.0, np.inf)
    l1_ratio = number("l1_ratio", l1_ratio, 0.0, 1.0)
    on_size, on_square = alpha * l1_ratio, 0.5 * alpha * (1 - l1_ratio)
    return _node(as_floats(W, "W"), on_size=on_size, on_square=on_square)
