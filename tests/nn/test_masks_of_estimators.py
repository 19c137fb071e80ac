"""Estimators with dropout, read as ensembles."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from fastml.neural_network import MLPClassifier, MLPRegressor


def fitted(cls, y, **options):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    options = {"hidden_layer_sizes": (6,), "dropout": 0.4, "max_iter": 20, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return X, cls(random_state=0, learning_rate_init=0.05, **options).fit(X, y(X))


def test_many_masks_of_a_classifier_come_near_the_mean_over_all():
    X, model = fitted(MLPClassifier, lambda X: np.array(["a", "b", "c"])[(X[:, :3]).argmax(axis=1)])
    exact, std = model.predict_proba(X, n_masks="all"), model.predict_std(X, n_masks="all")
    np.testing.assert_allclose(exact.sum(axis=1), 1)
    assert std.shape == (60, 3)
    assert std.mean() > 0.02
    for n_masks, bound in ((10, 3), (1000, 0.3)):
        drawn = model.predict_proba(X, n_masks=n_masks)
        assert abs(drawn - exact).max() < bound * std.max()
        assert abs(drawn - exact).mean() < 4 * std.mean() / np.sqrt(n_masks)
    np.testing.assert_allclose(model.predict_std(X, n_masks=1000), std, atol=0.05)
    # Weight scaling is near, and not the same.
    scaled = model.predict_proba(X)
    assert 1e-3 < abs(scaled - exact).max() < 0.3
    assert abs(scaled - exact).mean() < 0.05


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_masks_of_a_regressor(loss):
    X, model = fitted(MLPRegressor, lambda X: np.exp(X[:, 0]), loss=loss, input_dropout=0.1)
    exact, std = model.predict(X, n_masks="all"), model.predict_std(X, n_masks="all")
    assert exact.shape == std.shape == (60,)
    drawn = model.predict(X, n_masks=2000)
    assert abs(drawn - exact).mean() < 4 * std.mean() / np.sqrt(2000)
    assert np.corrcoef(exact, model.predict(X))[0, 1] > 0.9


def test_masks_follow_random_state_and_rows_do_not_depend_on_each_other():
    X, model = fitted(MLPClassifier, lambda X: X[:, 0] > 0)
    first = model.predict_proba(X, n_masks=5)
    np.testing.assert_array_equal(first, model.predict_proba(X, n_masks=5))
    np.testing.assert_allclose(first[7:8], model.predict_proba(X[7:8], n_masks=5), rtol=1e-12)
    np.testing.assert_allclose(first, model.predict_proba(sp.csr_array(X), n_masks=5), rtol=1e-12)
    assert (first != model.predict_proba(X, n_masks=5, random_state=1)).any()
    std = model.predict_std(X, n_masks=5)
    assert std.shape == (60, 2)
    np.testing.assert_array_equal(std[:, 0], std[:, 1])
    many = model.predict_std(X.astype(np.float32), n_masks=5)
    assert many.dtype == np.float32
    np.testing.assert_allclose(many, std, atol=1e-5)


def test_a_network_without_dropout_agrees_with_itself():
    X, model = fitted(MLPRegressor, lambda X: X[:, :2], dropout=0)
    np.testing.assert_allclose(model.predict(X, n_masks=3), model.predict(X), rtol=1e-12)
    np.testing.assert_allclose(model.predict_std(X), np.zeros((60, 2)), atol=1e-12)
    with pytest.raises(ValueError, match="n_masks must be a positive integer or 'all', got 0"):
        model.predict(X, n_masks=0)


def test_margins_have_no_probabilities_to_average():
    _, model = fitted(MLPClassifier, lambda X: X[:, 0] > 0, loss="hinge")
    assert not hasattr(model, "predict_std")
