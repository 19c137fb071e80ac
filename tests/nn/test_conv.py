"""Convolutions beside PyTorch's, on random configurations; what they refuse; the same bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import convolve2d

import fastml
from fastml import autodiff as ad
from fastml.kernels.conv import weights
from fastml.nn import functional as F

N_RANDOM = 500
TO_LAST = {3: (0, 2, 1), 4: (0, 2, 3, 1)}
TO_FIRST = {3: (0, 2, 1), 4: (0, 3, 1, 2)}
LAST = {3: "NLC", 4: "NHWC"}


def configuration(seed):
    """Return random input, weight, bias and parameters that PyTorch takes."""
    rng = np.random.default_rng(seed)
    n_axes, dtype = int(rng.integers(1, 3)), (np.float32, np.float64)[seed % 2]
    groups = int(rng.choice([1, 1, 1, 2, 3, 8]))
    inside, outside = (int(rng.choice([1, 2, 3, 5, 8, 17])) for _ in range(2))
    if rng.random() < 0.15:
        groups, inside, outside = int(rng.choice([3, 16, 37])), 1, int(rng.integers(1, 3))
    kernel = rng.integers(1, 6, n_axes)
    dilation = rng.integers(1, 4, n_axes) if rng.random() < 0.4 else np.ones(n_axes, int)
    stride = rng.integers(1, 4, n_axes) if rng.random() < 0.5 else np.ones(n_axes, int)
    params = {"groups": groups}
    sizes = rng.integers(1, 41, n_axes)
    reach = dilation * (kernel - 1) + 1
    if (stride == 1).all() and rng.random() < 0.2:
        params["padding"] = "same"
    else:
        padding = rng.integers(0, 4, n_axes)
        sizes = np.maximum(sizes, np.maximum(reach - 2 * padding, 1))
        params["padding"] = tuple(map(int, padding))
    params["stride"], params["dilation"] = tuple(map(int, stride)), tuple(map(int, dilation))
    n = int(rng.integers(1, 4))
    x = rng.standard_normal((n, groups * inside, *sizes)).astype(dtype)
    w = rng.standard_normal((groups * outside, inside, *kernel)).astype(dtype)
    b = rng.standard_normal(groups * outside).astype(dtype) if rng.random() < 0.7 else None
    return x, w, b, params


def both_ways(function, inputs, seed, params):
    """Return a result and its gradients by all inputs, by fastml."""
    variables = [ad.variable(a) for a in inputs if a is not None]
    out = function(*variables, **params)
    return [out.value, *ad.gradients(out, variables, seed)]


def close_to_pytorchs(torch, seed):
    """Compare a random convolution with PyTorch's, forward and backward, in one of the layouts."""
    x, w, b, params = configuration(seed)
    name = f"conv{x.ndim - 2}d"
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, w, b) if a is not None]
    theirs = getattr(torch.nn.functional, name)(*tensors, **params)
    g = np.random.default_rng(seed).standard_normal(theirs.shape).astype(x.dtype)
    expected = [theirs, *torch.autograd.grad(theirs, tensors, torch.tensor(g))]
    expected = [a.detach().numpy() for a in expected]
    if seed % 3:
        params = {**params, "layout": LAST[x.ndim]}
        x, g = x.transpose(TO_LAST[x.ndim]), g.transpose(TO_LAST[x.ndim])
    found = both_ways(getattr(F, name), (x, w, b), g, params)
    if seed % 3:
        found[:2] = (a.transpose(TO_FIRST[x.ndim]) for a in found[:2])
    # Sums in another order: each is off by some roundings of the largest terms.
    for got, wanted in zip(found, expected, strict=True):
        assert got.dtype == wanted.dtype
        scale = np.finfo(x.dtype).eps * max(1.0, abs(wanted).max())
        assert_allclose(got, wanted, rtol=0, atol=60 * scale, err_msg=f"{seed}: {name} {params}")


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
def test_as_pytorch():
    torch = pytest.importorskip("torch")
    for seed in range(N_RANDOM):
        close_to_pytorchs(torch, seed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape, kernel, padding", [
    ((2, 32, 17, 14), (48, 32, 3, 3), 1), ((2, 32, 12, 9), (32, 32, 5, 5), 2),
    ((1, 64, 18, 150), (32, 64, 3, 3), 0), ((3, 48, 16, 16), (64, 48, 3, 3), 2),
])  # fmt: skip
def test_through_points_as_pytorch(shape, kernel, padding, dtype):
    """Winograd's way is as accurate as `test_as_pytorch` asks of all."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(each).astype(dtype) for each in (shape, kernel, kernel[:1]))
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    theirs = torch.nn.functional.conv2d(*tensors, padding=padding)
    g = rng.standard_normal(theirs.shape).astype(dtype)
    expected = [theirs, *torch.autograd.grad(theirs, tensors, torch.tensor(g))]
    found = both_ways(F.conv2d, (x, w, b), g, {"padding": padding})
    for got, wanted in zip(found, expected, strict=True):
        wanted = wanted.detach().numpy()
        assert_allclose(got, wanted, rtol=0, atol=60 * np.finfo(dtype).eps * abs(wanted).max())


@pytest.mark.parametrize("shape", [(9, 8), (1, 1), (4, 20)])
@pytest.mark.parametrize("kernel", [(3, 3), (4, 2), (1, 5)])
def test_convolution_is_scipys(shape, kernel):
    rng = np.random.default_rng(0)
    image, weight = rng.standard_normal(shape), rng.standard_normal(kernel)
    pads = tuple((k - 1, k - 1) for k in kernel)
    found = F.conv2d(image[None, None], weight[None, None], padding=pads, mode="convolution")
    assert_allclose(found[0, 0], convolve2d(image, weight, mode="full"), atol=1e-13)
    if min(s - k for s, k in zip(shape, kernel, strict=True)) >= 0:
        found = F.conv2d(image[None], weight[None, None], mode="convolution")
        assert_allclose(found[0], convolve2d(image, weight, mode="valid"), atol=1e-13)


def test_same_has_a_result_for_every_stride():
    x = np.ones((2, 7, 10, 3), np.float32)
    out = F.conv2d(x, np.ones((4, 3, 4, 3)), stride=(2, 3), padding="same", layout="NHWC")
    assert out.shape == (2, 4, 4, 4)
    assert out[0, 1, 1, 0] == 4 * 3 * 3


def test_without_batch_axis():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((3, 6, 5)), rng.standard_normal((2, 3, 3, 3))
    assert_array_equal(F.conv2d(x, w), F.conv2d(x[None], w)[0])
    x, w = rng.standard_normal((6, 3)), rng.standard_normal((2, 3, 4))
    assert_array_equal(F.conv1d(x, w, layout="NLC"), F.conv1d(x[None], w, layout="NLC")[0])


def test_empty_batch():
    x = np.empty((0, 6, 5, 3), np.float32)
    w, b = np.ones((4, 3, 3, 3), np.float32), np.ones(4, np.float32)
    seed = np.empty((0, 4, 3, 4), np.float32)
    out, by_x, by_w, by_b = both_ways(F.conv2d, (x, w, b), seed, {"layout": "NHWC"})
    assert out.shape == seed.shape
    assert by_x.shape == x.shape
    assert not by_w.any()
    assert not by_b.any()


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(
    n=st.integers(1, 3), h=st.integers(1, 9), w=st.integers(1, 20), c=st.integers(1, 20),
    o=st.integers(1, 40), k=st.integers(1, 4), s=st.integers(1, 3), d=st.integers(1, 2),
    dtype=st.sampled_from([np.float32, np.float64]), seed=st.integers(0, 99),
)  # fmt: skip
def test_gradients_are_adjoint(n, h, w, c, o, k, s, d, dtype, seed):
    """<conv(x, v), g> = <x, data gradient of g> = <v, weight gradient of x and g>."""
    rng = np.random.default_rng(seed)
    x, v = rng.standard_normal((n, h, w, c)), rng.standard_normal((o, c, k, k))
    x, v = x.astype(dtype), v.astype(dtype)
    x.flags.writeable = v.flags.writeable = False
    pads = ((k * d, 1 + d * (k - 1)),) * 2
    params = {"stride": s, "dilation": d, "padding": pads, "layout": "NHWC"}
    g = rng.standard_normal(F.conv2d(x, v, **params).shape).astype(dtype)
    out, by_x, by_v = (a.astype(float) for a in both_ways(F.conv2d, (x, v), g, params))
    products = np.vdot(out, g), np.vdot(x, by_x), np.vdot(v, by_v)
    size = np.vdot(abs(out), abs(g)) + np.linalg.norm(x) * np.linalg.norm(by_x)
    assert_allclose(products, products[0], rtol=0, atol=20 * np.finfo(dtype).eps * size)


@pytest.mark.parametrize("change", [
    lambda a: np.repeat(a, 2, axis=-1)[..., ::2], np.asfortranarray,
    lambda a: a.astype(a.dtype.newbyteorder()), lambda a: a[::-1].copy()[::-1],
])  # fmt: skip
def test_any_strides(change):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, 7, 6)), rng.standard_normal((4, 3, 3, 2))
    b = rng.standard_normal(4)
    x.flags.writeable = w.flags.writeable = b.flags.writeable = False
    assert_array_equal(F.conv2d(change(x), change(w), change(b)), F.conv2d(x, w, b))


def test_dtypes():
    x, w = np.arange(9).reshape(1, 1, 3, 3), np.ones((1, 1, 2, 2), np.float32)
    assert F.conv2d(x.astype(np.float16), w).dtype == np.float32
    assert F.conv2d(x, w).dtype == np.float64
    assert_array_equal(F.conv2d(x.tolist(), w.tolist())[0, 0], [[8, 12], [20, 24]])


def test_reference_backend():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 5, 6, 4)), rng.standard_normal((6, 2, 3, 3))
    seed = rng.standard_normal((2, 3, 4, 6))
    params = {"groups": 2, "layout": "NHWC"}
    found = both_ways(F.conv2d, (x, w), seed, params)
    with fastml.config_context(backend="reference"):
        expected = both_ways(F.conv2d, (x, w), seed, params)
    for a, b in zip(found, expected, strict=True):
        assert_allclose(a, b, atol=1e-12)


IMAGES, KERNELS = np.zeros((2, 4, 5, 5)), np.zeros((6, 4, 3, 3))


@pytest.mark.parametrize("change, message", [
    ({"input": IMAGES[0, 0]}, r"conv2d expects input of 3 or 4 dimensions .* \(5, 5\)"),
    ({"input": IMAGES[:, :3]}, r"shape \(2, 3, 5, 5\) with 3 channels .* weight of shape \(6, 4"),
    ({"weight": KERNELS[0]}, r"expects weight of shape \(n_out_channels, .* got \(4, 3, 3\)"),
    ({"weight": KERNELS[:0]}, "not empty"),
    ({"bias": np.zeros(5)}, r"bias must have shape \(6,\).* got \(5,\)"),
    ({"groups": 4, "weight": KERNELS[:, :1]}, r"groups must divide the 6 output channels"),
    ({"groups": 0}, "groups must be an integer of at least 1, got 0"),
    ({"stride": 0}, "stride must be an integer of at least 1, got 0"),
    ({"stride": (1, 2, 3)}, r"stride must be an integer or a pair of them"),
    ({"dilation": 3}, r"reaches over \(7, 7\) elements, more than the \(5, 5\)"),
    ({"padding": -1}, "padding must be an integer of at least 0, got -1"),
    ({"padding": "full"}, "padding must be 'same', 'valid', an integer"),
    ({"padding": ((1, 1),)}, r"padding must have 2 pairs \(before, after\)"),
    ({"mode": "cross"}, "mode must be 'correlation' or 'convolution', got 'cross'"),
    ({"layout": "CHWN"}, "layout must be 'NCHW' or 'NHWC', got 'CHWN'"),
    ({"input": IMAGES + 1j}, "Complex data not supported: input"),
])  # fmt: skip
def test_refused(change, message):
    arguments = {"input": IMAGES, "weight": KERNELS, "bias": None, **change}
    with pytest.raises(ValueError, match=message):
        F.conv2d(**arguments)


def test_scratch_is_bounded_for_wide_layers():
    """Blocks' sums take little beside images and gradient, or there is one block."""
    count_blocks = weights.count_blocks.py_func
    assert count_blocks(1000, 10_000, 4 * 512 * 512 * 9, 10**7) == 1
    assert count_blocks(1000, 50_000, 4 * 64 * 64 * 9, 25 * 10**6) == 4
    assert count_blocks(10**6, 10**6, 4 * 64 * 64 * 9, 5 * 10**8) == 62
