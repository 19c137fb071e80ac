"""Fits whose every bit is compared from one process, thread and threading layer to another."""

import hashlib
import warnings

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from fastml import activations, losses
from fastml import autodiff as ad
from fastml.cluster import KMeans, MiniBatchKMeans, WinnerTakeAll
from fastml.decomposition import PCA, IncrementalPCA, KernelPCA
from fastml.kernel_approximation import Nystroem
from fastml.linear_model import SingleLayerClassifier, SingleLayerRegressor
from fastml.metrics import pairwise
from fastml.neural_network import (
    Autoencoder,
    BernoulliRBM,
    CNNClassifier,
    CNNRegressor,
    DBNClassifier,
    GaussianRBM,
    LSTMClassifier,
    MLPClassifier,
    MLPRegressor,
    RecursiveRegressor,
    RNNRegressor,
    Seq2SeqClassifier,
    Seq2SeqRegressor,
)  # fmt: skip
from fastml.nn import Network, Sequences, TreeBatch, functional
from fastml.svm import SVC, LinearSVC, LinearSVR
from tests.tree_cases import random_tree

# Large enough that kernels run on several threads, with blocks and tiles left over.
N_ROWS, N_COLUMNS, N_CLUSTERS = 9001, 21, 37


def rows(dtype):
    """Overlapping clusters about a mean far from zero, and weights of the rows."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_ROWS, N_COLUMNS))
    X += rng.uniform(-2, 2, (N_CLUSTERS, N_COLUMNS))[rng.integers(0, N_CLUSTERS, N_ROWS)] + 5
    return X.astype(dtype), rng.uniform(0, 2, N_ROWS).astype(dtype)


def kmeans_models(dtype):
    """Yield the name, model and rows of KMeans fits."""
    X, weight = rows(dtype)
    options = {"random_state": 0, "tol": 0, "max_iter": 40}
    for algorithm in ("lloyd", "elkan"):
        model = KMeans(N_CLUSTERS, algorithm=algorithm, **options)
        yield f"{algorithm}", model.fit(X), X
        model = KMeans(N_CLUSTERS, algorithm=algorithm, init="random", n_init=2, **options)
        yield f"{algorithm} weighted", model.fit(X, sample_weight=weight), X
    yield "few short centers", KMeans(8, **options).fit(X[:, :2]), X[:, :2]
    yield "many features", KMeans(20, **options).fit(np.hstack([X] * 7)), np.hstack([X] * 7)
    yield "spherical", KMeans(N_CLUSTERS, metric="spherical", **options).fit(X), X
    thin = sparse.csr_array(np.where(X > 5.5, X, 0))
    yield "sparse", KMeans(N_CLUSTERS, **options).fit(thin, sample_weight=weight), thin
    batches = {"random_state": 0, "max_iter": 2, "n_init": 2, "batch_size": 1000}
    for name, given in (("batches", X), ("batches sparse", thin)):
        model = MiniBatchKMeans(N_CLUSTERS, **batches).fit(given, sample_weight=weight)
        yield name, model, given
        model = MiniBatchKMeans(N_CLUSTERS, **batches).partial_fit(given)
        yield f"{name} given", model.partial_fit(given, None, weight), given


def competitive_models(dtype):
    """Yield the name, model and rows of WinnerTakeAll fits."""
    X, weight = rows(dtype)
    options = {"random_state": 0, "max_iter": 2, "n_iter_no_change": None}
    yield "row by row", WinnerTakeAll(N_CLUSTERS, **options).fit(X, sample_weight=weight), X
    # Batches with work enough for several threads.
    options |= {"batch_size": 4500, "repair": "conscience"}
    yield "competition in batches", WinnerTakeAll(200, **options).fit(X), X


def pca_models(dtype):
    """Yield the name, model and rows of PCA fits."""
    X, weight = rows(dtype)
    wide = X[:1800].reshape(100, -1)
    thin = sparse.csr_array(np.where(X > 5.5, X, 0))
    for solver in ("full", "covariance_eigh", "arpack", "randomized"):
        options = {"svd_solver": solver, "random_state": 0}
        yield solver, PCA(5, **options).fit(X), X
        yield f"{solver} wide", PCA(5, **options).fit(wide), wide
        model = PCA(5, standardize=True, **options)
        yield f"{solver} standardized", model.fit(X, sample_weight=weight), X
        if solver in ("covariance_eigh", "arpack"):
            yield f"{solver} sparse", PCA(5, **options).fit(thin), thin


def incremental_models(dtype):
    """Yield the name, model and rows of IncrementalPCA fits."""
    X, _ = rows(dtype)
    wide = X[:1800].reshape(100, -1)
    yield "incremental", IncrementalPCA(5, batch_size=3000).fit(X), X
    yield "incremental wide", IncrementalPCA(5, batch_size=25).fit(wide), wide


def kernel_models(dtype):
    """Yield the name, model and rows of KernelPCA and Nystroem fits."""
    X, _ = rows(dtype)
    some, thin = X[:1500], sparse.csr_array(np.where(X[:1200] > 5.5, X[:1200], 0))
    options = {"kernel": "rbf", "gamma": "median", "random_state": 0}
    for solver in ("auto", "dense", "arpack", "randomized", "krylov", "matrix_free"):
        inverse = solver == "auto"
        model = KernelPCA(5, eigen_solver=solver, fit_inverse_transform=inverse, **options)
        yield f"kernel pca {solver}", model.fit(some), X[:3000]
    yield "kernel pca sparse", KernelPCA(5, **options).fit(thin), thin
    for landmarks in ("uniform", "kmeans", "leverage"):
        model = Nystroem(n_components=70, landmarks=landmarks, **options)
        yield f"nystroem {landmarks}", model.fit(X), X


def rbm_models(dtype):
    """Yield the name, model and rows of fits of restricted Boltzmann machines."""
    X, _ = rows(dtype)
    X = np.hstack([X] * 3)[:3000] - 5
    options = {"random_state": 0, "batch_size": 500, "n_iter": 1, "momentum": 0.5}
    for algorithm in ("pcd", "cd"):
        model = BernoulliRBM(70, algorithm=algorithm, k=2, dropout=0.2, **options)
        yield f"rbm {algorithm}", model.fit(np.where(X > 0, 1, 0).astype(dtype)), X
    grey = np.clip(X, 0, 1)
    model = BernoulliRBM(70, sparsity_target=0.1, monitor=["pseudo_likelihood"], **options)
    yield "rbm grey", model.fit(grey), X
    model = BernoulliRBM(70, **options)
    yield "rbm of few zeros", model.fit(np.clip(X + 0.5, 0, 1) * dtype(0.9) + dtype(0.1)), X
    model = GaussianRBM(70, learning_rate=1e-3, variance="learned", **options)
    yield "gaussian rbm", model.fit(X), X


def belief_hashes(dtype):
    """Return the hashes of deep belief networks, and of what they compute from rows."""
    X, _ = rows(dtype)
    X = np.hstack([X] * 3)[:2000]
    y, bits = np.argmax(X[:, :4], axis=1), np.where(X > 5, 1, 0).astype(dtype)
    found = {}
    options = {"random_state": 0, "batch_size": 500, "n_iter": 1, "fine_tune_n_iter": 1}
    for fine_tune in (None, "up-down", "backprop"):
        model = DBNClassifier((70, 80), fine_tune=fine_tune, monitor="layer", **options)
        model.fit(bits, y)
        results = [np.array(model.lower_bound_), model.predict_proba(bits), model.transform(bits)]
        results += [model.sample(600, n_steps=3), model.lower_bound(bits, y, random_state=0)]
        results += model.recognition_coefs_ + model.generative_coefs_
        results += [model.rbms_[-1].components_, model.rbms_[-1].h_samples_]
        found[f"belief {fine_tune}"] = " ".join(map(digest, results))
    return found


def support_hashes(dtype):
    """Return the hashes of support vector classifiers, and of their decisions."""
    X, weight = rows(dtype)
    y, thin = np.argmax(X[:, :4], axis=1), sparse.csr_array(np.where(X[:900] > 5.5, X[:900], 0))
    found = {}
    for name, model, n, given, labels in (
        ("pairs", SVC(probability=True, random_state=0), 900, X, y),
        ("parts", SVC(cache_size=3), 3000, X, y > 1),
        ("sparse", SVC(kernel="poly"), 900, thin, y),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            model.fit(given[:n], labels[:n], sample_weight=weight[:n])
        decisions = model.decision_function(given)
        results = [model.support_, model.intercept_, model.duality_gap_, model._probA, decisions]
        results.append(model.dual_coef_.data if name == "sparse" else model.dual_coef_)
        found[f"svc {name}"] = " ".join(map(digest, results))
    return found


def digest(value):
    """Return a short hash of the type, shape and bits of an attribute."""
    if isinstance(value, np.ndarray | np.generic):
        header = f"{value.dtype} {np.shape(value)}".encode()
        return hashlib.sha256(header + np.ascontiguousarray(value).tobytes()).hexdigest()[:16]
    return repr(value)


def hashes(models):
    """Return the hash of every fitted attribute, and of what the models compute from rows."""
    found = {}
    for name, model, X in models:
        for attribute, value in sorted(vars(model).items()):
            if attribute.endswith("_"):
                found[f"{name} {attribute}"] = digest(value)
        found[f"{name} transform"] = digest(model.transform(X))
        if hasattr(model, "predict") or (isinstance(model, PCA) and not sparse.issparse(X)):
            found[f"{name} score"] = digest(model.score(X))
        if hasattr(model, "predict"):
            found[f"{name} predict"] = digest(model.predict(X))
    return found


def pairwise_hashes(dtype):
    """Return the hashes of kernel matrices, whole and symmetric, and of nearest rows."""
    X, _ = rows(dtype)
    X, Y = np.abs(X[:1000]), np.abs(X[1000:1500])
    wide = [np.hstack([part] * 7) for part in (X, Y)]
    found = {"nearest": digest(np.stack(pairwise.pairwise_distances_argmin_min(X, Y)))}
    for name in ("linear", "cosine"):
        found[f"{name} symmetric"] = digest(pairwise.pairwise_kernels(X, metric=name))
    for name in ("poly", "sigmoid", "rbf", "laplacian", "chi2"):
        found[f"{name} symmetric"] = digest(pairwise.pairwise_kernels(X, metric=name))
        found[f"{name} two"] = digest(pairwise.pairwise_kernels(X, Y, metric=name))
        found[f"{name} wide"] = digest(pairwise.pairwise_kernels(*wide, metric=name))
    found["sparse"] = digest(pairwise.rbf_kernel(sparse.csr_array(np.where(X > 5.5, X, 0))))
    return found


def loss_hashes(dtype):
    """Return the hashes of losses, of activations, and of their gradients."""
    X, weight = rows(dtype)
    x, signs = ad.variable(X - 5), np.sign(X - 5)
    results = {
        "squared": losses.squared(x, signs, sample_weight=weight),
        "hinge": losses.hinge(x, signs, reduction="none"),
        "softmax_cross_entropy": losses.softmax_cross_entropy(x, np.arange(N_ROWS) % N_COLUMNS),
        "elastic_net": losses.elastic_net(x),
        "gelu": activations.gelu(x),
        "log_softmax": activations.log_softmax(x),
    }
    found = {}
    for name, result in results.items():
        (gradient,) = ad.gradients(result, [x], np.ones_like(result.value))
        found[name] = f"{digest(result.value)} {digest(gradient)}"
    return found


def network_hashes(dtype):
    """Return the hashes of the weights of networks, and of what they predict."""
    X, weight = rows(dtype)
    X = X - 5
    y, several = np.arange(N_ROWS) % 5, X[:, :3] ** 2
    thin = sparse.csr_array(np.where(X > 0.5, X, 0))
    few = {"max_iter": 2, "random_state": 0}
    options = {"hidden_layer_sizes": (70, 33), **few}
    deep = {**options, "activation": "logistic", "pretraining": {"n_iter": 1, "batch_size": 500}}
    ends = np.cumsum(np.arange(2000) % 30 + 1)
    sequences = Sequences(X, [0, *ends[ends < N_ROWS], N_ROWS])
    memory = LSTMClassifier((40, 33), bidirectional=True, skip_connections=True, **few)
    memory.set_params(dropout=0.2, recurrent_dropout=0.2, truncate=7)
    steps = RNNRegressor(37, cell="gru", transition_depth=2, **few)
    n = len(sequences)
    fits = {
        "lstm": (memory, sequences, y[:n], weight[:n]),
        "gru steps": (steps, sequences[:99], sequences[:99].with_flat(sequences[:99].flat), None),
        "mlp": (MLPClassifier(**options, dropout=0.2, max_norm=1.0), X, y, weight),
        "mlp full batch": (MLPRegressor(**options, batch_size="full"), X, several, None),
        "mlp sgd": (MLPRegressor(**options, solver="sgd", early_stopping=True), X, several, None),
        "mlp lbfgs": (MLPClassifier(**options, solver="lbfgs"), X, y, None),
        "mlp sparse": (MLPClassifier(**options, penalty="l1"), thin, y, None),
        "cnn": (CNNClassifier(**few), X[:2000, :20], y[:2000], weight[:2000]),
        "cnn residual": (CNNRegressor("residual", (4, 5), **few), X[:900, :20], y[:900], None),
        "autoencoder": (Autoencoder(**deep, init="rbm", tied=True, contractive=0.1), X, y, weight),
        "autoencoder with noise": (Autoencoder(70, noise="gaussian", **few), thin, y, None),
        "single layer": (SingleLayerClassifier(**few), X, y, weight),
        "single layer lbfgs": (SingleLayerRegressor(**few, solver="lbfgs"), X, several, None),
    }
    found = {}
    for name, (model, given, targets, weights) in fits.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(given, targets, sample_weight=weights)
        for attribute, value in sorted(vars(model).items()):
            if attribute.endswith("_"):
                several_of_them = value if isinstance(value, list) else [value]
                if isinstance(value, Network):
                    several_of_them = [value.flat, *value.state.values()]
                found[f"{name} {attribute}"] = " ".join(map(digest, several_of_them))
        use = model.predict if hasattr(model, "predict") else model.transform
        results = use(given)
        whole = np.concatenate(results) if isinstance(results, list) else results
        found[f"{name} predict"] = digest(whole)
    return found


def convolution_hashes(dtype):
    """Return the hashes of convolutions and of their gradients."""
    rng = np.random.default_rng(0)
    found = {}
    for name, shape, kernel in (
        ("plain", (3, 40, 40, 24), (40, 24, 3, 3)), ("one channel", (3, 50, 50, 1), (40, 1, 5, 5)),
        ("depthwise", (2, 40, 40, 40), (40, 1, 3, 3)), ("points", (3, 30, 31, 32), (64, 32, 3, 3)),
    ):  # fmt: skip
        x, w, b = (
            ad.variable(rng.standard_normal(each).astype(dtype))
            for each in (shape, kernel, kernel[:1])
        )
        groups = shape[3] // kernel[1]
        out = functional.conv2d(x, w, b, padding="same", groups=groups, layout="NHWC")
        seed = rng.standard_normal(out.shape).astype(dtype)
        gradients = ad.gradients(out, [x, w, b], seed)
        found[f"conv {name}"] = " ".join(map(digest, (out.value, *gradients)))
    return found


def pooling_hashes(dtype):
    """Return the hashes of pooled and normalised images, and of their gradients."""
    x = ad.variable(rows(dtype)[0][:8640].reshape(24, 30, 12, 21))
    ones = np.ones(21, dtype)
    results = {
        "max_pool2d": functional.max_pool2d(x, 3, 2, 1, layout="NHWC"),
        "avg_pool2d": functional.avg_pool2d(x, 3, 2, 1, layout="NHWC"),
        "batch_norm": functional.batch_norm(x, None, None, ones, ones, True, layout="NHWC"),
        "layer_norm": functional.layer_norm(x, 21),
    }
    found = {}
    for name, result in results.items():
        (gradient,) = ad.gradients(result, [x], np.sin(result.value))
        found[name] = f"{digest(result.value)} {digest(gradient)}"
    return found


def recurrent_hashes(dtype):
    """Return the hashes of recurrent layers over sequences, and of their gradients."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 40, 75)
    offsets = np.append(0, np.cumsum(lengths))
    found = {}
    for name, width in (("lstm", 4), ("gru", 3), ("rnn", 1)):
        shapes = ((offsets[-1], 11), (width * 45, 11), (width * 45, 45), (width * 45,))
        x, w, u, b = (ad.variable((0.3 * rng.standard_normal(s)).astype(dtype)) for s in shapes)
        out, _ = getattr(functional, name)((x, offsets), [(w, u, b, b)])
        seed = rng.standard_normal(out.shape).astype(dtype)
        gradients = ad.gradients(out, [x, w, u, b], seed)
        found[name] = " ".join(map(digest, (out.value, *gradients)))
    return found


