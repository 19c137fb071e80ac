"""Derive the dual of a linear program, tabulate KKT cases, and check what other solvers return.

Pictures go to ``examples/output`` (or to ``--output DIRECTORY``).
"""

import numpy as np
from helpers import output_directory, save
from matplotlib.figure import Figure
from scipy.optimize import minimize

from fastml.optimize import ConstrainedProblem, LinearProgram, QuadraticProgram, kkt_report


def main() -> None:
    """Print derivations and reports, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])
    figures = {
        "linear_program": plan_production(),
        "kkt_cases": tabulate_cases(),
        "dual_function": compare_values(),
    }
    save(figures, output)


def plan_production() -> Figure:
    """Plan two products on three machines: primal, dual, and what an hour more is worth."""
    lp = LinearProgram(
        [3, 5], [[1, 0], [0, 2], [3, 2]], [4, 12, 18], bounds=(0, None), maximize=True,
        names=["doors", "windows"],
    )  # fmt: skip
    solution = lp.solve()
    print(f"{solution}\n\n{lp.explain()}\n\n{lp.duality()}\n\n{lp.sensitivity(solution)}\n")
    too_many = LinearProgram([1, 1], [[1, 1], [-1, -1]], [1, -2], bounds=(0, None))
    print(f"{too_many.solve()}\n")
    return lp.draw(solution=solution)


def tabulate_cases() -> Figure:
    """Minimise x^2 + y^2 where y <= a, case by case."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    for ax, a in zip(figure.subplots(1, 2), (1, -1), strict=True):
        qp = QuadraticProgram([[2, 0], [0, 2]], A=[[0, 1]], b=[a], names=["x", "y"])
        print(f"{qp.kkt_cases()}\n")
        qp.draw(ax, xlim=(-2.5, 2.5), ylim=(-2.5, 2.5))
        ax.set_title(f"a = {a}")
    return figure


def compare_values() -> Figure:
    """Compare primal and dual values with and without convexity; check what SciPy returns."""
    convex = ConstrainedProblem(
        lambda x: np.exp(x[0]) + x[1] ** 2, [lambda x: 1 - x[0] - x[1]], n=2, names=["x", "y"]
    )
    gap = ConstrainedProblem(
        lambda x: x[0] ** 4 - 3 * x[0] ** 2 + x[0], [lambda x: 0.5 - x[0]], n=1
    )
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    starts = {"convex: no gap": (convex, [0.0, 1.0]), "not convex: a gap": (gap, [2.0])}
    for ax, (title, (problem, start)) in zip(figure.subplots(1, 2), starts.items(), strict=True):
        solution = problem.solve(start)
        print(f"{title}\n{problem.duality(start)}\n")
        problem.draw_dual(ax, solution=solution)
        ax.set_title(title)
    # Stated the other way round, as SciPy wants it: the report has this package's signs.
    rows = {"type": "ineq", "fun": lambda x: -convex.ineq(x)}
    found = minimize(convex.objective, [0.0, 1.0], jac=convex.gradient, constraints=[rows],
                     method="SLSQP", options={"ftol": 1e-14})  # fmt: skip
    print(f"What SciPy's SLSQP returns\n{kkt_report(convex, found)}\n")
    print(f"A point beside it\n{kkt_report(convex, found.x + np.array([0.1, 0.0]))}")
    return figure


if __name__ == "__main__":
    main()
