"""How autoencoders begin: principal components, and Boltzmann machines unrolled."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

import fastml
from fastml.kernels.rbm import reference as rbm_kernels
from fastml.neural_network import Autoencoder, BernoulliRBM, GaussianRBM
from fastml.neural_network._autoencoder_start import PRETRAINING
from fastml.neural_network._code_machine import learn_code
from tests.autoencoder_data import DIGITS, FEW, WEIGHT, X

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def one_thread():
    # Threads of small problems would wait for each other where other tests run too.
    with fastml.config_context(num_threads=1):
        yield


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
