"""Pictures of problems in two variables, and of dual functions."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastml.optimize._explain import symbols
from fastml.optimize._multipliers import Multipliers
from fastml.optimize._polyhedron import Polyhedral
from fastml.optimize._problem import Problem, dense
from fastml.optimize._readers import is_result, read_result
from fastml.optimize._text import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw", "draw_dual", "vertices"]

RESOLUTION = 161
FEASIBLE = "#bcd9f2"
ARROW_COLOURS = ("#c0392b", "#1e8449", "#8e44ad", "#b9770e", "#2471a3", "#616a6b")
# The longest arrow, relative to the picture's narrower side.
LONGEST_ARROW = 0.28
# How many points the curve of a dual function is drawn through.
N_POINTS = 121


def draw(
    problem: Problem,
    ax: "Axes | None" = None,
    *,
    solution: Any = None,
    lam: Any = None,
    nu: Any = None,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
) -> Any:
    """Draw a problem in two variables.

    Contours of the objective; the feasible set, in blue, with its vertices where all constraints
    are linear; and at the solution the arrow of -grad f0 beside those of lam_i grad f_i and
    nu_j grad h_j, all on one scale: at a solution the latter add up to the former, their lengths
    being the multipliers' doing.

    Parameters
    ----------
    problem : LinearProgram, QuadraticProgram or ConstrainedProblem
        Of two variables.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.
    solution : Solution, array-like of shape (2,), or another result, optional
        Where to draw the arrows; what `solve` finds by default. See `kkt_report`.
    lam, nu : array-like, optional
        Multipliers at a solution given as a point; those that fit best by default.
    xlim, ylim : pair of floats, optional
        What part to draw; around solution, vertices and bounds by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        Without Matplotlib.
    ValueError
        If there are not two variables.
    """
    if problem.n != 2:
        raise ValueError(f"Only problems of two variables can be drawn, this one has {problem.n}.")
    ax = _axes(ax)
    x, given = _solution(problem, solution, lam, nu)
    corners = vertices(problem) if isinstance(problem, Polyhedral) else np.zeros((0, 2))
    xlim, ylim = _limits(problem, x, corners, xlim, ylim)
    _draw_sets(problem, ax, xlim, ylim)
    if len(corners):
        ax.plot(*corners.T, "o", color="#1f4e79", markersize=5, label="vertices", zorder=4)
    if x is not None:
        ax.plot(*x, "*", color="black", markersize=13, zorder=6, label="solution")
        _draw_arrows(problem, ax, x, given, min(xlim[1] - xlim[0], ylim[1] - ylim[0]))
    ax.set(xlim=xlim, ylim=ylim, xlabel=problem.names[0], ylabel=problem.names[1], aspect="equal")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.1))
    return ax.figure


def draw_dual(
    problem: Problem,
    ax: "Axes | None" = None,
    *,
    which: int = 0,
    limits: tuple[float, float] | None = None,
    solution: Any = None,
) -> Any:
    """Draw the dual function against one multiplier, beside the value of the primal.

    Parameters
    ----------
    problem : LinearProgram, QuadraticProgram or ConstrainedProblem
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.
    which : int, default=0
        Which multiplier: inequalities first, then equalities. The others stay at the solution.
    limits : pair of floats, optional
        From where to where; around the solution by default.
    solution : Solution, optional
        What `solve` returned; solved again by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        Without Matplotlib.
    ValueError
        If there is no such multiplier.
    """
    m, p = problem.n_ineq, problem.n_eq
    if not 0 <= which < m + p:
        raise ValueError(f"which must be from 0 to {m + p - 1}, got {which}.")
    ax = _axes(ax)
    x, given = _solution(problem, solution, None, None)
    centre = np.concatenate([given.ineq, given.eq])
    best = float(centre[which])
    if limits is None:
        width = 1.5 * max(abs(best), 1.0)
        limits = (max(best - width, 0.0) if which < m else best - width, best + width)
    points = np.linspace(*limits, N_POINTS)
    curve = np.empty(N_POINTS)
    for i, point in enumerate(points):
        y = centre.copy()
        y[which] = point
        curve[i] = problem.dual_function(y[:m], y[m:])
    lam, nu = symbols(problem)
    name = [*lam, *nu][which].replace("lam", r"\lambda").replace("nu", r"\nu")
    curve[~np.isfinite(curve)] = np.nan
    ax.plot(points, curve, color="tab:blue", label="dual function $g$")
    if x is not None:
        value = problem.objective(x)
        ax.axhline(value, color="tab:red", linestyle="--", label=f"least $f_0$ = {number(value)}")
        ax.plot(best, problem.dual_function(given.ineq, given.eq), "k*", markersize=12,
                label=f"multiplier ${name}$ = {number(best)}")  # fmt: skip
    ax.set(xlabel=f"${name}$", ylabel="$g$")
    ax.legend(fontsize=8)
    return ax.figure


def vertices(problem: Polyhedral) -> Any:
    """Return the vertices of the feasible set of a problem in two variables, by their angle."""
    zero = np.zeros(2)
    rows = np.vstack([problem.stacked_jacobian(zero), dense(problem.A_eq)])
    sides = -np.concatenate([problem.stacked(zero), problem.eq(zero)])
    found: list[Any] = []
    for i in range(len(rows)):
        for j in range(i):
            pair = rows[[i, j]]
            size = float(np.prod(np.linalg.norm(pair, axis=1)))
            if abs(np.linalg.det(pair)) <= 1e-10 * size:
                continue
            x = np.linalg.solve(pair, sides[[i, j]])
            room = 1e-9 * max(1.0, float(np.max(np.abs(x))))
            inside = np.all(problem.stacked(x) <= room) and np.all(np.abs(problem.eq(x)) <= room)
            if inside and not any(np.allclose(x, other, atol=room) for other in found):
                found.append(x)
    if not found:
        return np.zeros((0, 2))
    corners = np.array(found)
    towards = corners - corners.mean(axis=0)
    return corners[np.argsort(np.arctan2(towards[:, 1], towards[:, 0]))]


def _axes(ax: "Axes | None") -> Any:
    if ax is not None:
        return ax
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise ImportError(
            "Pictures need Matplotlib: python -m pip install 'fastml[viz]'."
        ) from error
    return Figure(figsize=(6.4, 5.2), layout="constrained").add_subplot()


def _solution(problem: Problem, solution: Any, lam: Any, nu: Any) -> tuple[Any, Multipliers]:
    solution = problem.solve() if solution is None else solution
    if is_result(solution):
        if getattr(solution, "status", "optimal") in ("infeasible", "unbounded", "non-convex"):
            return None, problem.multipliers()
        x, given = read_result(problem, solution)
        if given is not None:
            return x, given
        solution = x
    report = problem.kkt_report(solution, lam, nu, gap=False)
    return report.x, report.multipliers


def _limits(problem: Problem, x: Any, corners: Any, xlim: Any, ylim: Any) -> Any:
    seen = [corners, np.zeros((0, 2)) if x is None else x[None]]
    for bound in (problem.lower, problem.upper):
        # Only bounds near the rest: 100 for a solution at 1 would leave nothing to see.
        near = np.isfinite(bound) & (np.abs(bound) <= 10 if x is None else np.abs(bound - x) <= 10)
        if np.all(near):
            seen.append(bound[None])
    points = np.vstack(seen) if any(map(len, seen)) else np.zeros((1, 2))
    low, high = points.min(axis=0), points.max(axis=0)
    # Room for an arrow on every side.
    room = max(0.4 * float(np.max(high - low)), 2.0)
    return tuple(
        (float(low[k] - room), float(high[k] + room)) if given is None else given
        for k, given in enumerate((xlim, ylim))
    )


def _draw_sets(problem: Problem, ax: Any, xlim: Any, ylim: Any) -> None:
    first = np.linspace(xlim[0], xlim[1], RESOLUTION)
    second = np.linspace(ylim[0], ylim[1], RESOLUTION)
    n_rows = len(problem.stacked_texts())
    values = np.empty((RESOLUTION, RESOLUTION))
    rows = np.empty((n_rows, RESOLUTION, RESOLUTION))
    equations = np.empty((problem.n_eq, RESOLUTION, RESOLUTION))
    with np.errstate(all="ignore"):
        for i, v in enumerate(second):
            for j, u in enumerate(first):
                x = np.array([u, v])
                values[i, j] = problem.objective(x)
                rows[:, i, j] = problem.stacked(x)
                equations[:, i, j] = problem.eq(x)
    if n_rows:
        inside = np.max(rows, axis=0)
        ax.contourf(first, second, inside, levels=[-np.inf, 0], colors=[FEASIBLE], zorder=0)
    # In the sense of the user, who may maximise.
    values = np.where(np.isfinite(values), getattr(problem, "sign", 1.0) * values, np.nan)
    lines = ax.contour(
        first, second, values, levels=14, colors="#8a8a8a", linewidths=0.7, zorder=1
    )  # fmt: skip
    ax.clabel(lines, fontsize=7, fmt=number)
    for k, row in enumerate(rows):
        if row.min() < 0 < row.max():
            colour = ARROW_COLOURS[k % len(ARROW_COLOURS)]
            ax.contour(first, second, row, levels=[0], colors=[colour], linewidths=1.2, zorder=2)
    for k, equation in enumerate(equations):
        colour = ARROW_COLOURS[(n_rows + k) % len(ARROW_COLOURS)]
        ax.contour(first, second, equation, levels=[0], colors=[colour], linewidths=1.8, zorder=2)


def _draw_arrows(problem: Problem, ax: Any, x: Any, given: Multipliers, side: float) -> None:
    stacked = problem.stack(given)
    texts = [*problem.stacked_texts(), *problem.eq_texts()]
    gradients = np.vstack([problem.stacked_jacobian(x), dense(problem.eq_jacobian(x))])
    multipliers = np.concatenate([stacked, given.eq])
    arrows = [(-problem.gradient(x), "black", r"$-\nabla f_0$")]
    for k, (y, gradient, text) in enumerate(zip(multipliers, gradients, texts, strict=True)):
        if abs(y) > 1e-9:
            label = f"{number(y)} x gradient of {text}"
            arrows.append((y * gradient, ARROW_COLOURS[k % len(ARROW_COLOURS)], label))
    longest = max(float(np.linalg.norm(arrow)) for arrow, _, _ in arrows)
    if longest <= 1e-9:
        return
    scale = LONGEST_ARROW * side / longest
    for k, (arrow, colour, label) in enumerate(arrows):
        # The black arrow is wider, and seen where another lies on it.
        ax.quiver(
            *x, *(scale * arrow), angles="xy", scale_units="xy", scale=1, color=colour,
            width=0.011 if k == 0 else 0.006, zorder=5, label=label,
        )  # fmt: skip
