"""KKT reports: what they say, and results of SciPy and CVXPY in this package's signs."""

import html.parser
import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import LinearConstraint, NonlinearConstraint, OptimizeResult, linprog, minimize

from fastml.optimize import (
    ConstrainedProblem,
    LinearProgram,
    QuadraticProgram,
    explain,
    kkt_report,
    read_result,
)

QP = QuadraticProgram([[2, 0], [0, 2]], A=[[0, 1]], b=[-2], names=["x", "y"])

GOOD = """\
KKT conditions: all hold (tolerance 1e-06)
at x = 0, y = -2, where f0 = 4

primal feasibility        0.0e+00  ok     All constraints are satisfied.
dual feasibility          0.0e+00  ok     No multiplier of an inequality is negative.
complementary slackness   0.0e+00  ok     Every inequality is active or has multiplier 0.
stationarity              0.0e+00  ok     The gradient of the Lagrangian is 0.
duality gap               0.0e+00  ok     The dual function has the same value, 4."""
BAD = """\
KKT conditions: 4 fail (tolerance 1e-06): primal feasibility, dual feasibility, complementary \
slackness, stationarity
at x = 1, y = 1, where f0 = 2

primal feasibility        1.5e+00  FAILS  y <= -2 is violated by 3.
dual feasibility          5.0e-01  FAILS  The multiplier of y <= -2 is negative: -1.
complementary slackness   1.5e+00  FAILS  y <= -2 has the multiplier -1 but is not active: its \
two sides differ by 3.
stationarity              1.0e+00  FAILS  The derivative of the Lagrangian by x is 2, not 0."""


def test_what_it_says():
    assert str(kkt_report(QP, [0, -2], [4])) == GOOD
    assert str(QP.kkt_report([0, -2], [4])) == GOOD
    assert str(kkt_report(QP, [1, 1], [-1], gap=False)) == BAD
    report = kkt_report(QP, [0, -3], [4])
    assert report["complementary slackness"].residual == pytest.approx(4 / 9)
    assert report["duality gap"].sentence == "f0 is 9, the dual function 4."
    assert report.gap == 5
    assert not report.holds
    with pytest.raises(KeyError, match="No condition is called 'gap'"):
        report["gap"]


def test_multipliers_are_found_where_none_are_given():
    assert_allclose(kkt_report(QP, [0, -2]).multipliers.ineq, [4])
    assert kkt_report(QP, [0, -2]).holds
    boxed = QuadraticProgram([[2, 0], [0, 2]], [-2, 6], bounds=(0, 0.5))
    report = kkt_report(boxed, [0.5, 0])
    assert report.holds
    assert_allclose(report.multipliers.upper, [1, 0])
    assert_allclose(report.multipliers.lower, [0, 6])
    # Bounds that nothing presses on take no multipliers.
    inside = kkt_report(boxed, [0.25, 0.25])
    assert not inside.holds


def problem_of_all_kinds():
    """Return min exp(x) + y^2 + z^2 subject to x + y >= 1, z = 2 x - 1, z >= 0.25."""
    return ConstrainedProblem(
        lambda x: np.exp(x[0]) + x[1] ** 2 + x[2] ** 2, [lambda x: 1 - x[0] - x[1]],
        [lambda x: 2 * x[0] - x[2] - 1], n=3, bounds=[(None, None), (None, None), (0.25, None)],
    )  # fmt: skip


def ways():
    """Yield results of SciPy's solvers, for constraints stated in each way they take."""
    p = problem_of_all_kinds()
    common = {
        "x0": [0.0, 1.0, 1.0],
        "jac": p.gradient,
        "bounds": [(None, None)] * 2 + [(0.25, None)],
    }
    exact = {"ftol": 1e-15}
    ineq = {"type": "ineq", "fun": lambda x: -p.ineq(x)}
    for name, sign in (("eq", 1), ("-eq", -1)):
        eq = {"type": "eq", "fun": lambda x, sign=sign: sign * p.eq(x)}
        for order in ((ineq, eq), (eq, ineq)):
            found = minimize(
                p.objective, constraints=order, method="SLSQP", options=exact, **common
            )
            yield f"SLSQP {name}", found
    options = {"gtol": 1e-12, "xtol": 1e-14, "barrier_tol": 1e-12}
    rows = {
        "<=": NonlinearConstraint(p.ineq, -np.inf, 0, jac=p.ineq_jacobian),
        ">=": LinearConstraint([[1, 1, 0]], 1, np.inf),
    }
    for name, row in rows.items():
        constraints = [row, LinearConstraint([[2, 0, -1]], 1, 1)]
        with warnings.catch_warnings():
            # Of quasi-Newton updates of linear functions.
            warnings.simplefilter("ignore")
            found = minimize(
                p.objective, constraints=constraints, method="trust-constr", options=options,
                hess=lambda x: np.diag([np.exp(x[0]), 2, 2]), **common,
            )  # fmt: skip
        yield f"trust-constr {name}", found


