"""IncrementalPCA: agreement with scikit-learn, any batches, accuracy, memory, what it refuses."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import decomposition as sklearn_decomposition
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.decomposition import PCA, IncrementalPCA
from tests.pca_data import BACKENDS, spectrum_data

ARRAYS = ["components_", "explained_variance_", "explained_variance_ratio_", "singular_values_"]
ARRAYS += ["mean_", "var_", "noise_variance_"]
COUNTS = ["n_components_", "n_samples_seen_", "batch_size_"]


@pytest.fixture(params=BACKENDS)
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


def assert_same_model(ours, theirs, tol):
    for name in ARRAYS:
        got, expected = getattr(ours, name), getattr(theirs, name)
        assert np.shape(got) == np.shape(expected), name
        atol = tol * np.max(np.abs(expected), initial=0)
        assert_allclose(got, expected, rtol=tol, atol=atol, err_msg=name)


def assert_same_bits(ours, other):
    for name in [*ARRAYS, "n_components_", "n_samples_seen_"]:
        assert_array_equal(getattr(ours, name), getattr(other, name), err_msg=name)


# As for PCA: the check of array API input has redundant columns.
@pytest.mark.filterwarnings("ignore:An ill-conditioned matrix:scipy.linalg.LinAlgWarning")
@parametrize_with_checks(
    [IncrementalPCA(), IncrementalPCA(n_components=2, batch_size=3, whiten=True, growing=True)]
)
@pytest.mark.parametrize("backend_name", BACKENDS)
def test_estimator_checks(estimator, check, backend_name):
    with fastml.config_context(backend=backend_name):
        check(estimator)


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "shape, n_components, batch_size",
    [
        ((200, 11), 4, 50),  # batches longer than wide
        ((203, 11), None, None),
        ((30, 7), 7, 10),
        ((90, 40), 5, 30),  # wider than long, few components
        ((90, 40), 20, 20),  # wider than long, many components
        ((90, 40), 5, 5),  # as many rows as components
        ((20, 40), 6, 100),  # one batch
        ((61, 9), 3, 20),  # a row left over, which joins the batch before
    ],
)
def test_agrees_with_sklearn(backend, shape, n_components, batch_size, dtype, whiten):
    X = spectrum_data(*shape, dtype, decay=0.85)
    options = {"n_components": n_components, "batch_size": batch_size, "whiten": whiten}
    ours = IncrementalPCA(**options).fit(X)
    # scikit-learn turns to float64 after the first batch, but centres in float32.
    theirs = sklearn_decomposition.IncrementalPCA(**options).fit(X.astype(np.float64))
    tol = 1e-4 if dtype == np.float32 else 1e-9
    assert_same_model(ours, theirs, tol)
    for name in COUNTS:
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ARRAYS[:4]:
        assert getattr(ours, name).dtype == dtype, name
    assert ours.mean_.dtype == ours.var_.dtype == np.float64
    projected, expected = ours.transform(X), theirs.transform(X)
    assert projected.dtype == dtype
    assert_allclose(projected, expected, atol=20 * tol)
    back = ours.inverse_transform(projected)
    assert back.dtype == dtype
    assert_allclose(back, theirs.inverse_transform(expected), atol=20 * tol)
    covariance = theirs.get_covariance()
    assert_allclose(ours.get_covariance(), covariance, atol=tol * np.abs(covariance).max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_features", [6, 60])
def test_fit_is_partial_fit_of_each_batch(backend, n_features, dtype):
    X = spectrum_data(130, n_features, dtype)
    fitted = IncrementalPCA(4, batch_size=25).fit(X)
    parts = IncrementalPCA(4)
    for start in range(0, 125, 25):
        parts.partial_fit(X[start : start + 25], check_input=start % 2 == 0)
    parts.partial_fit(X[125:])
    assert_same_bits(parts, fitted)
    # Fitting again starts from nothing, partial_fit goes on.
    assert_same_bits(parts.fit(X), fitted if parts.batch_size_ == 25 else clone(parts).fit(X))
    assert parts.partial_fit(X[:1]).n_samples_seen_ == 131


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 69), max_size=12),
    n_features=st.sampled_from([1, 3, 8, 17]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_all_components_do_not_depend_on_the_batches(cuts, n_features, dtype):
    X = spectrum_data(70, n_features, dtype, decay=0.9)
    ours = IncrementalPCA(growing=True)
    for rows in np.split(X, sorted(set(cuts))):
        ours.partial_fit(rows)
    exact = X.astype(np.float64)
    tol = 2e-6 if dtype == np.float32 else 1e-12
    assert ours.n_components_ == n_features
    assert ours.n_samples_seen_ == 70
    assert_allclose(ours.mean_, exact.mean(axis=0), rtol=1e-12)
    assert_allclose(ours.var_, exact.var(axis=0), rtol=1e-10)
    covariance = np.atleast_2d(np.cov(exact, rowvar=False))
    assert_allclose(ours.get_covariance(), covariance, atol=tol * np.abs(covariance).max() * 10)
    assert_allclose(ours.explained_variance_ratio_.sum(), 1, rtol=tol * 10)
    gram = ours.components_ @ ours.components_.T
    assert_allclose(gram, np.eye(n_features), atol=tol * 10)


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=6), dtype=st.sampled_from("fd"))
def test_batches_after_the_first_may_have_any_size(sizes, dtype):
    X = spectrum_data(6 + sum(sizes), 12, dtype)
    ours, theirs = IncrementalPCA(6), sklearn_decomposition.IncrementalPCA(6)
    for rows in np.split(X, np.cumsum([6, *sizes[:-1]])):
        ours.partial_fit(rows)
        theirs.partial_fit(rows.astype(np.float64))
        # The last component of the first batch has no variance, and so no direction.
        k = 5 if len(rows) == ours.n_samples_seen_ else 6
        tol = 1e-3 if dtype == "f" else 1e-7
        assert_allclose(ours.components_[:k], theirs.components_[:k], atol=tol)
        assert_allclose(ours.singular_values_, theirs.singular_values_, atol=tol * 10)


@pytest.mark.parametrize(
    "shape, n_components, batch_size",
    [((5000, 8), 3, None), ((900, 40), 5, 20), ((400, 300), 10, 100), ((60, 100), 12, None)],
)
def test_float32_far_from_zero(backend, shape, n_components, batch_size):
    rng = np.random.default_rng(0)
    X = 20 * spectrum_data(*shape, decay=0.8) + rng.uniform(0.5e6, 1.5e6, shape[1])
    X = X.astype(np.float32)
    options = {"n_components": n_components, "batch_size": batch_size}
    expected = sklearn_decomposition.IncrementalPCA(**options).fit(X.astype(np.float64))
    ours = IncrementalPCA(**options).fit(X)
    assert_same_model(ours, expected, 1e-5)
    projections = expected.transform(X.astype(np.float64))
    assert_allclose(ours.transform(X), projections, atol=1e-5 * np.abs(projections).max())


@pytest.mark.parametrize("container", ["csr_matrix", "csc_matrix", "lil_matrix", "csr_array"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_gives_the_bits_of_dense(backend, container, dtype):
    X = np.where(spectrum_data(211, 15) > 1, spectrum_data(211, 15), 0).astype(dtype)
    thin = getattr(sparse, container)(X)
    dense, ours = (IncrementalPCA(4, batch_size=50).fit(given) for given in (X, thin))
    assert_same_bits(ours, dense)
    projected = ours.transform(thin)
    assert projected.dtype == dtype
    assert_allclose(projected, dense.transform(X), atol=1e-4 if dtype == np.float32 else 1e-12)
    assert_array_equal(ours.fit_transform(thin), projected)
    # Also without a fit, which sets batch_size_.
    assert_allclose(clone(ours).partial_fit(X).transform(thin).shape, (211, 4))


def traced_peak(run):
    """Return the most bytes that NumPy and Python held at a time during a run, beyond before."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def large_data(kind, dtype):
    n_samples, n_features = 40_000, 100
    if kind == "sparse":
        X = sparse.random_array((n_samples, n_features), density=0.01, rng=0, dtype=dtype)
        return X.tocsr()
    X = np.random.default_rng(0).standard_normal((n_samples, n_features), dtype=dtype)
    return X[::-2] if kind == "strided" else X


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["dense", "strided", "sparse"])
def test_memory_is_that_of_a_batch(kind, dtype):
    X = large_data(kind, dtype)
    model = IncrementalPCA(5, batch_size=500).fit(X[:2000])
    # Four float64 copies of a batch, eight square matrices: a tenth of the data at most.
    assert traced_peak(lambda: model.fit(X)) < 8 * 100 * (4 * 500 + 8 * 100)


