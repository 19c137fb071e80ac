"""Autoencoders: scikit-learn's checks, linear units beside PCA, and what parameters do."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml import losses
from fastml.neural_network import Autoencoder
from tests.autoencoder_data import DIGITS, FEW, UNIT, X

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def one_thread():
    # Threads of small problems would wait for each other where other tests run too.
    with fastml.config_context(num_threads=1):
        yield


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
