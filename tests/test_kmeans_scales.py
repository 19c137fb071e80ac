"""KMeans where columns, weights and rows differ in magnitude, or come in odd sparse forms."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from fastml import config_context
from fastml.cluster import KMeans

DTYPES = [np.float32, np.float64]


@pytest.fixture(params=["cpu", "reference"], autouse=True)
def backend(request):
    with config_context(backend=request.param):
        yield request.param


def means(X, labels, weight=None):
    return np.array(
        [
            np.average(
                X[labels == j].astype(np.float64),
                axis=0,
                weights=None if weight is None else weight[labels == j],
            )
            for j in range(labels.max() + 1)
        ]
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_columns_of_any_scale_keep_their_digits(dtype):
    rng = np.random.default_rng(0)
    big = 1.7e9 + 1000 * rng.integers(3, size=20_000)
    X = np.column_stack([big, rng.uniform(5e-5, 1e-4, 20_000), 1e-15 * big]).astype(dtype)
    model = KMeans(3, random_state=0, tol=0).fit(X)
    # float32: rounded once as a mean less the offset, once as a center.
    rtol = 1e-6 if dtype == np.float32 else 1e-12
    assert_allclose(model.cluster_centers_, means(X, model.labels_), rtol=rtol)


@pytest.mark.parametrize("dtype", DTYPES)
def test_columns_of_any_scale_keep_their_digits_in_sparse_rows(dtype):
    rng = np.random.default_rng(0)
    X = np.column_stack([1.7e9 + np.zeros(2000), rng.uniform(5e-5, 1e-4, 2000)]).astype(dtype)
    model = KMeans(1).fit(sp.csr_array(X))
    rtol = 2e-7 if dtype == np.float32 else 1e-12
    assert_allclose(model.cluster_centers_, means(X, model.labels_), rtol=rtol)


@pytest.mark.parametrize("dtype", DTYPES)
def test_light_rows_count_beside_heavy_ones(dtype):
    rng = np.random.default_rng(0)
    X = np.concatenate([100 + rng.uniform(size=(5, 2)), rng.uniform(size=(995, 2))]).astype(dtype)
    weight = np.where(np.arange(1000) < 5, 1.0, 1e15).astype(dtype)
    start = X[[0, 500]]
    model = KMeans(2, init=start, n_init=1).fit(X, sample_weight=weight)
    expected = means(X, np.where(np.arange(1000) < 5, 0, 1), weight)
    assert_allclose(model.cluster_centers_, expected, rtol=1e-6)


def test_huge_weights_do_not_overflow():
    X = np.random.default_rng(0).uniform(size=(1000, 3)) * 1e10
    start = X[:2]
    plain = KMeans(2, init=start, n_init=1).fit(X)
    heavy = KMeans(2, init=start, n_init=1).fit(X, sample_weight=np.full(1000, 1e280))
    assert_allclose(heavy.cluster_centers_, plain.cluster_centers_, rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_squares_that_overflow_are_refused_in_sparse_rows(dtype):
    huge = 1e30 if dtype == np.float32 else 1e200
    X = sp.csr_array(np.array([[huge, 0], [0, 1], [1, 1]], dtype))
    with pytest.raises(ValueError, match="too large"):
        KMeans(2).fit(X)


def test_repeated_entries_of_sparse_rows_are_added():
    X = sp.csr_matrix(
        (np.array([1.0, 2, 3, 4]), np.array([0, 0, 1, 1]), np.array([0, 2, 4])), shape=(2, 2)
    )
    model = KMeans(1).fit(X)
    assert_allclose(model.inertia_, KMeans(1).fit(X.toarray()).inertia_)
    assert X.nnz == 4


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1e-25, 1e25])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_spherical_rows_of_any_length(dtype, scale, container):
    X = np.random.default_rng(0).uniform(0.1, 1, size=(60, 3))
    start = X[:3]
    options = {"metric": "spherical", "init": start, "n_init": 1}
    plain = KMeans(3, **options).fit(container(X.astype(dtype)))
    scaled = KMeans(3, **options).fit(container((X * scale).astype(dtype)))
    rtol = 1e-5 if dtype == np.float32 else 1e-10
    assert_allclose(scaled.cluster_centers_, plain.cluster_centers_, rtol=rtol)


def test_spherical_says_what_is_wrong():
    with pytest.raises(ValueError, match="Input X contains NaN"):
        KMeans(2, metric="spherical").fit([[1.0, 2], [np.nan, 1]])
    with pytest.raises(ValueError, match=r"row of zeros \(row 1\)"):
        KMeans(2, metric="spherical").fit([[1.0, 2], [0, 0]])


def test_distances_of_wide_sparse_rows_take_no_dense_copy():
    X = sp.csr_matrix((np.ones(50), (np.arange(50), np.arange(50) * 20_000)), shape=(50, 10**6))
    model = KMeans(2, init=X[:2].toarray(), n_init=1, max_iter=1).fit(X)
    distances = model.transform(X[:3])
    expected = np.sqrt(((X[:3].toarray()[:, None] - model.cluster_centers_) ** 2).sum(axis=2))
    assert_allclose(distances, expected, atol=1e-7)


def test_a_cluster_that_loses_its_only_row_keeps_no_weight():
    # Rows 0 and 1 share the first center; row 2, alone and farthest, is moved to the empty third.
    X = np.array([[0.0], [0.1], [7.3]])
    weight = np.array([1e12, 1e12, 0.1])
    start = np.array([[0.0], [5.0], [1e6]])
    model = KMeans(3, init=start, n_init=1, tol=0).fit(X, sample_weight=weight)
    assert np.isfinite(model.cluster_centers_).all()
    assert_allclose(np.sort(model.cluster_centers_[:, 0]), [0.0, 0.1, 7.3], atol=1e-12)
