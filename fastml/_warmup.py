"""Compile kernels before they are needed, by fitting problems that take no time."""

import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from fastml.backends import Backend, resolve
from fastml.config import config_context, get_config

# Enough work in every kernel for its parallel variant to be chosen.
SHAPE = (6000, 40)


def _blobs(dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(0)
    centers = rng.uniform(-10, 10, (20, SHAPE[1]))
    X = centers[np.arange(SHAPE[0]) % len(centers)] + rng.normal(size=SHAPE)
    return X.astype(dtype)


def _kmeans(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml.cluster import KMeans

    X = _blobs(dtype)
    for algorithm in ("lloyd", "elkan"):
        for data in (X, sp.csr_matrix(X)):
            model = KMeans(20, algorithm=algorithm, random_state=0).fit(data)
            model.predict(data)
            model.score(data)
            # No row is near the second center: what moves it is a kernel of its own.
            far = np.stack([X[0], X[0] + 1000]).astype(dtype)
            KMeans(2, init=far, max_iter=2, tol=1e9, algorithm=algorithm).fit(data)


def _minibatch(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml.cluster import MiniBatchKMeans

    X = _blobs(dtype)
    for data in (X, sp.csr_matrix(X)):
        MiniBatchKMeans(20, max_iter=1, n_init=2, random_state=0).fit(data).partial_fit(data)


def _distances(backend: Backend, dtype: np.dtype[Any]) -> None:
    X = backend.asarray(_blobs(dtype))
    for squared in (False, True):
        out = backend.empty((len(X), 20), dtype)
        backend.kernels("distances").euclidean(X, X[:20], squared, out)


def _pairwise(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml.kernel_approximation import Nystroem
    from fastml.metrics import pairwise

    X = _blobs(dtype)
    for rows in (X[:800], sp.csr_matrix(X[:800])):
        pairwise.rbf_kernel(rows)
    pairwise.cosine_similarity(np.tile(X, (3, 1)), X[:5])
    pairwise.pairwise_distances_argmin_min(X, X[:20])
    Nystroem(n_components=40).fit(X).transform(X)


def _smo(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml.svm import SVC

    X = _blobs(dtype)
    # Many problems at once, and one by parts; all clusters are of all classes, and most rows move.
    for n_rows, n_classes, cache_size in ((400, 10, 200), (1000, 2, 3)):
        rows, y = X[:n_rows], np.arange(n_rows) // 20 % n_classes
        for data in (rows, sp.csr_matrix(rows)):
            SVC(tol=0.5, cache_size=cache_size).fit(data, y).predict(data)


def _linalg(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml.decomposition import PCA, IncrementalPCA, KernelPCA
    from fastml.kernel_approximation import Nystroem

    X = _blobs(dtype)
    for solver in ("full", "covariance_eigh", "randomized", "arpack"):
        for whiten in (False, True):
            model = PCA(4, svd_solver=solver, whiten=whiten, random_state=0).fit(X)
            model.inverse_transform(model.transform(X))
    PCA(4, svd_solver="arpack").fit(sp.csr_matrix(X))
    PCA(4, standardize=True).fit(X, sample_weight=np.ones(len(X)))
    IncrementalPCA(4).partial_fit(X)
    K = X[:400] @ X[:400].T
    for solver in ("dense", "krylov"):
        KernelPCA(4, kernel="precomputed", eigen_solver=solver).fit(K).transform(K)
    Nystroem("precomputed", n_components=40).fit(K).transform(K)


def _competitive(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml.cluster import WinnerTakeAll

    X = _blobs(dtype)
    for data in (X, sp.csr_matrix(X)):
        for batch_size in (1, SHAPE[0]):
            model = WinnerTakeAll(100, batch_size=batch_size, random_state=0)
            model.partial_fit(data).predict(data)


def _rbm(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml.neural_network import BernoulliRBM, DeepBeliefNetwork, GaussianRBM

    X = _blobs(dtype)
    for model in (BernoulliRBM(8, out_of_range="ignore"), GaussianRBM(8)):
        model.set_params(batch_size=len(X), n_iter=1, random_state=0, learning_rate=1e-6)
        model.fit(X).gibbs(X)
        model.score_samples(X)
    labels = np.arange(len(X)) % 2
    network = DeepBeliefNetwork((20, 20), n_iter=1, batch_size=len(X), fine_tune="up-down")
    network.set_params(fine_tune_n_iter=1, random_state=0)
    network.fit(np.clip(X, 0, 1), labels).sample(len(X), n_steps=2)


def _linear_svm(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml.svm import LinearSVC

    X = _blobs(dtype)
    y = np.arange(len(X)) % 3
    model = LinearSVC(max_iter=1, tol=1e9, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for solver in (
            {"dual": True}, {"dual": False}, {"penalty": "l1"}, {"multi_class": "crammer_singer"},
        ):  # fmt: skip
            clone(model).set_params(**solver).fit(X, y)


def _activations(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml import activations, autodiff

    x = autodiff.variable(_blobs(dtype))
    for activation in (activations.gelu, activations.softmax, activations.winner_take_all):
        y = activation(x)
        y.backward(np.ones_like(x.value))


def _losses(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml import autodiff, losses

    x = autodiff.variable(_blobs(dtype))
    losses.squared(x, x.value).backward()
    losses.softmax_cross_entropy(x, np.zeros(len(x), np.int64)).backward()
    losses.l2(x).backward()


def _conv(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml import autodiff
    from fastml.nn import functional

    x = autodiff.variable(_blobs(dtype).reshape(60, 20, 20, 10))
    w, b = autodiff.variable(np.ones((10, 10, 5, 5), dtype)), autodiff.variable(np.ones(10, dtype))
    y = functional.conv2d(x, w, b, layout="NHWC")
    y.backward(np.ones_like(y.value))


def _pool(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml import autodiff
    from fastml.nn import functional

    x = autodiff.variable(_blobs(dtype).reshape(60, 20, 20, 10))
    for kernel_size in (2, 17):
        y = functional.max_pool2d(x, kernel_size, 1, layout="NHWC")
        y.backward(np.ones_like(y.value))
    y = functional.avg_pool2d(x, 2)
    y.backward(np.ones_like(y.value))


def _normalization(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml import autodiff
    from fastml.nn import functional

    x, weight = autodiff.variable(_blobs(dtype)), autodiff.variable(np.ones(SHAPE[1], dtype))
    for y in (
        functional.batch_norm(x, None, None, weight, weight, training=True),
        functional.layer_norm(x, SHAPE[1], weight, weight),
    ):
        y.backward(np.ones_like(y.value))


def _dense(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml import autodiff
    from fastml.nn.functional import dense, linear

    X = _blobs(dtype)
    weights = np.full((SHAPE[1], 20), 0.1, dtype)
    # Few rows run serial kernels with any number of threads.
    for rows in (X, X[:8]):
        x, W, b = (autodiff.variable(a) for a in (rows, weights, weights[0]))
        for activation in ("identity", "relu"):
            y = dense(x, W, b, activation)
            y.backward(np.ones_like(y.value))
        y = linear(x, autodiff.variable(weights.T))
        y.backward(np.ones_like(y.value))


def _recurrent(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml import autodiff
    from fastml.nn import functional

    x = autodiff.variable(_blobs(dtype)[:1000].reshape(20, 50, SHAPE[1]))
    for function, width in ((functional.lstm, 128), (functional.gru, 96), (functional.rnn, 32)):
        shapes = ((width, SHAPE[1]), (width, 32), (width,), (width,))
        weights = [autodiff.variable(np.full(shape, 0.1, dtype)) for shape in shapes]
        y = function(x, [weights])[0]
        y.backward(np.ones_like(y.value))


def _tree(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml import autodiff
    from fastml.nn import balanced_tree, functional

    x, trees = autodiff.variable(_blobs(dtype)[:1980]), [balanced_tree(range(50))] * 20
    shapes = ((128, SHAPE[1]), (128, 32), (128,))
    weights = [autodiff.variable(np.full(shape, 0.1, dtype)) for shape in shapes]
    y = functional.tree_lstm(x, trees, [weights])[0]
    y.backward(np.ones_like(y.value))


def _optim(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml.nn import optimizers as o

    params = [np.ones(SHAPE[0] * SHAPE[1], dtype)]
    steps = (
        o.SGDOptimizer(params, momentum=0), o.SGDOptimizer(params), o.AdamOptimizer(params),
        o.AdaGradOptimizer(params), o.RMSPropOptimizer(params),
    )  # fmt: skip
    for optimizer in steps:
        optimizer.update_params(params, params)
    o.clip_scale(params, 1.0)


def _dropout(backend: Backend, dtype: np.dtype[Any]) -> None:
    from fastml.nn.functional import dropout

    dropout(_blobs(dtype), seed=0)


def _elementwise(backend: Backend, dtype: np.dtype[Any]) -> None:
    x = backend.asarray(np.linspace(0.1, 1.0, SHAPE[0] * SHAPE[1]), dtype)
    out = backend.empty(x.shape, dtype)
    functions = backend.kernels("elementwise")
    for name in ("exp", "log", "log1p", "tanh", "sigmoid"):
        getattr(functions, name)(x, out)


def _rng(backend: Backend, dtype: np.dtype[Any]) -> None:
    draws = backend.kernels("rng")
    for draw in (draws.uniform, draws.normal):
        draw(0, 0, 0, backend.empty(SHAPE[0] * SHAPE[1], dtype))
    draws.bits(0, 0, 0, backend.empty((SHAPE[0] * SHAPE[1], 4), np.uint32))


FAMILIES: dict[str, Callable[[Backend, np.dtype[Any]], None]] = {
    "linalg": _linalg,
    "smo": _smo,
    "distances": _distances,
    "pairwise": _pairwise,
    "kmeans": _kmeans,
    "minibatch": _minibatch,
    "competitive": _competitive,
    "rbm": _rbm,
    "linear_svm": _linear_svm,
    "activations": _activations,
    "losses": _losses,
    "conv": _conv,
    "pool": _pool,
    "normalization": _normalization,
    "dense": _dense,
    "recurrent": _recurrent,
    "tree": _tree,
    "optim": _optim,
    "dropout": _dropout,
    "elementwise": _elementwise,
    "rng": _rng,
}


def warmup(
    families: str | Iterable[str] | None = None,
    dtypes: Any = ("float32", "float64"),
    backend: str | None = None,
) -> dict[str, float]:
    """Compile kernels now, so that later fits do not wait for it.

    Code for the CPU is kept on disk for later processes: an image or an installer may call this
    once. Code for a GPU lasts as long as the process.

    Parameters
    ----------
    families : str or iterable of str, optional
        Which kernels: any of "linalg" (PCA and its kin), "distances", "pairwise" (kernel matrices),
        "smo" (SVC), "linear_svm" (LinearSVC, LinearSVR), "kmeans" (KMeans),
        "minibatch" (MiniBatchKMeans), "competitive" (WinnerTakeAll),
        "rbm" (BernoulliRBM, GaussianRBM, DeepBeliefNetwork), "activations", "losses",
        "conv" (convolutions), "pool", "normalization" (of batches and layers), "dense" (layers of
        networks), "recurrent" (layers of sequences), "tree" (layers of trees),
        "optim" (optimisers), "dropout", "elementwise", "rng"; all by default.
    dtypes : dtype or iterable of dtypes, default=("float32", "float64")
        The dtypes of the data to come.
    backend : {"auto", "cpu", "cuda", "reference"}, optional
        By default that of the configuration.

    Returns
    -------
    dict of str to float
        The seconds that each family took.

    Examples
    --------
    >>> import fastml
    >>> sorted(fastml.warmup("rng", dtypes="float64"))
    ['rng']
    """
    names = list(FAMILIES) if families is None else _listed(families)
    for name in names:
        if name not in FAMILIES:
            known = ", ".join(repr(family) for family in FAMILIES)
            raise ValueError(f"families must be of {known}, got {name!r}.")
    kinds = [_float_dtype(dtype) for dtype in _listed(dtypes)]
    chosen = resolve(backend=backend)
    seconds = {}
    for name in names:
        start = time.perf_counter()
        # Small inputs run serial kernels, and large ones parallel kernels: both are wanted.
        for num_threads in (1, get_config().num_threads):
            with config_context(backend=chosen.name, num_threads=num_threads, progress=False):
                for dtype in kinds:
                    FAMILIES[name](chosen, dtype)
        seconds[name] = time.perf_counter() - start
    return seconds


def _listed(value: Any) -> list[Any]:
    single = isinstance(value, str | type | np.dtype)
    return [value] if single else list(value)


def _float_dtype(value: Any) -> np.dtype[Any]:
    dtype = np.dtype(value)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtypes must be float32 or float64, got {value!r}.")
    return dtype
