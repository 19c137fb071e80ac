"""Large problems of SVC: solved by parts, with a cache of kernel rows, and shrinking."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import svm
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import pairwise_kernels

import fastml
from fastml.backends import resolve
from fastml.metrics._checked_gram import row_kernel
from fastml.svm import SVC, _decomposition, _dual, _kernel_blocks
from fastml.svm._decomposition import Decomposition
from fastml.svm._kernel_blocks import FunctionBlocks, MatrixBlocks, whole_matrix
from fastml.svm._row_cache import RowCache
from tests.test_svc import clusters, dual_objectives


@pytest.fixture(params=["cpu", "reference"])
def by_parts(request, monkeypatch):
    """Solve every problem by parts, though it is small."""
    monkeypatch.setattr(_dual, "WHOLE_ROWS", 0)
    monkeypatch.setattr(_decomposition, "PART", 40)
    with fastml.config_context(backend=request.param):
        yield request.param


def blocks_of(X, kind):
    backend = resolve()
    if kind == "matrix":
        K = pairwise_kernels(X, metric="rbf", gamma=0.1)
        return MatrixBlocks(backend, K, np.arange(len(X)))
    X = {"sparse": sparse.csr_array, "float32": np.float32, "float64": np.asarray}[kind](X)
    return FunctionBlocks(row_kernel("rbf", backend, gamma=0.1), X)


@pytest.mark.parametrize("buffer_bytes", [16 << 20, 2000])
@pytest.mark.parametrize("kind", ["float64", "float32", "sparse", "matrix"])
def test_blocks_are_of_the_kernel_matrix(monkeypatch, kind, buffer_bytes):
    monkeypatch.setattr(_kernel_blocks, "BUFFER_BYTES", buffer_bytes)
    X, _ = clusters(70, 6, 2)
    K = pairwise_kernels(X, metric="rbf", gamma=0.1)
    blocks = blocks_of(X, kind)
    some, others = np.array([3, 60, 8]), np.arange(5, 40)

    def rows(blocks, index):
        out = np.empty((len(index), blocks.n), blocks.dtype)
        blocks.rows(index, out)
        return out

    assert_allclose(whole_matrix(blocks), K, rtol=1e-5)
    assert_allclose(rows(blocks, some), K[some], rtol=1e-5)
    w = np.linspace(-1, 1, 35)
    assert_allclose(blocks.product(some, others, w), K[np.ix_(some, others)] @ w, atol=1e-5)
    part = blocks.take(others)
    assert part.n == 35
    assert_allclose(rows(part, np.array([4, 1])), K[np.ix_([9, 6], others)], rtol=1e-5)


@pytest.mark.parametrize("kind", ["float64", "matrix"])
def test_rows_used_last_are_kept(kind):
    X, _ = clusters(50, 6, 2)
    K = pairwise_kernels(X, metric="rbf", gamma=0.1)
    cache = RowCache(blocks_of(X, kind), 4 * 50 * 7)
    assert cache.n_slots == 7
    rng = np.random.default_rng(0)
    last, kept = {}, np.arange(50)
    for now in range(60):
        if now in (20, 40):
            stays = np.sort(rng.choice(len(kept), 3 * len(kept) // 4, replace=False))
            cache.restrict(stays)
            place = {int(old): new for new, old in enumerate(stays)}
            last = {place[row]: when for row, when in last.items() if row in place}
            kept = kept[stays]
            assert cache.n_slots == 350 // len(kept)
        wanted = rng.choice(len(kept), rng.integers(1, 8), replace=False)
        slots = cache.fetch(wanted)
        assert_allclose(cache.rows[slots], K[np.ix_(kept[wanted], kept)], rtol=1e-5)
        last |= {int(row): now for row in wanted}
        # What has been there for longest without use has gone.
        oldest = sorted(last.values())[-cache.n_slots :][0]
        there = set(np.flatnonzero(cache._slot >= 0))
        assert {row for row, when in last.items() if when > oldest} <= there
        last = {row: when for row, when in last.items() if row in there}


@pytest.mark.parametrize("shrinking", [True, False])
@pytest.mark.parametrize("cache_size", [200, 0.05, 1e-4])
def test_parts_come_to_the_solution_of_the_whole(by_parts, shrinking, cache_size):
    X, y = clusters(300, 6, 3)
    if by_parts == "reference" and cache_size < 0.01:
        X, y = X[:60], y[:60]
    options = {"tol": 1e-4, "C": 5.0}
    model = SVC(shrinking=shrinking, cache_size=cache_size, **options).fit(X, y)
    theirs = svm.SVC(**options).fit(X, y)
    assert_allclose(dual_objectives(model, X), dual_objectives(theirs, X), rtol=1e-6)
    assert all(model.kkt_report(pair).holds for pair in range(3))
    assert_allclose(model.decision_function(X), theirs.decision_function(X), atol=0.01)


def test_shrinking_leaves_out_and_takes_back(monkeypatch):
    monkeypatch.setattr(_decomposition, "PART", 40)
    X, y = clusters(600, 6, 2)
    sizes, restored = [], []
    shrink, restore = Decomposition._shrink, Decomposition._restore

    def watched_shrink(self, *slopes):
        shrink(self, *slopes)
        sizes.append(len(self.solution))

    def watched_restore(self):
        restore(self)
        K = pairwise_kernels(X, metric="rbf", gamma=0.1)
        restored.append(np.abs(K @ self.solution - signs - self.gradient).max())

    monkeypatch.setattr(Decomposition, "_shrink", watched_shrink)
    monkeypatch.setattr(Decomposition, "_restore", watched_restore)
    order = np.argsort(y, kind="stable")
    X, signs = X[order], np.where(y[order] == 0, 1.0, -1.0)
    solution, gradient = np.zeros(600), -signs
    search = Decomposition(
        blocks_of(X, "float64"), np.minimum(signs, 0), np.maximum(signs, 0), solution, gradient,
        4 * 600 * 100,
    )  # fmt: skip
    n_iter, gap = search.solve(1e-4, 10**6, True)
    assert min(sizes) < 400
    assert restored
    assert max(restored) < 1e-4
    assert gap < 1e-4
    assert len(search.solution) == 600
    assert n_iter > 0


@pytest.mark.parametrize("kernel", ["linear", "poly", "precomputed"])
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
def test_other_kernels_by_parts(by_parts, kernel, convert):
    if kernel == "precomputed" and convert is not np.asarray:
        pytest.skip("a sparse kernel matrix is refused")
    X, y = clusters(150, 6, 2)
    X = pairwise_kernels(X, metric="rbf", gamma=0.1) if kernel == "precomputed" else X
    options = {"kernel": kernel, "tol": 1e-4}
    model = SVC(cache_size=0.05, **options).fit(convert(X), y)
    theirs = svm.SVC(**options).fit(X, y)
    assert_allclose(model.decision_function(convert(X)), theirs.decision_function(X), atol=2e-3)


def test_steps_are_limited(by_parts):
    X, y = clusters(200, 6, 2)
    with pytest.warns(ConvergenceWarning, match=r"terminated early \(max_iter=90\)"):
        model = SVC(max_iter=90).fit(X, y)
    assert_array_equal(model.n_iter_, [90])
    assert model.fit_status_ == 1


@pytest.mark.parametrize("whole_rows", [0, 2000])
def test_rounding_ends_a_search(monkeypatch, whole_rows):
    monkeypatch.setattr(_dual, "WHOLE_ROWS", whole_rows)
    X, y = clusters(100, 6, 2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = SVC(tol=1e-300, max_iter=10**6).fit(X, y)
    assert [w.category for w in caught] == [ConvergenceWarning]
    assert "Rounding keeps the margins from agreeing better" in str(caught[0].message)
    assert model.n_iter_[0] < 10**6
    assert model.duality_gap_[0] < 1e-6
