"""ONNX's published tests of its operators, run through fastml.nn.functional."""

import functools
import importlib
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastml.nn import functional as F

onnx = pytest.importorskip("onnx")

# Modules of `onnx.backend.test.case.node`; all of them together take ten seconds to make.
MODULES = (
    "averagepool", "batch_normalization", "conv", "gemm", "globalaveragepool", "globalmaxpool",
    "gru", "layernormalization", "lstm", "maxpool", "rnn", "softmax",
)  # fmt: skip
# How many cases of each operator there are in onnx 1.18 to 1.23, at least.
LEAST = {
    "AveragePool": 14, "BatchNormalization": 4, "Conv": 6, "Gemm": 11, "GlobalAveragePool": 2,
    "GlobalMaxPool": 2, "GRU": 4, "LSTM": 3, "LayerNormalization": 19, "MaxPool": 14, "RNN": 4,
    "Softmax": 7,
}  # fmt: skip


def out_of_scope(node, inputs):
    """Return why a case is not for us; nothing for one that is."""
    if node.op_type not in LEAST:
        return "an operator written out in terms of others, to test those"
    x = inputs[0]
    if node.op_type == "LSTM" and len(node.input) == 8:
        return "peepholes: cells that gates look at"
    if x.dtype.kind != "f":
        return "integers: PyTorch's functions, whose names ours have, take none"
    if node.op_type.endswith("Pool") and x.ndim > 4:
        return "three axes to slide along: images and sequences have two and one"
    return ""


