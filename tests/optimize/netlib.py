"""Linear programs in the fixed MPS format of Netlib's collection, with their least values."""

import numpy as np

# Netlib's AFIRO, optimal value as in its index.
AFIRO_ROWS = (
    "E R09 E R10 L X05 L X21 E R12 E R13 L X17 L X18 L X19 L X20 E R19 E R20 L X27 L X44 E R22 "
    "E R23 L X40 L X41 L X42 L X43 L X45 L X46 L X47 L X48 L X49 L X50 L X51 N COST"
)
AFIRO_COLUMNS = """
X01 X48 .301 R09 -1. R10 -1.06 X05 1.;X02 X21 -1. R09 1. COST -.4;X03 X46 -1. R09 1.;
X04 X50 1. R10 1.;X06 X49 .301 R12 -1. R13 -1.06 X17 1.;X07 X49 .313 R12 -1. R13 -1.06 X18 1.;
X08 X49 .313 R12 -1. R13 -.96 X19 1.;X09 X49 .326 R12 -1. R13 -.86 X20 1.;X10 X45 2.364 X17 -1.;
X11 X45 2.386 X18 -1.;X12 X45 2.408 X19 -1.;X13 X45 2.429 X20 -1.;X14 X21 1.4 R12 1. COST -.32;
X15 X47 -1. R12 1.;X16 X51 1. R13 1.;X22 X46 .109 R19 -1. R20 -.43 X27 1.;
X23 X44 -1. R19 1. COST -.6;X24 X48 -1. R19 1.;X25 X45 -1. R19 1.;X26 X50 1. R20 1.;
X28 X47 .109 R22 -.43 R23 1. X40 1.;X29 X47 .108 R22 -.43 R23 1. X41 1.;
X30 X47 .108 R22 -.39 R23 1. X42 1.;X31 X47 .107 R22 -.37 R23 1. X43 1.;X32 X45 2.191 X40 -1.;
X33 X45 2.219 X41 -1.;X34 X45 2.249 X42 -1.;X35 X45 2.279 X43 -1.;X36 X44 1.4 R23 -1. COST -.48;
X37 X49 -1. R23 1.;X38 X51 1. R22 1.;X39 R23 1. COST 10.
"""
AFIRO_RHS = "X50 310. X51 300. X05 80. X17 80. X27 500. R23 44. X40 500."

# All sections there are: ranges of each kind of row, bounds of each kind, a constant, a comment.
SECTIONS = """* A comment.
NAME          SECTIONS
ROWS
 N  COST
 L  LESS
 G  GREATER
 E  UPWARDS
 E  DOWNWARD
COLUMNS
    FREE      COST               1.0   LESS              -1.0
    FREE      GREATER            1.0
    UPPER     COST              -2.0   LESS               1.0
    UPPER     UPWARDS            1.0
    MINUS     COST               0.5   GREATER            1.0
    MINUS     DOWNWARD           1.0
    FIXED     COST               3.0   UPWARDS            1.0
    BOXED     COST              -1.0   DOWNWARD          -1.0
RHS
    RHS       COST             -10.0   LESS               4.0
    RHS       GREATER           -3.0   UPWARDS            5.0
    RHS       DOWNWARD           1.0
RANGES
    RNG       LESS               2.5   GREATER            8.0
    RNG       UPWARDS            2.0   DOWNWARD          -3.0
BOUNDS
 FR BND       FREE
 UP BND       UPPER              4.0
 MI BND       MINUS
 UP BND       MINUS              2.0
 FX BND       FIXED              1.5
 LO BND       BOXED             -1.0
 UP BND       BOXED              1.0
ENDATA
"""


def _field(value):
    return f"{value:12.9g}".strip()


def mps(name, c, A=None, b=None, A_eq=None, b_eq=None, bounds=None, maximize=False):
    """Write min c'x with A x <= b, A_eq x = b_eq in the fixed MPS format."""
    n = len(c)
    A, b = (np.zeros((0, n)), []) if A is None else (np.asarray(A, float), b)
    A_eq, b_eq = (np.zeros((0, n)), []) if A_eq is None else (np.asarray(A_eq, float), b_eq)
    lines = [f"NAME          {name}"]
    lines += ["OBJSENSE", "    MAX"] * maximize
    rows = [("L", f"L{i}") for i in range(len(b))] + [("E", f"E{i}") for i in range(len(b_eq))]
    lines += ["ROWS", " N  COST", *(f" {kind}  {row}" for kind, row in rows), "COLUMNS"]
    for j in range(n):
        entries = [("COST", c[j]), *zip([row for _, row in rows],
                                        [*A[:, j], *A_eq[:, j]], strict=True)]  # fmt: skip
        # A variable that is nowhere has to be somewhere.
        kept = [(row, v) for row, v in entries if v != 0] or [("COST", 0.0)]
        lines += [f"    X{j:<8} {row:<8}  {_field(v):>12}" for row, v in kept]
    lines.append("RHS")
    sides = zip([row for _, row in rows], [*b, *b_eq], strict=True)
    lines += [f"    RHS       {row:<8}  {_field(v):>12}" for row, v in sides if v != 0]
    if bounds is not None:
        lines.append("BOUNDS")
        for j, (low, high) in enumerate(bounds):
            low, high = -np.inf if low is None else low, np.inf if high is None else high
            column = f"BND       X{j:<8}"
            if np.isinf(low) and np.isinf(high):
                lines.append(f" FR {column}")
                continue
            lines.append(f" MI {column}" if np.isinf(low) else f" LO {column} {_field(low):>12}")
            if np.isfinite(high):
                lines.append(f" UP {column} {_field(high):>12}")
    return "\n".join([*lines, "ENDATA", ""])


