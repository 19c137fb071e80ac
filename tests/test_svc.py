"""SVC: agreement with LIBSVM, views of the solution, probabilities."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import minimize
from sklearn import datasets, svm
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.svm import SVC
from fastml.svm._one_vs_one import pair_weights
from fastml.svm._platt import coupled, sigmoid, sigmoid_of

BACKENDS = ["cpu", "reference"]
GAMMA_IS_OF_ALL_ROWS = "gamma='scale' is of the rows without their weights, as in scikit-learn"


@pytest.fixture(params=BACKENDS)
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


# The check compares models to 1e-7: only solved to the end are they the same.
@parametrize_with_checks(
    [SVC(), SVC(gamma="auto", tol=1e-10), SVC(kernel="precomputed", tol=1e-10)],
    expected_failed_checks=lambda estimator: {
        f"check_sample_weight_equivalence_on_{kind}_data": GAMMA_IS_OF_ALL_ROWS
        for kind in ("dense", "sparse")
        if estimator.gamma == "scale" and estimator.kernel == "rbf"
    },
)
@pytest.mark.parametrize("backend_name", BACKENDS)
def test_estimator_checks(estimator, check, backend_name):
    with fastml.config_context(backend=backend_name):
        check(estimator)


def standardised(name, n=None):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    X, y = X[:n], y[:n]
    return (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-3), y


def clusters(n, d, k, seed=0, sep=1.0):
    return datasets.make_classification(
        n, d, n_informative=min(d, 8), n_redundant=0, n_classes=k, n_clusters_per_class=2,
        flip_y=0.05, class_sep=sep, random_state=seed,
    )  # fmt: skip


def twice(X, y):
    return np.vstack([X, X]), np.concatenate([y, y])


def thin(X, y):
    return sparse.csr_array(np.where(X > 0.5, X, 0)), y


def weights(X, y):
    return np.random.default_rng(0).uniform(0, 2, len(y))


# Data, parameters, sample weights.
SETS = {
    "iris": (standardised("iris"), {}, None),
    "iris linear": (standardised("iris"), {"kernel": "linear"}, None),
    "wine poly": (standardised("wine"), {"kernel": "poly", "coef0": 1.0}, None),
    "wine sigmoid": (standardised("wine"), {"kernel": "sigmoid", "gamma": 0.01}, None),
    "wine degree": (standardised("wine"), {"kernel": "poly", "degree": 2, "gamma": 0.3}, None),
    "cancer": (standardised("breast_cancer"), {}, None),
    "cancer large C": (standardised("breast_cancer"), {"C": 1000.0}, None),
    "cancer linear": (standardised("breast_cancer"), {"kernel": "linear", "C": 0.1}, None),
    "digits": (standardised("digits", 500), {}, None),
    "digits balanced": (standardised("digits", 300), {"class_weight": "balanced"}, None),
    "moons": (datasets.make_moons(300, noise=0.2, random_state=0), {"C": 10.0}, None),
    "circles": (datasets.make_circles(200, noise=0.1, random_state=0), {"gamma": 5.0}, None),
    "narrow": (clusters(400, 10, 2), {"gamma": 2.0}, None),
    "wide": (clusters(400, 10, 2), {"gamma": 1e-3, "C": 0.01}, None),
    "more features than rows": (clusters(60, 200, 2), {"kernel": "linear"}, None),
    "five classes": (clusters(400, 8, 5), {"gamma": "auto"}, None),
    "rows twice": (twice(*clusters(150, 8, 2)), {}, None),
    "weights": (clusters(300, 8, 3), {}, weights),
    "class weights": (clusters(300, 8, 3), {"class_weight": {0: 5.0, 2: 0.1}}, weights),
    "sparse": (thin(*clusters(300, 20, 3)), {}, None),
    "sparse linear": (thin(*clusters(300, 20, 2)), {"kernel": "linear"}, weights),
}


def dual_objectives(model, X):
    """Return the dual objective of every pair, by scikit-learn's kernel in float64."""
    vectors = X[model.support_]
    kernel = model.kernel
    options = {"gamma": model._gamma, "coef0": model.coef0, "degree": model.degree}
    wanted = {"rbf": ["gamma"], "poly": list(options), "sigmoid": ["gamma", "coef0"]}
    K = pairwise_kernels(
        vectors, metric=kernel, **{name: options[name] for name in wanted.get(kernel, ())}
    )
    of_pairs = pair_weights(model.dual_coef_, model.n_support_)
    return np.abs(of_pairs).sum(axis=0) - 0.5 * np.einsum("ip,ij,jp->p", of_pairs, K, of_pairs)


