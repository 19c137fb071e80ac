"""LinearSVC and LinearSVR against liblinear and libsvm: objectives, gaps, duals, coefficients."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn import datasets, svm
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from fastml.svm import LinearSVC, LinearSVR


def classes(n, d, n_classes=2, seed=0, density=None):
    """Return rows, labels with noise, and weights of which some are 0."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    if density is not None:
        X = np.where(rng.uniform(size=X.shape) < density, X, 0)
    scores = X @ rng.standard_normal((d, n_classes)) + rng.standard_normal((n, n_classes))
    weights = rng.integers(0, 4, n) * rng.uniform(0.5, 1, n)
    return (X if density is None else sparse.csr_array(X)), scores.argmax(axis=1), weights


def real(load):
    X, y = load(return_X_y=True)
    return scale(X), y, None


def text(n, d):
    X, y, weights = classes(n, d, 3, 5, 0.05)
    return X.astype(np.float32), y, weights


HINGE, DUAL, PRIMAL = {"loss": "hinge"}, {"dual": True}, {"dual": False}
LASSO, JOINT = {"penalty": "l1", "dual": False}, {"multi_class": "crammer_singer"}
# Twenty data sets: dense, sparse, weighted, of two classes and more.
CASES = {
    "cancer": (real(datasets.load_breast_cancer), PRIMAL),
    "cancer dual": (real(datasets.load_breast_cancer), {**DUAL, "C": 0.1}),
    "cancer hinge": (real(datasets.load_breast_cancer), {**HINGE, "C": 0.05}),
    "cancer l1": (real(datasets.load_breast_cancer), LASSO),
    "iris": (real(datasets.load_iris), PRIMAL),
    "iris hinge": (real(datasets.load_iris), {**HINGE, "C": 0.1}),
    "iris joint": (real(datasets.load_iris), {**JOINT, "C": 0.1}),
    "wine": (real(datasets.load_wine), DUAL),
    "wine l1": (real(datasets.load_wine), {**LASSO, "class_weight": "balanced"}),
    "wine joint": (real(datasets.load_wine), JOINT),
    "digits": (real(datasets.load_digits), {**PRIMAL, "C": 0.01}),
    "dense weighted": (classes(300, 20), {**PRIMAL, "class_weight": {0: 3.0}}),
    "dense weighted hinge": (classes(300, 20, seed=1), {**HINGE, "C": 0.1}),
    "dense five classes": (classes(400, 15, 5), {**DUAL, "C": 0.1, "class_weight": {2: 2.0}}),
    "dense joint": (classes(200, 15, 4, 2), {**JOINT, "C": 0.1}),
    "wide": (classes(60, 200), {"fit_intercept": False}),
    "sparse": (classes(300, 500, 2, 3, 0.05), {}),
    "sparse hinge": (classes(300, 500, 2, 4, 0.05), {**HINGE, "intercept_scaling": 3.0}),
    "sparse l1": (classes(300, 100, 2, 4, 0.1), LASSO),
    "sparse float32": (text(300, 400), PRIMAL),
}


def objective(model, X, y, weights, params):
    """Return what is minimised, summed over classes."""
    weights = np.ones(len(y)) if weights is None else weights
    coef = np.asarray(model.coef_, np.float64)
    n_classes = len(model.classes_)
    cost = np.ones(n_classes)
    if params.get("class_weight") == "balanced":
        cost = len(y) / (n_classes * np.bincount(y))
    elif "class_weight" in params:
        cost[list(params["class_weight"])] = list(params["class_weight"].values())
    weights = params.get("C", 1.0) * weights
    scores = X @ coef.T + model.intercept_
    inner = np.broadcast_to(model.intercept_ / params.get("intercept_scaling", 1.0), len(coef))
    w = np.column_stack([coef, inner])
    if "multi_class" in params:
        margins = scores + (np.arange(n_classes) != y[:, None])
        losses = weights * cost[y] * (margins.max(axis=1) - scores[np.arange(len(y)), y])
        return 0.5 * (w**2).sum() + losses.sum()
    signs = np.where(y[:, None] == (np.arange(n_classes) if len(coef) > 1 else 1), 1, -1)
    price = np.where(
        signs > 0, cost if len(coef) > 1 else cost[1], 1.0 if len(coef) > 1 else cost[0]
    )
    losses = np.maximum(1 - signs * scores, 0) ** (1 if params.get("loss") == "hinge" else 2)
    size = abs(w).sum() if "penalty" in params else 0.5 * (w**2).sum()
    return size + (weights[:, None] * price * losses).sum()


