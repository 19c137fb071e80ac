"""Transposed convolutions beside PyTorch's, and what they refuse."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastml.nn import functional as F
from tests.nn.test_conv import LAST, TO_FIRST, TO_LAST, both_ways, configuration


def transposed_configuration(seed):
    """Return input, weight, bias and parameters of a transposed convolution, as PyTorch's."""
    x, w, b, params = configuration(seed)
    n_axes, groups = w.ndim - 2, params["groups"]
    rng = np.random.default_rng(seed)
    if params["padding"] == "same":
        params["padding"] = (0,) * n_axes
    steps = [max(pair) for pair in zip(params["stride"], params["dilation"], strict=True)]
    params["output_padding"] = tuple(int(rng.integers(0, step)) for step in steps)
    # Of fewer, padding may leave nothing.
    sizes = rng.integers(7, 12, n_axes)
    x = rng.standard_normal((2, w.shape[0], *sizes)).astype(x.dtype)
    b = None if b is None else rng.standard_normal(w.shape[1] * groups).astype(x.dtype)
    return x, w, b, params


@pytest.mark.parametrize("seed", range(60))
def test_transposed_as_pytorch(seed):
    torch = pytest.importorskip("torch")
    x, w, b, params = transposed_configuration(seed)
    name = f"conv_transpose{x.ndim - 2}d"
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, w, b) if a is not None]
    theirs = getattr(torch.nn.functional, name)(*tensors, **params)
    g = np.random.default_rng(seed).standard_normal(theirs.shape).astype(x.dtype)
    expected = [theirs, *torch.autograd.grad(theirs, tensors, torch.tensor(g))]
    if seed % 3:
        params = {**params, "layout": LAST[x.ndim]}
        x, g = x.transpose(TO_LAST[x.ndim]), g.transpose(TO_LAST[x.ndim])
    found = both_ways(getattr(F, name), (x, w, b), g, params)
    if seed % 3:
        found[:2] = (a.transpose(TO_FIRST[x.ndim]) for a in found[:2])
    for got, wanted in zip(found, expected, strict=True):
        wanted = wanted.detach().numpy()
        assert got.dtype == wanted.dtype
        scale = np.finfo(x.dtype).eps * max(1.0, abs(wanted).max())
        assert_allclose(got, wanted, rtol=0, atol=60 * scale, err_msg=f"{name} {params}")
    arrays = getattr(F, name)(x, w, b, **params)
    assert_array_equal(arrays, both_ways(getattr(F, name), (x, w, b), g, params)[0])


def test_transposed_same_is_as_many_times_as_large():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 4, 3, 5)), rng.standard_normal((5, 2, 3, 4))
    params = {"stride": (2, 3), "padding": "same", "layout": "NHWC"}
    out = F.conv_transpose2d(x, w, **params)
    assert out.shape == (2, 8, 9, 2)
    y = rng.standard_normal(out.shape)
    # The adjoint of the convolution.
    assert_allclose((F.conv2d(y, w, **params) * x).sum(), (y * out).sum(), rtol=1e-12)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"weight": np.ones((3, 1, 2, 2))}, r"with 2 channels expects weight of shape \(n_cha"),
        ({"bias": np.ones(2)}, r"bias must have shape \(1,\), one number for each output channel"),
        ({"output_padding": 1}, "output_padding must be smaller than stride or dilation"),
        ({"padding": "same", "output_padding": 1, "stride": 2}, "output_padding must be 0 with"),
        ({"padding": 3}, "has no result: padding=3 takes away all of it"),
        ({"padding": "full"}, "padding must be 'same', 'valid', an integer or a sequence"),
        ({"groups": 0}, "groups must be an integer of at least 1, got 0"),
        ({"stride": 0}, "stride must be an integer of at least 1, got 0"),
        ({"layout": "CHWN"}, "layout must be 'NCHW' or 'NHWC', got 'CHWN'"),
    ],
)
def test_transposed_refused(change, message):
    given = {"input": np.ones((1, 2, 4, 4)), "weight": np.ones((2, 1, 2, 2))} | change
    with pytest.raises(ValueError, match=message):
        F.conv_transpose2d(**given)