def collected():
    """Return (name, node, inputs, outputs) of all cases of the operators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = importlib.import_module("onnx.backend.test.case.node")
        for module in MODULES:
            importlib.import_module(f"{package.__name__}.{module}")
    found = {}
    for case in package._NodeTestCases:
        for inputs, outputs in case.data_sets:
            found[case.name] = case.model.graph.node[0], inputs, outputs
    return [(name, *case) for name, case in found.items()]


ALL = collected()
MINE = [case for case in ALL if not out_of_scope(*case[1:3])]


def attributes_of(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def pads_of(given, x, kernel):
    """Return pairs (before, after) for each axis that windows slide along."""
    n = len(kernel)
    mode = given.get("auto_pad", b"NOTSET").decode()
    if mode in ("NOTSET", "VALID"):
        pads = given.get("pads", [0] * (2 * n))
        return tuple(zip(pads[:n], pads[n:], strict=True))
    found = []
    sizes = zip(x.shape[2:], kernel, *(given.get(k, [1] * n) for k in ("strides", "dilations")),
                strict=True)  # fmt: skip
    for size, k, stride, dilation in sizes:
        total = max((-(-size // stride) - 1) * stride + dilation * (k - 1) + 1 - size, 0)
        half, rest = total // 2, total - total // 2
        found.append((half, rest) if mode == "SAME_UPPER" else (rest, half))
    return tuple(found)


def sliding(given, x, kernel):
    """Return kernel, stride and padding as our functions take them."""
    n = len(kernel)
    return tuple(kernel), tuple(given.get("strides", [1] * n)), pads_of(given, x, kernel)


def max_pool(given, x):
    kernel, stride, pads = sliding(given, x, given["kernel_shape"])
    function = F.max_pool1d if x.ndim == 3 else F.max_pool2d
    dilation = tuple(given.get("dilations", [1] * len(kernel)))
    ceil_mode = bool(given.get("ceil_mode", 0))
    out, indices = function(x, kernel, stride, pads, dilation, ceil_mode, return_indices=True)
    # Indices are those of the whole tensor, or of its planes transposed.
    plane = int(np.prod(x.shape[2:]))
    if given.get("storage_order", 0):
        indices = indices % x.shape[3] * x.shape[2] + indices // x.shape[3]
    first = np.arange(x.shape[0] * x.shape[1]) * plane
    return out, indices + first.reshape(*x.shape[:2], *[1] * len(kernel))


def average_pool(given, x):
    kernel, stride, pads = sliding(given, x, given["kernel_shape"])
    dilations = given.get("dilations", [1])
    if max(dilations) > 1:
        # PyTorch's function has none; a mean of distant elements is a convolution.
        assert not np.any(pads)
        weight = np.full((x.shape[1], 1, *kernel), 1 / np.prod(kernel), x.dtype)
        return (F.conv2d(x, weight, None, stride, 0, tuple(dilations), x.shape[1]),)
    function = F.avg_pool1d if x.ndim == 3 else F.avg_pool2d
    include = bool(given.get("count_include_pad", 0))
    return (function(x, kernel, stride, pads, bool(given.get("ceil_mode", 0)), include),)


def conv(given, x, weight, bias=None):
    _, stride, pads = sliding(given, x, weight.shape[2:])
    assert all(before == after for before, after in pads)
    function = F.conv1d if x.ndim == 3 else F.conv2d
    dilation = tuple(given.get("dilations", [1] * len(stride)))
    padding = tuple(before for before, _ in pads)
    return (function(x, weight, bias, stride, padding, dilation, given.get("group", 1)),)


def gemm(given, a, b, c=0.0):
    a = a.T if given.get("transA", 0) else a
    weight = b if given.get("transB", 0) else b.T
    return (given.get("alpha", 1.0) * F.linear(a, weight) + given.get("beta", 1.0) * c,)


def softmax(given, x):
    return (F.softmax(x, given.get("axis", -1)),)


def batch_norm(given, x, scale, bias, mean, var):
    training, eps = bool(given.get("training_mode", 0)), given.get("epsilon", 1e-5)
    keep = given.get("momentum", 0.9)
    new_mean, new_var = mean.copy(), var.copy()
    out = F.batch_norm(x, new_mean, new_var, scale, bias, training, 1 - keep, eps)
    # ONNX's running variance is over n, PyTorch's over n - 1.
    n = x.size // x.shape[1]
    new_var = keep * var + (new_var - keep * var) * (n - 1) / n
    return out, new_mean, new_var


def layer_norm(given, x, scale, bias=None):
    axis = given.get("axis", -1)
    return (F.layer_norm(x, x.shape[axis:], scale, bias, given.get("epsilon", 1e-5)),)


# Gates of ONNX in the order of PyTorch.
GATES = {"RNN": [0], "GRU": [1, 0, 2], "LSTM": [0, 2, 3, 1]}


def recurrent(op, given, x, W, R, B=None, lengths=None, *first):
    """Run a layer; ONNX has an axis of directions, and its own order of gates."""
    n, last = R.shape[2], given.get("layout", 0)
    B = np.zeros((len(W), 2 * W.shape[1]), x.dtype) if B is None else B

    def ordered(a):
        return a.reshape(-1, n, *a.shape[1:])[GATES[op]].reshape(a.shape)

    weights = [
        (ordered(W[i]), ordered(R[i]), ordered(B[i, : W.shape[1]]), ordered(B[i, W.shape[1] :]))
        for i in range(len(W))
    ]
    options = {"batch_first": bool(last), "bidirectional": len(W) == 2, "lengths": lengths}
    if op == "GRU":
        options["reset_after"] = bool(given.get("linear_before_reset", 0))
    first = [a.swapaxes(0, 1) if last else a for a in first]
    hx = None if not first else tuple(first) if op == "LSTM" else first[0]
    # A single layer that runs backwards is one that is given its input so.
    way = -1 if given.get("direction") == b"reverse" else 1
    turned = (slice(None), slice(None, None, way))[:: 1 if last else -1]
    y, ends = getattr(F, op.lower())(x[turned], weights, hx, **options)
    ends = ends if op == "LSTM" else (ends,)
    y = y[turned].reshape(*y.shape[:2], len(W), n)
    return y if last else y.swapaxes(1, 2), *(a.swapaxes(0, 1) if last else a for a in ends)


RUN = {
    **{op: functools.partial(recurrent, op) for op in GATES},
    "AveragePool": average_pool, "BatchNormalization": batch_norm, "Conv": conv, "Gemm": gemm,
    "GlobalAveragePool": lambda given, x: (F.global_avg_pool2d(x),),
    "GlobalMaxPool": lambda given, x: (F.global_max_pool2d(x),),
    "LayerNormalization": layer_norm, "MaxPool": max_pool, "Softmax": softmax,
}  # fmt: skip


@pytest.mark.parametrize("name, node, inputs, outputs", MINE, ids=[case[0] for case in MINE])
def test_onnx_case(name, node, inputs, outputs):
    inputs = iter(inputs)
    given = [next(inputs) if name else None for name in node.input]
    found = RUN[node.op_type](attributes_of(node), *given)
    if node.op_type in GATES:
        found = [a for a, name in zip(found, node.output, strict=False) if name]
    # Statistics of layer normalisation are not results of ours.
    for got, expected in zip(found, outputs, strict=node.op_type == "BatchNormalization" and
                             len(outputs) == 3):  # fmt: skip
        if expected.dtype.kind in "iu":
            assert_array_equal(got, expected)
            continue
        assert got.dtype == expected.dtype
        # As ONNX's own runner of these cases.
        assert_allclose(got, expected, rtol=1e-3, atol=1e-7)


def test_there_are_as_many_cases_as_published():
    counts = {op: sum(case[1].op_type == op for case in MINE) for op in LEAST}
    assert all(counts[op] >= least for op, least in LEAST.items()), counts
    reasons = [out_of_scope(*case[1:3]) for case in ALL]
    assert sum("peepholes" in reason for reason in reasons) == 1
    # What is left out: one of integers, pools along three axes, and what ONNX writes out itself.
    assert sum("integers" in reason for reason in reasons) == 1
    three_axes = [c[0] for c, why in zip(ALL, reasons, strict=True) if "three" in why]
    assert three_axes
    assert all("3d" in name for name in three_axes)
    written_out = [c[0] for c, why in zip(ALL, reasons, strict=True) if "written out" in why]
    assert all("expanded" in name for name in written_out)