@pytest.mark.parametrize("name", SETS)
def test_dual_objective_is_libsvms(name):
    (X, y), options, weigh = SETS[name]
    weight = None if weigh is None else weigh(X, y)
    options = {"tol": 1e-4, **options}
    ours, theirs = (kind(**options).fit(X, y, sample_weight=weight) for kind in (SVC, svm.SVC))
    assert_allclose(ours._gamma, theirs._gamma, rtol=1e-12)
    assert_allclose(dual_objectives(ours, X), dual_objectives(theirs, X), rtol=1e-6)
    assert (ours.duality_gap_ >= -1e-9).all()
    assert_allclose(ours.intercept_, theirs.intercept_, atol=0.02)
    assert np.mean(ours.predict(X) == theirs.predict(X)) > 0.99
    assert ours.dual_coef_.shape[0] == theirs.dual_coef_.shape[0]
    for attribute in ("support_", "n_support_", "n_iter_"):
        assert getattr(ours, attribute).dtype == getattr(theirs, attribute).dtype


@pytest.mark.filterwarnings("ignore:Solver terminated early")
@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_same_steps_as_libsvm(backend, kernel, n_classes):
    X, y = clusters(80, 8, n_classes)
    options = {"kernel": kernel, "coef0": 0.5, "gamma": 0.05, "decision_function_shape": "ovo"}
    # Later on the last bits of kernel values choose between steps.
    options |= {"shrinking": False, "max_iter": 20}
    ours, theirs = (kind(**options).fit(X, y) for kind in (SVC, svm.SVC))
    assert_array_equal(ours.n_iter_, theirs.n_iter_)
    assert_array_equal(ours.support_, theirs.support_)
    assert_allclose(ours.dual_coef_, theirs.dual_coef_, atol=1e-4)
    assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-4)
    assert_array_equal(ours.predict(X), theirs.predict(X))


def test_float32_is_kept():
    X, y = clusters(300, 8, 3)
    wide, short = (SVC(tol=1e-5).fit(X.astype(dtype), y) for dtype in (np.float64, np.float32))
    assert short.support_vectors_.dtype == np.float32
    assert short.decision_function(X.astype(np.float32)).dtype == np.float32
    assert wide.decision_function(X).dtype == short.dual_coef_.dtype == np.float64
    assert_allclose(dual_objectives(short, X), dual_objectives(wide, X), rtol=1e-5)
    assert_allclose(short.decision_function(X), wide.decision_function(X), atol=1e-3)


def test_a_matrix_and_a_callable_are_the_kernel(backend):
    X, y = clusters(90, 5, 3)
    K = pairwise_kernels(X, metric="rbf", gamma=0.3)
    direct = SVC(gamma=0.3).fit(X, y)
    given = SVC(kernel="precomputed").fit(K, y)
    called = SVC(kernel=lambda a, b: pairwise_kernels(a, b, metric="rbf", gamma=0.3)).fit(X, y)
    for model, rows in ((given, K[:20]), (called, X[:20])):
        assert_array_equal(model.support_, direct.support_)
        assert_allclose(model.decision_function(rows), direct.decision_function(X[:20]), atol=1e-6)
        assert model.support_vectors_.size == 0


@pytest.mark.parametrize("degree, gamma", [(0, 1.0), (2, 0.0)])
def test_a_constant_kernel(backend, degree, gamma):
    X, y = clusters(60, 5, 2)
    options = {"kernel": "poly", "degree": degree, "gamma": gamma, "coef0": 1.0}
    ours, theirs = (kind(**options).fit(X, y[:]) for kind in (SVC, svm.SVC))
    assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-6)


def test_a_class_without_weight_gets_no_votes():
    X, y = clusters(120, 5, 3)
    model = SVC(decision_function_shape="ovo").fit(X, y, sample_weight=(y != 1).astype(float))
    assert_array_equal(model.n_support_[1], 0)
    assert set(model.predict(X)) == {0, 2}
    alone = SVC(gamma=model._gamma).fit(X[y != 1], y[y != 1])
    assert_allclose(model.decision_function(X)[:, 1], -alone.decision_function(X), atol=1e-9)


def test_what_is_set_as_dual_coef_is_used():
    model = SVC(kernel="linear").fit([[-2, -1], [-1, -1], [1, 1], [1, 2]], [1, 1, 2, 2])
    assert model.predict([[-0.1, -0.1]]) == [1]
    model.dual_coef_ = np.array([[0.0, -1.0]])
    assert model.predict([[-0.1, -0.1]]) == [2]


