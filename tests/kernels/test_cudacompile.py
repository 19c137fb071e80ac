"""Every CUDA kernel compiles for real architectures, fits, and keeps to its precision.

No device is needed: the arguments' types come from running the host function of each kernel on
a case while launches are recorded.
"""

import importlib.util
import os

import numpy as np
import pytest

from fastml._jit.cuda import record_launches
from fastml.testing import cases
from tests.kernels.offline import compile_report
from tests.kernels.test_cudasim import CUDA_KERNELS

ARCHITECTURES = ((7, 5), (8, 0), (9, 0))
SHARED_MEMORY = 48 * 1024

pytestmark = [
    pytest.mark.cudacompile,
    pytest.mark.skipif(
        importlib.util.find_spec("numba_cuda") is None
        or os.environ.get("NUMBA_ENABLE_CUDASIM") == "1",
        reason="needs numba-cuda, and not the simulator",
    ),
]


def launches(family, name, dtype):
    """Return {kernel: argument types} of what the host function launches, once per combination."""
    found = {}
    for scale, seeds in (("tiny", 3), ("small", 6)):
        for seed in range(seeds):
            case = cases.case(family, name, dtype, scale, seed)
            with record_launches() as recorded:
                cases.run(family, "cuda", name, case)
            found.update(dict.fromkeys(recorded))
    return list(found)


def may_use_float64(family, kernel):
    """Whether a CUDA module says that a kernel computes in float64 whatever its input.

    Its ``FLOAT64_KERNELS`` names those that add up in float64 because results promise it.
    """
    names = getattr(cases.kernel_module(family, "cuda"), "FLOAT64_KERNELS", ())
    return kernel.py_func.__name__ in names


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("family, name", CUDA_KERNELS)
def test_compiles_for_every_architecture(family, name, dtype):
    for kernel, types in launches(family, name, dtype):
        for cc in ARCHITECTURES:
            report = compile_report(kernel, types, cc)
            where = f"{kernel!r} for {types} on {cc}: {report['regs']} registers"
            assert report["spill_stores"] == report["spill_loads"] == 0, where
            assert report["smem"] <= SHARED_MEMORY, where
            if dtype == np.float32:
                assert (".f64" in report["ptx"]) == may_use_float64(family, kernel), where


@pytest.mark.parametrize("family", cases.families())
def test_float64_is_named_for_kernels_there_are(family):
    module = cases.kernel_module(family, "cuda")
    assert all(hasattr(module, name) for name in getattr(module, "FLOAT64_KERNELS", ()))