def afiro():
    """Return Netlib's AFIRO."""
    words = AFIRO_ROWS.split()
    lines = ["NAME          AFIRO", "ROWS"]
    lines += [f" {kind}  {row}" for kind, row in zip(words[::2], words[1::2], strict=True)]
    lines.append("COLUMNS")
    for column in AFIRO_COLUMNS.replace("\n", "").split(";"):
        name, *rest = column.split()
        pairs = zip(rest[::2], rest[1::2], strict=True)
        lines += [f"    {name:<8}  {row:<8}  {v:>12}" for row, v in pairs]
    lines.append("RHS")
    words = AFIRO_RHS.split()
    lines += [
        f"    B         {r:<8}  {v:>12}" for r, v in zip(words[::2], words[1::2], strict=True)
    ]
    return "\n".join([*lines, "ENDATA", ""])


def _transport(costs, supply, demand):
    costs = np.asarray(costs, float)
    m, n = costs.shape
    out = np.kron(np.eye(m), np.ones(n))
    into = np.kron(np.ones(m), np.eye(n))
    return costs.ravel(), np.vstack([out, -into]), [*supply, *(-np.asarray(demand))]


def _klee_minty(n):
    A = np.eye(n)
    for i in range(n):
        for j in range(i):
            A[i, j] = 2 ** (i - j + 1)
    return [2 ** (n - 1 - j) for j in range(n)], A, [5 ** (i + 1) for i in range(n)]


def _network(arcs, n_nodes):
    """Return the incidence matrix: what leaves a node minus what enters it."""
    A = np.zeros((n_nodes, len(arcs)))
    for k, (tail, head) in enumerate(arcs):
        A[tail, k], A[head, k] = 1, -1
    return A


def _absolute_deviations():
    """Fit a line to five points by least absolute deviations: y = 2 x + 1 but for one of them."""
    t = np.arange(5.0)
    y = 2 * t + 1
    y[3] += 10
    X = np.column_stack([np.ones(5), t])
    A = np.block([[X, -np.eye(5)], [-X, -np.eye(5)]])
    return [0, 0] + [1] * 5, A, [*y, *-y], None, None, [(None, None)] * 2 + [(0, None)] * 5


def _chebyshev():
    """Fit a constant to 0, 1, 10 by the least greatest deviation: 5, off by 5."""
    A = [[1, -1], [-1, -1]] * 3
    return [0, 1], A, [0, 0, 1, -1, 10, -10], None, None, [(None, None), (0, None)]


def _cutting_stock():
    """Cut 97 pieces of 45, 610 of 36, 395 of 31, 211 of 14 out of 100 (Chvatal): 452.25 raws."""
    patterns = np.array(
        [[a, b, c, d] for a in range(3) for b in range(3) for c in range(4) for d in range(8)
         if 45 * a + 36 * b + 31 * c + 14 * d <= 100 and a + b + c + d]
    )  # fmt: skip
    return np.ones(len(patterns)), -patterns.T, [-97, -610, -395, -211]


ARCS = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4), (3, 5), (4, 5)]
LENGTHS = [7, 9, 10, 15, 11, 2, 6, 6, 9]
GAME = [[0, -1, 1, -1], [1, 0, -1, -1], [-1, 1, 0, -1]]
# What `mps` writes, and the least value (the greatest, where it maximises), from the literature
# or by hand.
PROGRAMS = {
    "WYNDOR": (([3, 5], [[1, 0], [0, 2], [3, 2]], [4, 12, 18], None, None, None, True), 36),
    # Dantzig's transport problem, of GAMS' tutorial.
    "DANTZIG": (
        _transport(
            0.09 * np.array([[2.5, 1.7, 1.8], [2.5, 1.8, 1.4]]), [350, 600], [325, 300, 275]
        ),
        153.675,
    ),
    "DIET": (([0.6, 0.35], [[-5, -7], [-4, -2], [-2, -1]], [-8, -15, -3]), 2.25),
    "KLEEMIN5": ((*_klee_minty(5), None, None, None, True), 3125),
    "KLEEMIN8": ((*_klee_minty(8), None, None, None, True), 390625),
    # Beale's, on which the simplex method can cycle.
    "BEALE": (
        (
            [-0.75, 150, -0.02, 6],
            [[0.25, -60, -0.04, 9], [0.5, -90, -0.02, 3], [0, 0, 1, 0]],
            [0, 0, 1],
        ),
        -0.05,
    ),
    # Stone, paper, scissors: max v, with v <= what each answer leaves.
    "GAME": (
        ([0, 0, 0, 1], -np.array(GAME), [0] * 3, [[1, 1, 1, 0]], [1],
         [(0, None)] * 3 + [(None, None)], True),
        0,
    ),
    "ASSIGN": (
        ([4, 1, 3, 2, 0, 5, 3, 2, 2], None, None,
         np.vstack([np.kron(np.eye(3), np.ones(3)), np.kron(np.ones(3), np.eye(3))]), [1] * 6),
        5,
    ),
    "PATH": ((LENGTHS, None, None, _network(ARCS, 6), [1, 0, 0, 0, 0, -1]), 20),
    "FLOW": (
        ([1, 1, 0, 0, 0, 0, 0, 0, 0], None, None, _network(ARCS, 6)[1:5], [0] * 4,
         [(0, u) for u in LENGTHS], True),
        14,
    ),
    "LEASTABS": (_absolute_deviations(), 10),
    "CHEBYSH": (_chebyshev(), 5),
    "CUTTING": (_cutting_stock(), 452.25),
    "NEGATIVE": (([1, 1], [[1, -1]], [-2], None, None, [(-5, -1), (-9, 3)]), -8),
}  # fmt: skip
