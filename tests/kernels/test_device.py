"""Every CUDA kernel gives on a device what the reference gives.

``FASTML_REQUIRE_GPU=1 pytest -m gpu``: a missing device is then a failure, not a skip.
"""

import os

import pytest

from fastml.backends import cuda
from fastml.testing import cases
from tests.kernels.test_cudasim import CUDA_KERNELS

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def cupy():
    absent = cuda.missing()
    if absent:
        message = f"no {' and no '.join(absent)}"
        if os.environ.get("FASTML_REQUIRE_GPU") == "1":
            pytest.fail(message)
        pytest.skip(message)
    import cupy

    return cupy


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("family, name", CUDA_KERNELS)
def test_small(cupy, family, name, dtype, seed):
    check(cupy, family, name, cases.case(family, name, dtype, "small", seed))


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("family, name", CUDA_KERNELS)
def test_large(cupy, family, name, dtype):
    check(cupy, family, name, cases.case(family, name, dtype, "large", 0))


def check(cupy, family, name, case):
    expected = cases.run(family, "reference", name, case)
    cases.check(case, expected, cases.run(family, "cuda", name, case, to_device=cupy.asarray))
