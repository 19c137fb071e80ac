"""Linear programs: primal and dual, certificates, ranging, beside scipy.optimize.linprog."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import Bounds, linprog

from fastml.optimize import LinearProgram, dual_function, kkt_report, lagrangian
from tests.optimize.random_programs import KINDS, random_program

N_PROGRAMS = 500
N_BATCHES = 10


def is_close(a, b, rtol=1e-8):
    return a == b or abs(a - b) <= rtol * max(1.0, abs(b))


def same_program(ours, theirs):
    names = ("c", "A", "b", "A_eq", "b_eq", "lower", "upper", "maximize", "offset")
    for name in names:
        assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)


def reordered(lp):
    """Return the canonical program with its non-negative variables first."""
    p = lp.canonical()
    order = np.argsort(p.lower != 0, kind="stable")
    bounds = [(p.lower[j], p.upper[j]) for j in order]
    return LinearProgram(
        p.c[order], p.A[:, order], p.b, p.A_eq[:, order], p.b_eq, bounds,
        maximize=p.maximize, offset=p.offset,
    )  # fmt: skip


def check_optimal(lp, solution):
    assert solution.status == "optimal"
    assert solution.report.residual <= 1e-9
    assert solution.multipliers.smallest >= 0
    dual = lp.dual()
    assert is_close(dual.solve().value, solution.value)
    least = lp.dual_function(solution.multipliers.ineq, solution.multipliers.eq)
    assert is_close(lp.sign * least, solution.value)
    given = solution.multipliers
    made = lp.lagrangian(solution.x, given.ineq, given.eq, lower=given.lower, upper=given.upper)
    assert is_close(lp.sign * made, solution.value)


def check_infeasible(lp, solution):
    proof = solution.certificate
    assert solution.status == "infeasible"
    assert solution.value == lp.sign * np.inf
    assert proof.holds()
    # Added up apart from what made it.
    y = proof.multipliers
    assert min(map(np.min, (np.append(part, 0) for part in (y.ineq, y.lower, y.upper)))) >= 0
    left = lp.A.T @ y.ineq + lp.A_eq.T @ y.eq - y.lower + y.upper
    right = lp.b @ y.ineq + lp.b_eq @ y.eq
    right += sum(u * v for u, v in zip(lp.upper, y.upper, strict=True) if v)
    right -= sum(u * v for u, v in zip(lp.lower, y.lower, strict=True) if v)
    assert_allclose(left, 0, atol=1e-9)
    assert right < -1e-6


def check_unbounded(lp, solution):
    d, x = solution.ray.direction, solution.x
    assert solution.status == "unbounded"
    assert solution.value == -lp.sign * np.inf
    assert solution.ray.holds()
    assert lp.sign * lp.c @ d < -1e-6
    for far in (1.0, 1e3):
        assert np.max(lp.stacked(x + far * d), initial=0) <= 1e-6 * far
        assert np.max(np.abs(lp.eq(x + far * d)), initial=0) <= 1e-6 * far
    assert lp.dual().solve().status == "infeasible"


CHECKS = {
    "feasible": check_optimal,
    "degenerate": check_optimal,
    "infeasible": check_infeasible,
    "unbounded": check_unbounded,
}


@pytest.mark.parametrize("batch", range(N_BATCHES))
def test_random_programs(batch):
    for seed in range(batch, N_PROGRAMS, N_BATCHES):
        lp, kind = random_program(seed)
        CHECKS[kind](lp, lp.solve())
        # To the bit, with one permutation of columns.
        same_program(lp.dual().dual(), reordered(lp))
        same_program(lp.dual().dual().dual(), lp.dual())


def test_all_kinds_and_shapes_come_up():
    programs = [random_program(seed) for seed in range(N_PROGRAMS)]
    assert {kind for _, kind in programs} == set(KINDS)
    assert sum(lp.maximize for lp, _ in programs) > 50
    assert sum(lp.n_eq > 0 for lp, _ in programs) > 50
    both = [np.any(np.isfinite(lp.lower) & np.isfinite(lp.upper)) for lp, _ in programs]
    assert sum(both) > 50


@pytest.mark.parametrize("seed", range(0, 80, 4))
def test_multipliers_are_marginals_of_linprog(seed):
    lp, _ = random_program(seed)
    solution = lp.solve()
    found = linprog(
        lp.sign * lp.c, lp.A if lp.n_ineq else None, lp.b if lp.n_ineq else None,
        lp.A_eq if lp.n_eq else None, lp.b_eq if lp.n_eq else None, lp.pairs(),
    )  # fmt: skip
    assert_allclose(lp.sign * (solution.value - lp.offset), found.fun, rtol=1e-9, atol=1e-9)
    given = solution.multipliers
    if np.allclose(solution.x, found.x, atol=1e-7):
        for ours, theirs in (
            (given.ineq, -found.ineqlin.marginals), (given.eq, -found.eqlin.marginals),
            (given.lower, found.lower.marginals), (given.upper, -found.upper.marginals),
        ):  # fmt: skip
            assert_allclose(ours, theirs, rtol=1e-7, atol=1e-7)
    assert kkt_report(lp, found, tol=1e-6).holds


def wyndor(**options):
    return LinearProgram(
        [3, 5], [[1, 0], [0, 2], [3, 2]], [4, 12, 18], bounds=(0, None), maximize=True, **options
    )


def test_ranging_of_the_textbook_example():
    # Hillier, Lieberman, "Introduction to Operations Research": the Wyndor Glass Co.
    found = wyndor().sensitivity()
    assert not found.degenerate
    assert not found.several_solutions
    assert [tuple(r[1:5]) for r in found.right_sides] == [
        (4, 2, np.inf, 0), (12, 6, 18, 1.5), (18, 12, 24, 1)
    ]  # fmt: skip
    assert [tuple(v[1:5]) for v in found.costs] == [(3, 0, 7.5, 2), (5, 2, np.inf, 6)]


@pytest.mark.parametrize("seed", range(1, 120, 6))
def test_ranges_are_where_the_solution_changes(seed):
    """Beside solving again at the ends of ranges, for programs of any kind that have solutions."""
    lp, kind = random_program(seed - seed % 4)
    solution = lp.solve()
    found = lp.sensitivity(solution)
    if kind == "degenerate" and lp.n_ineq > lp.n + 1:
        assert found.degenerate
    value = solution.value

    def again(**changed):
        given = {
            "c": lp.c, "A": lp.A, "b": lp.b, "A_eq": lp.A_eq, "b_eq": lp.b_eq,
            "bounds": list(lp.pairs()), "maximize": lp.maximize, "offset": lp.offset,
        }  # fmt: skip
        return LinearProgram(**(given | changed)).solve()

    # The value is linear within the range, with the marginal as slope.
    for i, r in enumerate(found.right_sides[: lp.n_ineq]):
        for end in (r.low, r.high):
            step = np.clip(end - r.b, -1.0, 1.0)
            b = lp.b.copy()
            b[i] += step
            moved = again(b=b)
            if moved.status == "optimal":
                assert_allclose(moved.value, value + r.marginal * step, rtol=1e-7, atol=1e-7)
        # Left and right of b the value has its one-sided slopes.
        for slope, step in ((r.left, -1e-5), (r.right, 1e-5)):
            b = lp.b.copy()
            b[i] += step
            moved = again(b=b)
            if moved.status == "optimal" and np.isfinite(slope):
                assert_allclose((moved.value - value) / step, slope, rtol=1e-3, atol=1e-3)
    for j, v in enumerate(found.costs):
        assert v.low <= v.c + 1e-9
        assert v.high >= v.c - 1e-9
        for end, side in ((v.low, -1), (v.high, 1)):
            step = np.clip(end - v.c, -1.0, 1.0)
            c = lp.c.copy()
            c[j] += step
            moved = again(c=c)
            assert moved.status == "optimal"
            assert_allclose(moved.value, value + step * solution.x[j], rtol=1e-7, atol=1e-6)
            if np.isfinite(end):
                # Beyond it another point is better.
                c[j] = end + 1e-3 * side
                further = again(c=c)
                gain = lp.sign * (c @ solution.x + lp.offset - further.value)
                assert further.status == "unbounded" or gain > 1e-9


def test_a_degenerate_vertex_has_other_slopes_on_either_side():
    # max x with x <= 1 twice: more of one of them is worth nothing, less of it costs.
    lp = LinearProgram([1, 0], [[1, 0], [2, 0], [0, 1], [0, -1]], [1, 2, 1, 1], maximize=True)
    found = lp.sensitivity()
    assert found.degenerate
    assert found.several_solutions
    first = found.right_sides[0]
    assert (first.left, first.right) == (1, 0)
    assert "Degenerate" in str(found)
    assert "left" in str(found)
    assert "Degenerate" in found._repr_html_()


def test_free_variables_are_the_default_and_dual_values_are_those_of_the_formula():
    lp = LinearProgram([1, 1], [[-1, -1]], [-3])
    assert lp.solve().value == 3
    assert dual_function(lp, [1]) == 3
    assert dual_function(lp, [1 + 1e-6]) == -np.inf
    assert dual_function(LinearProgram([1, 1], [[-1, -1]], [-3], bounds=(0, None)), [0.5]) == 1.5
    assert dual_function(LinearProgram([1.0], bounds=(-2, 5))) == -2
    assert dual_function(LinearProgram([-1.0], bounds=(-2, 5))) == -5
    assert lagrangian(lp, [1, 1], [10]) == 2 + 10 * 1


def test_weak_duality_at_any_multipliers():
    rng = np.random.default_rng(0)
    for seed in range(0, 40, 4):
        lp, _ = random_program(seed)
        value = lp.sign * lp.solve().value
        for _ in range(5):
            y, nu = np.abs(rng.standard_normal(lp.n_ineq)), rng.standard_normal(lp.n_eq)
            assert lp.dual_function(y, nu) <= value + 1e-9


def test_duality_is_reported():
    shown = str(wyndor().duality())
    assert "strong duality      yes (gap 0.0e+00)" in shown
    both = LinearProgram([-1, -1], [[1, -1], [-1, 1]], [-1, -1]).duality()
    # Primal and dual are both infeasible: the one gap that linear programs have.
    assert (both.primal, both.dual) == (np.inf, -np.inf)
    assert both.weak
    assert not both.strong
    assert both.slater is False
    assert "<td>" in both._repr_html_()


def test_sparse_rows_give_the_same():
    lp, _ = random_program(4)
    rows = (sp.csc_matrix(lp.A), lp.b, sp.coo_array(lp.A_eq), lp.b_eq)
    sparse = LinearProgram(
        lp.c, *rows, Bounds(lp.lower, lp.upper), maximize=lp.maximize, offset=lp.offset
    )
    assert is_close(sparse.solve().value, lp.solve().value)
    dual = sparse.dual()
    assert sp.issparse(dual.A)
    assert_array_equal(dual.A.toarray(), lp.dual().A)
    assert sparse.ineq_texts() == lp.ineq_texts()
    ranges = [[r[1:] for r in made.sensitivity().right_sides] for made in (sparse, lp)]
    assert_allclose(*ranges, rtol=1e-9, atol=1e-9)


def test_a_program_of_bounds_alone_and_of_nothing_to_decide():
    assert LinearProgram([1, -1], bounds=(-1, 2)).solve().value == -3
    assert LinearProgram([0.0]).solve().status == "optimal"
    infeasible = LinearProgram([1.0], bounds=(2, 1)).solve()
    assert infeasible.status == "infeasible"
    assert infeasible.certificate.holds()
    assert LinearProgram([1.0]).solve().ray.holds()
    # Without rows the dual has no variables; its rows say whether the primal has a limit.
    for cost, status in ((1, "optimal"), (-1, "infeasible")):
        lp = LinearProgram([cost], bounds=(0, None))
        dual = lp.dual().solve()
        assert (dual.status, dual.value) == (status, lp.solve().value)
        assert dual.certificate is None or dual.certificate.holds()
        same_program(lp.dual().dual(), lp)


def test_printed_solution():
    assert str(wyndor(names=["doors", "windows"]).solve()) == (
        "optimal: A vertex, or a point between vertices, where no objective is better.\n"
        "value  36\n"
        "x      doors = 2, windows = 6\n"
        "lam    [0.  1.5 1. ]"
    )
    assert "<table>" in wyndor().solve()._repr_html_()
    assert "proof  0 <= -1" in str(LinearProgram([1], [[1], [-1]], [1, -2]).solve())
    assert "ray    x = -1" in str(LinearProgram([1]).solve())
    assert repr(wyndor()) == "LinearProgram(max, 2 variables, 3 inequalities, 0 equalities)"