def test_results_of_minimize_are_converted():
    problem = problem_of_all_kinds()
    ours = problem.solve([0.0, 1.0, 1.0])
    assert ours.report.residual < 1e-10
    names = []
    for name, found in ways():
        report = kkt_report(problem, found, tol=1e-4)
        assert report.holds, (name, report)
        for part, expected in zip(report.multipliers.parts, ours.multipliers.parts, strict=True):
            assert_allclose(part, expected, atol=2e-4, err_msg=name)
        names.append(name)
    assert len(names) == 6
    assert kkt_report(problem, ours).holds


def test_results_of_linprog_are_converted():
    A, b = [[1, 0], [0, 2], [3, 2]], [4, 12, 18]
    lp = LinearProgram([-3, -5], A, b, bounds=[(0, None), (0, 10)])
    found = linprog([-3, -5], A, b, bounds=[(0, None), (0, 10)])
    report = kkt_report(lp, found)
    assert report.holds
    assert_allclose(report.multipliers.ineq, [0, 1.5, 1])
    x, given = read_result(lp, found)
    assert_allclose(x, [2, 6])
    assert_allclose(given.ineq, [0, 1.5, 1])
    failed = linprog([1], [[1], [-1]], [1, -2])
    with pytest.raises(ValueError, match="The result has no solution"):
        kkt_report(LinearProgram([1], [[1], [-1]], [1, -2]), failed)


def test_results_of_other_problems_are_refused():
    other = OptimizeResult(x=np.zeros(2), v=[np.zeros(5)])
    with pytest.raises(ValueError, match="multipliers of 1 inequalities and 0 equalities"):
        kkt_report(QP, other)
    other = OptimizeResult(x=np.zeros(2), multipliers=np.zeros(3))
    with pytest.raises(ValueError, match=r"in the problem's order; it has 3"):
        kkt_report(QP, other)
    with pytest.raises(ValueError, match="The result has no solution; it is infeasible"):
        kkt_report(QP, LinearProgram([1], [[1], [-1]], [1, -2]).solve())
    # A result without multipliers is as good as its point.
    assert kkt_report(QP, OptimizeResult(x=np.array([0.0, -2.0]))).holds


# -- CVXPY


@pytest.fixture
def cp():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("cvxpy")


def test_results_of_cvxpy_are_converted(cp):
    rng = np.random.default_rng(0)
    root, A, E = (
        rng.standard_normal((4, 4)),
        rng.standard_normal((5, 4)),
        rng.standard_normal((1, 4)),
    )
    inside = rng.standard_normal(4)
    qp = QuadraticProgram(root @ root.T, rng.standard_normal(4), A, A @ inside + 0.1, E, E @ inside)
    x = cp.Variable(4)
    constraints = [A @ x <= qp.b, E @ x == qp.b_eq]
    solved = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(root.T @ x) + qp.c @ x), constraints)
    solved.solve(solver="CLARABEL", tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12)
    report = kkt_report(qp, solved)
    assert report.holds
    ours = qp.solve().multipliers
    assert_allclose(report.multipliers.ineq, ours.ineq, atol=1e-5)
    assert_allclose(report.multipliers.eq, ours.eq, atol=1e-5)


def test_cvxpy_with_rows_the_other_way_round_bounds_and_a_maximum(cp):
    lp = LinearProgram(
        [3, 5], [[1, 0], [0, 2], [3, 2]], [4, 12, 18], bounds=(0, None), maximize=True
    )
    x, y = cp.Variable(), cp.Variable()
    rows = [-x >= -4, 2 * y <= 12, 3 * x + 2 * y <= 18]
    for bounds in ([], [x >= 0, y >= 0]):
        solved = cp.Problem(cp.Maximize(3 * x + 5 * y), rows + bounds)
        solved.solve(solver="CLARABEL")
        report = kkt_report(lp, solved)
        assert report.holds
        assert_allclose(report.multipliers.ineq, [0, 1.5, 1], atol=1e-6)
    with pytest.raises(ValueError, match="multipliers of 1 inequalities"):
        kkt_report(QP, solved)
    empty = cp.Problem(cp.Minimize(x), [x >= 1, x <= 0])
    empty.solve(solver="CLARABEL")
    with pytest.raises(ValueError, match="its status is infeasible"):
        kkt_report(LinearProgram([1], [[-1], [1]], [-1, 0]), empty)
    cone = cp.Problem(cp.Minimize(x + y), [cp.SOC(x, cp.hstack([y, 1]))])
    cone.solve(solver="CLARABEL")
    with pytest.raises(ValueError, match="neither <=, >= nor =="):
        kkt_report(QP, cone)


