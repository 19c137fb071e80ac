"""Inputs for pooling."""

import numpy as np

from fastml.testing.cases import Case, choose, sentinel

# Images; window, strides, pads (above, left, below, right), dilations.
_SMALL = (
    ((2, 9, 7, 5), (2, 2), (2, 2), (0, 0, 0, 0), (1, 1)),
    ((3, 8, 33, 1), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1)),
    ((1, 40, 40, 1), (2, 2), (2, 2), (0, 0, 1, 1), (1, 1)),
    ((0, 5, 5, 3), (2, 2), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((2, 6, 11, 3), (3, 2), (1, 3), (1, 0, 2, 1), (2, 1)),
    ((2, 12, 12, 67), (3, 3), (2, 1), (0, 1, 1, 0), (1, 2)),
    ((3, 7, 20, 1), (7, 20), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((1, 1, 50, 2), (1, 4), (1, 5), (0, 2, 0, 2), (1, 3)),
    ((1, 20, 20, 8), (20, 18), (1, 1), (3, 0, 3, 0), (1, 1)),
    ((5, 16, 16, 16), (1, 1), (2, 3), (0, 0, 0, 0), (1, 1)),
    ((1, 4, 40, 1), (2, 27), (2, 3), (1, 10, 1, 9), (1, 1)),
    ((2, 30, 31, 2), (5, 4), (3, 1), (2, 2, 2, 1), (1, 1)),
    # Images that are packed into vectors: some more than fill them, and bands of their rows.
    ((17, 9, 11, 2), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1)),
    ((9, 7, 6, 1), (2, 2), (2, 2), (0, 0, 0, 0), (1, 1)),
    ((32, 3, 3, 3), (2, 3), (2, 3), (0, 0, 1, 0), (1, 1)),
    ((33, 44, 29, 1), (3, 2), (2, 1), (1, 1, 0, 1), (2, 1)),
)
_TINY = (
    ((1, 4, 5, 3), (2, 2), (2, 2), (0, 0, 0, 1), (1, 1)),
    ((2, 3, 4, 2), (3, 2), (1, 1), (1, 0, 1, 0), (1, 1)),
    ((1, 5, 5, 2), (2, 2), (2, 1), (1, 1, 1, 1), (1, 2)),
)
_LARGE = ((32, 56, 56, 64), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1))


def _images(dtype, scale, seed, dilated):
    """Return random images, shape of the result, and the window's parameters."""
    shape, window, strides, pads, dilations = choose(
        scale, seed, _TINY[seed % len(_TINY)], _SMALL, _LARGE
    )
    if not dilated:
        dilations = (1, 1)
    images = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    if scale == "small" and seed % 3 == 0:
        # Ties, and what is larger than anything.
        images = np.round(images).astype(dtype)
    sizes = [
        (shape[i + 1] + pads[i] + pads[i + 2] - dilations[i] * (window[i] - 1) - 1) // strides[i]
        + 1
        for i in range(2)
    ]
    args = {"window": window, "strides": strides, "pads": pads}
    if dilated:
        args["dilations"] = dilations
    return images, (shape[0], *sizes, shape[3]), args


def _chosen_dtype(window):
    return np.uint8 if window[0] * window[1] <= 256 else np.int32


def max_forward(dtype, scale, seed):
    images, shape, args = _images(dtype, scale, seed, True)
    if scale != "large" and seed % 2 and images.size:
        spots = np.random.default_rng(seed).integers(0, images.size, 3)
        images.reshape(-1)[spots] = (np.nan, np.inf, -np.inf)
    chosen = sentinel(shape, _chosen_dtype(args["window"]))
    args |= {"images": images, "out": sentinel(shape, dtype), "chosen": chosen}
    return Case(args, ("out", "chosen"))


def max_backward(dtype, scale, seed):
    images, shape, args = _images(dtype, scale, seed, True)
    rng = np.random.default_rng(seed + 1)
    g = rng.normal(size=shape).astype(dtype)
    n_taps = args["window"][0] * args["window"][1]
    chosen = rng.integers(0, n_taps, shape).astype(_chosen_dtype(args["window"]))
    args |= {"g": g, "chosen": chosen, "gradient": sentinel(images.shape, dtype)}
    eps = float(np.finfo(dtype).eps)
    # Up to as many terms as taps, in another order.
    return Case(args, ("gradient",), rtol=20 * eps, atol=20 * eps)


def mean_forward(dtype, scale, seed):
    images, shape, args = _images(dtype, scale, seed, False)
    args |= {"images": images, "include_pads": bool(seed % 2), "divisor": 7 * (seed % 4 == 3)}
    args["out"] = sentinel(shape, dtype)
    eps = float(np.finfo(dtype).eps)
    return Case(args, ("out",), rtol=20 * eps, atol=20 * eps)


def mean_backward(dtype, scale, seed):
    images, shape, args = _images(dtype, scale, seed, False)
    g = np.random.default_rng(seed + 1).normal(size=shape).astype(dtype)
    args |= {"g": g, "include_pads": bool(seed % 2), "divisor": 7 * (seed % 4 == 3)}
    args["gradient"] = sentinel(images.shape, dtype)
    eps = float(np.finfo(dtype).eps)
    return Case(args, ("gradient",), rtol=20 * eps, atol=20 * eps)
