"""Imports only go down the layers, and heavy packages are imported in one place each."""

import ast
from pathlib import Path

import pytest

import fastml

ROOT = Path(fastml.__file__).parent

LAYERS = (
    ("config", "_jit", "_random", "_callbacks"),
    ("backends", "blocks"),
    ("kernels",),
    ("activations", "autodiff", "losses", "nn"),
    (
        "_validation",
        *("cluster", "datasets", "decomposition", "kernel_approximation", "linear_model"),
        *("metrics", "neural_network", "svm", "optimize", "matrix_calculus"),
    ),
    ("dask", "display", "io", "_versions", "_warmup"),
    ("testing",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
# Who may import a package; what is not listed here, everybody may.
ONLY = {
    "numba": ("_jit",),
    "llvmlite": ("_jit",),
    "cupy": ("_jit", "backends", "kernels"),
    "cupyx": ("_jit", "backends", "kernels"),
    "torch": (),
}
WITHOUT_SKLEARN = ("config", "_jit", "backends", "blocks", "kernels")
# Lower layers that kernels must not know: settings reach them as arguments.
HIDDEN_FROM_KERNELS = ("config", "backends", "_random", "_callbacks")


def imported(tree, module, is_package):
    """Yield the full name of everything that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            parents = parts[: len(parts) + is_package - node.level] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def violations(module, source, is_package=False):
    """Return what a module (by its full name) does against the rules."""
    tree, home = ast.parse(source), module.partition(".")[2].partition(".")[0]
    found = []
    for name in imported(tree, module, is_package):
        top, part = name.partition(".")[0], name.partition(".")[2].partition(".")[0]
        if top == "fastml" and part in LEVEL:
            if LEVEL[part] > LEVEL.get(home, len(LAYERS)):
                found.append(f"imports up: {name}")
            if home == "kernels" and part in HIDDEN_FROM_KERNELS:
                found.append(f"a kernel imports {name}")
            if part == "testing" and home != "testing":
                found.append(f"imports test inputs: {name}")
        if home not in ONLY.get(top, (home,)):
            found.append(f"imports {top} outside {ONLY[top]}")
        if top == "sklearn" and home in WITHOUT_SKLEARN:
            found.append(f"imports scikit-learn below the estimators: {name}")
    for node in ast.walk(tree):
        asks = isinstance(node, ast.Attribute) and node.attr == "name"
        if asks and ast.unparse(node.value).endswith("backend") and LEVEL.get(home, 0) in (3, 4):
            found.append(f"asks which backend it is on, in line {node.lineno}")
    return found


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_layers(path):
    parts = ["fastml", *path.relative_to(ROOT).with_suffix("").parts]
    is_package = parts[-1] == "__init__"
    module = ".".join(parts[:-1] if is_package else parts)
    if module != "fastml":
        assert module.split(".")[1] in LEVEL, "a new part of fastml needs a layer"
    assert violations(module, path.read_text(encoding="utf-8"), is_package) == []


@pytest.mark.parametrize(
    "module, source",
    [
        ("fastml.cluster._lloyd", "import numba"),
        ("fastml.cluster._lloyd", "def f():\n    from numba.core import types"),
        ("fastml.kernels.rng.cpu", "from llvmlite import ir"),
        ("fastml.cluster._kmeans", "import cupy as cp"),
        ("fastml.kernels.rng.cpu", "from fastml.config import get_config"),
        ("fastml.kernels.rng.cpu", "from ...config import get_config"),
        ("fastml.kernels.rng.cpu", "from fastml import backends"),
        ("fastml.kernels.rng.cpu", "from fastml.cluster import KMeans"),
        ("fastml.backends.cpu", "import fastml.kernels.rng"),
        ("fastml.backends.cpu", "from sklearn.utils import check_array"),
        ("fastml._jit.cache", "from fastml.blocks import spans"),
        ("fastml._warmup", "from fastml.testing import cases"),
        ("fastml.cluster._kmeans", "if backend.name == 'cuda':\n    pass"),
        ("fastml.cluster._kmeans", "if self._backend.name == 'cuda':\n    pass"),
    ],
)
def test_violations_are_seen(module, source):
    assert len(violations(module, source)) >= 1


@pytest.mark.parametrize(
    "module, source",
    [
        ("fastml._jit.decorators", "import numba\nfrom fastml.config import get_config"),
        ("fastml.kernels.rng.cpu", "from fastml._jit import njit_parallel\nfrom . import scalar"),
        ("fastml.cluster._kmeans", "from sklearn.base import BaseEstimator\nfrom .. import blocks"),
        ("fastml.testing.cases.rng", "from fastml.testing.cases import Case"),
    ],
)
def test_what_is_allowed_passes(module, source):
    assert violations(module, source) == []
