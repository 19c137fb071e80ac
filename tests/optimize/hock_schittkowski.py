"""Problems of Hock and Schittkowski, with their optima.

W. Hock, K. Schittkowski, "Test Examples for Nonlinear Programming Codes", Springer, 1981. There
constraints are g(x) >= 0; here they are turned round. Optima are in closed form where the book
has them so, else its digits.
"""

from typing import NamedTuple

import numpy as np

from fastml.optimize import ConstrainedProblem

INF = np.inf
R2, R3, R7 = np.sqrt(2), np.sqrt(3), np.sqrt(7)


class Case(NamedTuple):
    """A problem: least value, where it is taken, where the book starts."""

    value: float
    x: tuple
    start: tuple
    f0: object
    at_least_0: tuple = ()
    eq: tuple = ()
    bounds: object = None

    @property
    def problem(self):
        """The problem as this package states it."""
        ineq = [lambda x, g=g: -g(x) for g in self.at_least_0]
        return ConstrainedProblem(
            self.f0, ineq, list(self.eq), n=len(self.start), bounds=self.bounds
        )


def banana(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def squares(x):
    return sum(v**2 for v in x)


def boxes(*pairs):
    return list(pairs)


def _hs2():
    a = np.sqrt(598 / 1200)
    b = 400 * a**3
    x1 = 2 * a * np.cos(np.arccos(1 / b) / 3)
    return banana(np.array([x1, 1.5])), (x1, 1.5)


CASES = {
    1: Case(0, (1, 1), (-2, 1), banana, bounds=boxes((-INF, INF), (-1.5, INF))),
    2: Case(*_hs2(), (-2, 1), banana, bounds=boxes((-INF, INF), (1.5, INF))),
    3: Case(0, (0, 0), (10, 1), lambda x: x[1] + 1e-5 * (x[1] - x[0]) ** 2,
            bounds=boxes((-INF, INF), (0, INF))),
    4: Case(8 / 3, (1, 0), (1.125, 0.125), lambda x: (x[0] + 1) ** 3 / 3 + x[1],
            bounds=boxes((1, INF), (0, INF))),
    5: Case(-R3 / 2 - np.pi / 3, (0.5 - np.pi / 3, -0.5 - np.pi / 3), (0, 0),
            lambda x: np.sin(x[0] + x[1]) + (x[0] - x[1]) ** 2 - 1.5 * x[0] + 2.5 * x[1] + 1,
            bounds=boxes((-1.5, 4), (-3, 3))),
    6: Case(0, (1, 1), (-1.2, 1), lambda x: (1 - x[0]) ** 2,
            eq=(lambda x: 10 * (x[1] - x[0] ** 2),)),
    7: Case(-R3, (0, R3), (2, 2), lambda x: np.log(1 + x[0] ** 2) - x[1],
            eq=(lambda x: (1 + x[0] ** 2) ** 2 + x[1] ** 2 - 4,)),
    9: Case(-0.5, (-3, -4), (0, 0),
            lambda x: np.sin(np.pi * x[0] / 12) * np.cos(np.pi * x[1] / 16),
            eq=(lambda x: 4 * x[0] - 3 * x[1],)),
    10: Case(-1, (0, 1), (-10, 10), lambda x: x[0] - x[1],
             (lambda x: -3 * x[0] ** 2 + 2 * x[0] * x[1] - x[1] ** 2 + 1,)),
    11: Case(-8.498464223, (1.234772, 1.524661), (4.9, 0.1),
             lambda x: (x[0] - 5) ** 2 + x[1] ** 2 - 25, (lambda x: -(x[0] ** 2) + x[1],)),
    12: Case(-30, (2, 3), (0, 0),
             lambda x: 0.5 * x[0] ** 2 + x[1] ** 2 - x[0] * x[1] - 7 * x[0] - 7 * x[1],
             (lambda x: 25 - 4 * x[0] ** 2 - x[1] ** 2,)),
    14: Case(9 - 2.875 * R7, ((R7 - 1) / 2, (R7 + 1) / 4), (2, 2),
             lambda x: (x[0] - 2) ** 2 + (x[1] - 1) ** 2,
             (lambda x: -0.25 * x[0] ** 2 - x[1] ** 2 + 1,), (lambda x: x[0] - 2 * x[1] + 1,)),
    15: Case(306.5, (0.5, 2), (-2, 1), banana,
             (lambda x: x[0] * x[1] - 1, lambda x: x[0] + x[1] ** 2),
             bounds=boxes((-INF, 0.5), (-INF, INF))),
    16: Case(0.25, (0.5, 0.25), (-2, 1), banana,
             (lambda x: x[0] + x[1] ** 2, lambda x: x[0] ** 2 + x[1]),
             bounds=boxes((-2, 0.5), (-INF, 1))),
    17: Case(1, (0, 0), (-2, 1), banana,
             (lambda x: x[1] ** 2 - x[0], lambda x: x[0] ** 2 - x[1]),
             bounds=boxes((-2, 0.5), (-INF, 1))),
    18: Case(5, (np.sqrt(250), np.sqrt(2.5)), (2, 2), lambda x: 0.01 * x[0] ** 2 + x[1] ** 2,
             (lambda x: x[0] * x[1] - 25, lambda x: x[0] ** 2 + x[1] ** 2 - 25),
             bounds=boxes((2, 50), (0, 50))),
    19: Case(-6961.81381, (14.095, 0.84296079), (20.1, 5.84),
             lambda x: (x[0] - 10) ** 3 + (x[1] - 20) ** 3,
             (lambda x: (x[0] - 5) ** 2 + (x[1] - 5) ** 2 - 100,
              lambda x: -((x[1] - 5) ** 2) - (x[0] - 6) ** 2 + 82.81),
             bounds=boxes((13, 100), (0, 100))),
    20: Case(81.5 - 25 * R3, (0.5, R3 / 2), (-2, 1), banana,
             (lambda x: x[0] + x[1] ** 2, lambda x: x[0] ** 2 + x[1],
              lambda x: x[0] ** 2 + x[1] ** 2 - 1),
             bounds=boxes((-0.5, 0.5), (-INF, INF))),
    21: Case(-99.96, (2, 0), (-1, -1), lambda x: 0.01 * x[0] ** 2 + x[1] ** 2 - 100,
             (lambda x: 10 * x[0] - x[1] - 10,), bounds=boxes((2, 50), (-50, 50))),
    22: Case(1, (1, 1), (2, 2), lambda x: (x[0] - 2) ** 2 + (x[1] - 1) ** 2,
             (lambda x: -x[0] - x[1] + 2, lambda x: -(x[0] ** 2) + x[1])),
    23: Case(2, (1, 1), (3, 1), squares,
             (lambda x: x[0] + x[1] - 1, lambda x: x[0] ** 2 + x[1] ** 2 - 1,
              lambda x: 9 * x[0] ** 2 + x[1] ** 2 - 9, lambda x: x[0] ** 2 - x[1],
              lambda x: x[1] ** 2 - x[0]),
             bounds=(-50, 50)),
    24: Case(-1, (3, R3), (1, 0.5), lambda x: ((x[0] - 3) ** 2 - 9) * x[1] ** 3 / (27 * R3),
             (lambda x: x[0] / R3 - x[1], lambda x: x[0] + R3 * x[1],
              lambda x: -x[0] - R3 * x[1] + 6),
             bounds=(0, None)),
    27: Case(0.04, (-1, 1, 0), (2, 2, 2),
             lambda x: 0.01 * (x[0] - 1) ** 2 + (x[1] - x[0] ** 2) ** 2,
             eq=(lambda x: x[0] + x[2] ** 2 + 1,)),
    28: Case(0, (0.5, -0.5, 0.5), (-4, 1, 1), lambda x: (x[0] + x[1]) ** 2 + (x[1] + x[2]) ** 2,
             eq=(lambda x: x[0] + 2 * x[1] + 3 * x[2] - 1,)),
    29: Case(-16 * R2, (4, 2 * R2, 2), (1, 1, 1), lambda x: -x[0] * x[1] * x[2],
             (lambda x: -(x[0] ** 2) - 2 * x[1] ** 2 - 4 * x[2] ** 2 + 48,)),
    30: Case(1, (1, 0, 0), (1, 1, 1), squares, (lambda x: x[0] ** 2 + x[1] ** 2 - 1,),
             bounds=boxes((1, 10), (-10, 10), (-10, 10))),
    31: Case(6, (1 / R3, R3, 0), (1, 1, 1), lambda x: 9 * x[0] ** 2 + x[1] ** 2 + 9 * x[2] ** 2,
             (lambda x: x[0] * x[1] - 1,), bounds=boxes((-10, 10), (1, 10), (-10, 1))),
    32: Case(1, (0, 0, 1), (0.1, 0.7, 0.2),
             lambda x: (x[0] + 3 * x[1] + x[2]) ** 2 + 4 * (x[0] - x[1]) ** 2,
             (lambda x: 6 * x[1] + 4 * x[2] - x[0] ** 3 - 3,),
             (lambda x: 1 - x[0] - x[1] - x[2],), (0, None)),
    33: Case(R2 - 6, (0, R2, R2), (0, 0, 3),
             lambda x: (x[0] - 1) * (x[0] - 2) * (x[0] - 3) + x[2],
             (lambda x: x[2] ** 2 - x[1] ** 2 - x[0] ** 2,
              lambda x: x[0] ** 2 + x[1] ** 2 + x[2] ** 2 - 4),
             bounds=boxes((0, INF), (0, INF), (0, 5))),
    34: Case(-np.log(np.log(10)), (np.log(np.log(10)), np.log(10), 10), (0, 1.05, 2.9),
             lambda x: -x[0],
             (lambda x: x[1] - np.exp(x[0]), lambda x: x[2] - np.exp(x[1])),
             bounds=boxes((0, 100), (0, 100), (0, 10))),
    35: Case(1 / 9, (4 / 3, 7 / 9, 4 / 9), (0.5, 0.5, 0.5),
             lambda x: 9 - 8 * x[0] - 6 * x[1] - 4 * x[2] + 2 * x[0] ** 2 + 2 * x[1] ** 2
             + x[2] ** 2 + 2 * x[0] * x[1] + 2 * x[0] * x[2],
             (lambda x: 3 - x[0] - x[1] - 2 * x[2],), bounds=(0, None)),
    36: Case(-3300, (20, 11, 15), (10, 10, 10), lambda x: -x[0] * x[1] * x[2],
             (lambda x: 72 - x[0] - 2 * x[1] - 2 * x[2],),
             bounds=boxes((0, 20), (0, 11), (0, 42))),
    37: Case(-3456, (24, 12, 12), (10, 10, 10), lambda x: -x[0] * x[1] * x[2],
             (lambda x: 72 - x[0] - 2 * x[1] - 2 * x[2], lambda x: x[0] + 2 * x[1] + 2 * x[2]),
             bounds=(0, 42)),
    38: Case(0, (1, 1, 1, 1), (-3, -1, -3, -1),
             lambda x: banana(x) + 90 * (x[3] - x[2] ** 2) ** 2 + (1 - x[2]) ** 2
             + 10.1 * ((x[1] - 1) ** 2 + (x[3] - 1) ** 2) + 19.8 * (x[1] - 1) * (x[3] - 1),
             bounds=(-10, 10)),
    39: Case(-1, (1, 1, 0, 0), (2, 2, 2, 2), lambda x: -x[0],
             eq=(lambda x: x[1] - x[0] ** 3 - x[2] ** 2, lambda x: x[0] ** 2 - x[1] - x[3] ** 2)),
    40: Case(-0.25, (2 ** (-1 / 3), 2 ** (-1 / 2), 2 ** (-11 / 12), 2 ** (-1 / 4)),
             (0.8, 0.8, 0.8, 0.8), lambda x: -x[0] * x[1] * x[2] * x[3],
             eq=(lambda x: x[0] ** 3 + x[1] ** 2 - 1, lambda x: x[0] ** 2 * x[3] - x[2],
                 lambda x: x[3] ** 2 - x[1])),
    41: Case(52 / 27, (2 / 3, 1 / 3, 1 / 3, 2), (2, 2, 2, 2), lambda x: 2 - x[0] * x[1] * x[2],
             eq=(lambda x: x[0] + 2 * x[1] + 2 * x[2] - x[3],),
             bounds=boxes((0, 1), (0, 1), (0, 1), (0, 2))),
    42: Case(28 - 10 * R2, (2, 2, 0.6 * R2, 0.8 * R2), (1, 1, 1, 1),
             lambda x: (x[0] - 1) ** 2 + (x[1] - 2) ** 2 + (x[2] - 3) ** 2 + (x[3] - 4) ** 2,
             eq=(lambda x: x[0] - 2, lambda x: x[2] ** 2 + x[3] ** 2 - 2)),
    43: Case(-44, (0, 1, 2, -1), (0, 0, 0, 0),
             lambda x: x[0] ** 2 + x[1] ** 2 + 2 * x[2] ** 2 + x[3] ** 2 - 5 * x[0] - 5 * x[1]
             - 21 * x[2] + 7 * x[3],
             (lambda x: 8 - squares(x) - x[0] + x[1] - x[2] + x[3],
              lambda x: 10 - x[0] ** 2 - 2 * x[1] ** 2 - x[2] ** 2 - 2 * x[3] ** 2 + x[0] + x[3],
              lambda x: 5 - 2 * x[0] ** 2 - x[1] ** 2 - x[2] ** 2 - 2 * x[0] + x[1] + x[3])),
    48: Case(0, (1, 1, 1, 1, 1), (3, 5, -3, 2, -2),
             lambda x: (x[0] - 1) ** 2 + (x[1] - x[2]) ** 2 + (x[3] - x[4]) ** 2,
             eq=(lambda x: x[0] + x[1] + x[2] + x[3] + x[4] - 5,
                 lambda x: x[2] - 2 * (x[3] + x[4]) + 3)),
    51: Case(0, (1, 1, 1, 1, 1), (2.5, 0.5, 2, -1, 0.5),
             lambda x: (x[0] - x[1]) ** 2 + (x[1] + x[2] - 2) ** 2 + (x[3] - 1) ** 2
             + (x[4] - 1) ** 2,
             eq=(lambda x: x[0] + 3 * x[1] - 4, lambda x: x[2] + x[3] - 2 * x[4],
                 lambda x: x[1] - x[4])),
    52: Case(1859 / 349, tuple(np.array([-33, 11, 180, -158, 11]) / 349), (2, 2, 2, 2, 2),
             lambda x: (4 * x[0] - x[1]) ** 2 + (x[1] + x[2] - 2) ** 2 + (x[3] - 1) ** 2
             + (x[4] - 1) ** 2,
             eq=(lambda x: x[0] + 3 * x[1], lambda x: x[2] + x[3] - 2 * x[4],
                 lambda x: x[1] - x[4])),
    53: Case(176 / 43, tuple(np.array([-33, 11, 27, -5, 11]) / 43), (2, 2, 2, 2, 2),
             lambda x: (x[0] - x[1]) ** 2 + (x[1] + x[2] - 2) ** 2 + (x[3] - 1) ** 2
             + (x[4] - 1) ** 2,
             eq=(lambda x: x[0] + 3 * x[1], lambda x: x[2] + x[3] - 2 * x[4],
                 lambda x: x[1] - x[4]),
             bounds=(-10, 10)),
    60: Case(0.03256820025, (1.104859024, 1.196674194, 1.535262257), (2, 2, 2),
             lambda x: (x[0] - 1) ** 2 + (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 4,
             eq=(lambda x: x[0] * (1 + x[1] ** 2) + x[2] ** 4 - 4 - 3 * R2,), bounds=(-10, 10)),
    61: Case(-143.6461422, (5.326770157, -2.118998639, 3.210464239), (0, 0, 0),
             lambda x: 4 * x[0] ** 2 + 2 * x[1] ** 2 + 2 * x[2] ** 2 - 33 * x[0] + 16 * x[1]
             - 24 * x[2],
             eq=(lambda x: 3 * x[0] - 2 * x[1] ** 2 - 7, lambda x: 4 * x[0] - x[2] ** 2 - 11)),
    63: Case(961.7151721, (3.512118414, 0.2169881741, 3.552174034), (2, 2, 2),
             lambda x: 1000 - x[0] ** 2 - 2 * x[1] ** 2 - x[2] ** 2 - x[0] * x[1] - x[0] * x[2],
             eq=(lambda x: 8 * x[0] + 14 * x[1] + 7 * x[2] - 56, lambda x: squares(x) - 25),
             bounds=(0, None)),
    65: Case(0.9535288567, (3.650461821, 3.650461821, 4.6204170507), (-5, 5, 0),
             lambda x: (x[0] - x[1]) ** 2 + (x[0] + x[1] - 10) ** 2 / 9 + (x[2] - 5) ** 2,
             (lambda x: 48 - squares(x),), bounds=boxes((-4.5, 4.5), (-4.5, 4.5), (-5, 5))),
    66: Case(0.5181632741, (0.1841264879, 1.202167873, 3.327322322), (0, 1.05, 2.9),
             lambda x: 0.2 * x[2] - 0.8 * x[0],
             (lambda x: x[1] - np.exp(x[0]), lambda x: x[2] - np.exp(x[1])),
             bounds=boxes((0, 100), (0, 100), (0, 10))),
    71: Case(17.0140173, (1, 4.7429994, 3.8211503, 1.3794082), (1, 5, 5, 1),
             lambda x: x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2],
             (lambda x: x[0] * x[1] * x[2] * x[3] - 25,), (lambda x: squares(x) - 40,), (1, 5)),
    76: Case(-4.681818181, (0.2727273, 2.090909, 0, 0.5454545), (0.5, 0.5, 0.5, 0.5),
             lambda x: x[0] ** 2 + 0.5 * x[1] ** 2 + x[2] ** 2 + 0.5 * x[3] ** 2 - x[0] * x[2]
             + x[2] * x[3] - x[0] - 3 * x[1] + x[2] - x[3],
             (lambda x: 5 - x[0] - 2 * x[1] - x[2] - x[3],
              lambda x: 4 - 3 * x[0] - x[1] - 2 * x[2] + x[3],
              lambda x: x[1] + 4 * x[2] - 1.5),
             bounds=(0, None)),
    78: Case(-2.91970041, (-1.717142, 1.595708, 1.827248, -0.7636429, -0.7636435),
             (-2, 1.5, 2, -1, -1), lambda x: x[0] * x[1] * x[2] * x[3] * x[4],
             eq=(lambda x: squares(x) - 10, lambda x: x[1] * x[2] - 5 * x[3] * x[4],
                 lambda x: x[0] ** 3 + x[1] ** 3 + 1)),
}  # fmt: skip
