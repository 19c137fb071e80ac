"""Fits to what is larger than memory: memory-mapped rows, and batches from functions."""

import subprocess
import sys

import numpy as np
import pytest

from fastml.datasets import make_shapes
from fastml.neural_network import CNNClassifier, MLPClassifier, MLPRegressor
from fastml.nn import Conv2D, Dense, DropConnect, Dropout

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def on_disk(tmp_path):
    def write(array):
        np.save(tmp_path / "x.npy", array)
        return np.load(tmp_path / "x.npy", mmap_mode="r")

    return write


def shapes(n=300):
    X, y = make_shapes(n, size=6, random_state=0)
    return X.reshape(n, -1), np.array(list("abcde"))[y]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f8", np.float16, np.uint8, np.int64])
@pytest.mark.parametrize(
    "options",
    [
        {"early_stopping": True, "random_state": 0},
        {"batch_size": "full", "solver": "sgd", "shuffle": False, "random_state": 1},
        {"solver": "lbfgs", "max_iter": 3, "random_state": 2},
    ],
    ids=["held-out", "full", "lbfgs"],
)
def test_rows_on_disk_make_the_bits_of_rows_in_memory(on_disk, dtype, options):
    X, y = shapes()
    X = (100 * abs(X)).astype(dtype)
    options = {"hidden_layer_sizes": (8,), "max_iter": 5, "dropout": 0.1, **options}
    mapped = on_disk(X)
    assert isinstance(mapped, np.memmap)
    disk = MLPClassifier(**options).fit(mapped, y)
    memory = MLPClassifier(**options).fit(X, y)
    for ours, theirs in zip(disk.coefs_, memory.coefs_, strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.tobytes() == theirs.tobytes()
    assert disk.n_features_in_ == 36
    np.testing.assert_array_equal(disk.predict_proba(mapped), memory.predict_proba(X))
    np.testing.assert_array_equal(disk.transform(mapped), memory.transform(X))
    np.testing.assert_array_equal(
        disk.predict_proba(mapped, n_masks=3), memory.predict_proba(X, n_masks=3)
    )


def test_rows_on_disk_are_checked_like_others(on_disk):
    X, y = shapes()
    model = MLPClassifier(max_iter=1).fit(on_disk(X), y)
    with pytest.raises(ValueError, match="X has 35 features, but MLPClassifier is expecting 36"):
        model.predict(on_disk(X[:, :35]))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(on_disk(X), y[:-1])
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        model.fit(on_disk(X[:, 0]), y)
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        model.predict(on_disk(X)[:0])
    with pytest.raises(ValueError, match="Complex data not supported"):
        model.fit(on_disk(X.astype(complex)), y)
    X[-1, -1] = np.nan
    for call in (lambda X: model.fit(X, y), model.predict):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            call(on_disk(X))


@pytest.mark.parametrize("flat", [False, True])
def test_images_on_disk_make_the_bits_of_images_in_memory(on_disk, flat):
    X, y = make_shapes(60, size=6, random_state=0)
    X = (100 * abs(X)).astype(np.uint8)
    X = X.reshape(60, -1) if flat else X
    layers = [Conv2D(3, 3, "relu"), Dropout(0.2), DropConnect(Dense(4), 0.5)]
    options = {"input_shape": (6, 6), "max_iter": 2, "batch_size": 32, "random_state": 0}
    disk, memory = (CNNClassifier(layers, **options).fit(a, y) for a in (on_disk(X), X))
    assert disk.network_.flat.tobytes() == memory.network_.flat.tobytes()
    for n_masks in (None, 2):
        found = disk.predict_proba(on_disk(X), n_masks=n_masks)
        np.testing.assert_array_equal(found, memory.predict_proba(X, n_masks=n_masks))
    assert (memory.predict_std(X, n_masks=5) > 0).any()


WITHOUT_MEMORY = """
import resource, sys
import numpy as np
from fastml.neural_network import MLPClassifier

def fit_and_predict(X, y):
    return MLPClassifier((4,), max_iter=1, tol=0, batch_size=1000).fit(X, y).predict(X)

X = np.load(sys.argv[1], mmap_mode="r")
y = np.arange(len(X)) % 2
# Kernels are compiled and threads started before memory becomes scarce.
fit_and_predict(X[:5000], y[:5000])
(line,) = (line for line in open("/proc/self/status") if line.startswith("VmData"))
limit = 1024 * int(line.split()[1]) + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
print("predicted", len(fit_and_predict(X, y)))
try:
    fit_and_predict(np.asarray(X), y)
except MemoryError:
    print("no memory for a copy")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of other systems differ")
def test_a_fit_to_rows_on_disk_needs_no_copy_of_them(tmp_path):
    size = (40_000, 500)
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, size)
    mapped[:, 0] = np.arange(size[0]) % 2
    mapped.flush()
    # A copy is 160 MB of float64; a batch is 4 MB of them, a stretch of 4096 rows 16 MB.
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT_MEMORY, tmp_path / "x.npy", "60000000"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout == "predicted 40000\nno memory for a copy\n"


def batches_of(X, y, size, *, weight=None):
    """Return a function of the epoch that gives batches in an order of its own."""

    def source(epoch):
        order = np.random.default_rng(epoch).permutation(len(X))
        for start in range(0, len(X), size):
            rows = order[start : start + size]
            yield (X[rows], y[rows]) if weight is None else (X[rows], y[rows], weight[rows])

    return source


def test_a_function_of_the_epoch_brings_batches():
    X, y = shapes(1000)
    model = MLPClassifier((50,), learning_rate_init=0.01, max_iter=30, random_state=0)
    model.fit(batches_of(X, y, 100))
    assert model.classes_.tolist() == list("abcde")
    assert model.n_iter_ == len(model.loss_curve_) == 30
    assert model.t_ == 30 * 1000
    assert model.score(X, y) > 0.95
    # Weights of 0 are as if the rows were not there.
    weight = (y != "c").astype(float)
    model.fit(batches_of(X, y, 100, weight=weight))
    assert "c" not in model.predict(X)
    assert model.score(X, y, sample_weight=weight) > 0.95


def test_batches_in_the_order_of_rows_make_the_bits_of_rows_in_memory():
    X, y = shapes()
    Y = np.stack([X[:, 0], X @ X[0]], axis=1)
    parts = [slice(start, start + 50) for start in range(0, 300, 50)]
    for cls, targets in ((MLPClassifier, y), (MLPRegressor, Y), (MLPRegressor, Y[:, 1])):
        options = {"max_iter": 4, "shuffle": False, "batch_size": 50, "random_state": 0}
        loader = [(X[part], targets[part]) for part in parts]
        streamed = cls(**options).fit(dict(enumerate(loader)).values())
        held = cls(**options).fit(X, targets)
        for ours, theirs in zip(streamed.coefs_, held.coefs_, strict=True):
            assert ours.tobytes() == theirs.tobytes()
        assert streamed.loss_curve_ == held.loss_curve_


def test_a_source_of_batches_is_refused_where_it_does_not_fit():
    X, y = shapes(60)
    source = batches_of(X, y, 20)
    for options, message in (
        ({"solver": "lbfgs"}, "solver='lbfgs' needs all rows at once"),
        ({"early_stopping": True}, "early_stopping=True needs all rows at once"),
        ({"class_weight": "balanced"}, "'balanced' is not supported for .*sources of batches"),
    ):
        with pytest.raises(ValueError, match=message):
            MLPClassifier(max_iter=1, **options).fit(source)
    model = MLPClassifier(max_iter=1)
    with pytest.raises(ValueError, match="y must be None where X is a source of batches"):
        model.fit(source, y)
    with pytest.raises(ValueError, match="sample_weight must be None"):
        model.fit(source, sample_weight=np.ones(60))
    with pytest.raises(ValueError, match="partial_fit takes arrays"):
        MLPRegressor().partial_fit(source, None)
    with pytest.raises(TypeError, match="list_iterator is used up after one epoch"):
        model.fit(iter([(X, y)]))
    with pytest.raises(ValueError, match="X has 35 features"):
        model.fit({"a": (X, y), "b": (X[:, :35], y)}.values())
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        model.fit(X)


def test_an_epoch_may_not_bring_labels_that_the_first_did_not():
    X, y = shapes(60)
    labels = iter(["b", "b", "z"])

    def source(epoch):
        last = next(labels)
        yield X, np.where(y == "b", last, y)

    with pytest.raises(ValueError, match=r"A batch has labels \['z'\], which"):
        MLPClassifier(max_iter=2).fit(source)


def test_fits_to_batches_go_on_from_checkpoints(tmp_path):
    X, y = shapes()
    source = batches_of(X, y, 64)
    options = {"max_iter": 6, "dropout": 0.3, "random_state": 0}
    whole = MLPClassifier(**options).fit(source)

    def fails(epoch):
        if epoch == 4:
            raise InterruptedError
        return source(epoch)

    fails.__qualname__ = source.__qualname__
    options["checkpoint"] = tmp_path / "x"
    with pytest.raises(InterruptedError):
        MLPClassifier(**options).fit(fails)
    resumed = MLPClassifier(**options).fit(source)
    for ours, theirs in zip(resumed.coefs_, whole.coefs_, strict=True):
        assert ours.tobytes() == theirs.tobytes()
