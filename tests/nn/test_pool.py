"""Pooling beside PyTorch's, on random configurations; what it refuses; what it keeps."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastml
from fastml import autodiff as ad
from fastml.nn import functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional

N_RANDOM = 500
TO_LAST = {1: (0, 2, 1), 2: (0, 2, 3, 1)}
TO_FIRST = {0: (0, 1, 2, 3), 1: (0, 2, 1), 2: (0, 3, 1, 2)}
LAST = {1: "NLC", 2: "NHWC"}


def both_ways(function, x, seed, layout=None):
    """Return a result and its gradient by x, by fastml."""
    v = ad.variable(x)
    out = function(v) if layout is None else function(v, layout=layout)
    return out.value, ad.gradients(out, [v], seed)[0]


def both_ways_of_torch(function, x, seed):
    v = torch.tensor(x, requires_grad=True)
    out = function(v)
    return out.detach().numpy(), torch.autograd.grad(out, v, torch.tensor(seed))[0].numpy()


def configuration(seed):
    """Return a random function's name, input and parameters that PyTorch takes."""
    rng = np.random.default_rng(seed)
    n_axes, dtype = int(rng.integers(1, 3)), (np.float32, np.float64)[seed % 2]
    name = ("max", "avg")[int(rng.integers(2))]
    n, c = rng.integers(1, 4), int(rng.choice([1, 2, 3, 5, 16, 33]))
    sizes = rng.integers(1, 41, n_axes)
    kernel = [int(rng.integers(1, min(s, 7 if rng.random() < 0.8 else 40) + 1)) for s in sizes]
    params = {"kernel_size": tuple(kernel), "ceil_mode": bool(rng.integers(2))}
    if rng.random() < 0.8:
        params["stride"] = tuple(int(rng.integers(1, 5)) for _ in kernel)
    dilation = [1] * n_axes
    if name == "max" and rng.random() < 0.5:
        most = [(s - 1) // max(k - 1, 1) for s, k in zip(sizes, kernel, strict=True)]
        dilation = [int(rng.integers(1, max(min(m, 4), 1) + 1)) for m in most]
        params["dilation"] = tuple(dilation)
    params["padding"] = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
    if name == "avg":
        params["count_include_pad"] = bool(rng.integers(2))
        if n_axes == 2 and rng.random() < 0.3:
            params["divisor_override"] = int(rng.integers(1, 9))
    x = rng.standard_normal((n, c, *sizes)).astype(dtype)
    if name == "max" and rng.random() < 0.3:
        x = np.round(x)
    return f"{name}_pool{n_axes}d", x, params


def close_to_pytorchs(seed):
    """Compare a random function with PyTorch's in both layouts, forward and backward."""
    name, x, params = configuration(seed)
    theirs = getattr(TF, name)(torch.tensor(x), **params)
    g = np.random.default_rng(seed).standard_normal(theirs.shape).astype(x.dtype)
    expected = both_ways_of_torch(lambda v: getattr(TF, name)(v, **params), x, g)
    # Sums over up to 1600 elements, in another order than PyTorch's.
    tolerance = 200 * np.finfo(x.dtype).eps
    n_axes = x.ndim - 2
    orders = ((None, TO_FIRST[0], TO_FIRST[0]), (LAST[n_axes], TO_LAST[n_axes], TO_FIRST[n_axes]))
    for layout, there, back in orders:
        given, seeds = (a.transpose(there[: a.ndim]) for a in (x, g))
        ours = both_ways(lambda v, **k: getattr(F, name)(v, **params, **k), given, seeds, layout)
        for got, wanted in zip(ours, expected, strict=True):
            assert got.dtype == x.dtype
            assert_allclose(
                got.transpose(back[: x.ndim]), wanted, rtol=tolerance, atol=tolerance,
                err_msg=f"{seed}: {name} {params}",
            )  # fmt: skip


@pytest.mark.parametrize("first", range(0, N_RANDOM, 100))
def test_random_configurations_are_pytorchs(first):
    for seed in range(first, first + 100):
        close_to_pytorchs(seed)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_indices_are_pytorchs(layout):
    x = np.round(np.random.default_rng(0).standard_normal((2, 5, 13, 17)), 1)
    x[0, 0, 3, 3], x[1, 2, 5, 5:7] = np.inf, np.nan
    for params in (
        {"kernel_size": 2},
        {"kernel_size": (3, 2), "stride": (2, 1), "padding": 1, "ceil_mode": True},
        {"kernel_size": 3, "dilation": (2, 3)},
        {"kernel_size": (13, 17)},
    ):
        expected, where = TF.max_pool2d(torch.tensor(x), **params, return_indices=True)
        given = x if layout == "NCHW" else x.transpose(TO_LAST[2])
        out, indices = F.max_pool2d(given, **params, return_indices=True, layout=layout)
        assert indices.dtype == np.int64
        if layout == "NHWC":
            out, indices = out.transpose(TO_FIRST[2]), indices.transpose(TO_FIRST[2])
        assert_array_equal(out, expected.numpy())
        assert_array_equal(indices, where.numpy())


def test_indices_along_sequences_are_pytorchs():
    x = np.random.default_rng(0).standard_normal((2, 3, 40)).astype(np.float32)
    expected, where = TF.max_pool1d(torch.tensor(x), 5, 2, 1, return_indices=True)
    out, indices = F.max_pool1d(x, 5, 2, 1, return_indices=True)
    assert_array_equal(out, expected.numpy())
    assert_array_equal(indices, where.numpy())


def test_large_windows_have_indices_too():
    x = np.random.default_rng(0).standard_normal((2, 40, 40, 5))
    window = {"kernel_size": 20, "stride": 3}
    _, where = TF.max_pool2d(torch.tensor(x.transpose(TO_FIRST[2])), **window, return_indices=True)
    _, indices = F.max_pool2d(x, **window, return_indices=True, layout="NHWC")
    assert_array_equal(indices.transpose(TO_FIRST[2]), where.numpy())


@pytest.mark.parametrize("shape", [(3, 2, 9, 12), (2, 9, 12), (2, 3, 7, 7), (0, 3, 4, 4)])
@pytest.mark.parametrize("size", [1, (3, 4), (None, 5), 2])
def test_adaptive_and_global_pooling_are_pytorchs(shape, size):
    x = np.random.default_rng(0).standard_normal(shape)
    if 0 not in shape:
        expected = TF.adaptive_avg_pool2d(torch.tensor(x), size).numpy()
        assert_allclose(F.adaptive_avg_pool2d(x, size), expected, rtol=1e-12, atol=1e-14)
        last = np.moveaxis(
            F.adaptive_avg_pool2d(np.moveaxis(x, -3, -1), size, layout="NHWC"), -1, -3
        )
        assert_allclose(last, expected, rtol=1e-12, atol=1e-14)
    for layout in ("NCHW", "NHWC"):
        axes = (-2, -1) if layout == "NCHW" else (-3, -2)
        mean, top = (f(x, layout=layout) for f in (F.global_avg_pool2d, F.global_max_pool2d))
        assert_allclose(mean, x.mean(axes, keepdims=True), rtol=1e-12, atol=1e-15)
        assert_array_equal(top, x.max(axes, keepdims=True))


def test_gradients_of_global_pooling_are_pytorchs():
    x, g = (np.random.default_rng(0).standard_normal(s) for s in ((2, 3, 6, 7), (2, 3, 1, 1)))
    for ours, theirs in (
        (F.global_avg_pool2d, TF.adaptive_avg_pool2d), (F.global_max_pool2d, TF.adaptive_max_pool2d)
    ):  # fmt: skip
        expected = both_ways_of_torch(lambda v: theirs(v, 1), x, g)  # noqa: B023
        for got, wanted in zip(both_ways(ours, x, g), expected, strict=True):
            assert_allclose(got, wanted, rtol=1e-12)
    g = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    expected = both_ways_of_torch(lambda v: TF.adaptive_avg_pool2d(v, (4, 5)), x, g)
    ours = both_ways(lambda v: F.adaptive_avg_pool2d(v, (4, 5)), x, g)
    for got, wanted in zip(ours, expected, strict=True):
        assert_allclose(got, wanted, rtol=1e-12, atol=1e-14)
    assert F.adaptive_avg_pool1d(x[0], 3).shape == (3, 6, 3)


@pytest.mark.parametrize("function", [F.max_pool2d, F.avg_pool2d])
def test_unequal_pads_are_those_of_a_padded_image(function):
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 7))
    fill = -np.inf if function is F.max_pool2d else 0
    padded = np.pad(x, ((0, 0), (0, 0), (0, 2), (1, 0)), constant_values=fill)
    assert_allclose(function(x, 3, 2, ((0, 2), (1, 0))), function(padded, 3, 2), rtol=1e-14)


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.astype(">f4"), lambda x: np.asfortranarray(x), lambda x: x.tolist(),
        lambda x: x[:, ::-1][:, ::-1], lambda x: np.round(x).astype(int), lambda x: x > 0,
        lambda x: x.astype(np.float16), lambda x: x.astype(object),
    ],
)  # fmt: skip
def test_input_of_any_kind(convert):
    x = convert(4 * np.random.default_rng(0).standard_normal((2, 3, 6, 7)))
    plain = np.asarray(x).astype(float)
    out = F.max_pool2d(x, 2)
    assert_array_equal(out, F.max_pool2d(plain, 2))
    dtype = np.asarray(x).dtype
    assert out.dtype == (dtype.newbyteorder("=") if dtype.kind == "f" else np.float64)


