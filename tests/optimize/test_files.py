"""MPS and LP files, Netlib's format, beside scipy.optimize.linprog on the arrays."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import linprog

from fastml.optimize import LinearProgram
from tests.optimize import netlib


def written(tmp_path, text, name="program.mps"):
    path = tmp_path / name
    path.write_text(text)
    return path


def checked(lp):
    """Solve a program; see that its dual has the same value."""
    solution = lp.solve()
    assert solution.status == "optimal"
    assert solution.report.residual <= 1e-9
    assert_allclose(lp.dual().solve().value, solution.value, rtol=1e-8, atol=1e-8)
    return solution.value


@pytest.mark.parametrize("name", netlib.PROGRAMS)
def test_programs_are_read_and_solved(name, tmp_path):
    arrays, expected = netlib.PROGRAMS[name]
    lp = LinearProgram.from_file(written(tmp_path, netlib.mps(name, *arrays)))
    assert_allclose(checked(lp), expected, rtol=1e-9, atol=1e-9)
    c, A, b, A_eq, b_eq, bounds, maximize = (*arrays, *[None] * (7 - len(arrays)))
    sign = -1 if maximize else 1
    bounds = (0, None) if bounds is None else bounds
    found = linprog(sign * np.asarray(c, float), A, b, A_eq, b_eq, bounds)
    assert_allclose(sign * found.fun, expected, rtol=1e-9, atol=1e-9)


def test_afiro(tmp_path):
    lp = LinearProgram.from_file(written(tmp_path, netlib.afiro()))
    assert (lp.n, lp.n_ineq, lp.n_eq) == (32, 19, 8)
    assert_allclose(checked(lp), -464.75314285714285, rtol=1e-12)


def test_all_sections(tmp_path):
    lp = LinearProgram.from_file(written(tmp_path, netlib.SECTIONS))
    assert lp.names == ("FREE", "UPPER", "MINUS", "FIXED", "BOXED")
    # By the rules of the format: 1.5 <= LESS <= 4, -3 <= GREATER <= 5, 5 <= UPWARDS <= 7,
    # -2 <= DOWNWARD <= 1, and minus the right side of the objective is a constant.
    expected = linprog(
        [1, -2, 0.5, 3, -1],
        [[-1, 1, 0, 0, 0], [1, -1, 0, 0, 0], [-1, 0, -1, 0, 0], [1, 0, 1, 0, 0],
         [0, 1, 0, 1, 0], [0, -1, 0, -1, 0], [0, 0, 1, 0, -1], [0, 0, -1, 0, 1]],
        [4, -1.5, 3, 5, 7, -5, 1, 2],
        bounds=[(None, None), (0, 4), (None, 2), (1.5, 1.5), (-1, 1)],
    )  # fmt: skip
    assert_allclose(checked(lp), expected.fun + 10, rtol=1e-10)


def test_infeasible_and_unbounded_files(tmp_path):
    text = netlib.mps("NONE", [1], [[1], [-1]], [1, -2])
    assert LinearProgram.from_file(written(tmp_path, text)).solve().certificate.holds()
    text = netlib.mps("BELOW", [-1, 0], [[0, 1]], [1])
    assert LinearProgram.from_file(written(tmp_path, text)).solve().ray.holds()


LP_FILE = """\\ the same as WYNDOR
maximize
 profit: 3 doors + 5 windows
subject to
 one: doors <= 4
 two: 2 windows <= 12
 three: 3 doors + 2 windows <= 18
end
"""


def test_lp_files(tmp_path):
    lp = LinearProgram.from_file(written(tmp_path, LP_FILE, "program.lp"))
    assert lp.maximize
    assert lp.names == ("doors", "windows")
    assert checked(lp) == 36


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        LinearProgram.from_file(tmp_path / "missing.mps")
    with pytest.raises(ValueError, match="HiGHS cannot read"):
        LinearProgram.from_file(written(tmp_path, "nonsense", "broken.mps"))
    with pytest.raises(ValueError, match="HiGHS cannot read"):
        LinearProgram.from_file(written(tmp_path, netlib.afiro(), "program.txt"))
    integers = LP_FILE.replace("end", "general\n doors\nend")
    with pytest.raises(ValueError, match="asks for integers"):
        LinearProgram.from_file(written(tmp_path, integers, "integers.lp"))
