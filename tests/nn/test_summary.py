"""Shapes, numbers of parameters and summaries: beside formulas, and beside PyTorch."""

import doctest
import itertools

import numpy as np
import pytest

import fastml.nn
from fastml import autodiff as ad
from fastml.nn import (
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    DropConnect,
    Dropout,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    MaxPool1D,
    MaxPool2D,
    Network,
    Residual,
    Sequential,
    conv_n_params,
    conv_output_shape,
    dense_n_params,
    flip_kernel,
    summary,
)

LENET = [
    Conv2D(6, 5, "tanh", padding=2), MaxPool2D(), Conv2D(16, 5, "tanh"), MaxPool2D(), Flatten(),
    Dense(120, "tanh"), Dense(84, "tanh"), Dense(10),
]  # fmt: skip


@pytest.mark.parametrize(
    "width, kernel, stride, padding, expected",
    # Known networks: AlexNet's first layers, VGG's, ResNet's first, LeNet's.
    [(227, 11, 4, 0, 55), (27, 5, 1, 2, 27), (224, 3, 1, 1, 224), (224, 7, 2, 3, 112),
     (28, 5, 1, 0, 24), (7, 3, 2, 0, 3), (32, 5, 1, "same", 32), (33, 5, 2, "same", 17)],
)  # fmt: skip
def test_output_shape(width, kernel, stride, padding, expected):
    assert conv_output_shape(width, kernel, stride=stride, padding=padding) == expected
    found = conv_output_shape((width, 40), (kernel, 1), stride=(stride, 3), padding=padding)
    assert found == (expected, conv_output_shape(40, 1, stride=3, padding=padding))


