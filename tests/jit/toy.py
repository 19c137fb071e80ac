"""A copy of the package with a tiny kernel family, for tests in processes of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "fastml"

SCALAR = """
def square(x):
    return x * x
"""

CPU = """
from fastml._jit import njit_leaf, njit_parallel, njit_serial, prange
from fastml.kernels.toy import scalar

square = njit_leaf(scalar.square)


@njit_parallel
def row_squares(x, out):
    for i in prange(x.shape[0]):
        s = out.dtype.type(0)
        for j in range(x.shape[1]):
            s += square(x[i, j])
        out[i] = s


@njit_serial
def total(x):
    s = x.dtype.type(0)
    for i in range(x.shape[0]):
        s += square(x[i])
    return s
"""


def copy_package(folder):
    """Put fastml with the kernel family "toy" alone into a folder, and return the package."""
    package = Path(folder) / "fastml"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "kernels"))
    family = package / "kernels" / "toy"
    family.mkdir(parents=True)
    for path in (package / "kernels" / "__init__.py", family / "__init__.py"):
        path.touch()
    (family / "scalar.py").write_text(SCALAR)
    (family / "cpu.py").write_text(CPU)
    return package


def start(code, package=PACKAGE, **environment):
    """Start Python on `code` with warnings as errors, importing fastml from beside `package`."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("FASTML_", "NUMBA_"))}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        env={**inherited, "PYTHONPATH": str(package.parent), **environment},
        cwd=package.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """Return what a process printed; it must succeed."""
    try:
        out, err = process.communicate(timeout=600)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0, err
    return out.strip()


def run(code, package=PACKAGE, **environment):
    """Run Python on `code` and return what it printed."""
    return finish(start(code, package, **environment))
