"""Autoencoders: linear ones beside PCA, gradients beside PyTorch's, how they begin and go on."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml import losses
from fastml.kernels.rbm import reference as rbm_kernels
from fastml.neural_network import Autoencoder, BernoulliRBM, GaussianRBM
from fastml.neural_network._autoencoder_start import PRETRAINING
from fastml.neural_network._code_machine import learn_code
from fastml.nn import Conv2D, Conv2DTranspose, Dense, Flatten, Reshape, UpSampling2D
from fastml.nn.training._resume import Checkpoint
from tests.test_mlp import Recorder

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIGITS = load_digits().data / 16
RNG = np.random.default_rng(0)
# Three directions of five, and a little noise.
X = RNG.standard_normal((150, 3)) @ (np.eye(3, 5) + np.eye(3, 5, 1)) + 2
X += 0.1 * RNG.standard_normal(X.shape)
WEIGHT = RNG.uniform(0, 2, len(X))
UNIT = (X - X.min()) / (X.max() - X.min())
FEW = {"max_iter": 4, "random_state": 0}
CONVOLUTIONS = {
    "encoder": [Conv2D(4, 3, "relu", stride=2, padding="same"), Flatten(), Dense(3)],
    "decoder": [
        Dense(16, "relu"), Reshape((2, 2, 4)), UpSampling2D(),
        Conv2DTranspose(1, 3, stride=2, padding="same"),
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    # Threads of small problems would wait for each other where other tests run too.
    with fastml.config_context(num_threads=1):
        yield


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


CHECKED = [
    Autoencoder(max_iter=20),
    Autoencoder((4, 2), "tanh", init="pca", tied=True, contractive=0.1, max_iter=5),
    Autoencoder(3, "logistic", loss="squared_error", sparsity_target=0.2, max_iter=5),
]


@pytest.mark.parametrize("name", ["cpu", "reference"])
@parametrize_with_checks(CHECKED)
def test_estimator_checks(estimator, check, name):
    with fastml.config_context(backend=name):
        check(estimator)


# Linear units and principal components.


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("sizes", [(3,), (4, 3)])
def test_linear_units_span_principal_components(sizes, tied):
    model = Autoencoder(
        sizes, "identity", tied=tied, alpha=0, solver="lbfgs", max_iter=3000, max_fun=10**5,
        tol=1e-9, random_state=0,
    ).fit(X)  # fmt: skip
    pca = PCA(3).fit(X)
    angles = model.principal_angles(pca)
    assert angles.shape == (3,)
    assert angles.max() < 1e-3
    share = pca.explained_variance_ratio_.sum()
    assert_allclose(model.score(X), share, atol=1e-6)
    lost = np.square(X - pca.inverse_transform(pca.transform(X))).sum(axis=1)
    assert_allclose(model.reconstruction_error(X), lost, atol=1e-3)


def test_linear_units_of_digits_span_principal_components():
    model = Autoencoder(
        (5,), "identity", alpha=0, solver="lbfgs", max_iter=3000, max_fun=10**5, tol=1e-7,
        random_state=0,
    ).fit(DIGITS)  # fmt: skip
    assert model.principal_angles(PCA(5).fit(DIGITS)).max() < 1e-3


def test_principal_angles():
    model = Autoencoder((3,), "identity", init="pca", **FEW, learning_rate_init=1e-12, alpha=0)
    model.fit(X)
    components = PCA(3).fit(X).components_
    assert model.principal_angles(components).max() < 1e-9
    # A plane turned by known angles, and accuracy where cosines have none.
    turned = components.copy()
    normal = PCA(4).fit(X).components_[3]
    for angle in (0.3, 1e-6):
        turned[0] = np.cos(angle) * components[0] + np.sin(angle) * normal
        found = model.principal_angles(turned)
        assert_allclose(found[0], angle, atol=1e-9)
        assert_allclose(found[1:], 0, atol=1e-9)
    assert model.principal_angles(components[:2]).shape == (2,)
    with pytest.raises(ValueError, match=r"pca must have 5 features, got 4\."):
        model.principal_angles(components[:, :4])
    for other in (
        Autoencoder((3,), "tanh", **FEW),
        Autoencoder((3,), "identity", out_activation="logistic", **FEW),
    ):
        with pytest.raises(ValueError, match="principal_angles needs linear units"):
            other.fit(UNIT).principal_angles(components)


# Parameters do what they say.


def test_tied_weights():
    model = Autoencoder((4, 3), "tanh", tied=True, **FEW).fit(X)
    assert [W.shape for W in model.coefs_] == [(5, 4), (4, 3), (3, 4), (4, 5)]
    assert [b.shape for b in model.intercepts_] == [(4,), (3,), (4,), (5,)]
    assert_array_equal(model.coefs_[2], model.coefs_[1].T)
    assert_array_equal(model.coefs_[3], model.coefs_[0].T)
    h = np.tanh(X @ model.coefs_[0] + model.intercepts_[0])
    code = h @ model.coefs_[1] + model.intercepts_[1]
    assert_allclose(model.transform(X), code, rtol=1e-10)
    back = np.tanh(code @ model.coefs_[2] + model.intercepts_[2])
    outputs = back @ model.coefs_[3] + model.intercepts_[3]
    assert_allclose(model.inverse_transform(code), outputs, rtol=1e-10)
    errors = np.square(outputs - X).sum(axis=1)
    assert_allclose(model.reconstruction_error(X), errors, rtol=1e-10)
    free = clone(model).set_params(tied=False).fit(X)
    assert not np.array_equal(free.coefs_[3], free.coefs_[0].T)


def test_activations_and_loss_by_data():
    found = {}
    for name, rows in (("unit", UNIT), ("any", X)):
        for activation in ("relu", "identity"):
            model = Autoencoder((3,), activation, **FEW).fit(rows)
            found[name, activation] = model.out_activation_
    assert found == {
        ("unit", "relu"): "logistic", ("unit", "identity"): "identity",
        ("any", "relu"): "identity", ("any", "identity"): "identity",
    }  # fmt: skip
    linear = Autoencoder((4, 2), "relu", **FEW).fit(X)
    assert (linear.transform(X) < 0).any()
    shallow = Autoencoder((2,), "relu", **FEW).fit(X)
    assert (shallow.transform(X) >= 0).all()
    cut = Autoencoder((4, 2), "relu", code_activation="relu", **FEW).fit(X)
    assert (cut.transform(X) >= 0).all()
    outputs = Autoencoder((2,), out_activation="tanh", **FEW).fit(X)
    assert np.abs(outputs.inverse_transform(outputs.transform(X))).max() <= 1
    squared = Autoencoder((2,), loss="squared_error", out_activation="logistic", **FEW).fit(UNIT)
    outputs = squared.inverse_transform(squared.transform(UNIT))
    assert 0 < outputs.min() < outputs.max() < 1


def test_losses_are_those_said():
    slow = {"learning_rate_init": 1e-12, "alpha": 0, "max_iter": 1, "random_state": 0}
    model = Autoencoder((3,), **slow, loss="squared_error").fit(X)
    assert_allclose(model.loss_, model.reconstruction_error(X).mean() / 2, rtol=1e-6)
    model = Autoencoder((3,), **slow).fit(UNIT)
    p = model.inverse_transform(model.transform(UNIT))
    entropy = -(UNIT * np.log(p) + (1 - UNIT) * np.log(1 - p)).sum(axis=1).mean()
    assert_allclose(model.loss_, entropy, rtol=1e-6)
    own = Autoencoder((3,), **slow, loss=losses.squared, out_activation="identity").fit(UNIT)
    assert_allclose(own.loss_, own.reconstruction_error(UNIT).mean() / 2, rtol=1e-6)


def test_denoising_undoes_noise_better():
    rng = np.random.default_rng(3)
    noisy = np.where(rng.random(DIGITS.shape) < 0.4, 0, DIGITS)
    errors = []
    for noise in (None, "masking"):
        model = Autoencoder((48,), noise=noise, noise_level=0.4, max_iter=40, random_state=0)
        model.set_params(learning_rate_init=0.005).fit(DIGITS)
        cleaned = model.inverse_transform(model.transform(noisy))
        errors.append(np.square(cleaned - DIGITS).mean())
    assert errors[1] < 0.75 * errors[0]


@pytest.mark.parametrize("noise", ["masking", "gaussian", "salt_and_pepper"])
def test_noise_is_drawn_in_training_alone(noise):
    plain, noisy = (
        Autoencoder((3,), noise=kind, noise_level=0.5, **FEW).fit(X) for kind in (None, noise)
    )
    assert plain.loss_ != noisy.loss_
    assert_array_equal(noisy.transform(X), noisy.transform(X))
    silent = clone(noisy).set_params(noise_level=0).fit(X)
    assert_allclose(silent.coefs_[0], plain.coefs_[0], rtol=1e-12)
    if noise == "salt_and_pepper":
        (layer, _) = noisy.encoder_.layer.layers
        assert (layer.low, layer.high) == (X.min(), X.max()) == noisy.data_range_


def test_sparse_codes():
    options = {"activation": "logistic", "max_iter": 40, "random_state": 0}
    options["learning_rate_init"] = 0.005
    plain = Autoencoder((40,), **options).fit(DIGITS)
    thin = Autoencoder((40,), sparsity_target=0.05, sparsity_cost=10, **options).fit(DIGITS)
    assert plain.transform(DIGITS).mean() > 0.3
    assert_allclose(thin.transform(DIGITS).mean(axis=0), 0.05, atol=0.02)


def test_contractive_codes_change_less():
    moved = []
    step = np.random.default_rng(0).normal(0, 0.01, DIGITS.shape)
    for factor in (0, 1.0):
        model = Autoencoder((20,), "tanh", contractive=factor, max_iter=30, random_state=0)
        model.fit(DIGITS)
        moved.append(np.square(model.transform(DIGITS + step) - model.transform(DIGITS)).mean())
    assert moved[1] < 0.5 * moved[0]


def test_dropout_is_of_hidden_units():
    model = Autoencoder((6, 3), dropout=0.4, **FEW).fit(X)
    names = [type(layer).__name__ for layer in model.encoder_.layer.layers]
    assert names == ["Dense", "Dropout", "Dense"]
    names = [type(layer).__name__ for layer in model.decoder_.layer.layers]
    assert names == ["Dense", "Dropout", "Dense"]
    assert model.loss_ != Autoencoder((6, 3), **FEW).fit(X).loss_
    assert_array_equal(model.transform(X), model.transform(X))


# How weights begin.


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("given", ["dense", "sparse", "weighted"])
def test_linear_units_begin_as_principal_components(tied, given):
    weight = WEIGHT if given == "weighted" else None
    rows = sp.csr_array(X) if given == "sparse" else X
    model = Autoencoder((3,), "identity", tied=tied, init="pca", **FEW, learning_rate_init=1e-12)
    model.fit(rows, sample_weight=weight)
    pca = fastml.decomposition.PCA(3).fit(X, sample_weight=weight)
    back = model.inverse_transform(model.transform(X))
    assert_allclose(back, pca.inverse_transform(pca.transform(X)), atol=1e-6)


def test_all_components_of_sparse_rows():
    rows = sp.csr_array(np.where(X > 2, X, 0))
    model = Autoencoder((5,), "identity", init="pca", **FEW, learning_rate_init=1e-12).fit(rows)
    assert_allclose(model.score(rows), 1)


def falling(x):
    return -np.tanh(x)


@pytest.mark.parametrize("activation", [falling, "softmax", "winner_take_all"])
def test_units_that_do_not_rise_begin_somewhere(activation):
    model = Autoencoder((3,), activation, init="pca", **FEW).fit(X)
    assert all(np.isfinite(W).all() for W in model.coefs_)


@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu", "elu"])
def test_other_units_begin_better_than_by_chance(activation):
    scores = []
    for init in ("pca", "random"):
        model = Autoencoder((20, 10), activation, init=init, **FEW, learning_rate_init=1e-12)
        scores.append(model.fit(DIGITS).score(DIGITS))
    assert scores[0] > scores[1] + 0.1


def test_more_units_than_components():
    model = Autoencoder((9,), "identity", init="pca", **FEW, learning_rate_init=1e-12).fit(X)
    assert model.coefs_[0].shape == (5, 9)
    # The others are drawn by chance, and there.
    assert np.abs(model.coefs_[0][:, 5:]).min() > 0


@pytest.mark.parametrize("tied", [False, True])
def test_machines_are_unrolled(tied):
    given = {"n_iter": 2, "learning_rate": 0.02}
    model = Autoencoder((10, 4), "logistic", code_activation="logistic", init="rbm", tied=tied)
    model.set_params(pretraining=given, **FEW, learning_rate_init=1e-12).fit(DIGITS)
    seeds = []

    class Counted(BernoulliRBM):
        def fit(self, X):
            seeds.append(self.random_state)
            return super().fit(X)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fastml.neural_network._autoencoder_start.BernoulliRBM", Counted)
        clone(model).fit(DIGITS)
    first, second = (
        BernoulliRBM(n, random_state=seed, **PRETRAINING | given)
        for n, seed in zip((10, 4), seeds, strict=True)
    )
    hidden = first.fit_transform(DIGITS)
    second.fit(hidden)
    expected = [first.components_.T, second.components_.T, second.components_, first.components_]
    biases = [
        first.intercept_hidden_, second.intercept_hidden_, second.intercept_visible_,
        first.intercept_visible_,
    ]  # fmt: skip
    learned = [*model.coefs_, *model.intercepts_]
    for found, wanted in zip(learned, [*expected, *biases], strict=True):
        assert_allclose(found, wanted, atol=1e-9)


@pytest.mark.parametrize("tied", [False, True])
def test_first_machine_of_other_rows_is_gaussian(tied):
    rows = StandardScaler().fit_transform(X) * [1, 2, 3, 1, 1]
    model = Autoencoder((7,), "logistic", init="rbm", tied=tied, **FEW, learning_rate_init=1e-12)
    model.set_params(pretraining={"n_iter": 3, "learning_rate": 0.1}).fit(rows)
    variance = 1.0 if tied else "data"
    options = PRETRAINING | {"n_iter": 3, "learning_rate": 0.01, "variance": variance}
    machine = GaussianRBM(7, random_state=0, **options).fit(rows)
    # Draws differ; biases of visible units begin with the means, and scales are the machine's.
    assert_allclose(model.intercepts_[1], machine.intercept_visible_, atol=0.2)
    scale = model.coefs_[0] / model.coefs_[1].T
    assert_allclose(scale, np.broadcast_to(1 / machine.variance_[:, None], scale.shape), rtol=1e-5)


def test_one_step_of_the_codes_machine():
    rows = DIGITS[:50]
    options = {"n_iter": 1, "batch_size": 50, "learning_rate": 0.3}
    code = learn_code(rows, 3, np.float64, 7, **options, weight_decay=0.1)
    W = np.random.RandomState(7).normal(0, 0.01, (64, 3))
    drawn = rows @ W + rbm_kernels._normals((50, 3), np.float64, 7, rbm_kernels.HIDDEN, 0)
    back = 1 / (1 + np.exp(-drawn @ W.T))
    slope = (rows.T @ (rows @ W) - back.T @ (back @ W)) / 50 - 0.1 * W
    assert_allclose(code.weights, W + 0.3 * slope, rtol=1e-9, atol=1e-12)
    assert_allclose(code.visible_bias, 0.3 * (rows - back).mean(axis=0), atol=1e-12)
    assert_allclose(code.hidden_bias, 0.3 * ((rows - back) @ W).mean(axis=0), atol=1e-12)
    sparse = learn_code(sp.csr_array(rows), 3, np.float64, 7, **options, weight_decay=0.1)
    assert_array_equal(sparse.weights, code.weights)


def test_codes_machine_reconstructs_and_diverges_with_words():
    options = {"n_iter": 20, "batch_size": 20, "learning_rate": 0.01, "momentum": 0.5}
    code = learn_code(DIGITS, 8, np.float32, 0, **options)
    assert code.weights.dtype == np.float32
    hidden = DIGITS @ code.weights + code.hidden_bias
    back = 1 / (1 + np.exp(-(hidden @ code.weights.T + code.visible_bias)))
    mean = np.square(DIGITS - DIGITS.mean(axis=0)).sum()
    assert np.square(DIGITS - back).sum() < 0.7 * mean
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="lower learning_rate or mom"):
        learn_code(DIGITS, 8, np.float32, 0, **options | {"learning_rate": 1e6})


@pytest.mark.parametrize("seed", range(3))
def test_deep_network_that_was_pretrained_beats_pca_and_chance(seed):
    """Shows 7 of the issue: 64-32-16-2 on digits."""
    errors = {}
    for init in ("rbm", "random"):
        model = Autoencoder(
            (32, 16, 2), "logistic", init=init, learning_rate_init=0.005, max_iter=150, tol=0,
            n_iter_no_change=150, random_state=seed,
        ).fit(DIGITS)  # fmt: skip
        errors[init] = model.reconstruction_error(DIGITS).mean()
    pca = PCA(2).fit(DIGITS)
    lost = np.square(DIGITS - pca.inverse_transform(pca.transform(DIGITS))).sum(axis=1).mean()
    assert errors["rbm"] <= lost / 1.5
    assert errors["rbm"] < 0.9 * errors["random"]


# Layers of the user's choice.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_convolutions(dtype, backend):
    images = DIGITS[:200].reshape(-1, 8, 8).astype(dtype)
    model = Autoencoder(**CONVOLUTIONS, **FEW).fit(images)
    codes = model.transform(images)
    assert codes.shape == (200, 3)
    assert codes.dtype == dtype
    back = model.inverse_transform(codes)
    assert back.shape == images.shape
    assert back.dtype == dtype
    errors = np.square(images - back).sum(axis=(1, 2))
    assert_allclose(model.reconstruction_error(images), errors, rtol=1e-4)
    rows = images.reshape(200, -1)
    assert_array_equal(model.transform(rows), codes)
    flat = Autoencoder(**CONVOLUTIONS, input_shape=(8, 8), **FEW).fit(rows)
    assert_array_equal(flat.transform(rows), codes)
    assert flat.inverse_transform(codes).shape == rows.shape
    assert flat.input_shape_ == model.input_shape_ == (8, 8, 1)
    assert list(model.get_feature_names_out()) == [f"autoencoder{i}" for i in range(3)]
    assert [W.ndim for W in model.coefs_] == [4, 2, 2, 4]


def test_codes_that_are_maps():
    images = DIGITS[:100].reshape(-1, 8, 8)
    model = Autoencoder(
        encoder=[Conv2D(2, 3, "logistic", stride=2, padding="same")],
        decoder=[Conv2DTranspose(1, 3, stride=2, padding="same")],
        sparsity_target=0.1, noise="gaussian", contractive=1e-3, **FEW,
    ).fit(images)  # fmt: skip
    assert model.transform(images).shape == (100, 2 * 4 * 4)
    assert model.inverse_transform(model.transform(images)).shape == (100, 8, 8)


def test_dense_layers_of_the_users_choice():
    own = Autoencoder(encoder=[Dense(3, "relu")], decoder=[Dense(5)], **FEW).fit(X)
    named = Autoencoder((3,), "relu", **FEW).fit(X)
    assert_array_equal(own.transform(X), named.transform(X))


# All that other networks have.


def test_resumed_fit_ends_in_the_same_bits(tmp_path):
    options = {"init": "rbm", "activation": "logistic", "noise": "masking", "random_state": 3}
    options |= {"hidden_layer_sizes": (8, 2), "pretraining": {"n_iter": 2}, "tied": True}
    whole = Autoencoder(max_iter=6, **options).fit(DIGITS)
    path = tmp_path / "fit"

    class Stopped(Exception):
        pass

    model = Autoencoder(max_iter=6, checkpoint=path, **options)
    save = Checkpoint.save

    def stopping(self, state):
        save(self, state)
        if state.epoch == 3:
            raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "save", stopping)
        with pytest.raises(Stopped):
            model.fit(DIGITS)
    with pytest.MonkeyPatch.context() as patch:
        # What the file has, is not trained again.
        patch.setattr("fastml.neural_network._autoencoder_start._unroll", None)
        resumed = Autoencoder(max_iter=6, checkpoint=path, **options).fit(DIGITS)
    assert_array_equal(resumed.encoder_.flat, whole.encoder_.flat)
    assert_array_equal(resumed.decoder_.flat, whole.decoder_.flat)
    assert resumed.loss_curve_ == whole.loss_curve_
    with pytest.raises(ValueError, match="is that of another fit: tied was True, is False"):
        Autoencoder(max_iter=6, checkpoint=path, **options | {"tied": False}).fit(DIGITS)


def test_fit_goes_on():
    options = {"hidden_layer_sizes": (4, 2), "activation": "tanh", "tied": True, "random_state": 0}
    model = Autoencoder(max_iter=2, warm_start=True, **options).fit(X)
    first = model.loss_
    assert model.fit(X).loss_ < first
    model = Autoencoder(**options).partial_fit(X)
    losses = [model.loss_]
    for _ in range(5):
        losses.append(model.partial_fit(X).loss_)
    assert losses == sorted(losses, reverse=True)
    assert model.t_ == 6 * len(X)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.partial_fit(X).transform(X), model.partial_fit(X).transform(X))
    with pytest.raises(ValueError, match=r"X has 4 features, but Autoencoder is expecting 5"):
        model.partial_fit(X[:, :4])
    with pytest.raises(ValueError, match="go on with other layers"):
        model.set_params(hidden_layer_sizes=(4, 3)).partial_fit(X)


def test_weights_set_by_hand_are_used():
    model = Autoencoder((3,), "identity", **FEW).fit(X)
    model.coefs_[0][:] = 0
    assert_allclose(model.transform(X), np.broadcast_to(model.intercepts_[0], (len(X), 3)))


def test_early_stopping_keeps_the_best():
    model = Autoencoder((8,), early_stopping=True, max_iter=30, random_state=0, batch_size=20)
    model.set_params(learning_rate_init=0.02).fit(DIGITS[:300])
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert len(model.validation_scores_) == model.n_iter_
    assert 0 < model.best_validation_score_ < 1


def test_score_is_the_share_of_variance():
    model = Autoencoder((2,), **FEW).fit(X)
    back = model.inverse_transform(model.transform(X))
    for weight in (None, WEIGHT):
        w = np.ones(len(X)) if weight is None else weight
        center = np.average(X, axis=0, weights=w)
        share = 1 - (w @ np.square(X - back)).sum() / (w @ np.square(X - center)).sum()
        assert_allclose(model.score(X, sample_weight=weight), share, rtol=1e-10)
    assert model.score(np.ones((3, 5))) == 0.0


@pytest.mark.parametrize("solver", ["sgd", "adam", "adagrad", "rmsprop", "adamw", "lbfgs"])
def test_solvers(solver):
    model = Autoencoder((4,), "tanh", solver=solver, learning_rate_init=0.01, random_state=0)
    first = model.set_params(max_iter=1).fit(X).score(X)
    assert model.set_params(max_iter=30).fit(X).score(X) > first


def test_rows_of_all_kinds(tmp_path, backend):
    model = Autoencoder((3,), "tanh", batch_size=32, **FEW)
    dense = model.fit(UNIT)
    for given in (
        sp.csr_array(UNIT), sp.csc_matrix(UNIT), UNIT.astype(">f8"), np.asfortranarray(UNIT),
        UNIT[::-1][::-1], UNIT.tolist(),
    ):  # fmt: skip
        other = clone(model).fit(given)
        assert_allclose(other.coefs_[1], dense.coefs_[1], rtol=1e-9)
        assert_allclose(other.transform(given), dense.transform(UNIT), rtol=1e-9)
        assert_allclose(other.score(given), dense.score(UNIT), rtol=1e-9)
        errors = dense.reconstruction_error(UNIT)
        assert_allclose(other.reconstruction_error(given), errors, rtol=1e-7)
    mapped = np.memmap(tmp_path / "rows", np.float64, "w+", shape=UNIT.shape)
    mapped[:] = UNIT
    disk = clone(model).fit(mapped)
    assert_array_equal(disk.coefs_[0], dense.coefs_[0])
    assert disk.data_range_ == dense.data_range_
    assert_array_equal(disk.reconstruction_error(mapped), dense.reconstruction_error(UNIT))
    single = clone(model).fit(UNIT.astype(np.float32))
    assert {a.dtype for a in (*single.coefs_, *single.intercepts_)} == {np.dtype(np.float32)}
    assert single.transform(UNIT.astype(np.float32)).dtype == np.float32


def test_source_of_batches():
    def batches(epoch):
        for start in range(0, len(UNIT), 40):
            yield UNIT[start : start + 40], None

    model = Autoencoder((3,), shuffle=False, batch_size=40, **FEW)
    streamed = clone(model).fit(batches)
    assert_allclose(streamed.coefs_[0], model.fit(UNIT).coefs_[0], rtol=1e-9)
    with pytest.raises(ValueError, match="init='pca' needs all rows at once"):
        clone(model).set_params(init="pca").fit(batches)


@pytest.mark.parametrize("solver, name", [("adam", "epoch"), ("lbfgs", "iteration")])
def test_callbacks_see_the_network_learn(solver, name):
    pytest.importorskip("sklearn.callback")
    recorder = Recorder()
    model = Autoencoder((3,), solver=solver, **FEW).set_callbacks(recorder).fit(X)
    assert recorder.names == ["fit", *[name] * model.n_iter_]
    assert recorder.scores[-1] == model.score(X)
    assert len(set(recorder.scores)) > 1
    assert Autoencoder((3,), solver=solver, **FEW).set_callbacks(Recorder(2)).fit(X).n_iter_ == 2


def test_in_a_pipeline_with_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"))
    pipe = make_pipeline(StandardScaler(), Autoencoder((2,), **FEW)).set_output(transform="pandas")
    codes = pipe.fit_transform(frame)
    assert list(codes.columns) == ["autoencoder0", "autoencoder1"]


# What cannot be.


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"hidden_layer_sizes": (3, 0)}, r"hidden_layer_sizes must be > 0, got \[3, 0\]"),
        ({"hidden_layer_sizes": ()}, r"hidden_layer_sizes must be > 0, got \[\]"),
        ({"activation": "rely"}, "activation must be None, a function or one of"),
        ({"code_activation": "rely"}, "activation must be None, a function or one of"),
        ({"loss": "log_loss"}, r"loss='log_loss' is for X within \[0, 1\], got values from"),
        ({"loss": "log_loss", "out_activation": "tanh"}, "needs outputs that are probabilities"),
        ({"noise": "masking", "noise_level": 1}, "noise_level must be a probability below 1"),
        ({"sparsity_target": 0.1}, "needs a code of activation 'logistic', got 'relu'"),
        (
            {"sparsity_target": 0.1, "encoder": [Dense(2)], "decoder": [Dense(5)]},
            "needs a code of activation 'logistic', got 'identity'",
        ),
        ({"sparsity_target": 1.0}, "The 'sparsity_target' parameter of Autoencoder must be"),
        ({"init": "rbm", "hidden_layer_sizes": (3, 2)}, "init='rbm' needs activation='logistic'"),
        ({"init": "rbm"}, "init='rbm' needs a code of units that machines have"),
        ({"init": "rbm", "code_activation": "identity"}, "no machine for a linear code of X that"),
        ({"init": "rbm", "activation": "logistic", "pretraining": {"k": 0}}, "The 'k' parameter"),
        ({"init": "rbm", "activation": "logistic", "pretraining": {"x": 0}}, "pretraining must ho"),
        ({"encoder": [Dense(2)]}, "encoder and decoder must be given together"),
        ({"encoder": [Dense(2)], "decoder": [Dense(4)]}, r"puts out samples of shape \(4,\), whi"),
        ({"encoder": [Dense(2)], "decoder": [Dense(5)], "tied": True}, "tied=True is for dense"),
        ({"encoder": [Dense(2)], "decoder": [Dense(5)], "init": "pca"}, "init='pca' is for dense"),
        ({"encoder": [Dense(2)], "decoder": [Dense(5)], "input_shape": 4}, "input_shape=4"),
        ({"solver": "lbfgs", "checkpoint": "x"}, "checkpoint is for stochastic solvers"),
        ({"contractive": -1}, "The 'contractive' parameter of Autoencoder must be"),
    ],
)
def test_parameters_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder(**FEW | parameters).fit(X)


def test_rows_refused():
    with pytest.raises(ValueError, match="Input X contains NaN"):
        Autoencoder().fit(np.where(X[3, 3] == X, np.nan, X))
    model = Autoencoder((2,), **FEW).fit(UNIT)
    with pytest.raises(ValueError, match=r"is for X within \[0, 1\].*MinMaxScaler"):
        model.partial_fit(X)
    with pytest.raises(ValueError, match="X must have 2 columns, one for each element of the code"):
        model.inverse_transform(X)
    with pytest.raises(TypeError, match="layers must be a list of layers; number 0 is"):
        Autoencoder(encoder=[Dense], decoder=[Dense(5)]).fit(X)
    images = DIGITS[:20].reshape(-1, 8, 8)
    with pytest.raises(ValueError, match="Found array with dim 3"):
        Autoencoder().fit(images)
    model = Autoencoder(**CONVOLUTIONS, **FEW).fit(images)
    with pytest.raises(ValueError, match=r"X has samples of shape \(4, 16\), but Autoencoder was"):
        model.transform(images.reshape(-1, 4, 16))
    for method in ("transform", "inverse_transform", "score", "reconstruction_error"):
        with pytest.raises(NotFittedError):
            getattr(Autoencoder(), method)(X)
    with pytest.raises(NotFittedError):
        Autoencoder().principal_angles(X)
    with pytest.raises(ValueError, match="weights kept are"):
        Autoencoder((3,), solver="sgd", learning_rate_init=1e30).fit(X)
