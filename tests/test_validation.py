"""What validation does with input on a device, whose part stand-ins take, and when it is off."""

import sys
import types

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

import fastml
from fastml._validation import validate
from fastml.cluster import KMeans, kmeans_plusplus
from fastml.decomposition import PCA


class SparseOfCupy:
    """What validation sees of a sparse matrix of CuPy."""

    __module__ = "cupyx.scipy.sparse._csr"

    def __init__(self, matrix):
        self.matrix = matrix
        self.dtype, self.shape = matrix.dtype, matrix.shape

    def get(self):
        return self.matrix


@pytest.fixture
def on_host(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", types.ModuleType("cupy"))
    with fastml.config_context(backend="cpu"):
        yield sparse.random(40, 6, 0.4, format="csr", random_state=0)


def test_sparse_input_is_fetched_from_the_device(on_host):
    X = validate(PCA(), SparseOfCupy(on_host), reset=True, accept_sparse="csr")
    assert X is on_host
    with pytest.raises(TypeError, match="Sparse data was passed"):
        validate(PCA(), SparseOfCupy(on_host), reset=True)


@pytest.mark.parametrize("finite", [True, False])
def test_sparse_input_is_searched_for_nan_whatever_the_caller_does(on_host, finite):
    on_host.data[3] = np.nan
    device = SparseOfCupy(on_host)
    with pytest.raises(ValueError, match="contains NaN"):
        validate(PCA(), device, reset=True, finite=finite, accept_sparse="csr")


def test_estimators_take_sparse_input_on_the_device(on_host):
    device = SparseOfCupy(on_host)
    for model in (KMeans(3, random_state=0), PCA(2, svd_solver="arpack", random_state=0)):
        assert_array_equal(
            model.fit(device).transform(device), model.fit(on_host).transform(on_host)
        )


@pytest.mark.parametrize("base", [SparseOfCupy, object])
def test_input_on_the_device_without_cupy(monkeypatch, base):
    class Device(base):
        __cuda_array_interface__ = {"shape": (2, 2)}

        def __init__(self):
            pass

    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(RuntimeError, match="Device lives on a CUDA device, and reading it needs"):
        validate(PCA(), Device(), reset=True, accept_sparse="csr")


def test_nothing_is_searched_where_that_is_turned_off():
    X = np.random.default_rng(0).standard_normal((30, 3))
    model = PCA(2).fit(X)
    X[0, 0] = np.nan
    norms = np.full(30, np.inf)
    for refused in (
        lambda: kmeans_plusplus(X, 2, random_state=0),
        lambda: kmeans_plusplus(X[1:], 2, x_squared_norms=norms[1:], random_state=0),
        lambda: model.inverse_transform(X[:, :2]),
    ):
        with pytest.raises(ValueError, match=r"Input (X )?contains"):
            refused()
        with fastml.config_context(check_finite=False):
            refused()
