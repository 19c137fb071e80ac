"""Inputs for convolutions."""

import numpy as np

from fastml.testing.cases import Case, choose, sentinel

# Images with channels last; weights; strides, pads (above, left), dilations, groups; what the
# padding behind adds to the size of the result. Around the lanes of vectors and the rows of tiles.
_SMALL = (
    ((2, 9, 7, 5), (7, 5, 3, 3), (1, 1), (1, 1), (1, 1), 1, (1, 1)),
    ((1, 16, 33, 1), (33, 1, 5, 5), (1, 1), (2, 2), (1, 1), 1, (2, 2)),
    ((2, 12, 30, 3), (16, 3, 3, 3), (2, 2), (1, 1), (1, 1), 1, (0, 1)),
    ((0, 5, 5, 3), (4, 3, 2, 2), (1, 1), (0, 0), (1, 1), 1, (0, 0)),
    ((3, 8, 8, 40), (24, 40, 1, 1), (1, 1), (0, 0), (1, 1), 1, (0, 0)),
    ((2, 15, 14, 4), (6, 2, 3, 2), (1, 3), (0, 3), (2, 1), 2, (0, 2)),
    ((2, 11, 20, 19), (19, 1, 3, 3), (1, 1), (1, 1), (1, 1), 19, (1, 1)),
    ((1, 13, 9, 12), (8, 3, 3, 3), (2, 1), (2, 2), (1, 2), 4, (0, 0)),
    ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), (0, 0), (1, 1), 1, (0, 0)),
    ((4, 1, 50, 2), (3, 2, 1, 4), (1, 2), (0, 3), (1, 3), 1, (0, 5)),
    ((1, 6, 5, 2), (5, 2, 1, 2), (3, 4), (0, 0), (1, 1), 1, (0, 0)),
    ((1, 20, 40, 34), (2, 34, 3, 4), (1, 1), (2, 1), (1, 1), 1, (0, 1)),
    ((5, 4, 4, 64), (48, 64, 3, 3), (1, 1), (1, 1), (1, 1), 1, (1, 1)),
    # Through points, and the only ones of so many channels.
    ((2, 17, 14, 32), (48, 32, 3, 3), (1, 1), (1, 1), (1, 1), 1, (1, 1)),
    ((1, 12, 9, 32), (32, 32, 5, 5), (1, 1), (2, 2), (1, 1), 1, (2, 2)),
)
_CHANNELS_THROUGH_POINTS = 32
_TINY = (
    ((1, 3, 4, 2), (3, 2, 2, 2), (1, 1), (1, 0), (1, 1), 1, (0, 1)),
    ((2, 4, 3, 2), (2, 1, 2, 1), (2, 1), (0, 0), (1, 1), 2, (0, 0)),
    ((1, 5, 4, 1), (2, 1, 2, 2), (1, 2), (1, 1), (2, 1), 1, (0, 0)),
)
_LARGE = ((16, 56, 56, 64), (64, 64, 3, 3), (1, 1), (1, 1), (1, 1), 1, (1, 1))


def _inputs(dtype, scale, seed):
    """Return images, weights, a gradient by the results, and the numbers that kernels take."""
    shape, kernel, strides, pads, dilations, groups, behind = choose(
        scale, seed, _TINY[seed % len(_TINY)], _SMALL, _LARGE
    )
    sizes = [
        (shape[i + 1] + pads[i] + behind[i] - dilations[i] * (kernel[i + 2] - 1) - 1) // strides[i]
        + 1
        for i in range(2)
    ]
    rng = np.random.default_rng(seed)
    arrays = (
        rng.standard_normal(each).astype(dtype)
        for each in (shape, kernel, (shape[0], *sizes, kernel[0]))
    )
    names = ("stride_y", "stride_x", "pad_top", "pad_left", "dilation_y", "dilation_x", "groups")
    return *arrays, dict(zip(names, (*strides, *pads, *dilations, groups), strict=True))


def _case(dtype, args, outputs, n_terms, n_channels):
    # Sums of unit products grow as the root of their number, and so do roundings along the way.
    # Through points there are more of them: of images and weights before, of results after.
    eps = np.finfo(dtype).eps
    per_term = 8 if n_channels == _CHANNELS_THROUGH_POINTS else 2
    return Case(args, outputs, rtol=20 * eps, atol=eps * (10 + per_term * n_terms))


def _bias(dtype, n, seed):
    return np.random.default_rng(seed + 1).standard_normal(0 if seed % 3 == 0 else n).astype(dtype)


def conv2d_forward(dtype, scale, seed):
    images, weight, gradient, numbers = _inputs(dtype, scale, seed)
    args = {"images": images, "weight": weight, "bias": _bias(dtype, len(weight), seed), **numbers}
    args["out"] = sentinel(gradient.shape, dtype)
    return _case(dtype, args, ("out",), weight[0].size, images.shape[3])


def conv2d_data_gradient(dtype, scale, seed):
    images, weight, gradient, numbers = _inputs(dtype, scale, seed)
    args = {"gradient": gradient, "weight": weight, **numbers}
    args["out"] = sentinel(images.shape, dtype)
    return _case(dtype, args, ("out",), weight.size, args["out"].shape[3])


def conv2d_weight_gradient(dtype, scale, seed):
    images, weight, gradient, numbers = _inputs(dtype, scale, seed)
    args = {"images": images, "gradient": gradient, **numbers}
    args["weight_gradient"] = sentinel(weight.shape, dtype)
    args["bias_gradient"] = sentinel(_bias(dtype, len(weight), seed).shape, dtype)
    n_terms = gradient.size // len(weight)
    channels = images.shape[3]
    return _case(dtype, args, ("weight_gradient", "bias_gradient"), n_terms, channels)