# -- the ways to print


class Balanced(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def shown():
    lp = LinearProgram([1, 2], [[-1, -1]], [-3], [[1, -1]], [0], [(0, None), (None, 4)])
    unbounded = LinearProgram([1, 2])
    circle = problem_of_all_kinds()
    yield from (kkt_report(QP, [1, 1], [-1]), QP.kkt_cases(), QP.solve(), QP.duality())
    yield from (lp.sensitivity(), lp.duality(), lp.solve(), unbounded.solve(), explain(lp))
    yield from (explain(QP), explain(circle), circle.solve(), explain(lp.dual()))


def test_html_is_well_formed():
    for made in shown():
        page = made._repr_html_()
        parser = Balanced()
        parser.feed(page)
        parser.close()
        assert parser.open == []
        # Signs of constraints are no tags.
        assert not re.search(r"<=", page)


def test_latex_is_well_formed():
    mathtext = pytest.importorskip("matplotlib.mathtext").MathTextParser("path")
    lp = LinearProgram(
        [1, 2], [[-1, -1]], [-3], [[1, -1]], [0], [(0, None), (None, 4)], maximize=True
    )
    large = LinearProgram(np.ones(20), bounds=(0, 1))
    for made in (lp, lp.dual(), QP, problem_of_all_kinds(), large):
        latex = explain(made).latex
        blocks = re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end\{align\*\}", latex, re.DOTALL)
        assert blocks
        for block in blocks:
            for row in block.split(" \\\\\n"):
                for cell in row.split(" & "):
                    # What mathtext does not know but LaTeX does.
                    plain = re.sub(r"\\text\{([^}]*)\}", r"\\mathrm{\1}", cell)
                    if plain.strip(" &"):
                        mathtext.parse(f"${plain.strip(' &')}$")


DERIVED = """\
The dual of a linear program

Primal, with a multiplier for each constraint
  minimise    x1 + 2 x2
  subject to  -x1 - x2 <= -3  lam1 >= 0
              x2 <= 4         lam2 >= 0
              x1 - x2 = 0     nu free
              x1 >= 0
  The last inequality stands for a bound.

Lagrangian
  L(x, lam, nu)  = c'x + lam'(A x - b) + nu'(A_eq x - b_eq)
                 = (-lam1 + nu + 1) x1 + (-lam1 + lam2 - nu + 2) x2 + 3 lam1 - 4 lam2
  Collected by the variables; x >= 0 is kept as the domain.

Infimum over x
  x1  >= 0  inf over x1 = 0 if -lam1 + nu + 1 >= 0        otherwise -inf
  x2  free  inf over x2 = 0 if -lam1 + lam2 - nu + 2 = 0  otherwise -inf
  A linear function has no lower limit, unless its slope points into the domain.

Dual function
  g(lam1, lam2, nu)  = 3 lam1 - 4 lam2  if all these conditions hold
                     = -inf             otherwise

Dual
  maximise    3 lam1 - 4 lam2
  subject to  -lam1 + nu + 1 >= 0
              -lam1 + lam2 - nu + 2 = 0
              lam1, lam2 >= 0
              nu free"""


def test_the_dual_of_a_linear_program_is_derived():
    lp = LinearProgram([1, 2], [[-1, -1]], [-3], [[1, -1]], [0], [(0, None), (None, 4)])
    assert str(explain(lp)) == DERIVED
    # The derived dual and the one that is built are the same.
    assert lp.dual().names == ("lam1", "lam2", "nu1")
    assert_allclose(lp.dual().c, [3, -4, 0])
    assert_allclose(lp.dual().A, [[1, 0, -1]])
    assert_allclose(lp.dual().b, [1])
    assert_allclose(lp.dual().A_eq, [[1, -1, 1]])
    assert_allclose(lp.dual().b_eq, [2])
    assert "Too large to be written out." in str(explain(LinearProgram(np.ones(20))))
