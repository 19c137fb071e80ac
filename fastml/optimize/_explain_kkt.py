"""The KKT conditions of a smooth problem, written out."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastml.optimize._explain import primal_step, symbols
from fastml.optimize._explanation import Explanation, Step
from fastml.optimize._polish import estimated
from fastml.optimize._text import number, point

if TYPE_CHECKING:
    from fastml.optimize._constrained_problem import ConstrainedProblem

__all__ = ["explain_constrained"]


def explain_constrained(problem: "ConstrainedProblem", x: Any) -> Explanation:
    """Write the Lagrangian, the conditions, and their numbers at a point."""
    lam, nu = symbols(problem)
    f = [text.removesuffix(" <= 0") for text in problem.ineq_texts()]
    h = [text.removesuffix(" = 0") for text in problem.eq_texts()]
    pairs = list(zip([*lam, *nu], [*f, *h], strict=True))
    terms = ["f0(x)", *(f"{y} {g}" for y, g in pairs)]
    arguments = ", ".join(["x", *lam, *nu])
    gradient = " + ".join(["grad f0(x)", *(f"{y} grad {g}" for y, g in pairs)])
    bounds = bool(problem.at_lower.size or problem.at_upper.size)
    steps = [
        primal_step(problem, "f0(x)", lam, nu),
        Step("Lagrangian", [(f"L({arguments})", f"= {' + '.join(terms)}")]),
        Step("Dual function", [
            (f"g({', '.join([*lam, *nu])})", f"= inf over x of L({arguments})"),
        ], "It bounds f0 at every feasible x from below, wherever " + (
            f"{', '.join(lam)} >= 0: there each product of the two is at most 0." if lam
            else "it is defined: there the h are 0."
        )),
        Step("KKT conditions", [
            ("stationarity", gradient + " + multipliers of bounds" * bounds, "= 0"),
            *(("primal feasibility", text, "") for text in problem.stacked_texts()),
            *(("primal feasibility", text, "") for text in problem.eq_texts()),
            *(("dual feasibility", f"{y}", ">= 0") for y in lam),
            *(("complementary slackness", f"{y} {g}", "= 0") for y, g in zip(lam, f, strict=True)),
        ]),
    ]  # fmt: skip
    x = problem.solve().x if x is None else problem.point(x)
    if x is not None:
        steps.append(_numbers(problem, x, lam, nu, f, h))
    return Explanation("The KKT conditions of a constrained problem", steps)


def _numbers(
    problem: "ConstrainedProblem",
    x: Any,
    lam: list[str],
    nu: list[str],
    f: list[str],
    h: list[str],
) -> Step:
    given = problem.completed(x, estimated(problem, x))
    lines: list[tuple[str, ...]] = [("grad f0", f"= {_vector(problem.gradient(x))}")]
    groups = (
        (lam, f, given.ineq, problem.ineq(x), problem.ineq_jacobian(x)),
        (nu, h, given.eq, problem.eq(x), problem.eq_jacobian(x)),
    )
    for names, functions, multipliers, values, rows in groups:
        for y, g, multiplier, value, row in zip(
            names, functions, multipliers, values, rows, strict=True
        ):
            lines.append((g, f"= {number(value)}", f"grad = {_vector(row)}",
                          f"{y} = {number(multiplier)}"))  # fmt: skip
    lines.append(("grad L", f"= {_vector(problem.lagrangian_gradient(x, given))}"))
    return Step(f"At {point(problem.names, x)}, where f0 = {number(problem.objective(x))}", lines)


def _vector(values: Any) -> str:
    return f"({', '.join(number(float(np.round(v, 12))) for v in values)})"
