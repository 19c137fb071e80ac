"""warmup compiles what fits need."""

import numpy as np
import pytest

import fastml
from fastml import _warmup
from tests.jit.toy import run


def test_each_family_runs():
    seconds = fastml.warmup(backend="reference", dtypes=np.float32)
    assert list(seconds) == list(_warmup.FAMILIES)
    assert all(value > 0 for value in seconds.values())


@pytest.mark.parametrize(
    "families, dtypes, calls",
    [
        ("rng", "float32", [("rng", "float32")]),
        (["rng", "linalg"], ["float64"], [("rng", "float64"), ("linalg", "float64")]),
        (("kmeans",), (np.float32, np.dtype("f8")), [("kmeans", "float32"), ("kmeans", "float64")]),
        ([], "float32", []),
    ],
)
def test_families_and_dtypes(monkeypatch, families, dtypes, calls):
    seen = []
    for name in _warmup.FAMILIES:
        monkeypatch.setitem(
            _warmup.FAMILIES,
            name,
            lambda backend, dtype, name=name: seen.append(
                (name, dtype.name, backend.name, fastml.get_config().num_threads)
            ),
        )
    with fastml.config_context(num_threads=2):
        assert list(fastml.warmup(families, dtypes, "cpu")) == [
            name for name, _ in dict(calls).items()
        ]
    # Once with one thread, for the serial variants, and once as configured.
    expected = [
        (name, dtype, "cpu", n)
        for family in dict.fromkeys(name for name, _ in calls)
        for n in (1, 2)
        for name, dtype in calls
        if name == family
    ]
    assert seen == expected


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"families": "nonsense"}, "families must be of 'linalg', .*, got 'nonsense'"),
        ({"families": ["rng", 3]}, "got 3"),
        ({"families": "rng", "dtypes": "int32"}, "dtypes must be float32 or float64, got 'int32'"),
        ({"families": "rng", "backend": "tpu"}, "must be one of 'auto'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        fastml.warmup(**arguments)


FIT = """
import numpy as np
from fastml.cluster import KMeans, MiniBatchKMeans, WinnerTakeAll
from fastml.decomposition import PCA
from fastml.metrics import pairwise
from fastml.svm import SVC
X = np.random.default_rng(0).normal(size=({n}, 16)).astype(np.float32)
KMeans(8, random_state=0, algorithm="{algorithm}").fit(X).predict(X)
MiniBatchKMeans(8, random_state=0).fit(X).partial_fit(X).predict(X)
for batch_size in (1, len(X)):
    WinnerTakeAll(90, batch_size=batch_size, random_state=0).partial_fit(X).predict(X)
PCA(3).fit(X).transform(X)
pairwise.rbf_kernel(X[:3000])
pairwise.cosine_similarity(X, X[:3])
pairwise.pairwise_distances_argmin(X, X[:3])
SVC().fit(X[:3000], X[:3000, 0] > 0).predict(X)
"""


@pytest.mark.slow
def test_after_it_fits_compile_nothing(tmp_path):
    environment = {"FASTML_CACHE_DIR": str(tmp_path)}

    def files():
        return sorted(path for path in tmp_path.rglob("*") if path.is_file())

    families = ["linalg", "kmeans", "pairwise", "minibatch", "competitive", "smo"]
    run(f"import fastml; fastml.warmup({families}, 'float32')", **environment)
    compiled = files()
    assert compiled
    for n in (100, 20_000):
        for algorithm in ("lloyd", "elkan"):
            run(FIT.format(n=n, algorithm=algorithm), **environment)
    assert files() == compiled
