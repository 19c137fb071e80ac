"""Activations beside PyTorch: values, gradients, arrays of every kind, what they say of themselves.

Arrays of some hundred elements run kernels, smaller ones formulas; both are tested here.
"""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import fastml
from fastml import activations
from fastml import autodiff as ad
from fastml.autodiff._fused import SMALL

torch = pytest.importorskip("torch")
F = torch.nn.functional

# Ours, PyTorch's, parameters of ours.
FUNCTIONS = {
    "sigmoid": (activations.sigmoid, torch.sigmoid),
    "tanh": (activations.tanh, torch.tanh),
    "relu": (activations.relu, F.relu),
    "leaky_relu": (activations.leaky_relu, F.leaky_relu),
    "leaky_relu 0.3": (lambda x: activations.leaky_relu(x, 0.3), lambda x: F.leaky_relu(x, 0.3)),
    "elu": (activations.elu, F.elu),
    "elu 0.3": (lambda x: activations.elu(x, 0.3), lambda x: F.elu(x, 0.3)),
    "gelu": (activations.gelu, F.gelu),
    "gelu tanh": (
        lambda x: activations.gelu(x, approximate="tanh"), lambda x: F.gelu(x, approximate="tanh")
    ),
    "softplus": (activations.softplus, F.softplus),
    "identity": (activations.identity, lambda x: 1 * x),
    "softmax": (activations.softmax, lambda x: F.softmax(x, -1)),
    "softmax 0": (lambda x: activations.softmax(x, axis=0), lambda x: F.softmax(x, 0)),
    "log_softmax": (activations.log_softmax, lambda x: F.log_softmax(x, -1)),
    "log_softmax 0": (lambda x: activations.log_softmax(x, axis=0), lambda x: F.log_softmax(x, 0)),
}  # fmt: skip
OF_ROWS = {"softmax", "softmax 0", "log_softmax", "log_softmax 0"}
ELEMENTWISE = sorted(FUNCTIONS.keys() - OF_ROWS)
SHAPES = [(3, 5), (23, 31)]
assert SHAPES[0][0] * SHAPES[0][1] < SMALL < SHAPES[1][0] * SHAPES[1][1]


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