def test_a_large_float32_batch_is_not_copied_whole():
    X = large_data("dense", np.float32)
    model = IncrementalPCA(5).partial_fit(X[:2000])
    assert traced_peak(lambda: model.partial_fit(X)) < X.nbytes / 2


def test_growing(backend):
    X = spectrum_data(40, 6)
    model = IncrementalPCA(4, growing=True)
    for rows, expected in ((X[:1], 1), (X[1:2], 2), (X[2:9], 4), (X[9:40], 4)):
        model.partial_fit(rows)
        assert model.n_components_ == len(model.components_) == expected
        assert_allclose(model.components_ @ model.components_.T, np.eye(expected), atol=1e-12)
        assert model.transform(X).shape == (40, expected)
    assert_allclose(model.explained_variance_, PCA(4).fit(X).explained_variance_, rtol=0.05)
    # Batches in fit may be smaller than the number of components as well.
    assert IncrementalPCA(4, batch_size=2).fit(X).components_.shape == (4, 6)


def test_no_variance_is_nothing_to_explain(backend):
    for X in (np.full((1, 3), 7.0), np.full((5, 3), 7.0), np.full((5, 3), 7.0, np.float32)):
        model = IncrementalPCA().partial_fit(X)
        assert_array_equal(model.explained_variance_, 0)
        assert_array_equal(model.explained_variance_ratio_, 0)
        assert_array_equal(model.mean_, 7)
        assert_array_equal(model.transform(X), 0)


