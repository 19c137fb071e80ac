"""The methods of problems, as functions."""

from typing import Any

from fastml.optimize._explanation import Explanation
from fastml.optimize._problem import Problem

__all__ = ["dual_function", "explain", "lagrangian"]


def lagrangian(
    problem: Problem,
    x: Any,
    lam: Any = None,
    nu: Any = None,
    *,
    lower: Any = None,
    upper: Any = None,
) -> float:
    """Return the Lagrangian of a problem, L = f0 + sum lam_i f_i + sum nu_j h_j.

    Parameters
    ----------
    problem : LinearProgram, QuadraticProgram or ConstrainedProblem
    x : array-like of shape (n,)
    lam : array-like of shape (n_ineq,), optional
        Multipliers of the inequalities; 0 by default.
    nu : array-like of shape (n_eq,), optional
        Multipliers of the equalities; 0 by default.
    lower, upper : array-like of shape (n,), optional
        Multipliers of the bounds; 0 by default.

    Returns
    -------
    float

    Examples
    --------
    >>> from fastml.optimize import LinearProgram, lagrangian
    >>> lagrangian(LinearProgram([1, 2], [[1, 1]], [3]), [1, 1], [10])
    -7.0
    """
    return problem.lagrangian(x, lam, nu, lower=lower, upper=upper)


def dual_function(problem: Problem, lam: Any = None, nu: Any = None, **options: Any) -> float:
    """Return the infimum of the Lagrangian over x within the bounds.

    Parameters
    ----------
    problem : LinearProgram, QuadraticProgram or ConstrainedProblem
    lam, nu : array-like, optional
        Multipliers; 0 by default.
    **options
        Those of the problem's own method `dual_function`.

    Returns
    -------
    float
        -inf where there is no limit.

    Examples
    --------
    >>> from fastml.optimize import LinearProgram, dual_function
    >>> lp = LinearProgram([1, 1], [[-1, -1]], [-3])
    >>> dual_function(lp, [1]), dual_function(lp, [2])
    (3.0, -inf)
    """
    return problem.dual_function(lam, nu, **options)


def explain(problem: Problem) -> Explanation:
    """Derive the dual of a problem, or write out its KKT conditions, step by step.

    Parameters
    ----------
    problem : LinearProgram, QuadraticProgram or ConstrainedProblem

    Returns
    -------
    Explanation
        Prints as text, and as HTML in notebooks; has an attribute `latex`.

    Examples
    --------
    >>> from fastml.optimize import QuadraticProgram, explain
    >>> print(explain(QuadraticProgram([[2]], [0], [[-1]], [-1])))
    The dual of a quadratic program
    <BLANKLINE>
    Primal, with a multiplier for each constraint
      minimise    x^2
      subject to  -x <= -1  lam >= 0
    <BLANKLINE>
    Lagrangian
      L(x, lam)  = x'Q x / 2 + c'x + lam'(A x - b)
    <BLANKLINE>
    Stationarity
      dL/dx  = 2 x - lam  = 0
    <BLANKLINE>
    Solved for x
      x  = 0.5 lam
    <BLANKLINE>
    Dual
      maximise    g(lam) = -0.25 lam^2 + lam
      subject to  lam >= 0
      Put into the Lagrangian, whose constant is lam.
    """
    return problem.explain()
