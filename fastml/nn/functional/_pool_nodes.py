"""Pooling as nodes of the graph."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastml.autodiff import Variable, primitive
from fastml.autodiff.primitives.shapes import reshape, scatter
from fastml.backends import Backend, on_device, resolve
from fastml.nn.functional._window import Window, placed

__all__ = ["avg_pool", "flat_indices", "max_pool"]

# Numbers of taps that fit a byte.
FEW_TAPS = 256


def _home(result: Any, like: Any, backend: Backend) -> Any:
    """Return a result where what it was made of lives."""
    stays = on_device(like) and backend.xp is not np
    return result if stays else backend.to_host(result)


def _max_forward(x: Any, window: Window, kept: Any = None) -> Any:
    """Largest elements of windows; which they were is added to a list."""
    backend = resolve(x)
    images = backend.asarray(x).reshape(window.images)
    out = backend.empty(window.pooled, images.dtype)
    few = window.kernel[0] * window.kernel[1] <= FEW_TAPS
    chosen = backend.empty(window.pooled, np.uint8 if few else np.int32)
    backend.kernels("pool").max_forward(
        images, window.kernel, window.strides, window.pads, window.dilations, out, chosen
    )
    if kept is not None:
        kept.append(chosen)
    return _home(out, x, backend).reshape(window.shape)


def _chosen(x: Any, window: Window, kept: Any) -> Any:
    if not kept:
        kept = []
        _max_forward(x.value if type(x) is Variable else x, window, kept)
    return kept[-1]


def flat_indices(chosen: Any, window: Window, xp: Any) -> Any:
    """Return where maxima are in the plane of their image, as PyTorch counts."""
    rows, columns = (
        (xp.arange(window.pooled[i + 1]) * window.strides[i] - window.pads[i]) for i in range(2)
    )
    taps = chosen.astype(np.int64)
    y = rows[:, None, None] + taps // window.kernel[1] * window.dilations[0]
    x = columns[:, None] + taps % window.kernel[1] * window.dilations[1]
    return y * window.images[2] + x


def _max_adjoint(g: Any, out: Any, x: Any, window: Window, kept: Any = None) -> Any:
    chosen = _chosen(x, window, kept)
    if type(g) is Variable or type(x) is Variable:
        xp = resolve(chosen).xp
        n, h, w, c = window.images
        flat = flat_indices(chosen, window, xp)
        index = (xp.arange(n)[:, None, None, None], flat, xp.arange(c))
        back = scatter(reshape(g, shape=window.pooled), index=index, shape=(n, h * w, c))
        return reshape(back, shape=x.shape)
    backend = resolve(x)
    given = backend.asarray(g).reshape(window.pooled)
    gradient = backend.empty(window.images, given.dtype)
    backend.kernels("pool").max_backward(
        given, backend.asarray(chosen), window.kernel, window.strides, window.pads,
        window.dilations, gradient,
    )  # fmt: skip
    return _home(gradient, x, backend).reshape(x.shape)


def _avg_forward(x: Any, window: Window, include_pads: bool = True, divisor: int = 0) -> Any:
    """Means of windows."""
    backend = resolve(x)
    images = backend.asarray(x).reshape(window.images)
    out = backend.empty(window.pooled, images.dtype)
    backend.kernels("pool").mean_forward(
        images, window.kernel, window.strides, window.pads, include_pads, divisor, out
    )
    return _home(out, x, backend).reshape(window.shape)


def _avg_backward(
    g: Any, window: Window, shape: Any, include_pads: bool = True, divisor: int = 0
) -> Any:
    """Shares of elements in gradients by the means of windows."""
    backend = resolve(g)
    given = backend.asarray(g).reshape(window.pooled)
    gradient = backend.empty(window.images, given.dtype)
    backend.kernels("pool").mean_backward(
        given, window.kernel, window.strides, window.pads, include_pads, divisor, gradient
    )
    return _home(gradient, g, backend).reshape(shape)


def _example(shape: tuple[int, ...], layout: str, *rest: Any) -> Any:
    kernel, stride, padding, dilation, ceil_mode = rest
    return placed(shape, kernel, stride, padding, dilation, ceil_mode, layout, 2, "pool")


def _max_examples(rng: np.random.Generator) -> Any:
    return [
        ((rng.standard_normal(shape),), {"window": _example(shape, layout, *rest)})
        for shape, layout, *rest in (
            ((2, 2, 5, 6), "NCHW", 2, None, 0, 1, False),
            ((1, 7, 5, 3), "NHWC", (3, 2), (2, 1), 1, (1, 2), True),
        )
    ]


def _avg_examples(rng: np.random.Generator) -> Any:
    first, second = (2, 2, 5, 6), (1, 7, 5, 3)
    wide = _example(second, "NHWC", 3, 2, 1, 1, True)
    return [
        ((rng.standard_normal(first),), {"window": _example(first, "NCHW", 2, 1, 0, 1, False)}),
        ((rng.standard_normal(second),), {"window": wide, "include_pads": False}),
        ((rng.standard_normal(second),), {"window": wide, "divisor": 5}),
    ]


def _back_examples(rng: np.random.Generator) -> Any:
    found = []
    for (x,), params in _avg_examples(rng):
        g = rng.standard_normal(params["window"].shape)
        found.append(((g,), {**params, "shape": x.shape}))
    return found


max_pool = primitive(
    "max_pool", _max_forward, _max_adjoint, text="max_pool({0})", example=_max_examples
)
avg_pool_back: Callable[..., Any] = primitive(
    "avg_pool_back", _avg_backward,
    lambda g, out, x, window, shape, **how: avg_pool(g, window=window, **how),
    text="avg_pool_back({0})", example=_back_examples,
)  # fmt: skip
avg_pool: Callable[..., Any] = primitive(
    "avg_pool", _avg_forward,
    lambda g, out, x, window, **how: avg_pool_back(g, window=window, shape=x.shape, **how),
    text="avg_pool({0})", example=_avg_examples,
)  # fmt: skip
