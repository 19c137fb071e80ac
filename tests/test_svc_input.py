"""What SVC cannot be fitted to is refused in scikit-learn's words; what is unusual is taken."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import svm

import fastml
from fastml.svm import SVC
from tests.test_bad_input import BAD, refusals
from tests.test_svc import clusters

X, Y = clusters(40, 3, 2)
ODD_X = {
    "read-only": lambda X: np.frombuffer(X.tobytes(), X.dtype).reshape(X.shape),
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "Fortran": np.asfortranarray,
    "big-endian": lambda X: X.astype(">f8"),
    "objects": lambda X: X.astype(object),
    "lists": lambda X: X.tolist(),
    "a matrix of another class": np.ma.masked_array,
}


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


@pytest.mark.parametrize("kind", BAD)
def test_rows_are_refused_in_scikit_learns_words(kind):
    n = BAD[kind].shape[0] if sparse.issparse(BAD[kind]) else np.shape(np.empty(12))[0]
    y = np.arange(max(n, 1)) % 2
    ours, theirs = refusals((SVC(), svm.SVC()), lambda model: model.fit(BAD[kind], y))
    # They convert to float64 first.
    assert (ours[0], ours[1].replace("float32", "float64")) == theirs


BAD_FITS = {
    "no labels": (X, None, None),
    "labels of another length": (X, Y[:-1], None),
    "labels in a table": (X, np.column_stack([Y, Y]), None),
    "one class": (X, np.ones(40, int), None),
    "continuous": (X, np.linspace(0, 1, 40), None),
    "NaN": (X, np.where(Y > 0, np.nan, 1.0), None),
    "weights of another length": (X, Y, np.ones(3)),
    "no weights above zero": (X, Y, -np.ones(40)),
    "weights of one class": (X, Y, Y.astype(float)),
}


@pytest.mark.parametrize("kind", BAD_FITS)
def test_fits_are_refused_in_scikit_learns_words(kind):
    ours, theirs = refusals((SVC(), svm.SVC()), lambda model: model.fit(*BAD_FITS[kind]))
    assert ours == theirs


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers(value):
    weight = np.ones(40)
    weight[3] = value
    with pytest.raises(ValueError, match="Input sample_weight contains"):
        SVC().fit(X, Y, sample_weight=weight)
    with pytest.raises(ValueError, match="Sample weights must be 1D array or scalar"):
        SVC().fit(X, Y, sample_weight=np.ones((40, 2)))


@pytest.mark.parametrize(
    "options",
    [
        {"C": 0}, {"C": -1.0}, {"C": "1"}, {"kernel": "cosine"}, {"degree": 1.5}, {"degree": -1},
        {"gamma": -0.1}, {"gamma": "median"}, {"coef0": np.inf}, {"tol": 0}, {"cache_size": 0},
        {"max_iter": -2}, {"class_weight": "even"}, {"decision_function_shape": "ovx"},
        {"shrinking": "no"}, {"break_ties": 1.5}, {"probability": "yes"}, {"random_state": "a"},
        {"class_weight": {7: 1.0}},
    ],
    ids=str,
)  # fmt: skip
def test_parameters_are_refused_in_scikit_learns_words(options):
    pair = SVC(**options), svm.SVC(**options)
    ours, theirs = refusals(pair, lambda model: model.fit(X, Y))
    assert ours == theirs


PREDICTIONS = {
    "other features": ({}, X, X[:, :2]),
    "NaN": ({}, X, np.where(X > 1, np.nan, X)),
    "sparse rows": ({}, X, sparse.csr_array(X)),
    "kernels of other rows": ({"kernel": "precomputed"}, X @ X.T, X),
}


@pytest.mark.parametrize("method", ["predict", "decision_function"])
@pytest.mark.parametrize("kind", PREDICTIONS)
def test_predictions_are_refused_in_scikit_learns_words(kind, method):
    options, given, rows = PREDICTIONS[kind]
    ours, theirs = refusals(
        (SVC(**options), svm.SVC(**options)),
        lambda model: getattr(model.fit(given, Y), method)(rows),
    )
    assert ours == theirs


@pytest.mark.parametrize(
    "result, message",
    [
        (lambda a, b: a, "X.shape.1. = 3 should be equal to 40"),
        (lambda a, b: (a @ b.T)[:-1], "must return a matrix with a row for each sample"),
        (lambda a, b: a[:, 0], "must return a matrix with a row for each sample"),
        (lambda a, b: np.full((len(a), len(b)), np.nan), "Input the kernel matrix contains NaN"),
    ],
)
def test_callables_that_return_something_else(result, message):
    with pytest.raises(ValueError, match=message):
        SVC(kernel=result).fit(X, Y)


@pytest.mark.parametrize("kind", ODD_X)
def test_the_unusual_is_taken(backend, kind):
    odd, plain = SVC().fit(ODD_X[kind](X), Y), SVC().fit(X, Y)
    assert_array_equal(odd.dual_coef_, plain.dual_coef_)
    assert_array_equal(odd.decision_function(ODD_X[kind](X)), plain.decision_function(X))


@pytest.mark.parametrize(
    "labels",
    [Y.astype(bool), Y.astype("uint8"), Y.astype(float), np.array(["no", "yes"])[Y], list(Y)],
    ids=["bool", "uint8", "float", "strings", "list"],
)
def test_labels_of_any_kind(labels):
    model = SVC().fit(X, labels)
    assert_array_equal(model.dual_coef_, SVC().fit(X, Y).dual_coef_)
    assert_array_equal(model.classes_, np.unique(labels))
    assert model.score(X, labels) > 0.7


def test_sparse_rows_in_any_order_and_repeated():
    thin = sparse.csr_array(np.where(X > 0, X, 0))
    rows = np.repeat(np.arange(40), np.diff(thin.indptr))[::-1]
    halves = np.tile(thin.data[::-1] / 2, 2)
    places = (np.tile(a, 2).astype(np.int32) for a in (rows, thin.indices[::-1]))
    coo = sparse.coo_array((halves, tuple(places)), shape=thin.shape)
    models = [SVC(kernel="linear").fit(data, Y) for data in (thin, coo)]
    assert_allclose(models[0].coef_.toarray(), models[1].coef_.toarray(), atol=1e-12)
    assert sparse.issparse(models[0].dual_coef_)
    assert_allclose(models[0].decision_function(thin), models[0].decision_function(thin.toarray()))


@pytest.mark.parametrize(
    "scale, dtype, options",
    [
        (1e300, np.float64, {"kernel": "rbf"}),
        (1e300, np.float64, {"kernel": "linear"}),
        (1e30, np.float32, {"kernel": "linear"}),
        (1e30, np.float32, {"kernel": "linear", "cache_size": 1e-3}),
    ],
)
def test_values_whose_kernels_overflow(backend, scale, dtype, options):
    with pytest.raises(ValueError, match="dual coefficients or intercepts are not finite"):
        SVC(**options).fit((X * scale).astype(dtype), Y)
