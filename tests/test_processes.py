"""Whole processes: kernels compiled once and never stale, memory that does not grow."""

import itertools
import shutil
from pathlib import Path

import pytest

from fastml._jit import cache
from tests.jit.toy import PACKAGE, finish, run, start

# The inertia is 16; the kernel that adds it up is compiled or loaded.
FIT = """
import numpy as np
from fastml.cluster import KMeans
from fastml.kernels.kmeans import cpu
X = np.array([[1.0, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
model = KMeans(2, random_state=0).fit(X)
assert sorted(model.cluster_centers_.tolist()) == [[1, 2], [10, 2]], model.cluster_centers_
assert sorted(np.bincount(model.labels_)) == [3, 3]
print(model.inertia_, sum(cpu.inertia.serial.stats.cache_hits.values()))
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A folder that holds the kernels of the fit, compiled."""
    folder = tmp_path_factory.mktemp("filled")
    if cache.cache_root().exists():
        # What this machine has compiled from the same sources need not be compiled again.
        run(FIT)
        shutil.copytree(cache.cache_root(), folder, dirs_exist_ok=True)
    assert run(FIT, FASTML_CACHE_DIR=str(folder)).startswith("16.0")
    return folder


@pytest.fixture
def store(filled, tmp_path):
    """A copy of the filled folder, to be spoilt."""
    shutil.copytree(filled, tmp_path / "cache")
    return tmp_path / "cache"


def copied_package(folder):
    package = folder / "fastml"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    return package


def test_an_edit_of_a_kernel_is_seen(tmp_path, store):
    package = copied_package(tmp_path)
    # The same sources elsewhere are served by the same code.
    assert run(FIT, package, FASTML_CACHE_DIR=str(store)) == "16.0 1"
    kernels = package / "kernels" / "kmeans" / "cpu.py"
    text = kernels.read_text()
    edited = text.replace("partials[block] = total", "partials[block] = 2 * total")
    assert edited != text
    kernels.write_text(edited)
    assert run(FIT, package, FASTML_CACHE_DIR=str(store)) == "32.0 0"
    # And undone, what was compiled before still serves.
    kernels.write_text(text)
    assert run(FIT, package, FASTML_CACHE_DIR=str(store)) == "16.0 1"


def test_truncated_files_are_made_again(store):
    # Within the checksum, right after it, and further on.
    sizes = itertools.cycle((0, 20, 32, 1000))
    for path in filter(Path.is_file, sorted(store.rglob("*"))):
        path.write_bytes(path.read_bytes()[: next(sizes)])
    assert run(FIT, FASTML_CACHE_DIR=str(store)) == "16.0 0"
    assert run(FIT, FASTML_CACHE_DIR=str(store)) == "16.0 1"


def test_a_read_only_install(tmp_path, store):
    package = copied_package(tmp_path)
    paths = [package, *package.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    environment = {"FASTML_CACHE_DIR": str(store), "PYTHONDONTWRITEBYTECODE": "1"}
    assert run(FIT, package, **environment) == "16.0 1"
    assert [package, *package.rglob("*")] == paths
    for path in paths:
        path.chmod(0o755)


@pytest.mark.slow
def test_eight_processes_start_cold_together(tmp_path):
    environment = {"FASTML_CACHE_DIR": str(tmp_path / "cache")}
    processes = [start(FIT, **environment) for _ in range(8)]
    assert {finish(process).split()[0] for process in processes} == {"16.0"}
    assert run(FIT, **environment) == "16.0 1"


FITS = """
import numpy as np
from fastml.cluster import KMeans
from fastml.decomposition import PCA

def resident():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024

def fits(first, last):
    for i in range(first, last):
        rng = np.random.default_rng(i)
        dtype = np.float32 if i % 2 else np.float64
        X = rng.standard_normal((200 + i % 100, 8)).astype(dtype)
        if i % 4 < 2:
            model = KMeans(5, random_state=i, algorithm=("lloyd", "elkan")[i % 3 == 0]).fit(X)
        else:
            solver = ("full", "covariance_eigh", "arpack", "randomized")[i // 4 % 4]
            model = PCA(3, svd_solver=solver, random_state=i).fit(X)
        model.transform(X)

fits(0, 100)
before = resident()
fits(100, 1100)
print(resident() - before)
"""


def test_a_thousand_fits_do_not_grow_the_process():
    try:
        open("/proc/self/status").close()
    except OSError:
        pytest.skip("no /proc")
    assert float(run(FITS)) < 20