def close(ours, theirs, dtype, factor=1):
    rtol = factor * (1e-11 if dtype == np.float64 else 2e-6)
    assert ours.dtype == dtype
    theirs = theirs.detach().numpy()
    assert_allclose(ours, theirs, rtol=rtol, atol=rtol * max(1, np.abs(theirs).max()))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients_are_pytorchs(backend, name, shape, dtype):
    function, peer = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    values, seed = (rng.normal(0, 3, shape).astype(dtype) for _ in range(2))
    x, t = ad.variable(values), torch.tensor(values, requires_grad=True)
    y, z = function(x), peer(t)
    close(y.value, z, dtype)
    close(function(values), z, dtype)
    (g,) = ad.gradients(y, [x], seed)
    (expected,) = torch.autograd.grad(z, t, torch.tensor(seed), create_graph=True)
    close(g, expected, dtype)
    # The same gradient everywhere, which has no memory of its own.
    (g,) = ad.gradients(ad.sum(y), [x])
    close(g, torch.autograd.grad(z.sum(), t, retain_graph=True)[0], dtype)
    # Second order.
    (g,) = ad.gradients(y, [x], seed, create_graph=True)
    second = None
    if expected.requires_grad:
        (second,) = torch.autograd.grad((expected**2).sum(), t, allow_unused=True)
    if not isinstance(g, ad.Variable):
        # Pieces of straight lines.
        assert second is None or not second.any()
        return
    close(g.value, expected, dtype)
    (ours,) = ad.gradients(ad.sum(g * g), [x])
    close(ours, torch.zeros_like(t) if second is None else second, dtype, 5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("repeats", [1, SMALL])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_extreme_arguments(backend, name, repeats, dtype):
    function, peer = FUNCTIONS[name]
    values = np.tile(np.array([1e4, -1e4, np.inf, 100, -100, 0, np.nan, -np.inf], dtype), repeats)
    x, t = ad.variable(values), torch.tensor(values, requires_grad=True)
    y, z = function(x), peer(t)
    (g,) = ad.gradients(y, [x], np.ones_like(values))
    (expected,) = torch.autograd.grad(z.sum(), t)
    z, expected = z.detach().numpy(), expected.numpy()
    if name.startswith("gelu"):
        # Infinity times 0 is NaN in PyTorch; these are the limits.
        z[2::8], z[7::8], expected[2::8], expected[7::8] = np.inf, 0, 1, 0
        expected[0::8], expected[1::8] = 1, 0
    if name.startswith("elu"):
        # NaN in PyTorch's vectors, 1 in what they leave over.
        expected[6::8] = np.nan
    assert_allclose(y.value, z, rtol=1e-6, atol=1e-30)
    assert_allclose(g, expected, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("repeats", [1, SMALL])
def test_softmax_of_extreme_scores(backend, repeats):
    rows = [[1e4, -1e4, 0], [-np.inf, 0, 0], [3.2, 5.1, -1.7]]
    x = np.tile(np.array(rows), (repeats, 1))
    expected = F.softmax(torch.tensor(x), -1).numpy()
    assert_allclose(activations.softmax(x), expected, rtol=1e-14)
    logs = activations.log_softmax(x)
    assert_allclose(logs, F.log_softmax(torch.tensor(x), -1).numpy(), rtol=1e-14)
    assert logs[0, 1] == -2e4
    for poison in ([np.inf, 0, 0], [np.nan, 0, 0], [-np.inf] * 3):
        x[1] = poison
        for function in (activations.softmax, activations.log_softmax):
            y = function(x)
            assert np.isnan(y[1]).all()
            assert_allclose(np.exp(y[2]) if y[2, 0] < 0 else y[2], expected[2], rtol=1e-14)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    n=st.sampled_from([0, 1, 255, 256, 257, 8191, 8193]),
    name=st.sampled_from([name for name in FUNCTIONS if name not in OF_ROWS]),
    dtype=st.sampled_from([np.float32, np.float64, np.float16, ">f4", np.int64]),
    step=st.sampled_from([1, 2, -3]),
)
def test_any_array(n, name, dtype, step):
    function, _ = FUNCTIONS[name]
    x = np.random.default_rng(n).normal(0, 2, 3 * n).astype(dtype)[::step][:n]
    x.flags.writeable = False
    out = function(x)
    floats = x.astype(np.float64)
    with fastml.config_context(backend="reference"):
        expected = function(floats)
    native = np.dtype(dtype).newbyteorder("=")
    assert out.dtype == (native if native.kind == "f" else np.float64)
    eps = np.finfo(out.dtype).eps
    assert_allclose(out, expected, rtol=4 * eps, atol=16 * eps)
    if native.kind == "f" and native.itemsize > 2:
        v = ad.variable(x)
        (g,) = ad.gradients(function(v), [v], np.ones_like(x))
        w = ad.variable(floats)
        (expected,) = ad.gradients(function(w), [w], np.ones_like(floats))
        assert_allclose(g, expected, rtol=64 * eps, atol=64 * eps)


def test_bits_do_not_depend_on_threads():
    x = np.random.default_rng(0).normal(0, 3, (301, 401)).astype(np.float32)
    found = []
    for n in (1, 2):
        with fastml.config_context(num_threads=n):
            for function, _ in FUNCTIONS.values():
                v = ad.variable(x)
                y = function(v)
                found.append((y.value.tobytes(), ad.gradients(y, [v], x)[0].tobytes()))
    n = len(FUNCTIONS)
    assert found[:n] == found[n:]


def test_no_gradient_through_the_winner():
    x = ad.variable([[1.0, 3.0], [2.0, 0.0]])
    ad.sum(activations.winner_take_all(x) * x).backward()
    assert_array_equal(x.grad, [[0, 1], [1, 0]])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: activations.sigmoid([1j]), "Complex data not supported: x has dtype complex128"),
        (lambda: activations.relu(ad.variable([1j])), "Complex data not supported: x"),
        (lambda: activations.tanh(sp.csr_matrix([1.0])), "Sparse data was passed for x, but"),
        (lambda: activations.tanh(["a"]), "could not convert string to float"),
        (lambda: activations.gelu([1.0], approximate="erf"), "must be 'none' or 'tanh', got 'erf'"),
        (lambda: activations.elu([1.0], alpha=np.nan), "alpha must be a finite number, got nan"),
        (lambda: activations.leaky_relu([1.0], "a"), "negative_slope must be a finite number"),
        (lambda: activations.softmax(3.0), "axis -1 is out of bounds for array of dimension 0"),
        (lambda: activations.softmax([1.0], axis=1), "axis 1 is out of bounds"),
        (lambda: activations.log_softmax(np.ones((2, 0))), r"at least one unit along axis -1, got"),
        (lambda: activations.table("gelo"), "names must be of 'identity', .* got 'gelo'"),
        (lambda: activations.plot(["softmax"]), "names must be of functions of one number"),
    ],
)  # fmt: skip
def test_refusals(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


@pytest.mark.parametrize("a", activations.table(), ids=lambda a: a.name)
def test_the_table_tells_the_truth(a):
    several = a.name in {"softmax", "log_softmax", "winner_take_all"}
    x = np.stack([np.linspace(-40, 40, 8001), np.zeros(8001)], axis=1)
    v = ad.variable(x if several else x[:, 0])
    y = a.function(v)
    first = ad.sum(y[:, 0] if several else y)
    slope = np.zeros_like(x[:, 0])
    if first.needs_grad:
        (g,) = ad.gradients(first, [v])
        slope = g[:, 0] if several else g
    assert slope[4000] == pytest.approx(a.derivative_at_0)
    value = y.value[:, 0] if several else y.value
    low, high = a.range
    assert (value >= low).all()
    assert (value <= high).all()
    # Infinite bounds are gone to, finite ones come near.
    assert value.min() == pytest.approx(low, abs=1e-5) if low > -np.inf else value.min() < -0.3
    assert value.max() == pytest.approx(high, abs=1e-5) if high < np.inf else value.max() > 30
    ends = {(True, True): "nowhere", (False, True): "below 0", (True, False): "above 0"}
    flows = (abs(slope[0]) > 1e-3, abs(slope[-1]) > 1e-3)
    nothing = "both sides" if slope.any() else "everywhere"
    assert a.vanishes == ends.get(flows, nothing)
    assert a.can_vanish == (a.vanishes != "nowhere")


def test_the_table_is_printed():
    table = activations.table()
    lines = repr(table).splitlines()
    assert len(lines) == len(table) + 2
    assert lines[3].split("  ")[0] == "sigmoid"
    html = table._repr_html_()
    assert html.count("<tr>") == len(table) + 1
    assert r"$\frac{1}{1 + e^{-x}}$" in html
    assert set(activations.__all__) >= {a.name for a in table}


def test_the_plot_has_value_and_derivative():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure = activations.plot()
    titles = [ax.get_title().partition(":")[0] for ax in figure.axes]
    assert titles == [a.name for a in activations.table()][:8]
    (_, axes), names = plt.subplots(), ["relu", "tanh"]
    assert activations.plot(names, ax=axes) is axes.figure
    value, slope = axes.get_lines()[-2:]
    assert_allclose(value.get_ydata(), np.tanh(value.get_xdata()), atol=1e-12)
    assert_allclose(slope.get_ydata(), 1 - np.tanh(slope.get_xdata()) ** 2, atol=1e-12)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == names
    plt.close("all")
