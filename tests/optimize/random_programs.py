"""Random linear programs whose outcome is known before they are solved."""

import numpy as np

from fastml.optimize import LinearProgram

KINDS = ("feasible", "degenerate", "infeasible", "unbounded")


def random_program(seed):
    """Return a linear program, and its kind; all kinds of bounds and rows come up."""
    rng = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    n, m = int(rng.integers(1, 9)), int(rng.integers(0, 12))
    p = int(rng.integers(0, min(n, 4)))
    integral = rng.random() < 0.5

    def draw(*shape):
        entries = rng.standard_normal(shape)
        return np.round(3 * entries) if integral else entries

    A, A_eq, inside = draw(m, n), draw(p, n), draw(n)
    slack = np.where(rng.random(m) < 0.5, 0, np.abs(draw(m)) + 1)
    if kind == "degenerate":
        # More rows through one point than it takes, some of them twice.
        A = np.vstack([A, draw(n, n), A[: m // 2]])
        slack = np.zeros(len(A))
    b, b_eq = A @ inside + slack, A_eq @ inside
    lower, upper = np.full(n, -np.inf), np.full(n, np.inf)
    choice = rng.integers(0, 5, size=n)
    lower[(choice == 1) | (choice == 3)] = inside[(choice == 1) | (choice == 3)] - 1
    upper[(choice == 2) | (choice == 3)] = inside[(choice == 2) | (choice == 3)] + 2
    zero = (choice == 4) & (inside >= 0)
    lower[zero] = 0
    # A cost that multipliers of the right signs balance has a least value.
    y, nu = np.abs(draw(len(b))) * (rng.random(len(b)) < 0.7), draw(p)
    c = -(A.T @ y + A_eq.T @ nu)
    c += np.where(np.isfinite(lower), np.abs(draw(n)), 0)
    c -= np.where(np.isfinite(upper), np.abs(draw(n)), 0)
    if kind == "unbounded":
        # The last variable is in no row, free downwards, and costs.
        A, A_eq = np.hstack([A, np.zeros((len(b), 1))]), np.hstack([A_eq, np.zeros((p, 1))])
        c, lower, upper = np.append(c, 1), np.append(lower, -np.inf), np.append(upper, 5.0)
    if kind == "infeasible":
        # Two rows that contradict each other, one of them scaled.
        row = draw(n) + 0.5
        A = np.vstack([A, row, -2 * row])
        b = np.concatenate([b, [1.0, -2.0 - rng.random() - 0.5]])
    sense = -1 if rng.random() < 0.3 else 1
    lp = LinearProgram(
        sense * c, A, b, A_eq, b_eq, list(zip(lower, upper, strict=True)),
        maximize=sense < 0, offset=float(draw(1)[0]),
    )  # fmt: skip
    return lp, kind