def test_dtypes_of_batches_may_differ(backend):
    X = spectrum_data(60, 5)
    for first, second in ((np.float32, np.float64), (np.float64, np.float32)):
        model = IncrementalPCA(3).partial_fit(X[:30].astype(first))
        model.partial_fit(X[30:].astype(second))
        assert model.components_.dtype == np.float64
        expected = IncrementalPCA(3, batch_size=30).fit(X)
        assert_allclose(model.components_, expected.components_, atol=1e-6)
    # Unchecked numbers that are no floats are taken as floats.
    whole = np.round(X * 10).astype(int)
    unchecked = IncrementalPCA(3).partial_fit(whole, check_input=False)
    assert_same_bits(unchecked, IncrementalPCA(3).partial_fit(whole))


@pytest.mark.parametrize("copy", [True, False])
def test_input_is_left_as_it_is(copy):
    X = spectrum_data(60, 5)
    frozen = X.copy()
    frozen.flags.writeable = False
    model = IncrementalPCA(3, batch_size=20, copy=copy).fit(frozen)
    assert_same_bits(model, IncrementalPCA(3, batch_size=20).fit(X))
    assert_array_equal(X, frozen)


@pytest.mark.parametrize(
    "model, X, message",
    [
        (IncrementalPCA(4), np.eye(3), "n_components=4 invalid for n_features=3, need more rows"),
        (IncrementalPCA(0), np.eye(3), "The 'n_components' parameter of IncrementalPCA must be"),
        (IncrementalPCA(2.0), np.eye(3), "The 'n_components' parameter of IncrementalPCA must be"),
        (IncrementalPCA(batch_size=0), np.eye(3), "The 'batch_size' parameter of IncrementalPCA"),
        (IncrementalPCA(growing=2), np.eye(3), "The 'growing' parameter of IncrementalPCA"),
        (IncrementalPCA(1), np.full((4, 2), [[1e200, 1]]) * [[1], [-1], [1], [-1]], "too large"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_refused(backend, method, model, X, message):
    with pytest.raises(ValueError, match=message):
        getattr(clone(model), method)(X)


def test_first_batch_too_small(backend):
    with pytest.raises(ValueError, match="must be less or equal to the batch number of samples 2"):
        IncrementalPCA(3).partial_fit(spectrum_data(2, 5))


def test_number_of_components_may_not_change():
    model = IncrementalPCA(3).fit(spectrum_data(20, 5))
    for other in (2, 4):
        with pytest.raises(ValueError, match=f"has changed from 3 to {other} between calls"):
            model.set_params(n_components=other).partial_fit(spectrum_data(20, 5))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_features", [4, 60])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_bad_batch_changes_nothing(backend, value, n_features, dtype):
    X = spectrum_data(90, n_features, dtype)
    model = IncrementalPCA(2, batch_size=30).fit(X)
    before = pickle.loads(pickle.dumps(model))
    bad = X.copy()
    bad[80, 1] = value
    for method in (model.partial_fit, model.fit):
        with pytest.raises(ValueError, match="Input X contains"):
            method(bad)
        assert_same_bits(model, before)
        assert model.batch_size_ == before.batch_size_


def test_frames_names_and_pickles():
    X = spectrum_data(40, 3)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = IncrementalPCA(2, batch_size=10).fit(frame)
    assert_same_bits(model, IncrementalPCA(2, batch_size=10).fit(X))
    assert_array_equal(model.feature_names_in_, ["a", "b", "c"])
    assert list(model.get_feature_names_out()) == ["incrementalpca0", "incrementalpca1"]
    out = model.set_output(transform="pandas").transform(frame)
    assert list(out.columns) == ["incrementalpca0", "incrementalpca1"]
    again = pickle.loads(pickle.dumps(model))
    assert_same_bits(again.partial_fit(frame), model.partial_fit(frame))


def test_cuda_without_a_device_says_so():
    from fastml.backends.cuda import missing

    if not missing():
        pytest.skip("there is a device")
    with fastml.config_context(backend="cuda"), pytest.raises(RuntimeError, match="backend='cuda'"):
        IncrementalPCA().fit(spectrum_data(20, 3))
