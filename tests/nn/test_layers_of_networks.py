"""Layers and networks beside PyTorch's modules, and what initialisers and masks draw."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone

import fastml
from fastml import autodiff as ad
from fastml.nn import (
    Activation,
    AvgPool1D,
    AvgPool2D,
    BatchNorm,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DropConnect,
    Dropout,
    Flatten,
    GaussianNoise,
    GlobalAvgPool,
    LayerNorm,
    MaskingNoise,
    MaxPool1D,
    MaxPool2D,
    Network,
    Reshape,
    Residual,
    Run,
    SaltAndPepperNoise,
    Sequential,
    UpSampling1D,
    UpSampling2D,
    initializers,
)

DTYPES = (np.float32, np.float64)


def squares(outputs, target):
    return ad.sum(ad.square(outputs - target)) * 0.5


class Beside:
    """PyTorch's modules that make up the same networks, and how their weights are laid out."""

    def __init__(self, torch):
        self.nn, self.torch = torch.nn, torch

    def moved(self, module, axes=2):
        """Return a module that takes channels last."""
        torch = self.torch

        class Moved(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = module

            def forward(self, x):
                return self.inner(x.movedim(-1, 1)).movedim(1, -1)

        return Moved()

    def residual(self, inner, beside, after):
        torch = self.torch

        class Added(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.inner, self.beside, self.after = inner, beside, after

            def forward(self, x):
                return self.after(self.inner(x) + (self.beside(x) if self.beside else x))

        return Added()

    def load(self, module, network):
        """Copy a network's parameters; dense weights are the other way round."""
        with self.torch.no_grad():
            views = list(network.views.values())
            for theirs, ours in zip(module.parameters(), views, strict=True):
                theirs.copy_(self.torch.from_numpy(self.turned(ours).copy()))

    @staticmethod
    def turned(a):
        return a.T if a.ndim == 2 else a


CASES = {
    "dense": (
        [Dense(5, "relu"), Dense(4, bias=False), Activation("tanh"), Dense(3, "softplus")], (6,),
        lambda nn, b: nn.Sequential(
            nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4, bias=False), nn.Tanh(), nn.Linear(4, 3),
            nn.Softplus(),
        ),
    ),
    "convolution": (
        [Conv2D(4, (3, 2), "gelu", stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
         Conv2D(6, 3, padding="same", groups=2, bias=False), Flatten(), Dense(3)], (9, 8, 3),
        lambda nn, b: nn.Sequential(
            b.moved(nn.Sequential(
                nn.Conv2d(3, 4, (3, 2), (2, 1), (1, 0), (1, 2)), nn.GELU(),
                nn.Conv2d(4, 6, 3, padding="same", groups=2, bias=False),
            )), nn.Flatten(), nn.Linear(5 * 6 * 6, 3),
        ),
    ),
    "sequences": (
        [Conv1D(4, 3, "elu", padding=1), AvgPool1D(2), Conv1D(3, 2, "leaky_relu", stride=2),
         MaxPool1D(2, 1), GlobalAvgPool()], (11, 2),
        lambda nn, b: nn.Sequential(
            b.moved(nn.Sequential(
                nn.Conv1d(2, 4, 3, padding=1), nn.ELU(), nn.AvgPool1d(2), nn.Conv1d(4, 3, 2, 2),
                nn.LeakyReLU(), nn.MaxPool1d(2, 1), nn.AdaptiveAvgPool1d(1), nn.Flatten(),
            )),
        ),
    ),
    "pooling": (
        [MaxPool2D(3, 2, 1), Conv2D(3, 2), MaxPool2D((1, 2), dilation=2, ceil_mode=True),
         AvgPool2D(2, 1, 1, count_include_pad=False), AvgPool2D((2, 1), ceil_mode=True)],
        (12, 11, 2),
        lambda nn, b: b.moved(nn.Sequential(
            nn.MaxPool2d(3, 2, 1), nn.Conv2d(2, 3, 2),
            nn.MaxPool2d((1, 2), dilation=2, ceil_mode=True),
            nn.AvgPool2d(2, 1, 1, count_include_pad=False), nn.AvgPool2d((2, 1), ceil_mode=True),
        )),
    ),
    "normalisation": (
        [Conv2D(4, 3, "sigmoid"), BatchNorm(0.3, 1e-3), Conv2D(3, 1), BatchNorm(affine=False),
         LayerNorm(), LayerNorm("sample", 1e-2), Flatten(), BatchNorm()], (5, 6, 2),
        lambda nn, b: nn.Sequential(
            b.moved(nn.Sequential(
                nn.Conv2d(2, 4, 3), nn.Sigmoid(), nn.BatchNorm2d(4, 1e-3, 0.3), nn.Conv2d(4, 3, 1),
                nn.BatchNorm2d(3, affine=False),
            )), nn.LayerNorm(3), nn.LayerNorm((3, 4, 3), 1e-2), nn.Flatten(), nn.BatchNorm1d(36),
        ),
    ),
    "residual": (
        [Residual([Conv2D(4, 3, "relu", stride=2, padding=1), Conv2D(4, 3, padding=1)], "relu",
                  shortcut="projection"),
         Residual([Conv2D(4, 3, padding="same")], "tanh"), GlobalAvgPool(),
         Residual([Dense(6)], shortcut="projection"),
         Residual([Dense(2)], shortcut=Sequential([Dense(2, "tanh")]))], (7, 6, 2),
        lambda nn, b: nn.Sequential(
            b.moved(nn.Sequential(
                b.residual(
                    nn.Sequential(nn.Conv2d(2, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, 1, 1)),
                    nn.Conv2d(2, 4, 1, 2, bias=False), nn.ReLU(),
                ),
                b.residual(nn.Conv2d(4, 4, 3, 1, 1), None, nn.Tanh()),
                nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            )),
            b.residual(nn.Linear(4, 6), nn.Linear(4, 6, bias=False), nn.Identity()),
            b.residual(
                nn.Linear(6, 2), nn.Sequential(nn.Linear(6, 2), nn.Tanh()), nn.Identity()
            ),
        ),
    ),
    "transposed convolution": (
        [Conv2DTranspose(4, (3, 2), "tanh", stride=(2, 3), padding=(1, 0), output_padding=(1, 0)),
         UpSampling2D((2, 1)), Conv2DTranspose(6, 2, groups=2, dilation=2, bias=False)], (4, 3, 2),
        lambda nn, b: b.moved(nn.Sequential(
            nn.ConvTranspose2d(2, 4, (3, 2), (2, 3), (1, 0), (1, 0)), nn.Tanh(),
            nn.Upsample(scale_factor=(2, 1)),
            nn.ConvTranspose2d(4, 6, 2, groups=2, dilation=2, bias=False),
        )),
    ),
    "transposed sequences": (
        [Dense(12), Reshape((4, 3)), Conv1DTranspose(2, 4, "relu", stride=2), UpSampling1D(3)],
        (5,),
        lambda nn, b: nn.Sequential(
            nn.Linear(5, 12), nn.Unflatten(1, (4, 3)),
            b.moved(nn.Sequential(
                nn.ConvTranspose1d(3, 2, 4, 2), nn.ReLU(), nn.Upsample(scale_factor=3),
            )),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_networks_are_those_of_pytorch(name, dtype):
    torch = pytest.importorskip("torch")
    layers, shape, make = CASES[name]
    beside = Beside(torch)
    network = Network(layers, shape, dtype=dtype, seed=4)
    rng = np.random.default_rng(0)
    network.flat += rng.uniform(0.05, 0.2, network.flat.shape).astype(dtype)
    theirs = make(torch.nn, beside).to(torch.from_numpy(np.zeros(0, dtype)).dtype)
    beside.load(theirs, network)
    X = rng.standard_normal((7, *shape)).astype(dtype)
    target = rng.standard_normal((7, *network.output_shape)).astype(dtype)
    # Single-precision sums of a few hundred products, through layers that divide by deviations.
    tolerance = {"rtol": 3e-3, "atol": 3e-4} if dtype == np.float32 else {"atol": 1e-11}

    outputs = theirs(torch.from_numpy(X))
    ((outputs - torch.from_numpy(target)) ** 2).sum().mul(0.5).backward()
    gradient = np.empty_like(network.flat)
    value = network.loss_and_gradient(X, target, squares, Run(training=True), gradient)
    expected = float(((outputs.detach().numpy() - target) ** 2).sum()) / 2
    np.testing.assert_allclose(value, expected, **tolerance)
    found = network.split(gradient).values()
    for about, a, b in zip(network.views, found, theirs.parameters(), strict=True):
        np.testing.assert_allclose(a, beside.turned(b.grad.numpy()), **tolerance, err_msg=about)
    states = [b for b in theirs.buffers() if b.ndim]
    for about, a, b in zip(network.state, network.state.values(), states, strict=True):
        np.testing.assert_allclose(a, b.numpy(), **tolerance, err_msg=about)
    theirs.eval()
    predicted = network.forward(X)
    assert predicted.dtype == dtype
    with torch.no_grad():
        np.testing.assert_allclose(predicted, theirs(torch.from_numpy(X)).numpy(), **tolerance)


def test_same_padding_with_strides_makes_as_many_as_there_are_steps():
    X = np.random.default_rng(0).standard_normal((2, 7, 6, 1))
    for layer, places in (
        (MaxPool2D(3, 2, "same"), [(0, 2), (1, 4), (3, 6)]), (MaxPool2D(2, 3, "same"), None),
        (AvgPool2D(3, 2, "same"), None), (Conv2D(1, 3, stride=2, padding="same"), None),
    ):  # fmt: skip
        network = Network(layer, (7, 6, 1), dtype="float64")
        found = network.forward(X)
        assert found.shape == (2, *network.output_shape)
        assert network.output_shape[:2] == tuple(-(-n // layer.stride) for n in (7, 6))
        if places:
            # One value in front of seven, none before six.
            expected = X[:, 0:2, 0:3].max(axis=(1, 2))
            np.testing.assert_array_equal(found[:, 0, 0], expected)
            np.testing.assert_array_equal(found[:, 1, 1], X[:, 1:4, 2:5].max(axis=(1, 2)))


def test_flipped_kernels():
    weight = np.random.default_rng(0).standard_normal((2, 3, 3, 2))
    X = np.random.default_rng(1).standard_normal((2, 6, 5, 3))
    results = []
    for mode in ("correlation", "convolution"):
        network = Network(Conv2D(2, (3, 2), mode=mode), (6, 5, 3), dtype="float64")
        network.views["0.weight"][...] = fastml.nn.flip_kernel(weight) if results else weight
        results.append(network.forward(X))
    np.testing.assert_allclose(*results, rtol=1e-12)


def test_second_derivatives():
    layers = [
        Conv2D(2, 2, "tanh"), BatchNorm(), LayerNorm(), AvgPool2D(), Flatten(), Dense(2, "sigmoid"),
    ]  # fmt: skip
    network = Network(layers, (4, 4, 1), dtype="float64", seed=1)
    X = np.random.default_rng(0).standard_normal((3, 4, 4, 1))

    def slope(weight):
        """Return the squared length of the gradient by the first weights: a variable."""
        parameters = {"0": {"weight": weight, "bias": network.views["0.bias"]}}
        for name in network.views:
            place, _, last = name.partition(".")
            parameters.setdefault(place, {}).setdefault(last, network.views[name])
        state = {"1": {"mean": np.zeros(2), "variance": np.ones(2)}}
        out = network.layer.apply(X, parameters, state, Run(training=True))
        (first,) = ad.gradients(ad.sum(ad.square(out)), [weight], create_graph=True)
        return ad.sum(ad.square(first))

    weight = ad.variable(network.views["0.weight"] + 0.1)
    slope(weight).backward()
    for place in ((0, 0, 0, 0), (1, 0, 1, 0), (1, 0, 1, 1)):
        values = []
        for step in (1e-5, -1e-5):
            near = weight.value.copy()
            near[place] += step
            values.append(slope(ad.variable(near)).item())
        found = (values[0] - values[1]) / 2e-5
        np.testing.assert_allclose(found, weight.grad[place], rtol=1e-6, atol=1e-8)


def test_layers_take_arrays_of_their_own():
    x = np.array([[1.0, 2.0]])
    weight = np.array([[1.0], [10.0]])
    found = Dense(1, "relu").apply(x, {"weight": weight, "bias": np.array([-1.0])}, {}, Run())
    np.testing.assert_array_equal(found, [[20.0]])
    own = Dense(1, lambda s: s * s).apply(x, {"weight": weight, "bias": np.zeros(1)}, {}, Run())
    np.testing.assert_array_equal(own, [[441.0]])


def test_dropout_draws_by_seed_step_and_place():
    network = Network([Dropout(0.25), Dropout(0.5)], 500, dtype="float64")
    X = np.ones((40, 500))
    found = network.forward(X, Run(training=True, seed=1, step=2))
    # 20,000 draws: the share kept lies within five deviations.
    share = (found > 0).mean()
    assert abs(share - 0.375) < 5 * np.sqrt(0.375 * 0.625 / 20000)
    assert set(np.unique(found)) == {0, 1 / 0.75 / 0.5}
    np.testing.assert_array_equal(network.forward(X, Run(True, 1, 2)), found)
    # At prediction, one network for all samples.
    member = network.forward(X, Run(masks=True, seed=1, step=2))
    np.testing.assert_array_equal(member, np.tile(member[0], (40, 1)))
    assert set(np.unique(member)) == set(np.unique(found))
    for other in (Run(True, 2, 2), Run(True, 1, 3)):
        assert (network.forward(X, other) != found).mean() > 0.3
    first = Network([Dropout(0.5), Dropout(0)], 500, dtype="float64")
    second = Network([Dropout(0), Dropout(0.5)], 500, dtype="float64")
    run = {"training": True, "seed": 1}
    assert (first.forward(X, Run(**run)) != second.forward(X, Run(**run))).mean() > 0.3
    np.testing.assert_array_equal(network.forward(X), X)


@pytest.mark.parametrize("layer", [GaussianNoise(0.5), MaskingNoise(0.3), SaltAndPepperNoise(0.3)])
def test_noise_is_that_of_training_alone(layer):
    X = np.random.default_rng(0).uniform(0.2, 0.8, (200, 50))
    network = Network([layer, layer], 50, dtype="float64")
    np.testing.assert_array_equal(network.forward(X), X)
    np.testing.assert_array_equal(network.forward(X, Run(masks=True)), X)
    first, again, other = (network.forward(X, Run(True, 7, step)) for step in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    # Each layer has draws of its own.
    single = Network(layer, 50, dtype="float64").forward(X, Run(True, 7, 1))
    for noisy in (other, single):
        assert (noisy != first).mean() > 0.1
    sparse = network.forward(sp.csr_array(X), Run(True, 7, 1))
    np.testing.assert_array_equal(sparse, first)


def test_how_much_noise():
    X = np.random.default_rng(0).uniform(0.2, 0.8, (400, 100))
    run = Run(True, 3, 5)
    added = GaussianNoise(0.5).apply(X, {}, {}, run) - X
    np.testing.assert_allclose([added.mean(), added.std()], [0, 0.5], atol=0.01)
    masked = MaskingNoise(0.3).apply(X, {}, {}, run)
    np.testing.assert_allclose((masked == 0).mean(), 0.3, atol=0.01)
    np.testing.assert_allclose(masked[masked != 0], X[masked != 0], rtol=1e-14)
    salted = SaltAndPepperNoise(0.3, -1, 2).apply(X, {}, {}, run)
    for value in (-1, 2):
        np.testing.assert_allclose((salted == value).mean(), 0.15, atol=0.01)
    np.testing.assert_array_equal(salted[np.abs(salted) < 1], X[np.abs(salted) < 1])


def test_noise_within_a_network_passes_gradients_on():
    x = ad.variable(np.full((3, 40), 0.5))
    for layer in (GaussianNoise(0.5), MaskingNoise(0.3), SaltAndPepperNoise(0.3)):
        out = layer.apply(x, {}, {}, Run(True, 0, 0))
        (gradient,) = ad.gradients(ad.sum(out), [x])
        kept = np.ones(x.shape) if type(layer) is GaussianNoise else out.value == 0.5
        np.testing.assert_allclose(gradient, kept)


def test_dropout_has_the_same_mask_on_the_way_back():
    network = Network([Dense(30), Dropout(0.5), Dense(1)], 4, dtype="float64", seed=3)
    X = np.random.default_rng(0).standard_normal((6, 4))
    out = np.empty_like(network.flat)

    def loss():
        run = Run(training=True, seed=9, step=1)
        return network.loss_and_gradient(X, np.zeros((6, 1)), squares, run, out)

    loss()
    gradient = out.copy()
    for i in (0, 50, 120, 160):
        before = network.flat[i]
        values = []
        for step in (1e-6, -1e-6):
            network.flat[i] = before + step
            values.append(loss())
        network.flat[i] = before
        np.testing.assert_allclose(
            (values[0] - values[1]) / 2e-6, gradient[i], rtol=1e-6, atol=1e-8
        )


def test_dropconnect_leaves_out_weights():
    network = Network(DropConnect(Dense(40), 0.4), 50, dtype="float64", seed=1)
    network.views["0.bias"][...] = 3
    weight = network.views["0.weight"]
    found = network.forward(np.eye(50), Run(training=True)) - 3
    kept = np.abs(found) > 1e-12
    assert abs(kept.mean() - 0.6) < 5 * np.sqrt(0.24 / 2000)
    np.testing.assert_allclose(found[kept], weight[kept] / 0.6)
    # All samples of a step see the same weights.
    both = network.forward(np.ones((2, 50)), Run(masks=True))
    np.testing.assert_array_equal(both[0], both[1])
    np.testing.assert_allclose(network.forward(np.eye(50)), weight + 3)
    images = Network(DropConnect(Conv2D(2, 3)), (5, 5, 1))
    assert images.forward(np.ones((1, 5, 5, 1)), Run(training=True)).shape == (1, 3, 3, 2)


def drawn(which, shape=(300, 200), fans=(300, 200), dtype=np.float64, seed=5, stream=6):
    made = initializers.initializer(which)
    return made.draw(shape, *fans, seed, stream, dtype)


@pytest.mark.parametrize(
    "which, variance, uniform",
    [
        ("glorot_uniform", 2 / 500, True), ("glorot_normal", 2 / 500, False),
        ("he_uniform", 2 / 300, True), ("he_normal", 2 / 300, False),
        ("lecun_uniform", 1 / 300, True), ("lecun_normal", 1 / 300, False),
        ("normal", 1e-4, False), ("uniform", 0.05**2 / 3, True),
        (initializers.Glorot(gain=3.0), 9 * 2 / 500, True), (initializers.Normal(2.0), 4.0, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", DTYPES)
def test_initial_values(which, variance, uniform, dtype):
    values = drawn(which, dtype=dtype)
    assert values.dtype == dtype
    # 60,000 draws: mean and variance lie within five deviations.
    assert abs(values.mean()) < 5 * np.sqrt(variance / values.size)
    assert abs(values.var() / variance - 1) < 5 * np.sqrt(2 / values.size)
    limit = np.sqrt(3 * variance)
    assert (np.abs(values).max() <= limit * (1 + 1e-6)) == uniform
    for backend in ("reference", "cpu"):
        with fastml.config_context(backend=backend, num_threads=2):
            np.testing.assert_array_equal(drawn(which, dtype=dtype), values)
    assert (drawn(which, dtype=dtype, stream=7) != values).mean() > 0.99
    assert (drawn(which, dtype=dtype, seed=6) != values).mean() > 0.99


@pytest.mark.parametrize("shape", [(7, 7), (12, 5), (5, 12), (4, 3, 3, 2), (30, 2, 3, 2)])
def test_orthogonal_values(shape):
    values = drawn(initializers.Orthogonal(2.0), shape)
    matrix = values.reshape(shape[0], -1) / 2
    gram = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)


def test_other_initial_values():
    np.testing.assert_array_equal(drawn("zeros", (3,)), np.zeros(3))
    np.testing.assert_array_equal(drawn(initializers.Constant(2.5), (3,)), [2.5] * 3)
    with pytest.raises(ValueError, match="need two axes or more"):
        drawn("orthogonal", (3,))
    with pytest.raises(ValueError, match=r"must be an initializer or one of .*'he_normal'"):
        initializers.initializer("he")
    network = Network([Dense(9, "relu"), Dense(9), Dense(9, weight_initializer="ones")], 9)
    he, glorot = (np.abs(network.views[f"{i}.weight"]).max() for i in (0, 1))
    assert np.sqrt(6 / 18) < he <= np.sqrt(6 / 9)
    assert glorot <= np.sqrt(6 / 18)
    np.testing.assert_array_equal(network.views["2.weight"], np.ones((9, 9)))
    np.testing.assert_array_equal(network.views["0.bias"], np.zeros(9))


LAYERS = [
    Dense(3, "relu", bias=False, weight_initializer=initializers.He("normal")),
    Conv2D(3, (1, 2), stride=2, padding="same"), Conv1D(2, activation="tanh", groups=2),
    MaxPool2D(), MaxPool1D(2, ceil_mode=True), AvgPool2D(2, count_include_pad=False), AvgPool1D(3),
    BatchNorm(affine=False), LayerNorm("sample"), Dropout(0.2), DropConnect(Dense(3), 0.1),
    Residual([Dense(3), Dropout()], "relu", shortcut="projection"), Sequential([Flatten()]),
    Activation("gelu"), GlobalAvgPool(), Conv2DTranspose(3, 2, stride=2, output_padding=1),
    Conv1DTranspose(2, padding="same"), UpSampling2D((1, 2)), UpSampling1D(3), Reshape((2, 3)),
    GaussianNoise(0.5), MaskingNoise(0.2), SaltAndPepperNoise(0.2, high=2.0),
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_layers_are_what_their_parameters_say(layer):
    names = {name: getattr(fastml.nn, name) for name in fastml.nn.__all__}
    names |= {name: getattr(initializers, name) for name in initializers.__all__}
    for same in (
        eval(repr(layer), names),
        clone(layer, safe=False),
        pickle.loads(pickle.dumps(layer)),
    ):
        assert same == layer
        assert same is not layer
        assert hash(same) == hash(layer)
        assert repr(same) == repr(layer)
    assert sum(layer == other for other in LAYERS) == 1
    assert layer != repr(layer)


def test_a_network_is_one_array():
    layers = [Dense(4), BatchNorm(), Residual([Dense(4)]), Dense(2, bias=False)]
    network = Network(layers, 3, seed=2)
    assert list(network.views) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "2.0.weight", "2.0.bias", "3.weight"
    ]  # fmt: skip
    assert all(view.base is network.flat for view in network.views.values())
    assert network.n_parameters == 16 + 8 + 20 + 8
    assert network.penalized == [(0, 12), (24, 40), (44, 52)]
    assert list(network.state) == ["1.mean", "1.variance"]
    assert network.flat.dtype == network.state["1.mean"].dtype == np.float32
    X = np.ones((2, 3), np.float32)
    network.state["1.mean"][...] = 0.5
    for same in (pickle.loads(pickle.dumps(network)), copy.deepcopy(network)):
        np.testing.assert_array_equal(same.forward(X), network.forward(X))
        same.flat[:] = 0
        assert not same.forward(X).any()
        assert network.forward(X).any()
    again = Network(layers, 3, seed=2)
    np.testing.assert_array_equal(again.flat, network.flat)
    assert (Network(layers, 3, seed=3).flat[:12] != network.flat[:12]).all()


def test_outputs_of_inner_layers():
    layers = [
        Dense(4, "tanh"), Residual([Dense(3), Dense(5)], shortcut="projection"),
        Sequential([Dense(2), Activation("relu")]),
    ]  # fmt: skip
    network = Network(layers, 3, dtype="float64")
    X = np.random.default_rng(0).standard_normal((6, 3))
    first = np.tanh(X @ network.views["0.weight"] + network.views["0.bias"])
    np.testing.assert_allclose(network.forward(X, until=0), first)
    np.testing.assert_allclose(network.forward(X, until=-3), first)
    inner = first @ network.views["1.0.weight"] + network.views["1.0.bias"]
    np.testing.assert_allclose(network.forward(X, until="1.0"), inner)
    beside = first @ network.views["1.shortcut.weight"]
    np.testing.assert_allclose(network.forward(X, until="1.shortcut"), beside)
    np.testing.assert_array_equal(network.forward(X, until=2), network.forward(X))
    np.testing.assert_array_equal(network.forward(X, until="2.1"), network.forward(X))
    for wrong in (3, -4, "1.2", "0.0", "x"):
        with pytest.raises(ValueError, match=r"layer must be the place of a layer, one of \['0'"):
            network.forward(X, until=wrong)


def test_state_is_kept_of_good_passes_alone():
    network = Network([BatchNorm(), Dense(1)], 3, dtype="float64")
    out = np.empty_like(network.flat)
    X = np.random.default_rng(0).standard_normal((5, 3))
    run = Run(training=True)
    bad = network.loss_and_gradient(X, np.inf, squares, run, out)
    assert not np.isfinite(bad)
    np.testing.assert_array_equal(network.state["0.mean"], np.zeros(3))
    network.loss_and_gradient(X, 0.0, squares, Run(training=True), out)
    np.testing.assert_allclose(network.state["0.mean"], 0.1 * X.mean(axis=0))
    before = network.state["0.variance"].copy()
    network.loss_and_gradient(X, 0.0, squares, Run(), out)
    np.testing.assert_array_equal(network.state["0.variance"], before)


def test_networks_refuse():
    with pytest.raises(ValueError, match=r"X must have shape \(n, 4, 4, 1\)"):
        Network(Conv2D(2, 3), (4, 4, 1)).forward(np.zeros((2, 16)))
    with pytest.raises(ValueError, match="dtype must be 'float32' or 'float64', got 'int8'"):
        Network(Dense(2), 3, dtype="int8")
    with pytest.raises(TypeError, match=r"number 1 is <class .*did you mean Dense\(\)\?"):
        Network([Dense(2), Dense], 3)
    with pytest.raises(TypeError, match="layers must be a list of layers, got 'small'"):
        Network("small", 3)
    with pytest.raises(TypeError, match="layer must be a layer without layers in it"):
        DropConnect(Sequential([]))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Dense(0), "units must be an integer >= 1, got 0"),
        (lambda: Dense(2.0), "units must be an integer >= 1, got 2.0"),
        (lambda: Dense(True), "units must be an integer >= 1, got True"),
        (lambda: Dense(2, "rely"), "activation must be None, a function or one of .*'relu'"),
        (lambda: Dense(2, weight_initializer="no"), "weight_initializer must be an initializer"),
        (lambda: Conv2D(2, (1, 2, 3)), "kernel_size must be an integer or 2 of them"),
        (lambda: Conv2D(2, 3, stride=(1, 0)), "stride must be an integer >= 1, got 0"),
        (lambda: Conv2D(2, 3, padding=-1), "padding must be an integer >= 0, got -1"),
        (lambda: Conv2D(2, 3, padding="full"), "padding must be 'same', 'valid', an integer or 2"),
        (lambda: Conv1D(2, 3, mode="flip"), "mode must be 'correlation' or 'convolution'"),
        (lambda: Conv1D(2, 3, groups=0), "groups must be an integer >= 1, got 0"),
        (lambda: MaxPool2D(2, padding=2), "padding must be at most half of the window"),
        (lambda: Conv2DTranspose(2, output_padding=-1), "output_padding must be an integer >= 0"),
        (
            lambda: Network(Conv2DTranspose(2, 3, output_padding=1), (4, 4, 1)),
            r"output_padding must be smaller than stride or dilation, got \(1, 1\)",
        ),
        (lambda: Network(Conv2DTranspose(2, 1, padding=2), (4, 4, 1)), r"to sizes \(0, 0\) has no"),
        (lambda: Network(UpSampling2D(), (4, 4)), r"expected an input of shape \(height, wid"),
        (lambda: UpSampling2D(0), "size must be an integer >= 1, got 0"),
        (lambda: Network(Reshape((2, 2)), 5), r"expected samples of 4 values, got shape \(5,\)"),
        (lambda: GaussianNoise(-1), "stddev must be a finite number >= 0, got -1"),
        (lambda: MaskingNoise(1), "rate must be a finite number >= 0 and < 1, got 1"),
        (lambda: SaltAndPepperNoise(0.1, float("nan")), "low must be a finite number, got nan"),
        (lambda: Dropout(1.0), "rate must be a finite number >= 0 and < 1, got 1.0"),
        (lambda: DropConnect(Dense(2), -0.1), "rate must be a finite number >= 0 and < 1"),
        (lambda: BatchNorm(1.5), r"momentum must be a number in \[0, 1\], got 1.5"),
        (lambda: BatchNorm(epsilon=0), "epsilon must be a finite number > 0, got 0"),
        (lambda: LayerNorm("all"), "over must be 'channels' or 'sample', got 'all'"),
        (lambda: Residual([Dense(2)], shortcut="sum"), "shortcut must be None, 'projection'"),
        (lambda: initializers.He("cauchy"), "distribution must be 'uniform' or 'normal'"),
        (lambda: initializers.Normal(float("nan")), "std must be a finite number > 0, got nan"),
    ],
)
def test_parameters_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
