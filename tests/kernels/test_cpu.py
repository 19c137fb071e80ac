"""Every kernel of the backend cpu gives what the reference gives."""

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fastml.testing import cases
from tests.kernels.test_contract import KERNELS, KNOWN_GAPS

CPU_KERNELS = [k for k in KERNELS if (k[0], "cpu", k[1]) not in KNOWN_GAPS]


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("family, name", CPU_KERNELS)
@settings(max_examples=12, deadline=None, derandomize=True, database=None,
          suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
@given(seed=st.integers(0, 2**16))
@example(seed=0)
@example(seed=1)
@example(seed=2)
@example(seed=3)
def test_same_as_reference(family, name, dtype, seed):
    case = cases.case(family, name, dtype, "small", seed)
    expected = cases.run(family, "reference", name, case)
    got = cases.run(family, "cpu", name, case, read_only=True)
    cases.check(case, expected, got)


@pytest.mark.parametrize("family, name", CPU_KERNELS)
def test_inputs_are_left_alone(family, name):
    case = cases.case(family, name, np.float32, "small", seed=5)
    args = {
        key: value.copy() if isinstance(value, np.ndarray) else value
        for key, value in case.args.items()
    }
    getattr(cases.kernel_module(family, "cpu"), name)(**args)
    for key in args.keys() - set(case.outputs):
        np.testing.assert_array_equal(args[key], case.args[key], err_msg=key)