@pytest.mark.parametrize("name", CASES)
def test_objective_is_liblinears_and_the_gap_is_small(name):
    (X, y, weights), params = CASES[name]
    options = {"tol": 1e-8, "max_iter": 20_000, "random_state": 0, **params}
    ours = LinearSVC(**options).fit(X, y, sample_weight=weights)
    peer = svm.LinearSVC(**options).fit(X, y, sample_weight=weights)
    best = objective(peer, X, y, weights, params)
    assert abs(objective(ours, X, y, weights, params) - best) <= 1e-6 * best
    assert (ours.duality_gap_ <= 1e-6 * best).all()
    assert (ours.duality_gap_ >= -1e-9 * best).all()
    assert ours.coef_.dtype == X.dtype
    assert (ours.predict(X) == peer.predict(X)).mean() > 0.995


@pytest.mark.parametrize("name", ["cancer", "cancer hinge", "iris joint", "wine", "sparse"])
def test_coefficients_are_the_sum_of_support_vectors(name):
    (X, y, weights), params = CASES[name]
    options = {"tol": 1e-8, "max_iter": 20_000, "store_support_vectors": True, **params}
    model = LinearSVC(**options).fit(X, y, sample_weight=weights)
    assert model.dual_coef_.shape == (len(model.coef_), len(model.support_))
    # The Newton method stops where the difference, the gradient, is small enough.
    few = 1e-4 * abs(model.coef_).max() if params == PRIMAL else 1e-6
    np.testing.assert_allclose(model.dual_coef_ @ model.support_vectors_, model.coef_, atol=few)
    if weights is not None:
        assert (weights[model.support_] > 0).all()


@pytest.mark.parametrize("C", [0.1, 10.0])
def test_an_unpenalised_intercept_is_that_of_libsvm(C):
    X, y = datasets.load_breast_cancer(return_X_y=True)
    X = scale(X)[:, :8]
    options = {"tol": 1e-5, "C": C, "max_iter": 100_000}
    ours = LinearSVC(loss="hinge", fit_intercept="unpenalised", **options).fit(X, y)
    peer = svm.SVC(kernel="linear", tol=1e-6, C=C).fit(X, y)
    np.testing.assert_allclose(ours.coef_, peer.coef_, atol=2e-3 * abs(peer.coef_).max())
    np.testing.assert_allclose(ours.intercept_, peer.intercept_, atol=1e-3)
    assert abs(ours.dual_coef_.sum()) < 1e-4 * C


@pytest.mark.parametrize(
    "params",
    [
        {"epsilon": 10.0},
        {"epsilon": 10.0, "C": 50.0},
        {"loss": "squared_epsilon_insensitive", "dual": True},
        {"loss": "squared_epsilon_insensitive", "dual": False, "epsilon": 5.0},
        {"fit_intercept": False},
    ],
)
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_regression_agrees_with_liblinear(params, make):
    X, y = datasets.load_diabetes(return_X_y=True)
    X, weights = make(scale(X)), np.random.default_rng(0).uniform(0, 2, len(y))
    options = {"tol": 1e-8, "max_iter": 20_000, "random_state": 0, **params}
    ours = LinearSVR(**options).fit(X, y, sample_weight=weights)
    peer = svm.LinearSVR(**options).fit(X, y, sample_weight=weights)

    def value(model):
        miss = np.maximum(abs(model.predict(X) - y) - params.get("epsilon", 0.0), 0)
        losses = miss ** (2 if "loss" in params else 1)
        size = 0.5 * (model.coef_ @ model.coef_ + np.sum(model.intercept_) ** 2)
        return size + params.get("C", 1.0) * weights @ losses

    assert abs(value(ours) - value(peer)) <= 1e-6 * value(peer)
    assert -1e-9 * value(peer) <= ours.duality_gap_[0] <= 1e-6 * value(peer)
    assert ours.coef_.shape == peer.coef_.shape


def test_float32_rows_give_the_coefficients_of_float64_ones():
    (X, y, _), params = CASES["digits"]
    narrow = LinearSVC(**params).fit(X.astype(np.float32), y)
    wide = LinearSVC(**params).fit(X.astype(np.float32).astype(np.float64), y)
    assert {a.dtype for a in (narrow.coef_, narrow.intercept_, narrow.dual_coef_)} == {
        np.dtype(np.float32)
    }
    np.testing.assert_allclose(narrow.coef_, wide.coef_, atol=1e-6)
    assert narrow.decision_function(X.astype(np.float32)).dtype == np.float32


def test_the_limit_of_iterations_is_kept_and_said():
    X, y = datasets.load_iris(return_X_y=True)
    for options in ({"loss": "hinge"}, {"dual": False}, JOINT, LASSO):
        for intercept in (True, "unpenalised"):
            model = LinearSVC(max_iter=3, tol=1e-9, fit_intercept=intercept, **options)
            with pytest.warns(ConvergenceWarning, match="Liblinear failed to converge"):
                model.fit(X, y)
            assert model.n_iter_ == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearSVC(max_iter=10_000).fit(X, y)
