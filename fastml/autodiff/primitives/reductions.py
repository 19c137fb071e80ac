"""Operations that gather the elements along axes."""

import builtins
from typing import Any

import numpy as np

from fastml.autodiff import _fused as fused
from fastml.autodiff._primitive import primitive
from fastml.autodiff._variable import value_of
from fastml.autodiff.primitives.elementwise import absolute, conj_of, exp, multiply
from fastml.autodiff.primitives.shapes import broadcast_to, concatenate, reshape, transpose

__all__ = [
    "cumsum", "log_softmax", "logsumexp", "max", "mean", "min", "norm", "norm2", "prod", "softmax",
    "std", "sum", "var",
]  # fmt: skip

Axes = int | tuple[int, ...] | None


def _kept(shape: tuple[int, ...], axis: Axes) -> tuple[int, ...]:
    """Return the shape of a reduction over `axis` that keeps its dimensions."""
    if axis is None:
        return (1,) * len(shape)
    axes = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _back(x: Any, like: Any, axis: Axes) -> Any:
    """Give a reduced array its dimensions of length one back."""
    return reshape(x, shape=_kept(like.shape, axis))


def _axes(rng: np.random.Generator) -> Any:
    x = rng.standard_normal((2, 3, 4))
    options: tuple[dict[str, Any], ...] = (
        {}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 2)},
    )  # fmt: skip
    return [((x,), params) for params in options]


