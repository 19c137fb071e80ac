"""PCA's input: layouts, dtypes, frames, and what it refuses in scikit-learn's words."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone

import fastml
from fastml.decomposition import PCA
from tests.pca_data import BACKENDS, SOLVERS, spectrum_data


@pytest.fixture(params=BACKENDS)
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


@pytest.mark.parametrize(
    "weights, message",
    [
        (np.full(20, -1.0), "Negative values in data passed to `sample_weight`"),
        (np.zeros(20), "Sample weights must contain at least one non-zero number"),
        (np.full(20, 0.04), "sum of sample_weight"),
        (np.full(20, np.nan), "Input sample_weight contains NaN"),
        (np.ones(19), r"sample_weight.shape == \(19,\), expected \(20,\)"),
    ],
)
def test_bad_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        PCA().fit(spectrum_data(20, 3), sample_weight=weights)


@pytest.mark.parametrize("solver", [*SOLVERS, "auto"])
def test_input_layouts_give_the_same_model(backend, solver):
    X = spectrum_data(120, 6)
    expected = PCA(2, svd_solver=solver, random_state=0).fit(X)
    frozen = X.copy()
    frozen.flags.writeable = False
    strided = np.zeros((240, 12))
    strided[::2, ::2] = X
    for same in (
        frozen,
        np.asfortranarray(X),
        strided[::2, ::2],
        X[::-1][::-1],
        X.astype(">f8"),
        X.tolist(),
        X.astype(object),
        np.ma.masked_array(X),
    ):
        pca = PCA(2, svd_solver=solver, random_state=0).fit(same)
        assert_array_equal(pca.components_, expected.components_)
        assert_array_equal(pca.transform(same), expected.transform(X))


def test_other_dtypes_become_float64(backend):
    X = np.round(spectrum_data(50, 4) * 10)
    expected = PCA().fit(X)
    for dtype in (np.float16, np.int8, np.int64, np.longdouble):
        pca = PCA().fit(X.astype(dtype))
        assert pca.components_.dtype == np.float64
        assert_allclose(pca.components_, expected.components_)


@pytest.mark.parametrize(
    "X, error, message",
    [
        ([[1.0, np.nan], [2, 3], [4, 5]], ValueError, "Input X contains NaN"),
        ([[1.0, np.inf], [2, 3], [4, 5]], ValueError, "Input X contains infinity"),
        (np.empty((0, 3)), ValueError, r"Found array with 0 sample\(s\)"),
        (np.empty((3, 0)), ValueError, r"Found array with 0 feature\(s\)"),
        ([[1.0, 2.0]], ValueError, r"Found array with 1 sample\(s\).*minimum of 2 is required"),
        ([1.0, 2.0, 3.0], ValueError, "Expected 2D array, got 1D array instead"),
        (np.ones((2, 2, 2)), ValueError, "Found array with dim 3"),
        ([["a", "b"], ["c", "d"]], ValueError, "could not convert string to float"),
        (np.array([[1j, 2], [3, 4]]), ValueError, "Complex data not supported"),
        ([[1.0, "x"], [2.0, "y"]], ValueError, "could not convert string to float"),
        (np.array([[{}, 1], [2, 3]], dtype=object), TypeError, "argument must be"),
        (sparse.csr_array(np.array([[1.0, np.nan], [2, 3]])), ValueError, "Input X contains NaN"),
        (np.full((30, 2), 1e200) * [[1, -1]] * np.arange(30)[:, None], ValueError, "too large"),
    ],
)
@pytest.mark.parametrize("solver", ["auto", "covariance_eigh"])
def test_bad_input(backend, solver, X, error, message):
    with pytest.raises(error, match=message):
        PCA(1, svd_solver=solver).fit(X)


@pytest.mark.parametrize("solver", SOLVERS)
def test_nan_is_found_wherever_it_is(backend, solver):
    X = spectrum_data(500, 20, np.float32)
    for row, column, value in ((0, 0, np.nan), (499, 19, np.inf), (250, 7, -np.inf)):
        bad = X.copy()
        bad[row, column] = value
        with pytest.raises(ValueError, match="Input X contains"):
            PCA(2, svd_solver=solver).fit(bad)
        with pytest.raises(ValueError, match="Input X contains"):
            PCA(2, svd_solver=solver).fit(X).transform(bad)


def test_unchecked_rows_are_projected():
    X = spectrum_data(50, 4)
    pca, bad = PCA(2).fit(X), X.copy()
    bad[7, 1] = np.nan
    with fastml.config_context(check_finite=False):
        out = pca.transform(bad)
    assert np.isnan(out[7]).all()
    assert_array_equal(np.delete(out, 7, 0), np.delete(pca.transform(X), 7, 0))


def test_large_float32_values_do_not_overflow(backend):
    X = spectrum_data(300, 5, np.float32)
    expected = PCA(2).fit(X)
    pca = PCA(2).fit(X * np.float32(2.0**62))
    assert_allclose(pca.components_, expected.components_, atol=1e-5)


@pytest.mark.parametrize("solver", SOLVERS)
def test_too_many_components(backend, solver):
    with pytest.raises(ValueError, match=r"n_components=9 must be between"):
        PCA(9, svd_solver=solver).fit(spectrum_data(30, 8))


def test_sparse_needs_a_solver_for_sparse():
    with pytest.raises(TypeError, match="PCA only support sparse inputs"):
        PCA(svd_solver="full").fit(sparse.eye_array(5).tocsr())


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("solver", SOLVERS)
def test_copy(solver, copy):
    X = spectrum_data(100, 8)
    before = X.copy()
    pca = PCA(3, svd_solver=solver, copy=copy, random_state=0).fit(X)
    expected = PCA(3, svd_solver=solver, random_state=0).fit(before)
    assert_array_equal(pca.components_, expected.components_)
    if copy:
        assert_array_equal(X, before)


def test_frames_and_names():
    X = spectrum_data(40, 3)
    for frame in (
        pd.DataFrame(X, columns=["a", "b", "c"]),
        pl.DataFrame(X, schema=["a", "b", "c"]),
    ):
        pca = PCA(2).fit(frame)
        assert_array_equal(pca.feature_names_in_, ["a", "b", "c"])
        assert_array_equal(pca.components_, PCA(2).fit(X).components_)
        assert_array_equal(pca.transform(frame), PCA(2).fit(X).transform(X))
    assert_array_equal(pca.get_feature_names_out(), ["pca0", "pca1"])
    for container, kind in (("pandas", pd.DataFrame), ("polars", pl.DataFrame)):
        out = PCA(2).set_output(transform=container).fit_transform(frame)
        assert isinstance(out, kind)
        assert list(out.columns) == ["pca0", "pca1"]


def test_pickle_and_clone():
    X = spectrum_data(50, 5)
    pca = PCA(2, standardize=True, random_state=3).fit(X)
    again = pickle.loads(pickle.dumps(pca))
    assert_array_equal(again.transform(X), pca.transform(X))
    fresh = clone(pca)
    assert fresh.get_params() == pca.get_params()
    assert not hasattr(fresh, "components_")


def test_cuda_without_a_device_says_so():
    from fastml.backends.cuda import missing

    if not missing():
        pytest.skip("there is a device")
    with fastml.config_context(backend="cuda"), pytest.raises(RuntimeError, match="backend='cuda'"):
        PCA().fit(spectrum_data(20, 3))
