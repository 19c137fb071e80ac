"""Batch and layer normalisation beside PyTorch's."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fastml
from fastml import autodiff as ad
from fastml.nn import functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional

SHAPES = ((6, 5), (2, 7), (4, 3, 11), (3, 4, 5, 6), (40, 17, 6, 7), (300, 66))


def both_ways(function, arrays, seed):
    variables = [ad.variable(a) for a in arrays]
    out = function(*variables)
    return [out.value, *ad.gradients(out, variables, seed)]


def both_ways_of_torch(function, arrays, seed):
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    out = function(*tensors)
    found = torch.autograd.grad(out, tensors, torch.tensor(seed))
    return [out.detach().numpy(), *(g.numpy() for g in found)]


def close(ours, theirs, dtype):
    tolerance = 2e-4 if dtype == np.float32 else 1e-10
    for got, wanted in zip(ours, theirs, strict=True):
        assert got.dtype == dtype
        assert_allclose(got, wanted, rtol=tolerance, atol=tolerance * max(1, abs(wanted).max()))


def drawn(dtype, *shapes):
    rng = np.random.default_rng(0)
    return [(1 + rng.standard_normal(shape)).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_is_pytorchs(shape, dtype, training):
    c = (shape[1],)
    x, weight, bias, g, mean = drawn(dtype, shape, c, c, shape, c)
    var = np.abs(mean) + dtype(0.5)
    theirs_running, ours_running = torch.tensor(mean), mean.copy()
    theirs_var, ours_var = torch.tensor(var), var.copy()
    theirs = both_ways_of_torch(
        lambda x, w, b: TF.batch_norm(x, theirs_running, theirs_var, w, b, training, 0.3, 1e-3),
        (x, weight, bias), g,
    )  # fmt: skip
    ours = both_ways(
        lambda x, w, b: F.batch_norm(x, ours_running, ours_var, w, b, training, 0.3, 1e-3),
        (x, weight, bias), g,
    )  # fmt: skip
    close(ours, theirs, dtype)
    close([ours_running, ours_var], [theirs_running.numpy(), theirs_var.numpy()], dtype)
    # Channels last: the same numbers.
    last = both_ways(
        lambda x, w, b: F.batch_norm(x, mean, var, w, b, training, 0.3, 1e-3, layout="NHWC"),
        (np.moveaxis(x, 1, -1), weight, bias), np.moveaxis(g, 1, -1),
    )  # fmt: skip
    last[:2] = [np.moveaxis(a, -1, 1) for a in last[:2]]
    close(last, theirs, dtype)


@pytest.mark.parametrize("n_axes", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(6, 5), (3, 4, 5), (250, 3, 40), (2, 1, 3000)])
def test_layer_norm_is_pytorchs(shape, dtype, n_axes):
    tail = shape[-n_axes:]
    x, weight, bias, g = drawn(dtype, shape, tail, tail, shape)
    ours = both_ways(lambda x, w, b: F.layer_norm(x, tail, w, b), (x, weight, bias), g)
    theirs = both_ways_of_torch(lambda x, w, b: TF.layer_norm(x, tail, w, b), (x, weight, bias), g)
    close(ours, theirs, dtype)


def test_without_weights():
    (x,) = drawn(np.float64, (5, 4))
    tensor = torch.tensor(x)
    close([F.layer_norm(x, 4)], [TF.layer_norm(tensor, (4,)).numpy()], np.float64)
    theirs = TF.batch_norm(tensor, None, None, training=True).numpy()
    close([F.batch_norm(x, None, None, training=True)], [theirs], np.float64)


def test_large_means_do_not_spoil_variances():
    x = (1e4 + np.random.default_rng(0).standard_normal((5000, 3))).astype(np.float32)
    out = F.batch_norm(x, None, None, training=True)
    centred = x - x.astype(np.float64).mean(0)
    assert_allclose(out, centred / centred.std(0), atol=1e-3)


def test_dtypes_and_backends():
    (x,) = drawn(np.float64, (6, 4))
    assert F.layer_norm(x.astype(np.float16), 4).dtype == np.float16
    assert F.batch_norm(x.astype(">f4"), None, None, training=True).dtype == np.float32
    assert F.layer_norm([[1, 2], [3, 5]], 2).dtype == np.float64
    expected = F.layer_norm(x, 4)
    with fastml.config_context(backend="reference"):
        assert_allclose(F.layer_norm(x, 4), expected, rtol=1e-12)


def test_bits_do_not_depend_on_threads():
    x, w, b, g = drawn(np.float32, (2000, 33), (33,), (33,), (2000, 33))
    for function in (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
        lambda x, w, b: F.layer_norm(x, 33, w, b),
    ):
        runs = []
        for threads in (1, 2):
            with fastml.config_context(num_threads=threads):
                runs.append([a.tobytes() for a in both_ways(function, (x, w, b), g)])
        assert runs[0] == runs[1]


X = np.ones((3, 4))


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: F.batch_norm(X[:1], None, None, training=True), "more than 1 value per channel"),
        (lambda: F.batch_norm(X, None, None), "needs running_mean"),
        (lambda: F.batch_norm(X, np.ones(3), np.ones(4)), r"running_mean must be .*\(4,\)"),
        (lambda: F.batch_norm(X, np.ones(4), None), "running_var must be"),
        (lambda: F.batch_norm(X, np.ones(4), np.ones(4), np.ones(3)), "weight must have shape"),
        (lambda: F.batch_norm(X[0], None, None, training=True), "at least 2 dimensions"),
        (lambda: F.batch_norm(X, None, None, training=True, eps=-1), "eps must be"),
        (lambda: F.batch_norm(X, None, None, training=True, layout="CHW"), "layout must be"),
        (lambda: F.layer_norm(X, 3), r"expects input of shape"),
        (lambda: F.layer_norm(X, 4, bias=np.ones(3)), "bias must have shape"),
        (lambda: F.layer_norm(X + 1j, 4), "Complex data not supported"),
    ],
)
def test_what_is_impossible_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