def translation_hashes(dtype):
    """Return the hashes of networks from sequences to sequences, and of what they predict."""
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((n, 5)).astype(dtype) for n in rng.integers(1, 30, 150)]
    y = [x[::3, :2] for x in X]
    options = {"max_iter": 2, "random_state": 0, "batch_size": 60, "teacher_forcing": 0.7}
    labels = Seq2SeqClassifier((33, 20), dropout=0.1, beam_width=3, **options)
    numbers = Seq2SeqRegressor(40, cell="gru", recurrent_dropout=0.1, **options)
    found = {}
    for model, targets in ((labels, [a[:, 0] > 0 for a in y]), (numbers, y)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, targets)
        parts = model.network_.flat, np.concatenate(model.predict(X))
        found[type(model).__name__] = " ".join(map(digest, parts))
    return found


def tree_hashes(dtype):
    """Return the hashes of layers over trees, of their gradients, and of a network of them."""
    rng = np.random.default_rng(0)
    trees = [random_tree(rng, int(n), 2) for n in rng.integers(1, 60, 75)]
    forest = TreeBatch.of(trees)
    found = {}
    for composition, up in (("child_sum", (180, 45)), ("n_ary", (225, 90))):
        shapes = ((forest.n_nodes, 11), (180, 11), up, (180,))
        x, w, u, b = (ad.variable((0.3 * rng.standard_normal(s)).astype(dtype)) for s in shapes)
        out, _ = functional.tree_lstm(x, forest, [(w, u, b)], composition)
        seed = rng.standard_normal(out.shape).astype(dtype)
        gradients = ad.gradients(out, [x, w, u, b], seed)
        found[f"tree {composition}"] = " ".join(map(digest, (out.value, *gradients)))
    for tree, rows in zip(trees, np.split(x.value, forest.structure.starts[1:-1]), strict=True):
        tree.features = rows
    model = RecursiveRegressor(20, max_iter=2, tol=9, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(trees, [tree.depth for tree in trees])
    return found | {"recursive": digest(model.predict(trees))}


def linear_svm_hashes(dtype):
    """Return the hashes of every attribute of linear support vector machines."""
    X, weight = rows(dtype)
    X = X - 5
    y, targets = np.argmax(X[:, :4], axis=1), X[:, 0] ** 2
    thin = sparse.csr_array(np.where(X > 0.5, X, 0))
    few = {"max_iter": 3, "random_state": 0, "C": 0.01}
    fits = {
        "dual": (LinearSVC(loss="hinge", **few), X, y),
        "dual sparse": (LinearSVC(dual=True, fit_intercept="unpenalised", **few), thin, y),
        "newton": (LinearSVC(**few), X, y),
        "newton sparse": (LinearSVC(**few), thin, y),
        "l1": (LinearSVC(penalty="l1", **few), X, y),
        "joint": (LinearSVC(multi_class="crammer_singer", **few), X, y),
        "regression": (LinearSVR(**few), X, targets),
    }
    found = {}
    for name, (model, given, wanted) in fits.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(given, wanted, sample_weight=weight)
        for attribute in ("coef_", "intercept_", "dual_coef_", "support_", "duality_gap_"):
            found[f"svm {name} {attribute}"] = digest(getattr(model, attribute))
        found[f"svm {name} predict"] = digest(model.predict(given))
    return found


def all_hashes(dtype=np.float32):
    """Return the hashes of all models, kernel matrices and losses of a dtype."""
    models = (kmeans_models, competitive_models, pca_models, incremental_models, kernel_models)
    models += (rbm_models,)
    found = hashes(model for make in models for model in make(dtype))
    found |= (
        belief_hashes(dtype) | pairwise_hashes(dtype) | loss_hashes(dtype) | network_hashes(dtype)
    )
    found |= convolution_hashes(dtype) | pooling_hashes(dtype) | support_hashes(dtype)
    found |= linear_svm_hashes(dtype)
    return found | recurrent_hashes(dtype) | translation_hashes(dtype) | tree_hashes(dtype)


def few_hashes(dtype=np.float32):
    """Return the hashes of a KMeans and a PCA that take little time."""
    X, weight = rows(dtype)
    kmeans = KMeans(N_CLUSTERS, random_state=0, max_iter=10).fit(X, sample_weight=weight)
    pca = PCA(5, svd_solver="covariance_eigh").fit(X)
    return hashes([("kmeans", kmeans, X), ("pca", pca, X)])
