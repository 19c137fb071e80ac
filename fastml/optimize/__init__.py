"""Lagrangian duality and the KKT conditions, made visible.

The sign convention, everywhere: L = f0 + sum lam_i f_i + sum nu_j h_j for min f0 subject to
f_i <= 0 and h_j = 0, with lam >= 0; see `Multipliers`. What comes from `scipy.optimize` and CVXPY
is converted to it.
"""

from fastml.optimize._cases import KKTCase, KKTCases
from fastml.optimize._constrained_problem import ConstrainedProblem
from fastml.optimize._draw import draw, draw_dual
from fastml.optimize._duality import Duality
from fastml.optimize._explanation import Explanation
from fastml.optimize._facade import dual_function, explain, lagrangian
from fastml.optimize._kkt import Condition, KKTReport, kkt_report
from fastml.optimize._linear_program import LinearProgram
from fastml.optimize._multipliers import Multipliers
from fastml.optimize._quadratic_program import QuadraticProgram
from fastml.optimize._readers import read_result
from fastml.optimize._sensitivity import CostRange, RightSideRange, Sensitivity
from fastml.optimize._solution import Farkas, Ray, Solution

__all__ = [
    "Condition",
    "ConstrainedProblem",
    "CostRange",
    "Duality",
    "Explanation",
    "Farkas",
    "KKTCase",
    "KKTCases",
    "KKTReport",
    "LinearProgram",
    "Multipliers",
    "QuadraticProgram",
    "Ray",
    "RightSideRange",
    "Sensitivity",
    "Solution",
    "draw",
    "draw_dual",
    "dual_function",
    "explain",
    "kkt_report",
    "lagrangian",
    "read_result",
]