def test_pickles_and_shapes_of_decisions():
    X, y = clusters(120, 5, 4)
    model = SVC(break_ties=True).fit(X, np.array(["d", "a", "c", "b"])[y])
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.decision_function(X), model.decision_function(X))
    assert model.decision_function(X).shape == (120, 4)
    assert_array_equal(model.predict(X), model.classes_[model.decision_function(X).argmax(axis=1)])
    assert model.set_params(decision_function_shape="ovo").decision_function(X).shape == (120, 6)


def test_kkt_report(backend):
    X, y = clusters(150, 5, 3)
    model = SVC(C=0.7, tol=1e-4).fit(X, y)
    for pair in range(3):
        report = model.kkt_report(pair)
        assert report.holds
        assert report.tol == pytest.approx(1e-3)
        assert_allclose(report.value - report.gap, dual_objectives(model, X)[pair], rtol=1e-6)
    assert model.kkt_report().gap == pytest.approx(model.duality_gap_[0])
    assert "0 <= alpha <= C" in repr(report)
    with pytest.warns(match="Solver terminated early"):
        unsolved = SVC(C=0.7, max_iter=3).fit(X, y)
    assert unsolved.fit_status_ == 1
    report = unsolved.kkt_report(1)
    assert not report["complementary slackness"].holds
    assert not report["duality gap"].holds
    # The sum over y alpha is kept by every step.
    assert report["stationarity"].holds
    with pytest.raises(ValueError, match="pair must be an integer from 0 to 2, got 3"):
        model.kkt_report(3)


def test_primal_objective_of_the_report():
    X, y = clusters(150, 5, 2)
    model = SVC(kernel="linear", tol=1e-8).fit(X, y)
    signs = 2.0 * y - 1

    def primal(w):
        return 0.5 * w[:-1] @ w[:-1] + np.maximum(0, 1 - signs * (X @ w[:-1] + w[-1])).sum()

    at = np.append(model.coef_[0], model.intercept_)
    assert_allclose(model.kkt_report().value, primal(at), rtol=1e-6)
    rng = np.random.default_rng(0)
    assert all(primal(at + 1e-3 * rng.standard_normal(6)) > primal(at) for _ in range(20))


def test_sigmoid_of_most_likelihood():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 3, 300)
    positive = rng.random(300) < sigmoid(values, -0.8, 0.4)
    n, m = positive.sum(), (~positive).sum()
    targets = np.where(positive, (n + 1) / (n + 2), 1 / (m + 2))

    def loss(at):
        z = at[0] * values + at[1]
        return (targets * z + np.logaddexp(0, -z)).sum()

    found = sigmoid_of(values, positive)
    best = minimize(loss, [0.0, 0.0], tol=1e-10)
    assert_allclose(found, best.x, atol=1e-4)
    assert_allclose(found, [-0.8, 0.4], atol=0.25)
    assert_array_equal(sigmoid(np.array([-1e4, 0.0, 1e4]), 1.0, 0.0), [1.0, 0.5, 0.0])


def test_coupling_of_consistent_pairs():
    pairs = [(0, 1), (0, 2), (1, 2)]
    p = np.random.default_rng(0).dirichlet([1, 1, 1], 20)
    of_pairs = np.column_stack([p[:, i] / (p[:, i] + p[:, j]) for i, j in pairs])
    assert_allclose(coupled(of_pairs, pairs, 3), p, atol=1e-5)
    # The least of sum over pairs (r_ji p_i - r_ij p_j)^2 where they contradict each other.
    r = np.array([0.9, 0.2, 0.7])

    def disagreement(q):
        return sum(((1 - r[k]) * q[i] - r[k] * q[j]) ** 2 for k, (i, j) in enumerate(pairs))

    best = minimize(
        disagreement, [1 / 3] * 3, bounds=[(0, 1)] * 3, tol=1e-12,
        constraints={"type": "eq", "fun": lambda q: sum(q) - 1},
    )  # fmt: skip
    assert_allclose(coupled(r[None], pairs, 3)[0], best.x, atol=1e-4)


@pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning")
@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_libsvms_but_for_the_folds(n_classes):
    X, y = clusters(400, 5, n_classes)
    ours, theirs = (
        kind(probability=True, random_state=0).fit(X, y).predict_proba(X) for kind in (SVC, svm.SVC)
    )
    assert np.abs(ours - theirs).mean() < 0.02
    assert_allclose(ours.sum(axis=1), 1)
