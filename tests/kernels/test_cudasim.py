"""Every CUDA kernel gives in Numba's simulator what the reference gives.

The simulator must be chosen before numba is imported, so the tests below run in a process of
their own, which the plain test run starts.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastml.testing import cases
from tests.kernels.test_contract import KERNELS, KNOWN_GAPS

CUDA_KERNELS = [k for k in KERNELS if (k[0], "cuda", k[1]) not in KNOWN_GAPS]
SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"

pytestmark = pytest.mark.cudasim

if SIMULATED:

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("dtype", cases.DTYPES)
    @pytest.mark.parametrize("family, name", CUDA_KERNELS)
    def test_same_as_reference(family, name, dtype, seed):
        case = cases.case(family, name, dtype, "tiny", seed)
        expected = cases.run(family, "reference", name, case)
        cases.check(case, expected, cases.run(family, "cuda", name, case))

else:

    @pytest.mark.timeout(600)
    def test_in_the_simulator():
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-n0", "-q", "-m", "cudasim", __file__],
            env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        assert f"{6 * len(CUDA_KERNELS)} passed" in result.stdout
