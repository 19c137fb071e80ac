"""The dual function of a smooth problem, found numerically."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import Bounds, minimize

from fastml.kernels.factorize.blas import one_blas_thread
from fastml.optimize._duality import Duality, compared
from fastml.optimize._multipliers import Multipliers

if TYPE_CHECKING:
    from fastml.optimize._constrained_problem import ConstrainedProblem

__all__ = ["constrained_duality", "infimum"]

# Boxes around 0 in which the Lagrangian is minimised, one after the other while the minimum is on
# the side of the box; still there in the last, it is taken not to exist.
BOXES = (1e3, 1e6, 1e10)
FAR = 1e3
N_CURVATURES = 20
# Stands for minus infinity where a search needs numbers.
NO_VALUE = 1e30
# The dual function is not looked for beyond multipliers of this size.
LARGE = 1e6


@one_blas_thread()
def infimum(
    problem: "ConstrainedProblem", given: Multipliers, starts: int, random_state: int
) -> tuple[float, Any]:
    """Return the least value of the Lagrangian within the bounds that is found, and where."""
    rng = np.random.Generator(np.random.Philox(random_state))
    points = [np.zeros(problem.n), *problem.known, *rng.standard_normal((starts, problem.n))]

    def value(x: Any) -> float:
        made = problem.objective(x) + given.ineq @ problem.ineq(x) + given.eq @ problem.eq(x)
        return float(made) if made == made else np.inf

    def slope(x: Any) -> Any:
        return problem.lagrangian_gradient(x, given)

    best, where = np.inf, None
    # Far out, where a Lagrangian that is not convex may fall below a local minimum.
    points += [FAR * d for d in (*np.eye(problem.n), *-np.eye(problem.n))]
    for i, start in enumerate(points):
        with np.errstate(all="ignore"):
            if i >= starts + 1 + len(problem.known) and not value(problem.inside(start)) < best:
                continue
        x = problem.inside(start)
        for box in BOXES:
            low, high = np.maximum(problem.lower, -box), np.minimum(problem.upper, box)
            with np.errstate(all="ignore"):
                x = np.clip(x, low, high)
                if not (np.isfinite(value(x)) and np.all(np.isfinite(slope(x)))):
                    break
                found = minimize(
                    value, x, jac=slope, method="L-BFGS-B", bounds=Bounds(low, high),
                    options={"ftol": 1e-16, "gtol": 1e-10, "maxiter": 2000},
                )  # fmt: skip
            x = found.x
            outside = ((x <= -box) & (problem.lower < -box)) | ((x >= box) & (problem.upper > box))
            if not np.any(outside):
                break
            # A step into the next box, which L-BFGS-B may take its own start for a minimum of.
            further = problem.inside(x * (BOXES[1] / BOXES[0]))
            x = further if value(further) < found.fun else x
        else:
            return -np.inf, None
        if found.fun < best:
            best, where = float(found.fun), x
    return best, where


@one_blas_thread()
def constrained_duality(problem: "ConstrainedProblem", x0: Any, tol: float) -> Duality:
    """Solve a problem; find the greatest value of its dual function from the multipliers on."""
    solution = problem.solve(x0)
    primal = np.inf if solution.status == "infeasible" else solution.value
    m = problem.n_ineq
    start = np.zeros(m + problem.n_eq)
    if solution.multipliers is not None:
        start = np.concatenate([solution.multipliers.ineq, solution.multipliers.eq])

    def negative_dual(y: Any) -> float:
        made = -problem.dual_function(y[:m], y[m:])
        return made if np.isfinite(made) else NO_VALUE

    dual = -negative_dual(start)
    met = np.isfinite(primal) and abs(primal - dual) <= tol * max(1.0, abs(primal))
    if len(start) and not met:
        dual = max(dual, _greatest(negative_dual, start, m))
    dual = -np.inf if dual <= -NO_VALUE else dual
    slater, reason, x = _slater(problem, solution.x)
    return compared(solution, primal, dual, slater, reason, x, tol)


def _greatest(negative_dual: Callable[[Any], float], start: Any, n_ineq: int) -> float:
    """Return the greatest value of the dual function; infinity if it seems to have none."""
    # Where the dual function is -inf, there is no slope to follow.
    starts = [start, *(np.full(len(start), 10.0**k) for k in (0, 1, 2, -1))]
    values = [negative_dual(y) for y in starts]
    if min(values) >= NO_VALUE:
        return -NO_VALUE
    start = starts[int(np.argmin(values))]
    bounds = [(0, LARGE)] * n_ineq + [(-LARGE, LARGE)] * (len(start) - n_ineq)
    found = minimize(
        negative_dual, start, method="Nelder-Mead", bounds=bounds,
        options={"xatol": 1e-9, "fatol": 1e-12, "maxfev": 200 * len(start)},
    )  # fmt: skip
    if np.max(np.abs(found.x)) >= LARGE / 2 and negative_dual(10 * found.x) < 5 * found.fun < 0:
        return np.inf
    return -float(found.fun)


def _slater(problem: "ConstrainedProblem", x: Any) -> tuple[bool | None, str, Any]:
    rng = np.random.Generator(np.random.Philox(0))
    centre = problem.inside(np.zeros(problem.n) if x is None else x)
    spread = max(1.0, float(np.max(np.abs(centre))))
    points = [
        problem.inside(centre + spread * d) for d in rng.standard_normal((N_CURVATURES, problem.n))
    ]
    curved = _first_concave(problem, points)
    if curved is not None:
        return False, f"{curved} is not convex.", None
    inside, slack = _interior(problem, centre)
    if inside is None or slack <= 1e-9:
        reason = "no point was found that satisfies all inequalities strictly."
        return None, reason, None
    reason = (
        "a point satisfies all inequalities strictly (convexity was looked at in "
        f"{N_CURVATURES} points)."
    )
    return True, reason, inside


def _first_concave(problem: "ConstrainedProblem", points: list[Any]) -> str | None:
    """Return the first function that is seen not to be convex, or not linear for an equality."""
    none = problem.multipliers()
    m, p = problem.n_ineq, problem.n_eq
    units = [(np.eye(m)[i], np.zeros(p), text) for i, text in enumerate(problem.ineq_texts())]
    units += [(np.zeros(m), np.eye(p)[j], text) for j, text in enumerate(problem.eq_texts())]
    with np.errstate(all="ignore"):
        for x in points:
            base = problem.hessian(x, none)
            cases = [(base, "f0(x)", False)]
            for lam, nu, text in units:
                made = problem.hessian(x, problem.multipliers(lam, nu)) - base
                cases.append((made, text.split(" ")[0], bool(np.any(nu))))
            for hessian, name, must_be_linear in cases:
                if not np.all(np.isfinite(hessian)):
                    continue
                values = np.linalg.eigvalsh(hessian)
                size = 1e-5 * max(1.0, float(np.max(np.abs(base))), float(np.max(np.abs(values))))
                if values[0] < -size or (must_be_linear and values[-1] > size):
                    return name
    return None


def _interior(problem: "ConstrainedProblem", start: Any) -> tuple[Any, float]:
    """Return a point within the bounds where all inequalities have some slack, and how much."""
    n, m = problem.n, problem.n_ineq
    if m == 0:
        return start, 1.0

    # Maximise s <= 1 with f_i(x) + s <= 0, h_j(x) = 0.
    def with_slack(z: Any) -> Any:
        return -problem.ineq(z[:n]) - z[n]

    def with_slack_jacobian(z: Any) -> Any:
        return np.hstack([-problem.ineq_jacobian(z[:n]), -np.ones((m, 1))])

    rows: list[dict[str, Any]] = [{"type": "ineq", "fun": with_slack, "jac": with_slack_jacobian}]
    if problem.n_eq:
        rows.append({
            "type": "eq", "fun": lambda z: problem.eq(z[:n]),
            "jac": lambda z: np.hstack([problem.eq_jacobian(z[:n]), np.zeros((problem.n_eq, 1))]),
        })  # fmt: skip
    slope = np.zeros(n + 1)
    slope[n] = -1
    first = np.append(start, min(1.0, -float(np.max(problem.ineq(start)))))
    pairs = [*zip(problem.lower, problem.upper, strict=True), (None, 1.0)]
    with np.errstate(all="ignore"):
        found = minimize(
            lambda z: -z[n], first, jac=lambda z: slope, method="SLSQP", bounds=pairs,
            constraints=rows, options={"maxiter": 500},
        )  # fmt: skip
    x = found.x[:n]
    if not np.all(np.isfinite(x)) or np.any(np.abs(problem.eq(x)) > 1e-6):
        return None, -np.inf
    return x, -float(np.max(problem.ineq(x)))
