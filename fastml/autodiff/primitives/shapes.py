"""Operations that move elements about."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastml.autodiff._primitive import Each, Operation, primitive
from fastml.autodiff._variable import value_of

__all__ = [
    "broadcast_to", "concatenate", "expand_dims", "getitem", "moveaxis", "reshape", "squeeze",
    "stack", "swapaxes", "transpose",
]  # fmt: skip


def _cube(**params: Any) -> Any:
    return lambda rng: ((rng.standard_normal((2, 3, 4)),), params)


def _reshape(a: Any, shape: Any) -> Any:
    """Give the elements another shape."""
    return np.reshape(a, shape)


reshape: Operation = primitive(
    "reshape", _reshape, lambda g, out, a, shape: reshape(g, shape=a.shape),
    text="reshape({0})", latex="{0}", partials=(("1", "1"),), example=_cube(shape=(4, -1)),
)  # fmt: skip


def _broadcast_to(a: Any, shape: Any) -> Any:
    """Repeat along dimensions of length one, and new ones in front, up to a shape."""
    return np.broadcast_to(a, shape)


broadcast_to = primitive(
    "broadcast_to", _broadcast_to,
    # The backward pass adds up what broadcasting repeated.
    lambda g, out, a, shape: g,
    text="{0}", latex="{0}", partials=(("1", "1"),),
    example=lambda rng: ((rng.standard_normal((3, 1)),), {"shape": (2, 3, 4)}),
)  # fmt: skip


def _transpose(a: Any, axes: Sequence[int] | None = None) -> Any:
    """Permute the axes; reverse them by default."""
    return np.transpose(a, axes)


def _transpose_adjoint(g: Any, out: Any, a: Any, axes: Sequence[int] | None = None) -> Any:
    if axes is None:
        return transpose(g)
    return transpose(g, axes=tuple(np.argsort([axis % a.ndim for axis in axes])))


transpose = primitive(
    "transpose", _transpose, _transpose_adjoint,
    text="{0}'", latex="{0}^T", partials=(("1", "1"),),
    example=lambda rng: [
        ((rng.standard_normal((3, 4)),), {}),
        ((rng.standard_normal((2, 3, 4)),), {"axes": (2, 0, -2)}),
    ],
)  # fmt: skip


def swapaxes(a: Any, first: int, second: int) -> Any:
    """Exchange two axes."""
    order = list(range(a.ndim))
    order[first], order[second] = order[second], order[first]
    return transpose(a, axes=tuple(order))


def moveaxis(a: Any, source: int, destination: int) -> Any:
    """Move one axis to another place."""
    order = list(range(a.ndim))
    order.insert(destination % a.ndim, order.pop(source % a.ndim))
    return transpose(a, axes=tuple(order))


def squeeze(a: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """Leave out dimensions of length one."""
    return reshape(a, shape=np.squeeze(value_of(a), axis).shape)


def expand_dims(a: Any, axis: int | tuple[int, ...]) -> Any:
    """Put in dimensions of length one."""
    return reshape(a, shape=np.expand_dims(value_of(a), axis).shape)


def _getitem(a: Any, index: Any) -> Any:
    """Take elements, as NumPy's indexing does."""
    return a[index]


def _scatter(a: Any, index: Any, shape: Any) -> Any:
    """Put elements where indexing took them from, adding those that meet, among zeros."""
    out = np.zeros_like(a, shape=shape)
    if _takes_twice(index):
        np.add.at(out, index, a) if isinstance(out, np.ndarray) else _add_at(out, index, a)
    else:
        out[index] = a
    return out


def _add_at(out: Any, index: Any, a: Any) -> None:
    import importlib

    importlib.import_module(type(out).__module__.partition(".")[0]).add.at(out, index, a)


def _takes_twice(index: Any) -> bool:
    """Whether an index may name an element more than once: lists and integer arrays can."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(
        isinstance(part, list) or (hasattr(part, "dtype") and part.ndim and part.dtype.kind in "iu")
        for part in parts
    )


getitem = primitive(
    "getitem", _getitem, lambda g, out, a, index: scatter(g, index=index, shape=a.shape),
    text="{0}[{index}]", latex=r"{0}_{{{index}}}",
    partials=(("[selected]", r"[\mathrm{{selected}}]"),),
    example=lambda rng: [
        ((rng.standard_normal((3, 4)),), {"index": index})
        for index in (1, (slice(None), slice(None, None, 2)), ([0, 2, 0],), (Ellipsis, None, -1))
    ],
)  # fmt: skip
scatter: Operation = primitive(
    "scatter", _scatter, lambda g, out, a, index, shape: getitem(g, index=index),
    text="{0}", latex="{0}", partials=(("1", "1"),),
    example=lambda rng: ((rng.standard_normal((2, 4)),), {"index": ([2, 0],), "shape": (3, 4)}),
)  # fmt: skip


def _concatenate(*arrays: Any, axis: int = 0) -> Any:
    """Join arrays along an axis."""
    return np.concatenate(arrays, axis=axis)


def _concatenate_adjoint(i: int, g: Any, out: Any, *arrays: Any, axis: int = 0) -> Any:
    axis %= arrays[i].ndim
    start = sum(a.shape[axis] for a in arrays[:i])
    here = slice(start, start + arrays[i].shape[axis])
    return g[(slice(None),) * axis + (here,)]


_joined = primitive(
    "concatenate", _concatenate, Each(_concatenate_adjoint),
    text="concatenate({0}, {1})", latex=r"[{0}, {1}]",
    example=lambda rng: (
        (rng.standard_normal((2, 3)), rng.standard_normal((2, 1)), rng.standard_normal((2, 2))),
        {"axis": 1},
    ),
)  # fmt: skip


def concatenate(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays along an axis that they have."""
    return _joined(*arrays, axis=axis)


def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays of one shape along a new axis."""
    shapes = {np.shape(value_of(a)) for a in arrays}
    if len(shapes) > 1:
        raise ValueError(f"arrays to stack must have one shape, got {sorted(shapes)}.")
    return _joined(*(expand_dims(a, axis) for a in arrays), axis=axis)