def test_shapes_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for _ in range(200):
        size, kernel, stride, dilation = (int(rng.integers(1, n)) for n in (30, 6, 4, 4))
        padding, ceil_mode = int(rng.integers(0, kernel // 2 + 1)), bool(rng.integers(2))
        x = torch.zeros(1, 3, size)
        named = {"stride": stride, "padding": padding, "dilation": dilation}
        pooled = {**named, "ceil_mode": ceil_mode}
        for make, arguments, layer in (
            (torch.nn.Conv1d, (3, 4, kernel), Conv1D(4, kernel, **named)),
            (torch.nn.MaxPool1d, (kernel,), MaxPool1D(kernel, **pooled)),
        ):
            options = named if make is torch.nn.Conv1d else pooled
            theirs = make(*arguments, **options)
            try:
                expected = tuple(theirs(x).shape[1:])
            except RuntimeError:
                with pytest.raises(ValueError, match="does not fit"):
                    layer.output_shape((size, 3))
                continue
            assert layer.output_shape((size, 3)) == expected[::-1]
            if make is torch.nn.Conv1d:
                n = sum(p.numel() for p in theirs.parameters())
                assert conv_n_params([kernel], 3, 4) == n == Network(layer, (size, 3)).n_parameters


def test_numbers_of_parameters():
    # LeCun's LeNet with full connections, VGG's first dense layer, a depthwise convolution.
    assert [conv_n_params(5, 1, 6), conv_n_params((5, 5), 6, 16)] == [156, 2416]
    assert conv_n_params(3, 8, 8, groups=8) == 80
    assert conv_n_params(3, 8, 8, groups=8, bias=False) == 72
    assert dense_n_params((7, 7, 512), 4096) == 7 * 7 * 512 * 4096 + 4096
    assert dense_n_params(400, 120, bias=False) == 48000
    assert Network(LENET, (28, 28, 1)).n_parameters == 61706


def test_helpers_refuse():
    with pytest.raises(ValueError, match="a window of 5 x 5 does not fit into an input of 4 x 9"):
        conv_output_shape((4, 9), 5)
    with pytest.raises(ValueError, match="kernel_size must be an integer or 2 of them"):
        conv_output_shape((4, 9), (1, 2, 3))
    with pytest.raises(ValueError, match=r"stride must be an integer >= 1, got 0"):
        conv_output_shape(4, 2, stride=0)
    with pytest.raises(ValueError, match="padding must be 'same', 'valid', an integer"):
        conv_output_shape(4, 2, padding="full")
    with pytest.raises(ValueError, match="groups=3 must divide the 4 channels"):
        conv_n_params(3, 4, 6, groups=3)
    with pytest.raises(ValueError, match="n_inputs must be an integer >= 1, got 0"):
        dense_n_params(0, 6)
    with pytest.raises(ValueError, match="kernel must have one to four axes, got 5"):
        flip_kernel(np.zeros((1, 1, 1, 1, 1)))


def test_flipped_kernel():
    np.testing.assert_array_equal(flip_kernel(["a", "b", "c"]), ["c", "b", "a"])
    weight = np.arange(24.0).reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(flip_kernel(weight), weight[:, :, ::-1, ::-1])
    np.testing.assert_array_equal(flip_kernel(weight[0]), weight[0, :, :, ::-1])
    x = ad.variable([1.0, 2.0, 3.0])
    ad.sum(flip_kernel(x) * np.array([1.0, 10.0, 100.0])).backward()
    np.testing.assert_array_equal(x.grad, [100, 10, 1])


def test_summary_of_lenet():
    found = summary(LENET, (28, 28, 1))
    assert [row.output_shape for row in found.rows] == [
        (28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16), (400,), (120,), (84,), (10,)
    ]  # fmt: skip
    assert [row.n_parameters for row in found.rows] == [156, 0, 2416, 0, 0, 48120, 10164, 850]
    assert [row.multiply_adds for row in found.rows] == [
        117600, 0, 240000, 0, 0, 48000, 10080, 840
    ]  # fmt: skip
    assert [row.receptive_field for row in found.rows[:4]] == [(5, 5), (6, 6), (14, 14), (16, 16)]
    assert {row.receptive_field for row in found.rows[4:]} == {(28, 28)}
    assert found.n_parameters == 61706
    assert found.parameter_memory == 4 * 61706
    assert found.multiply_adds == 416520
    assert found.memory == 4 * (784 + sum(np.prod(row.output_shape) for row in found.rows))
    text = str(found).splitlines()
    assert text[0].split() == ["layer", "output", "parameters", "memory", "multiply-adds", "sees"]
    assert " ".join(text[5].split()) == (
        "2 Conv2D(16, 5, 'tanh') 10 x 10 x 16 2,416 6.2 KiB 240,000 14 x 14"
    )
    assert len({len(line) for line in text[3:-3]}) == 1
    assert "61,706" in text[-2]
    in_double = summary(Network(LENET, (28, 28, 1), dtype="float64"))
    assert in_double.memory == 2 * found.memory
    assert in_double.rows[0].n_parameters == 156


def test_summary_of_layers_in_layers():
    block = Residual(
        [Conv2D(8, 3, "relu", stride=2, padding=1), BatchNorm(), Conv2D(8, 3, padding="same")],
        "relu", shortcut="projection",
    )  # fmt: skip
    layers = [
        Sequential([Conv2D(4, 3), LayerNorm()]), block, GlobalAvgPool(), Dropout(),
        DropConnect(Dense(3)),
    ]  # fmt: skip
    found = summary(layers, (12, 10, 2))
    assert [row.place for row in found.rows] == [
        "0.0", "0.1", "1.0", "1.1", "1.2", "1.shortcut", "1", "2", "3", "4"
    ]  # fmt: skip
    assert [row.output_shape for row in found.rows][5:] == [(5, 4, 8)] * 2 + [(8,)] * 2 + [(3,)]
    seen = {row.place: row.receptive_field for row in found.rows}
    assert [seen[place] for place in ("0.0", "1.0", "1.2", "1.shortcut", "1", "2")] == [
        (3, 3), (5, 5), (9, 9), (3, 3), (9, 9), (12, 10)
    ]  # fmt: skip
    assert found.n_parameters == Network(layers, (12, 10, 2)).n_parameters
    assert found.multiply_adds == sum(row.multiply_adds for row in found.rows)


def test_summary_of_features():
    found = summary([Dense(5), Dropout(), Dense(2)], 7)
    assert [row.receptive_field for row in found.rows] == [(7,)] * 3
    assert summary([], (3, 2)).n_parameters == 0
    assert summary(Dense(5), [7]) == summary([Dense(5)], 7)


def test_summary_refuses():
    with pytest.raises(ValueError, match="input_shape must be given"):
        summary(LENET)
    with pytest.raises(ValueError, match="network's own"):
        summary(Network(Dense(2), 3), 3)
    with pytest.raises(ValueError, match=r"input_shape\[1\] must be an integer >= 1, got 0"):
        summary(Dense(2), (3, 0))


@pytest.mark.parametrize(
    "layers, message",
    [
        ([Conv2D(4, 3), MaxPool2D(), Conv2D(4, 5)],
         r"layer 2 \(Conv2D\): a window of 5 x 5 does not fit into an input of 3 x 3"),
        ([Flatten(), Conv2D(4, 3)],
         r"layer 1 \(Conv2D\): expected .* shape \(height, width, channels\), got \(64,\)"),
        ([Conv1D(4, 3)], r"layer 0 \(Conv1D\): expected an input of shape \(length, channels\)"),
        ([Conv2D(4, 3, groups=2)], r"layer 0 \(Conv2D\): groups=2 must divide the 1 channels"),
        ([Flatten(), GlobalAvgPool()], r"layer 1 \(GlobalAvgPool\): expected axes before that"),
        ([Sequential([Dense(3), MaxPool1D()])],
         r"layer 0 \(Sequential\): layer 1 \(MaxPool1D\): expected"),
        ([Residual([Conv2D(2, 3)])],
         r"layer 0 \(Residual\): the layers make shape \(6, 6, 2\), and the shortcut \(8, 8, 1\)"),
        ([Residual([Flatten()], shortcut="projection")],
         r"layer 0 \(Residual\): there is no projection of shape \(8, 8, 1\) to shape \(64,\)"),
        ([Residual([Conv2D(2, 3)], shortcut="projection")],
         r"layer 0 \(Residual\): there is no projection of shape \(8, 8, 1\) to shape \(6, 6, 2\)"),
        ([Residual([Dense(3)], shortcut=MaxPool2D(9))],
         r"layer 0 \(Residual\): shortcut \(MaxPool2D\): a window of 9 x 9"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit(layers, message):
    with pytest.raises(ValueError, match=message):
        Network(layers, (8, 8, 1))


def test_a_receptive_field_is_what_a_unit_depends_on():
    """Change each value of the input by itself, and see which units change."""
    rng = np.random.default_rng(0)
    layers = [
        Conv2D(2, (3, 2), "tanh", padding=1), Conv2D(2, 2, "tanh", stride=(2, 1), dilation=(1, 3)),
        Residual([Conv2D(2, 3, padding="same")]),
    ]  # fmt: skip
    network = Network(layers, (11, 9, 1), dtype="float64", seed=3)
    X = rng.standard_normal((1, 11, 9, 1))
    many = np.repeat(X, 99, axis=0)
    for k, (i, j) in enumerate(itertools.product(range(11), range(9))):
        many[k, i, j] += 0.5
    for until, seen in network.visits().items():
        moved = network.forward(many, until=until) - network.forward(X, until=until)
        changes = np.abs(moved) > 1e-12
        for place in np.ndindex(*seen.output_shape[:2]):
            touched = changes[:, place[0], place[1]].any(axis=-1).reshape(11, 9)
            rows, columns = seen.field.within(place, (11, 9))
            expected = np.zeros((11, 9), bool)
            expected[rows, columns] = True
            assert not touched[~expected].any()
            if until == "0":
                assert touched[expected].all()
            # Dilation leaves gaps, but not at the ends.
            where = np.argwhere(touched)
            assert where.min(axis=0).tolist() == [rows.start, columns.start]
            assert where.max(axis=0).tolist() == [rows.stop - 1, columns.stop - 1]


def test_examples_in_documentation():
    from fastml.nn import _network, _summary, initializers, shapes

    for module in (shapes, _summary, _network, initializers):
        assert doctest.testmod(module).failed == 0
    for name in fastml.nn.layers.__all__:
        made = getattr(fastml.nn, name)
        for test in doctest.DocTestFinder().find(made, name):
            assert doctest.DocTestRunner().run(test).failed == 0