def test_read_only_input_is_left_alone():
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 7))
    before = x.copy()
    x.flags.writeable = False
    both_ways(lambda v: F.max_pool2d(v, 2), x, np.ones((2, 3, 3, 3)))
    both_ways(lambda v: F.avg_pool2d(v, 2), x, np.ones((2, 3, 3, 3)))
    assert_array_equal(x, before)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_bits_do_not_depend_on_threads(n_threads):
    x = np.random.default_rng(0).standard_normal((9, 30, 31, 8)).astype(np.float32)
    found = {}
    for threads in (1, n_threads):
        with fastml.config_context(num_threads=threads):
            for f in (F.max_pool2d, F.avg_pool2d):
                v = ad.variable(x)
                out = f(v, 3, 2, 1, layout="NHWC")
                g = ad.gradients(out, [v], np.sin(out.value))[0]
                found.setdefault(f, []).append(out.value.tobytes() + g.tobytes())
    assert all(runs[0] == runs[1] for runs in found.values())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize("window", [(2, 2), (3, 2, 1)])
def test_bits_do_not_depend_on_the_batch(name, window, dtype):
    x = np.random.default_rng(0).standard_normal((37, 2, 21, 18)).astype(dtype)

    def both_ways(images):
        v = ad.variable(images)
        out = getattr(F, name)(v, *window)
        return out.value, ad.gradients(out, [v], np.cos(out.value))[0]

    whole = both_ways(x)
    for part in (slice(3, 4), slice(5, 12), slice(0, 20)):
        for wanted, found in zip(whole, both_ways(x[part]), strict=True):
            assert_array_equal(found, wanted[part])


