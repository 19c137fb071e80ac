"""Derivations of dual problems, step by step."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastml.optimize._explanation import Explanation, Step
from fastml.optimize._problem import Problem, dense
from fastml.optimize._text import linear, quadratic, total

if TYPE_CHECKING:
    from fastml.optimize._linear_program import LinearProgram
    from fastml.optimize._polyhedron import Polyhedral
    from fastml.optimize._quadratic_program import QuadraticProgram

__all__ = ["explain_linear", "explain_quadratic", "primal_step"]

# A program of more rows and columns than this is derived in symbols alone.
MOST_LINES = 12


def explain_linear(lp: "LinearProgram") -> Explanation:
    """Derive the dual of a linear program."""
    canonical = lp.canonical()
    lam, nu = symbols(canonical)
    c = lp.sign * lp.c
    slopes = [total(column, float(c[j])) for j, column in enumerate(_columns(canonical, lam, nu))]
    constant = total(_right_sides(canonical, lam, nu), lp.sign * lp.offset)
    free = canonical.lower != 0
    objective = linear(c, lp.names, lp.sign * lp.offset)
    parts = " + ".join(f"({slope}) {name}" for slope, name in zip(slopes, lp.names, strict=True))
    steps = [
        primal_step(canonical, objective, lam, nu, _origin(lp, canonical)),
        Step("Lagrangian", [
            (f"L(x{_arguments(lam, nu)})", "= c'x" + _symbolic(lam, nu)),
            ("", f"= {parts}" + ("" if constant == "0" else f" {_signed(constant)}")),
        ], "Collected by the variables; x >= 0 is kept as the domain."),
        Step("Infimum over x", [
            (name, "free" if is_free else ">= 0",
             f"inf over {name} = 0 if {slope} {'=' if is_free else '>='} 0", "otherwise -inf")
            for name, is_free, slope in zip(lp.names, free, slopes, strict=True)
        ], "A linear function has no lower limit, unless its slope points into the domain."),
        Step("Dual function", [
            (f"g({', '.join([*lam, *nu])})", f"= {constant}", "if all these conditions hold"),
            ("", "= -inf", "otherwise"),
        ]),
        _dual_step(constant, slopes, free, lam, nu),
    ]  # fmt: skip
    if lp.maximize:
        steps.append(Step("In the sense of the primal", [
            ("minimise", _negated(_right_sides(canonical, lam, nu), lp.offset)),
        ], "The primal maximises: the value of its dual changes sign with it."))  # fmt: skip
    return _cut("The dual of a linear program", steps, canonical, [
        ("minimise", "c'x", "subject to", "A x <= b", "A_eq x = b_eq"),
        ("L(x, lam, nu)", "= c'x + lam'(A x - b) + nu'(A_eq x - b_eq)"),
        ("", "= (c + A'lam + A_eq'nu)'x - b'lam - b_eq'nu"),
        ("maximise", "-b'lam - b_eq'nu", "subject to", "c + A'lam + A_eq'nu = 0", "lam >= 0"),
    ])  # fmt: skip


def explain_quadratic(qp: "QuadraticProgram") -> Explanation:
    """Derive the dual of a quadratic program, by setting the Lagrangian's gradient to zero."""
    canonical = qp.with_rows()
    lam, nu = symbols(canonical)
    slopes = []
    for j, column in enumerate(_columns(canonical, lam, nu)):
        by_x = list(zip(map(float, qp.Q[j]), qp.names, strict=True))
        slopes.append(total([*by_x, *column], float(qp.c[j])))
    constant = total(_right_sides(canonical, lam, nu), qp.offset)
    objective = quadratic(qp.Q, qp.c, qp.names, qp.offset)
    steps = [
        primal_step(canonical, objective, lam, nu, _origin(qp, canonical)),
        Step("Lagrangian", [
            (f"L(x{_arguments(lam, nu)})", "= x'Q x / 2 + c'x" + _symbolic(lam, nu)),
        ]),
        Step("Stationarity", [
            (f"dL/d{name}", f"= {slope}", "= 0")
            for name, slope in zip(qp.names, slopes, strict=True)
        ]),
    ]  # fmt: skip
    if not qp.is_convex:
        note = "Q has negative curvature: the infimum over x need not be where the gradient is 0."
        steps.append(Step("Infimum over x", [], note))
        return Explanation("The dual of a quadratic program", steps)
    rows = np.vstack([dense(canonical.A), dense(canonical.A_eq)])
    right = np.concatenate([canonical.b, canonical.b_eq])
    inverse = np.linalg.pinv(qp.Q, hermitian=True)
    inverse[np.abs(inverse) < 1e-14] = 0
    multipliers = [*lam, *nu]
    minimisers: list[tuple[str, ...]] = [
        (name, f"= {linear(-(inverse @ rows.T)[j], multipliers, float(-(inverse @ qp.c)[j]))}")
        for j, name in enumerate(qp.names)
    ]
    dual = quadratic(
        -rows @ inverse @ rows.T, -right - rows @ inverse @ qp.c, multipliers,
        float(qp.offset - qp.c @ inverse @ qp.c / 2),
    )  # fmt: skip
    singular = np.linalg.matrix_rank(qp.Q) < qp.n
    note = "Q is singular: where stationarity has no solution, g = -inf." if singular else ""
    steps += [
        Step("Solved for x", minimisers, note),
        Step("Dual", [
            ("maximise", f"g({', '.join(multipliers)}) = {dual}"),
            *([("subject to", f"{', '.join(lam)} >= 0")] if lam else []),
        ], f"Put into the Lagrangian, whose constant is {constant}."),
    ]  # fmt: skip
    return _cut("The dual of a quadratic program", steps, canonical, [
        ("L(x, lam, nu)", "= x'Q x / 2 + c'x + lam'(A x - b) + nu'(A_eq x - b_eq)"),
        ("0", "= Q x + c + A'lam + A_eq'nu"),
        ("maximise", "-(c + A'lam + A_eq'nu)'Q^{-1}(c + A'lam + A_eq'nu) / 2 - b'lam - b_eq'nu"),
        ("subject to", "lam >= 0"),
    ])  # fmt: skip


