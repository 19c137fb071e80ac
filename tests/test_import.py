"""What ``import fastml`` costs, and the names it offers."""

import importlib.metadata
import subprocess
import sys

import pytest

import fastml

HEAVY = ("numba", "llvmlite", "numpy", "scipy", "sklearn", "cupy", "pandas")


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "statement", ["import fastml", "import fastml; dir(fastml); fastml.get_config()"]
)
def test_import_loads_nothing_heavy(statement):
    loaded = run(f"{statement}; import sys; print(*sys.modules)").split()
    assert "fastml" in loaded
    assert not set(HEAVY) & set(loaded)


def test_import_takes_at_most_150_ms():
    code = "import time; t = time.perf_counter(); import fastml; print(time.perf_counter() - t)"
    # The least of several: the machine may be busy, but never makes an import faster.
    assert min(float(run(code)) for _ in range(5)) <= 0.15


@pytest.mark.parametrize("name", fastml.__all__)
def test_public_names_load(name):
    assert getattr(fastml, name) is getattr(fastml, name)
    assert name in dir(fastml)


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="module 'fastml' has no attribute 'clusters'"):
        fastml.clusters  # noqa: B018
    with pytest.raises(ImportError):
        from fastml import clusters  # noqa: F401


def test_version_is_the_installed_one():
    try:
        installed = importlib.metadata.version("fastml")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("fastml is not installed")
    assert fastml.__version__ == installed