def test_reference_backend_agrees():
    x = np.random.default_rng(0).standard_normal((2, 3, 9, 8))
    for f in (F.max_pool2d, F.avg_pool2d):
        expected = f(x, 3, 2, 1)
        with fastml.config_context(backend="reference"):
            assert_allclose(f(x, 3, 2, 1), expected, rtol=1e-14)


X = np.zeros((2, 3, 5, 5))


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: F.max_pool2d(X, 6), "max_pool2d of input of shape"),
        (lambda: F.max_pool2d(X, 3, dilation=3), "reaches over"),
        (lambda: F.max_pool2d(X, 3, padding=2), "padding must be at most half"),
        (lambda: F.avg_pool2d(X, 3, padding=((0, 3), (0, 0))), "padding must be smaller"),
        (lambda: F.max_pool2d(X, 3, padding=((0, 1),)), "2 pairs"),
        (lambda: F.max_pool2d(X, 0), "kernel_size must be an integer of at least 1, got 0"),
        (lambda: F.max_pool2d(X, (1, 2, 3)), "kernel_size must be an integer or a pair"),
        (lambda: F.max_pool2d(X, 2.5), "kernel_size must be an integer"),
        (lambda: F.max_pool2d(X, 2, 0), "stride must be an integer of at least 1"),
        (lambda: F.max_pool2d(X, 2, dilation=0), "dilation must be"),
        (lambda: F.avg_pool2d(X, 2, divisor_override=0), "divisor_override"),
        (lambda: F.max_pool2d(X[0, 0], 2), "3 or 4 dimensions"),
        (lambda: F.max_pool1d(X, 2), "2 or 3 dimensions"),
        (lambda: F.max_pool2d(np.zeros((2, 0, 5, 5)), 2), "elements along every axis"),
        (lambda: F.max_pool2d(X, 2, layout="NCL"), "layout must be 'NCHW' or 'NHWC'"),
        (lambda: F.adaptive_avg_pool2d(X, 0), "output_size must be an integer of at least 1"),
        (lambda: F.adaptive_avg_pool2d(X, (1, 2, 3)), "output_size must have 2"),
        (lambda: F.max_pool2d(X + 1j, 2), "Complex data not supported"),
        (lambda: F.max_pool2d([["a"]], 2), "could not convert|dimensions"),
    ],
)
def test_what_is_impossible_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


@pytest.mark.parametrize("params", [
    {"kernel_size": 6}, {"kernel_size": 3, "padding": 2}, {"kernel_size": 0},
    {"kernel_size": 2, "stride": 0},
])  # fmt: skip
def test_pytorch_refuses_the_same(params):
    for name in ("max_pool2d", "avg_pool2d"):
        with pytest.raises(RuntimeError):
            getattr(TF, name)(torch.tensor(X), **params)
        with pytest.raises(ValueError, match=r"must be|would have"):
            getattr(F, name)(X, **params)