def symbols(problem: Problem) -> tuple[list[str], list[str]]:
    """Return what the multipliers are called: lam, or lam1, lam2, ...; nu alike.

    They are y and z where variables are called lam or nu, as those of dual programs are.
    """

    def named(name: str, count: int) -> list[str]:
        return [name] if count == 1 else [f"{name}{i + 1}" for i in range(count)]

    taken = any(name.startswith(("lam", "nu")) for name in problem.names)
    lam, nu = ("y", "z") if taken else ("lam", "nu")
    return named(lam, problem.n_ineq), named(nu, problem.n_eq)


def primal_step(
    problem: Problem, objective: str, lam: Sequence[str], nu: Sequence[str], note: str = ""
) -> Step:
    """Return the problem with the multiplier of each constraint beside it."""
    lines: list[tuple[str, ...]] = [("minimise", objective, "")]
    lines += [("", text, f"{y} >= 0") for text, y in zip(problem.ineq_texts(), lam, strict=True)]
    lines += [("", text, f"{y} free") for text, y in zip(problem.eq_texts(), nu, strict=True)]
    if problem.at_lower.size:
        lines.append(("", ", ".join(problem.names[j] for j in problem.at_lower) + " >= 0", ""))
    if len(lines) > 1:
        lines[1] = ("subject to", *lines[1][1:])
    return Step("Primal, with a multiplier for each constraint", lines, note)


def _dual_step(
    constant: str, slopes: list[str], free: Any, lam: Sequence[str], nu: Sequence[str]
) -> Step:
    lines: list[tuple[str, ...]] = [("maximise", constant)]
    for slope, is_free in zip(slopes, free, strict=True):
        lines.append(("", f"{slope} {'=' if is_free else '>='} 0"))
    if lam:
        lines.append(("", f"{', '.join(lam)} >= 0"))
    if nu:
        lines.append(("", f"{', '.join(nu)} free"))
    if len(lines) > 1:
        lines[1] = ("subject to", lines[1][1])
    return Step("Dual", lines)


def _columns(
    problem: "Polyhedral", lam: Sequence[str], nu: Sequence[str]
) -> list[list[tuple[float, str]]]:
    """Return, for each variable, its coefficients in the constraints, with their multipliers."""
    rows = np.vstack([dense(problem.A), dense(problem.A_eq)])
    return [list(zip(map(float, column), [*lam, *nu], strict=True)) for column in rows.T]


def _right_sides(
    problem: "Polyhedral", lam: Sequence[str], nu: Sequence[str]
) -> list[tuple[float, str]]:
    sides = np.concatenate([problem.b, problem.b_eq])
    return [(-float(side), name) for side, name in zip(sides, [*lam, *nu], strict=True)]


def _negated(terms: list[tuple[float, str]], offset: float) -> str:
    return total([(-value, name) for value, name in terms], offset)


def _arguments(lam: Sequence[str], nu: Sequence[str]) -> str:
    return "".join(f", {names[0].rstrip('0123456789')}" for names in (lam, nu) if names)


def _symbolic(lam: Sequence[str], nu: Sequence[str]) -> str:
    rows = ((lam, "(A x - b)"), (nu, "(A_eq x - b_eq)"))
    return "".join(f" + {y[0].rstrip('0123456789')}'{row}" for y, row in rows if y)


def _signed(text: str) -> str:
    return f"- {text[1:]}" if text.startswith("-") else f"+ {text}"


def _origin(problem: "Polyhedral", canonical: "Polyhedral") -> str:
    """Say which bounds were made rows."""
    rows = canonical.n_ineq - problem.n_ineq
    if rows <= 1:
        return "The last inequality stands for a bound." * rows
    return f"The last {rows} inequalities stand for bounds."


def _cut(
    title: str, steps: list[Step], problem: "Polyhedral", symbolic: list[tuple[str, ...]]
) -> Explanation:
    """Return the derivation; of a large program in symbols alone."""
    if max(problem.n, problem.n_ineq + problem.n_eq) <= MOST_LINES:
        return Explanation(title, steps)
    return Explanation(title, [Step("In symbols", symbolic, "Too large to be written out.")])