def _sum(a: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Add up the elements along axes."""
    return np.sum(a, axis=axis, keepdims=keepdims)


sum = primitive(
    "sum", _sum,
    lambda g, out, a, axis=None, keepdims=False: broadcast_to(_back(g, a, axis), shape=a.shape),
    text="sum({0})", latex=r"\sum {0}", partials=(("1", "1"),), example=_axes,
)  # fmt: skip


def mean(a: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Return the mean of the elements along axes."""
    total = sum(a, axis=axis, keepdims=keepdims)
    count = a.size // builtins.max(total.size, 1)
    return total / float(count) if count else total


def var(a: Any, axis: Axes = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """Return the variance along axes, of ``n - ddof`` degrees of freedom."""
    centred = a - mean(a, axis=axis, keepdims=True)
    total = sum(centred * conj_of(centred), axis=axis, keepdims=keepdims)
    return total / float(a.size // builtins.max(total.size, 1) - ddof)


def std(a: Any, axis: Axes = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """Return the standard deviation along axes, of ``n - ddof`` degrees of freedom."""
    return var(a, axis=axis, keepdims=keepdims, ddof=ddof) ** 0.5


def _prod(a: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Multiply the elements along axes."""
    return np.prod(a, axis=axis, keepdims=keepdims)


def _others(a: Any) -> Any:
    """Return, for each element, the product of all others along the last axis."""
    # The products before and after each element: no division, which zeros would spoil.
    parts = [a[..., i : i + 1] for i in range(a.shape[-1])]
    before, after = [parts[0] * 0 + 1], [parts[0] * 0 + 1]
    for part in parts[:-1]:
        before.append(before[-1] * part)
    for part in parts[:0:-1]:
        after.append(after[-1] * part)
    products = [b * c for b, c in zip(before, after[::-1], strict=True)]
    return concatenate(products, axis=-1)


def _prod_adjoint(g: Any, out: Any, a: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    gone = tuple(i for i, n in enumerate(_kept(a.shape, axis)) if n == 1)
    order = tuple(i for i in range(a.ndim) if i not in gone) + gone
    moved = transpose(a, axes=order)
    flat = reshape(moved, shape=(*moved.shape[: a.ndim - len(gone)], -1))
    others = reshape(_others(flat), shape=moved.shape)
    return _back(g, a, axis) * conj_of(transpose(others, axes=tuple(np.argsort(order))))


prod = primitive(
    "prod", _prod, _prod_adjoint,
    text="prod({0})", latex=r"\prod {0}",
    partials=(("prod({0}) / {0}", r"\frac{{\prod {0}}}{{{0}}}"),), example=_axes,
)  # fmt: skip


def _extreme_adjoint(g: Any, out: Any, a: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    # Elements that tie share the gradient equally, as PyTorch's amax does.
    value = value_of(a)
    best = value == np.reshape(value_of(out), _kept(value.shape, axis))
    share = best / best.sum(axis=axis, keepdims=True)
    return _back(g, a, axis) * share.astype(value.dtype)


def _max(a: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Return the largest element along axes."""
    return np.max(a, axis=axis, keepdims=keepdims)


def _min(a: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Return the smallest element along axes."""
    return np.min(a, axis=axis, keepdims=keepdims)


max = primitive(
    "max", _max, _extreme_adjoint, text="max({0})", latex=r"\max {0}",
    partials=(("[{0} = max({0})]", r"[{0} = \max {0}]"),), example=_axes,
)  # fmt: skip
min = primitive(
    "min", _min, _extreme_adjoint, text="min({0})", latex=r"\min {0}",
    partials=(("[{0} = min({0})]", r"[{0} = \min {0}]"),), example=_axes,
)  # fmt: skip


def _cumsum(a: Any, axis: int = 0) -> Any:
    """Add up the elements so far along an axis."""
    return np.cumsum(a, axis=axis)


def _cumsum_adjoint(g: Any, out: Any, a: Any, axis: int = 0) -> Any:
    turned = (slice(None),) * (axis % a.ndim) + (slice(None, None, -1),)
    return cumsum(g[turned], axis=axis)[turned]


cumsum = primitive(
    "cumsum", _cumsum, _cumsum_adjoint,
    example=lambda rng: [((rng.standard_normal((3, 4)),), {"axis": axis}) for axis in (0, -1)],
)  # fmt: skip


def _logsumexp(a: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Return ``log(sum(exp(a)))`` along axes, without overflow."""
    top = np.max(a, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, np.zeros_like(top))
    with np.errstate(divide="ignore"):
        total = np.log(np.sum(np.exp(a - top), axis=axis, keepdims=True)) + top
    return total if keepdims else total.reshape(np.sum(a, axis=axis).shape)


logsumexp = primitive(
    "logsumexp", _logsumexp,
    lambda g, out, a, axis=None, keepdims=False: (
        _back(g, a, axis) * exp(a - _back(out, a, axis))
    ),
    text="logsumexp({0})", latex=r"\ln \sum e^{{{0}}}",
    partials=(("softmax({0})", r"\mathrm{{softmax}}({0})"),), example=_axes,
)  # fmt: skip


def _softmax_adjoint(g: Any, out: Any, a: Any, axis: int = -1) -> Any:
    weighted = multiply(g, out)
    return weighted - out * sum(weighted, axis=axis, keepdims=True)


def _log_softmax_adjoint(g: Any, out: Any, a: Any, axis: int = -1) -> Any:
    return g - exp(out) * sum(g, axis=axis, keepdims=True)


def _first_and_last_axis(rng: np.random.Generator) -> Any:
    return [((rng.standard_normal((3, 4)),), {"axis": axis}) for axis in (0, -1)]


softmax = primitive(
    "softmax", *fused.normalised(False, _softmax_adjoint),
    text="softmax({0})", latex=r"\mathrm{{softmax}}({0})",
    partials=(("diag(softmax({0})) - softmax({0}) softmax({0})'",
               r"\mathrm{{diag}}(\mathrm{{softmax}}({0}))"
               r" - \mathrm{{softmax}}({0})\,\mathrm{{softmax}}({0})^T"),),
    example=_first_and_last_axis,
)  # fmt: skip
log_softmax = primitive(
    "log_softmax", *fused.normalised(True, _log_softmax_adjoint),
    text="ln softmax({0})", latex=r"\ln \mathrm{{softmax}}({0})", example=_first_and_last_axis,
)  # fmt: skip


def norm(a: Any, axis: Axes = None, keepdims: bool = False, order: float = 2) -> Any:
    """Return the `order`-norm of the elements along axes (the Frobenius norm for matrices)."""
    if order == 1:
        return sum(absolute(a), axis=axis, keepdims=keepdims)
    if order == np.inf:
        return max(absolute(a), axis=axis, keepdims=keepdims)
    if order == 2:
        return norm2(a, axis=axis, keepdims=keepdims)
    if not order > 0:
        raise ValueError(f"order must be a positive number, got {order!r}.")
    return sum(absolute(a) ** order, axis=axis, keepdims=keepdims) ** (1.0 / order)


def _norm2(a: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Return the square root of the sum of squared magnitudes along axes."""
    return np.sqrt(np.sum(np.abs(a) ** 2, axis=axis, keepdims=keepdims))


def _norm2_adjoint(g: Any, out: Any, a: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    # At 0, where the norm has no derivative, 0 is taken.
    length = value_of(out)
    safe = out + (length == 0).astype(length.dtype)
    return _back(g / safe, a, axis) * a


norm2 = primitive(
    "norm2", _norm2, _norm2_adjoint,
    text="||{0}||", latex=r"\left\|{0}\right\|",
    partials=(("{0} / ||{0}||", r"\frac{{{0}}}{{\left\|{0}\right\|}}"),), example=_axes,
)  # fmt: skip
