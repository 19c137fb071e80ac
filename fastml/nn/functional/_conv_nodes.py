"""Convolutions as nodes of the graph.

A convolution is linear in images and in weights, and so are its two gradients: the three are nodes
that are each other's adjoints.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastml.autodiff import Variable, primitive
from fastml.autodiff import primitives as p
from fastml.autodiff._variable import value_of
from fastml.backends import Backend, resolve
from fastml.nn.functional._pool_nodes import _home as home

__all__ = ["Convolution", "convolve"]


class Convolution(NamedTuple):
    """A convolution of images of one shape, as kernels see it.

    Attributes
    ----------
    strides, pads, dilations : (int, int)
        Rows and columns; the zeros above and on the left.
    groups : int
        Of channels.
    flipped : bool
        Whether weights are flipped.
    last : bool
        Whether channels come last.
    images, results : (int, int, int, int)
        Shapes with channels last.
    input, out : tuple of int
        Shapes as the user sees them.
    kernel : tuple of int
        The weights' shape, as the user sees it.
    """

    strides: tuple[int, int]
    pads: tuple[int, int]
    dilations: tuple[int, int]
    groups: int
    flipped: bool
    last: bool
    images: tuple[int, int, int, int]
    results: tuple[int, int, int, int]
    input: tuple[int, ...]
    out: tuple[int, ...]
    kernel: tuple[int, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """What kernels are told of it."""
        return (*self.strides, *self.pads, *self.dilations, self.groups)


def _last(backend: Backend, a: Any, shape: tuple[int, ...], last: bool, dtype: Any) -> Any:
    """Return images of a shape with channels last."""
    a = backend.asarray(a, dtype)
    if last:
        return a.reshape(shape)
    n, h, w, c = shape
    return backend.xp.ascontiguousarray(a.reshape(n, c, h * w).swapaxes(1, 2)).reshape(shape)


def _back(backend: Backend, a: Any, shape: tuple[int, ...], last: bool) -> Any:
    """Undo `_last`."""
    if last:
        return a.reshape(shape)
    n, h, w, c = a.shape
    return backend.xp.ascontiguousarray(a.reshape(n, h * w, c).swapaxes(1, 2)).reshape(shape)


def _kernel(backend: Backend, weight: Any, how: Convolution, dtype: Any) -> Any:
    """Return weights over two axes, flipped where they are to be."""
    weight = backend.asarray(weight, dtype)
    if how.flipped:
        weight = _flip(backend, weight)
    return weight.reshape(*how.kernel[:2], *(1,) * (4 - len(how.kernel)), *how.kernel[2:])


def _flip(backend: Backend, weight: Any) -> Any:
    axes = (slice(None), slice(None), *(slice(None, None, -1),) * (weight.ndim - 2))
    return backend.xp.ascontiguousarray(weight[axes])


def _forward(x: Any, weight: Any, bias: Any, how: Convolution, kept: Any = None) -> Any:
    """Convolution of images with weights, plus a bias."""
    backend = resolve(x)
    dtype = np.result_type(x, weight)
    out = backend.empty(how.results, dtype)
    backend.kernels("conv").conv2d_forward(
        _last(backend, x, how.images, how.last, dtype), _kernel(backend, weight, how, dtype),
        backend.asarray(bias, dtype), *how.numbers, out,
    )  # fmt: skip
    return home(_back(backend, out, how.out, how.last), x, backend)


def _data_gradient(g: Any, weight: Any, how: Convolution) -> Any:
    """Gradient of a convolution by its images."""
    backend = resolve(g)
    dtype = np.result_type(g, weight)
    out = backend.empty(how.images, dtype)
    backend.kernels("conv").conv2d_data_gradient(
        _last(backend, g, how.results, how.last, dtype), _kernel(backend, weight, how, dtype),
        *how.numbers, out,
    )  # fmt: skip
    return home(_back(backend, out, how.input, how.last), g, backend)


def _both_gradients(x: Any, g: Any, how: Convolution, n_biases: int) -> tuple[Any, Any]:
    """Return the gradients by weights and bias, for which g is read once."""
    backend = resolve(x)
    dtype = np.result_type(x, g)
    o, c = how.kernel[:2]
    found = backend.empty((o, c, *(1,) * (4 - len(how.kernel)), *how.kernel[2:]), dtype)
    by_bias = backend.empty(n_biases, dtype)
    backend.kernels("conv").conv2d_weight_gradient(
        _last(backend, x, how.images, how.last, dtype),
        _last(backend, g, how.results, how.last, dtype), *how.numbers, found, by_bias,
    )  # fmt: skip
    found = found.reshape(how.kernel)
    if how.flipped:
        found = _flip(backend, found)
    return home(found, x, backend), home(by_bias, x, backend)


def _weight_gradient(x: Any, g: Any, how: Convolution) -> Any:
    """Gradient of a convolution by its weights."""
    return _both_gradients(x, g, how, 0)[0]


def _by_weight(
    g: Any, out: Any, x: Any, weight: Any, bias: Any, how: Convolution, kept: Any = None
) -> Any:
    if Variable in (type(g), type(x)):
        return convolve_weight(x, g, how=how)
    found, by_bias = _both_gradients(x, g, how, value_of(bias).size)
    if kept is not None:
        # The bias is next in turn, and gets the same g.
        kept[:] = [(g, by_bias)]
    return found


def _by_bias(
    g: Any, out: Any, x: Any, weight: Any, bias: Any, how: Convolution, kept: Any = None
) -> Any:
    if kept and kept[0][0] is g:
        return kept.pop()[1]
    channels = len(how.out) - 1 if how.last else len(how.out) - len(how.kernel) + 1
    return p.sum(g, axis=tuple(axis for axis in range(len(how.out)) if axis != channels))


def _no_bias(x: Any) -> Any:
    return np.empty(0, value_of(x).dtype)


def _examples(rng: np.random.Generator) -> Any:
    """Return images, weights, bias and gradients of some convolutions."""
    from fastml.nn.functional._conv import described

    found = []
    for shape, kernel, *rest, mode, layout in (
        ((2, 4, 6, 5), (6, 2, 3, 2), (2, 1), ((0, 1), (2, 0)), (1, 2), 2, "convolution", "NCHW"),
        ((1, 5, 6, 2), (3, 2, 3, 3), 1, "same", 1, 1, "correlation", "NHWC"),
    ):
        how = described(shape, kernel, *rest, mode, layout)
        found.append((how, *map(rng.standard_normal, (shape, kernel, kernel[:1], how.out))))
    return found


convolve_data: Callable[..., Any] = primitive(
    "convolve_data", _data_gradient,
    lambda g, out, given, weight, how: convolve(g, weight, _no_bias(g), how=how),
    lambda g, out, given, weight, how: convolve_weight(g, given, how=how),
    example=lambda rng: [((g, w), {"how": how}) for how, x, w, b, g in _examples(rng)],
)  # fmt: skip
convolve_weight: Callable[..., Any] = primitive(
    "convolve_weight", _weight_gradient,
    lambda g, out, x, given, how: convolve_data(given, g, how=how),
    lambda g, out, x, given, how: convolve(x, g, _no_bias(x), how=how),
    example=lambda rng: [((x, g), {"how": how}) for how, x, w, b, g in _examples(rng)],
)  # fmt: skip
convolve: Callable[..., Any] = primitive(
    "convolve", _forward,
    lambda g, out, x, weight, bias, how, kept=None: convolve_data(g, weight, how=how),
    _by_weight, _by_bias,
    text="convolve({0}, {1}) + {2}",
    example=lambda rng: [((x, w, b), {"how": how}) for how, x, w, b, g in _examples(rng)],
)  # fmt: skip
