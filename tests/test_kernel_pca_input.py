"""KernelPCA and Nystroem: bad and unusual input, memory, and gamma's rules."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.spatial.distance import cdist, pdist
from sklearn.exceptions import NotFittedError

import fastml
from fastml.backends import resolve
from fastml.backends.base import free_host_memory
from fastml.decomposition import KernelPCA
from fastml.decomposition import _kernel_pca as module
from fastml.decomposition._memory import make_budget, readable
from fastml.kernel_approximation import Nystroem
from fastml.metrics._checked_gram import RowKernel
from fastml.metrics._gamma import resolve_gamma


def rows(n=40, d=5, dtype=np.float64):
    return np.random.default_rng(0).random((n, d)).astype(dtype)


@pytest.fixture(params=[KernelPCA, Nystroem])
def make(request):
    return lambda **options: request.param(n_components=3, **options)


@pytest.mark.parametrize("gamma", [0, -1.0, np.nan, np.inf, "mean", True])
@pytest.mark.parametrize("name", ["gamma", "inverse_gamma"])
def test_gamma_out_of_range(make, name, gamma):
    if gamma is True:
        gamma = [1.0]
    with pytest.raises(ValueError, match=f"The '{name}' parameter of .* must be"):
        make(kernel="rbf", **{name: gamma}).fit(rows())


@pytest.mark.parametrize(
    "value, error, message",
    [
        ("a", TypeError, "must return a real number for two rows, got str for rows 0 and"),
        (1j, TypeError, "got complex for rows"),
        (np.ones(2), TypeError, r"got ndarray of shape \(2,\) for rows"),
        (None, TypeError, "got NoneType for rows"),
        (np.nan, ValueError, "must return a finite number for two rows, got nan for rows"),
        (-np.inf, ValueError, "got -inf for rows"),
    ],
)
def test_callable_that_returns_garbage(make, value, error, message):
    with pytest.raises(error, match=message):
        make(kernel=lambda x, y: value).fit(rows())


def test_callable_may_return_small_arrays_and_integers(make):
    X = rows()
    expected = make(kernel=lambda x, y: x @ y, random_state=0).fit(X).transform(X)
    for kernel in (lambda x, y: np.array([[x @ y]]), lambda x, y: np.float32(x @ y)):
        got = make(kernel=kernel, random_state=0).fit(X).transform(X)
        assert_allclose(got, expected, atol=1e-4)
    assert make(kernel=lambda x, y: int(x[0] == y[0])).fit(X).transform(X).shape == (40, 3)


@pytest.mark.parametrize("solver", ["auto", "arpack", "krylov"])
def test_precomputed_matrix_is_checked(solver):
    X = rows()
    K = X @ X.T
    model = KernelPCA(3, kernel="precomputed", eigen_solver=solver)
    with pytest.raises(ValueError, match=r"must be a square kernel matrix .* 40 rows and 30"):
        model.fit(K[:, :30])
    crooked = K.copy()
    crooked[3, 7] += 0.01
    with pytest.raises(ValueError, match="must be a symmetric kernel matrix"):
        model.fit(crooked)
    rounded = K * (1 + 1e-7 * np.random.default_rng(1).standard_normal(K.shape))
    model.fit(rounded)
    with pytest.raises(ValueError, match="X has 39 features, but KernelPCA is expecting 40"):
        model.transform(K[:, :39])
    with pytest.raises(ValueError, match="gamma='median' is taken from rows"):
        KernelPCA(3, kernel="precomputed", gamma="median").fit(K)
    with pytest.raises(ValueError, match="eigen_solver='krylov', which is the same method"):
        KernelPCA(3, kernel="precomputed", eigen_solver="matrix_free").fit(K)


def test_nystroem_checks_precomputed_matrices():
    X = rows()
    K = X @ X.T
    model = Nystroem("precomputed", n_components=3)
    with pytest.raises(ValueError, match="must be a square kernel matrix"):
        model.fit(K[:, :30])
    with pytest.raises(ValueError, match="must be a symmetric kernel matrix"):
        model.fit(K + np.arange(40))
    for landmarks in ("kmeans", "leverage"):
        with pytest.raises(ValueError, match=f"landmarks='{landmarks}' needs rows"):
            Nystroem("precomputed", landmarks=landmarks).fit(K)
    with pytest.raises(ValueError, match="Cannot fit_inverse_transform"):
        Nystroem("precomputed", fit_inverse_transform=True).fit(K)


@pytest.mark.parametrize("X", [np.nan, np.inf])
def test_not_finite(make, X):
    bad = rows()
    bad[3, 2] = X
    for kernel in ("rbf", "linear", "poly"):
        with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
            make(kernel=kernel).fit(bad)
        with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
            make(kernel=kernel).fit(rows()).transform(bad)


def test_inverse_transform_is_checked(make):
    X = rows()
    with pytest.raises(NotFittedError, match="fit_inverse_transform parameter was not set"):
        make(kernel="rbf").fit(X).inverse_transform(X)
    with pytest.raises(NotImplementedError, match="not implemented for sparse"):
        make(kernel="rbf", fit_inverse_transform=True).fit(sparse.csr_array(X))
    model = make(kernel="rbf", fit_inverse_transform=True).fit(X)
    with pytest.raises(
        ValueError, match=r"X has 5 features, but .*inverse_transform is expecting 3"
    ):
        model.inverse_transform(X)
    with pytest.raises(ValueError, match="contains NaN"):
        model.inverse_transform(np.full((2, 3), np.nan))
    with pytest.raises(ValueError, match="alpha=0 on its diagonal is not positive definite"):
        KernelPCA(3, fit_inverse_transform=True, alpha=0).fit(np.ones((40, 5)))


@pytest.mark.parametrize("limit", [0, -5, 1.5, True, "", "5", "5 gigs", "-1GB", "0 MB", [1]])
def test_memory_limit_nonsense(limit):
    with pytest.raises(ValueError, match="memory_limit"):
        KernelPCA(3, memory_limit=limit).fit(rows())


@pytest.mark.parametrize(
    "limit, size",
    [(1000, 1000), ("1kB", 1000), ("1 KiB", 1024), ("2gb", 2e9), ("1.5 GiB", 1.5 * 2**30)],
)
def test_memory_limit(limit, size):
    budget = make_budget(limit, resolve())
    assert budget.size == size
    assert repr(limit) in budget.words


def test_free_memory():
    assert 1 << 20 < free_host_memory() < 1 << 50
    assert make_budget(None, resolve()).size <= free_host_memory() * 2
    assert [readable(size) for size in (5, 2000, 1.5e6, 3e9, 7e12, 1e16)] == [
        "5 bytes", "2 kB", "1.5 MB", "3 GB", "7 TB", "1e+04 TB",
    ]  # fmt: skip


def test_too_large_for_memory(monkeypatch):
    X = np.broadcast_to(np.float32(1), (50_000, 3))
    reached = []
    monkeypatch.setattr(module.RecomputedMatrix, "product", lambda *_: reached.append(1))
    monkeypatch.setattr(RowKernel, "gram", lambda *_: reached.append(1))
    for solver in ("dense", "arpack", "randomized", "krylov"):
        model = KernelPCA(5, kernel="rbf", eigen_solver=solver, memory_limit="1GB")
        message = r"needs 10.* GB of memory, and memory_limit='1GB' allows 1 GB\. " + (
            "eigen_solver='matrix_free' needs"
        )
        with pytest.raises(MemoryError, match=message):
            model.fit(X)
    with pytest.raises(MemoryError, match="ask for fewer than 50000 components"):
        KernelPCA(kernel="rbf", memory_limit="1GB").fit(X)
    with pytest.raises(MemoryError, match=r"fastml\.kernel_approximation\.Nystroem"):
        KernelPCA(5, kernel="rbf", memory_limit="1GB", fit_inverse_transform=True).fit(X)
    with pytest.raises(MemoryError, match="eigen_solver='matrix_free' and 50000 rows needs"):
        KernelPCA(5, kernel="rbf", memory_limit="1MB", eigen_solver="matrix_free").fit(X)
    assert not reached


def test_auto_keeps_to_the_limit():
    X = rows(900)
    for limit, solver in ((None, "krylov"), ("4.5MB", "matrix_free")):
        model = KernelPCA(3, kernel="rbf", memory_limit=limit).fit(X)
        assert model.eigen_solver_ == solver
        assert_allclose(model.eigenvalues_, KernelPCA(3, kernel="rbf").fit(X).eigenvalues_)


@pytest.mark.parametrize("dtype", [">f8", ">f4", np.float16, np.int32, object])
def test_dtypes(make, dtype):
    X = (rows() * 20).astype(dtype)
    plain = X.astype(np.float64)
    options = {"kernel": "rbf", "random_state": 0}
    got = make(**options).fit(X)
    assert_allclose(got.transform(X), make(**options).fit(plain).transform(plain), atol=1e-6)


def test_layouts(make):
    X = rows()
    options = {"kernel": "rbf", "random_state": 0}
    expected = make(**options).fit(X).transform(X)
    locked = X.copy()
    locked.flags.writeable = False
    for other in (np.asfortranarray(X), locked, np.repeat(X, 2, axis=1)[:, ::2], X.tolist()):
        assert_array_equal(make(**options).fit(other).transform(other), expected)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_gamma_rules(container):
    X = rows(200, 7)
    X[5] = X[6]
    given = container(X)
    backend = resolve()
    assert resolve_gamma(None, backend, given) == 1 / 7
    assert resolve_gamma(0.25, backend, given) == 0.25
    assert_allclose(resolve_gamma("scale", backend, given), 1 / (7 * X.var()))
    median = np.median(pdist(X))
    assert_allclose(resolve_gamma("median", backend, given), 1 / (2 * median**2), rtol=1e-2)
    distances = cdist(X, X)
    distances[distances == 0] = np.inf
    length = 5 * distances.min(axis=1).mean()
    assert_allclose(resolve_gamma("nearest", backend, given), 1 / (2 * length**2))


def test_gamma_rules_on_samples():
    X = np.random.default_rng(0).standard_normal((60_000, 3))
    backend = resolve()
    found = {rule: resolve_gamma(rule, backend, X) for rule in ("median", "nearest")}
    assert found == {rule: resolve_gamma(rule, backend, X) for rule in found}
    some = X[::40]
    assert_allclose(found["median"], 1 / (2 * np.median(pdist(some)) ** 2), rtol=0.05)
    near = cdist(some, X)
    near[near == 0] = np.inf
    assert_allclose(found["nearest"], 1 / (50 * near.min(axis=1).mean() ** 2), rtol=0.1)
    for rule in ("scale", "median", "nearest"):
        assert resolve_gamma(rule, backend, np.ones((5, 2))) == 1
        assert resolve_gamma(rule, backend, np.ones((1, 2))) == 1


def test_rules_reach_the_estimators(make):
    X = rows(300)
    for rule in ("scale", "median", "nearest"):
        model = make(kernel="rbf", gamma=rule, fit_inverse_transform=True, inverse_gamma=rule)
        model.fit(X)
        assert model.gamma_ == resolve_gamma(rule, resolve(), X)
        features = model.X_transformed_fit_
        assert model.inverse_gamma_ == resolve_gamma(rule, resolve(), features)
    with fastml.config_context(backend="reference"):
        assert_allclose(make(kernel="rbf", gamma="nearest").fit(X).gamma_, model.gamma_)
