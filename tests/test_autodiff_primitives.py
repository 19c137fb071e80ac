"""Gradients of every primitive, first and second order, beside PyTorch's and by differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from fastml import autodiff as ad
from fastml.autodiff._primitive import PRIMITIVES, recorded

from .autodiff_cases import cases, is_float, torch_function

ALL = [pytest.param(*case, id=f"{case[0]}-{case[1]}") for case in cases()]
# Functions of complex numbers too; the others compare, or read a triangle.
REAL_ONLY = {
    "arctan", "astype", "cholesky", "clip", "cumsum", "logsumexp", "max", "maximum", "min",
    "minimum", "sigmoid", "sign", "softmax", "softplus",
    "elu", "erf", "gelu", "gelu_tanh", "leaky_relu", "log_softmax", "relu", "winner_take_all",
    "binary_cross_entropy", "cross_entropy", "hinge", "penalty", "poisson",
    "softmax_cross_entropy", "squared", "squared_hinge",
    "avg_pool", "avg_pool_back", "batch_norm", "layer_norm", "max_pool",
    "convolve", "convolve_data", "convolve_weight",
    "dense", "dropout", "linear", "pack", "recurrent", "tree", "unpack",
    "add_rows", "take_rows",
}  # fmt: skip


def result_of(name, params):
    apply = recorded(PRIMITIVES[name])
    return lambda *inputs: apply(*inputs, **params)


def weights(shape, dtype=np.float64):
    """Return numbers to add the elements of a result up with, so that none cancels another."""
    return np.random.default_rng(1).uniform(0.5, 1.5, shape).astype(dtype)


def torch_gradients(torch, name, inputs, params, second):
    """Return PyTorch's gradients by the float inputs, of the result or of those gradients."""
    tensors = [
        torch.tensor(x, requires_grad=x.dtype.kind in "fc") if isinstance(x, np.ndarray) else x
        for x in inputs
    ]
    wanted = [t for t in tensors if torch.is_tensor(t) and t.requires_grad]
    out = torch_function(torch, name)(*tensors, **params)
    if out.is_complex():
        out = out.real + 0.5 * out.imag
    total = (out * torch.tensor(weights(tuple(out.shape), as_numpy(out).dtype))).sum()
    gradients = torch.autograd.grad(total, wanted, create_graph=second, allow_unused=True)
    gradients = [
        torch.zeros_like(t) if g is None else g for g, t in zip(gradients, wanted, strict=True)
    ]
    if second:
        combined = sum((g.abs() ** 2).sum() for g in gradients)
        if not combined.requires_grad:
            return [np.zeros(t.shape) for t in wanted]
        gradients = torch.autograd.grad(combined, wanted, allow_unused=True)
    return [
        np.zeros(t.shape) if g is None else as_numpy(g)
        for g, t in zip(gradients, wanted, strict=True)
    ]


def as_numpy(tensor):
    return tensor.detach().resolve_conj().resolve_neg().numpy(force=True)


def our_gradients(name, inputs, params, second):
    variables = [ad.variable(x) if _differentiable(x) else x for x in inputs]
    wanted = [x for x in variables if isinstance(x, ad.Variable)]
    out = result_of(name, params)(*variables)
    if not isinstance(out, ad.Variable) or not out.needs_grad:
        return [np.zeros_like(x.value) for x in wanted]
    if out.dtype.kind == "c":
        out = ad.real(out) + 0.5 * ad.imag(out)
    total = ad.sum(out * weights(out.shape, out.dtype))
    if not second:
        return ad.gradients(total, wanted)
    first = ad.gradients(total, wanted, create_graph=True)
    combined = sum(ad.sum(ad.absolute(g) ** 2) for g in first)
    if not isinstance(combined, ad.Variable) or not combined.needs_grad:
        return [np.zeros_like(x.value) for x in wanted]
    return ad.gradients(combined, wanted)


def _differentiable(x):
    return isinstance(x, np.ndarray) and x.dtype.kind in "fc"


def close(ours, theirs, rtol):
    for got, expected in zip(ours, theirs, strict=True):
        assert got.shape == expected.shape
        assert_allclose(got, expected, rtol=rtol, atol=rtol * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("second", [False, True], ids=["first", "second"])
@pytest.mark.parametrize("name, number, inputs, params", ALL)
def test_gradients_are_pytorchs(name, number, inputs, params, second):
    torch = pytest.importorskip("torch")
    # A conversion to float32 is that exact, and no more.
    rtol = 1e-6 if name == "astype" else 1e-10
    theirs = torch_gradients(torch, name, inputs, params, second)
    close(our_gradients(name, inputs, params, second), theirs, rtol)
    single = [x.astype(np.float32) if _differentiable(x) else x for x in inputs]
    theirs = torch_gradients(torch, name, single, params, second)
    ours = our_gradients(name, single, params, second)
    assert {g.dtype for g in ours} <= {np.dtype(np.float32)}
    close(ours, theirs, 1e-4)


@pytest.mark.parametrize(
    "name, number, inputs, params", [p for p in ALL if p.values[0] not in REAL_ONLY]
)
def test_gradients_by_complex_inputs_are_pytorchs(name, number, inputs, params):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    inputs = [x + 0.3j * rng.standard_normal(x.shape) if _differentiable(x) else x for x in inputs]
    for second in (False, True):
        theirs = torch_gradients(torch, name, inputs, params, second)
        close(our_gradients(name, inputs, params, second), theirs, 1e-10)


@pytest.mark.parametrize("name, number, inputs, params", ALL)
def test_gradients_are_what_differences_say(name, number, inputs, params):
    if name == "astype":
        return  # differences in float32 say little
    floats = [x for x in inputs if is_float(x)]
    f = result_of(name, params)
    shape = np.shape(f(*inputs))

    def total(*xs):
        if name == "cholesky":
            # Reads one triangle: a matrix that stays symmetric has a gradient by both.
            xs = [0.5 * (x + x.T) for x in xs]
        rest = iter(xs)
        args = [next(rest) if is_float(x) else x for x in inputs]
        return ad.sum(f(*args) * weights(shape))

    assert ad.check_grad(total, *floats, rtol=1e-7).error <= 1e-7


def test_every_primitive_says_how_it_is_written():
    params = {name: params for name, _, _, params in cases()}
    for name, primitive in PRIMITIVES.items():
        n = 3 if isinstance(primitive.adjoints, ad.Each) else len(primitive.adjoints)
        inputs = ["a", "b", "c"][:n]
        assert "a" in primitive.text.format(*inputs, **params[name]), name
        assert primitive.latex.format(*inputs, **params[name]), name
        for text, latex in primitive.partials:
            text.format(*inputs, **params[name])
            latex.format(*inputs, **params[name])
