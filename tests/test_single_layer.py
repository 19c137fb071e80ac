"""SingleLayerClassifier and SingleLayerRegressor: any activation, loss, penalty and solver."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_regression
from sklearn.linear_model import ElasticNet, LogisticRegression, PoissonRegressor, Ridge
from sklearn.model_selection import train_test_split
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml import losses
from fastml.linear_model import SingleLayerClassifier, SingleLayerRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


@pytest.mark.parametrize("name", ["cpu", "reference"])
@parametrize_with_checks([SingleLayerClassifier(), SingleLayerRegressor()])
def test_estimator_checks(estimator, check, name):
    with fastml.config_context(backend=name):
        check(estimator)


X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
XR, YR = make_regression(90, 5, n_targets=2, noise=5.0, random_state=0)
YR = YR / YR.std() + 1
CONVERGED = {"solver": "lbfgs", "max_iter": 2000, "tol": 1e-8}


@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("intercept", [True, False])
def test_it_is_logistic_regression(backend, two, intercept):
    rows, y = (X[Y > 0], Y[Y > 0]) if two else (X, Y)
    peer = LogisticRegression(C=0.5, tol=1e-8, max_iter=2000, fit_intercept=intercept).fit(rows, y)
    ours = SingleLayerClassifier(alpha=2.0, fit_intercept=intercept, **CONVERGED).fit(rows, y)
    assert ours.coef_.shape == peer.coef_.shape
    assert ours.intercept_.shape == peer.intercept_.shape
    assert_allclose(ours.coef_, peer.coef_, atol=2e-3)
    assert_allclose(ours.predict_proba(rows), peer.predict_proba(rows), atol=1e-3)
    assert_array_equal(ours.predict(rows), peer.predict(rows))
    found, wanted = ours.decision_function(rows), peer.decision_function(rows)
    if not two:  # a softmax does not change with what is added to all
        found, wanted = (d - d.mean(axis=1, keepdims=True) for d in (found, wanted))
    assert_allclose(found, wanted, atol=1e-2)


def test_it_is_the_elastic_net(backend):
    y = YR[:, 0]
    n, alpha, ratio = len(y), 0.1, 0.6
    peer = ElasticNet(alpha, l1_ratio=ratio, tol=1e-10).fit(XR, y)
    ours = SingleLayerRegressor(penalty="elasticnet", l1_ratio=ratio, alpha=n * alpha, **CONVERGED)
    ours.fit(XR, y)
    assert ours.coef_.shape == (5,)
    assert np.ndim(ours.intercept_) == 0
    assert_allclose(ours.coef_, peer.coef_, atol=1e-3)
    assert_allclose(ours.intercept_, peer.intercept_, atol=1e-3)


def test_it_is_ridge_regression_of_several_numbers(backend):
    peer = Ridge(3.0).fit(XR, YR)
    ours = SingleLayerRegressor(alpha=3.0, **CONVERGED).fit(XR, YR)
    assert_allclose(ours.coef_, peer.coef_, atol=1e-4)
    assert_allclose(ours.intercept_, peer.intercept_, atol=1e-4)
    assert_allclose(ours.predict(XR), peer.predict(XR), atol=1e-3)


def test_it_is_a_model_of_counts(backend):
    y = np.random.default_rng(0).poisson(np.exp(0.4 * XR[:, 0]))
    peer = PoissonRegressor(alpha=0, tol=1e-8).fit(XR, y)
    ours = SingleLayerRegressor(loss="poisson", alpha=0, **CONVERGED).fit(XR, y)
    assert_allclose(ours.coef_, peer.coef_, atol=1e-3)
    assert_allclose(ours.predict(XR), peer.predict(XR), rtol=1e-2)
    with pytest.raises(ValueError, match=r"loss='poisson' needs the logarithm.*activation='relu'"):
        SingleLayerRegressor("relu", "poisson").fit(XR, y)


@pytest.mark.parametrize("batch_size", [1, 20, "full"])
@pytest.mark.parametrize("loss", ["log_loss", "squared_error", "hinge", "squared_hinge"])
def test_the_three_regimes(backend, loss, batch_size):
    rate = {1: 0.005, 20: 0.05, "full": 0.2}[batch_size]
    model = SingleLayerClassifier(
        loss=loss, solver="sgd", batch_size=batch_size, learning_rate_init=rate, max_iter=25,
        random_state=0, tol=0,
    ).fit(X, Y)  # fmt: skip
    steps = {1: 150, 20: 8, "full": 1}[batch_size]
    assert model._training.step == model.n_iter_ * steps
    assert model.loss_curve_[-1] < 0.8 * model.loss_curve_[0]
    assert model.score(X, Y) > 0.8


@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu", "identity", "softmax", "gelu"])
@pytest.mark.parametrize("labels", ["classes", "two", "several"])
def test_any_activation_of_outputs(backend, activation, labels):
    y = {"classes": Y, "two": Y > 0, "several": np.stack([Y > 0, Y > 1], axis=1)}[labels]
    y = y.astype(int)
    model = SingleLayerClassifier(
        activation, "squared_error", learning_rate_init=0.05, random_state=0
    ).fit(X, y)
    assert model.score(X, y) > 0.6
    margins, found = model.decision_function(X), model.predict(X)
    decided = margins.argmax(axis=1) if labels == "classes" else margins > 0
    assert_array_equal(decided, found)


def test_losses_and_outputs_that_do_not_fit():
    with pytest.raises(ValueError, match=r"log_loss' needs outputs that are prob.*'tanh'"):
        SingleLayerClassifier("tanh").fit(X, Y)
    for name, value in (("activation", "cubic"), ("loss", "cubic"), ("fit_intercept", "no")):
        with pytest.raises(ValueError, match=name):
            SingleLayerClassifier(**{name: value}).fit(X, Y)
    own = SingleLayerRegressor("tanh", losses.squared, random_state=0, max_iter=50)
    named = clone(own).set_params(loss="squared_error")
    assert_allclose(own.fit(XR, YR).coef_, named.fit(XR, YR).coef_, rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_going_on(backend, dtype):
    rows = X.astype(dtype)
    options = {"random_state": 1, "batch_size": 32, "tol": 0, "max_iter": 6}
    whole = SingleLayerClassifier(**options).fit(rows, Y)
    assert whole.coef_.dtype == whole.intercept_.dtype == dtype
    parts = SingleLayerClassifier(**options)
    for _ in range(6):
        parts = pickle.loads(pickle.dumps(parts)).partial_fit(rows, Y, classes=[0, 1, 2])
    assert_array_equal(parts.coef_, whole.coef_)
    assert_array_equal(parts.intercept_, whole.intercept_)
    warm = SingleLayerClassifier(**options, warm_start=True).fit(rows, Y).fit(rows, Y)
    assert len(warm.loss_curve_) == 12
    assert warm.loss_ < whole.loss_
    thin = SingleLayerClassifier(**options).fit(sparse.csr_array(rows), Y)
    assert_allclose(thin.coef_, whole.coef_, rtol=1e-4, atol=1e-5)
    # Predictions use the weights there are.
    thin.coef_, thin.intercept_ = -whole.coef_, -whole.intercept_
    assert_allclose(thin.decision_function(rows), -whole.decision_function(rows), rtol=1e-4)


def test_softmax_regression_reads_digits():
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(
        (X / 16).astype(np.float32), y, test_size=0.25, random_state=0, stratify=y
    )
    scores = [
        SingleLayerClassifier(random_state=i, max_iter=80).fit(X, y).score(X_test, y_test)
        for i in range(5)
    ]
    assert np.mean(scores) >= 0.95
