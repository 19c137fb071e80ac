"""Linear support vector machines in NumPy: the definition of the other backends."""

import numpy as np

from fastml._jit.philox import philox4x32
from fastml.kernels.linear_svm import arrays
from fastml.kernels.linear_svm.arrays import matrix, prices
from fastml.kernels.linear_svm.scalar import HALVINGS, NONE, SHARE, newton_step, side


def squared_norms(data, indices, indptr, bias, norms):
    """Compute the square of each row's length, with the column of the intercept."""
    arrays.squared_norms(data, indices, indptr, bias, norms)


def decision_values(data, indices, indptr, coefs, bias, scores):
    """Compute each row's product with every problem's coefficients."""
    arrays.decision_values(data, indices, indptr, coefs, bias, scores)


def newton_steps(
    data, indices, indptr, targets, weights, costs, bias, epsilon, symmetric, penalised, tols,
    n_steps, coefs, gradients, progress,
):  # fmt: skip
    """Take steps of the trust-region Newton method."""
    arrays.newton_steps(
        data, indices, indptr, targets, weights, costs, bias, epsilon, symmetric, penalised, tols,
        n_steps, coefs, gradients, progress,
    )  # fmt: skip


def _with_bias(data, indices, indptr, width, bias):
    X = matrix(data, indices, indptr, width - 1)
    X = X if isinstance(X, np.ndarray) else X.toarray()
    return np.hstack([X, np.full((len(X), 1), bias)])


def _shuffle(order, n_active, seed, epoch, stream):
    index = np.arange(-(-n_active // 4), dtype=np.uint64)
    counter = (np.uint64(epoch), np.uint64(stream), np.uint64(seed))
    words = np.stack(philox4x32(index, *counter), axis=1).ravel()
    for i in range(n_active):
        j = i + (int(words[i]) * (n_active - i) >> 32)
        order[i], order[j] = order[j], order[i]


def _epochs(order, state, seed, stream, n_epochs, visit, end):
    """Run epochs: `visit` returns what is left of a slope, or None to shrink a coordinate.

    ``end(slopes)`` returns whether the rest is small, and sets the limits of the next epoch.
    """
    for _ in range(n_epochs):
        if state["solved"]:
            return
        _shuffle(order, state["n_active"], seed, state["epochs"], stream)
        slopes, place = [], 0
        while place < state["n_active"]:
            left = visit(order[place])
            if left is None:
                state["n_active"] -= 1
                last = state["n_active"]
                order[place], order[last] = order[last], order[place]
            else:
                slopes.append(left)
                place += 1
        state["epochs"] += 1
        state["first"] = sum(map(abs, slopes)) if state["first"] < 0 else state["first"]
        if end(slopes):
            state["solved"] = state["n_active"] == len(order)
            state["n_active"] = len(order)


def dual_epochs(
    data, indices, indptr, norms, targets, offsets, weights, costs, bias, epsilon, symmetric,
    squared, tol, seed, n_epochs, beta, coefs, order, progress,
):  # fmt: skip
    """Run epochs of dual coordinate descent."""
    X = _with_bias(data, indices, indptr, coefs.shape[1], bias)

    def solve(k):
        names = ("epochs", "n_active", "up", "down", "first", "solved")
        state = dict(zip(names, progress[k].tolist(), strict=True))
        state["n_active"] = int(state["n_active"])
        price = prices(targets[k], weights, costs[k])

        def visit(i):
            sign = 1.0 if symmetric or targets[k, i] > 0 else -1.0
            high, ridge = (np.inf, 0.5 / price[i]) if squared else (price[i], 0.0)
            low, value = -high if symmetric else 0.0, sign * beta[k, i]
            slope = sign * (X[i] @ coefs[k] + offsets[k] - targets[k, i]) + ridge * value
            above, below = slope + epsilon, slope - epsilon
            left, shrunk = side(value, low, high, above, below, state["up"], state["down"])
            if abs(left) > NONE:
                step = newton_step(value, above, below, norms[i] + ridge)
                new = min(max(value + step, low), high)
                beta[k, i] = sign * new
                coefs[k] += sign * (new - value) * X[i]
            return None if shrunk else left

        def end(slopes):
            highest, lowest = max(slopes, default=-np.inf), min(slopes, default=np.inf)
            small = highest - lowest <= tol
            up, down = (highest if highest > 0 else np.inf), (lowest if lowest < 0 else -np.inf)
            if symmetric:
                small = sum(map(abs, slopes)) <= tol * state["first"]
                up = max(highest, -lowest)
                down = -up
            state["up"], state["down"] = (np.inf, -np.inf) if small else (up, down)
            return small

        _epochs(order[k], state, seed, k, n_epochs, visit, end)
        progress[k] = list(state.values())

    for k in range(len(targets)):
        solve(k)


def lasso_epochs(
    data, indices, indptr, targets, weights, costs, penalised, tols, seed, n_epochs, coefs,
    residuals, order, progress,
):  # fmt: skip
    """Run epochs of coordinate descent under the l1 penalty."""
    columns = matrix(data, indices, indptr, targets.shape[1])
    columns = columns if isinstance(columns, np.ndarray) else columns.toarray()

    def solve(k):
        names = ("epochs", "n_active", "limit", "first", "solved")
        state = dict(zip(names, progress[k].tolist(), strict=True))
        state["n_active"] = int(state["n_active"])
        double = 2 * prices(targets[k], weights, costs[k])

        def losses(of):
            return double * np.maximum(of * targets[k], 0) ** 2 / 2

        def visit(j):
            x, on = columns[j], residuals[k] * targets[k] > 0
            pull = -float(x @ (double * residuals[k] * on))
            curvature = max(float(x**2 @ (double * on)), NONE)
            price = 1.0 if penalised or j + 1 < len(columns) else 0.0
            value, room = coefs[k, j], state["limit"] / targets.shape[1]
            above, below = pull + price, pull - price
            left, shrunk = side(value, -np.inf, np.inf, above, below, room, -room)
            step = newton_step(value, above, below, curvature)
            if shrunk or abs(step) < NONE:
                return None if shrunk else left
            predicted = price * (abs(value + step) - abs(value)) + pull * step
            before, most = losses(residuals[k])[x != 0].sum(), float(x**2 @ double) / 2
            for _ in range(HALVINGS):
                taken = step
                rise = price * (abs(value + step) - abs(value)) - SHARE * predicted
                moved = residuals[k] - step * x
                if most * step**2 + pull * step + rise <= 0:
                    break
                if rise + losses(moved)[x != 0].sum() <= before:
                    break
                step, predicted = step / 2, predicted / 2
            residuals[k], coefs[k, j] = moved, value + taken
            return left

        def end(slopes):
            small = sum(map(abs, slopes)) <= tols[k] * state["first"]
            state["limit"] = np.inf if small else max(map(abs, slopes), default=0.0)
            return small

        _epochs(order[k], state, seed, k, n_epochs, visit, end)
        progress[k] = list(state.values())

    for k in range(len(targets)):
        solve(k)


def joint_epochs(
    data, indices, indptr, norms, labels, uppers, offsets, bias, tol, seed, n_epochs, alpha, coefs,
    order, shrunk, progress,
):  # fmt: skip
    """Run epochs of dual coordinate descent on Crammer and Singer's problem."""
    X = _with_bias(data, indices, indptr, coefs.shape[1], bias)
    names = ("epochs", "n_active", "rough", "whole", "solved")
    state = dict(zip(names, progress.tolist(), strict=True))
    state["n_active"], state["first"] = int(state["n_active"]), 0.0

    def visit(i):
        high = np.zeros(len(coefs))
        high[labels[i]] = uppers[i]
        slopes = coefs @ X[i] + offsets + (np.arange(len(coefs)) != labels[i])
        kept = shrunk[i] == 0
        if norms[i] <= 0:
            return 0.0
        low = slopes[kept & (alpha[i] < high)].min(initial=np.inf)
        apart = slopes[kept].max(initial=-np.inf) - low
        shrunk[i] |= kept & (alpha[i] == high) & (slopes < low)
        kept = shrunk[i] == 0
        if kept.sum() <= 1:
            return None
        if apart > NONE:
            rest = slopes[kept] - norms[i] * alpha[i, kept]
            ranked = np.sort(rest + norms[i] * high[kept])[::-1]
            level, r = ranked[0] - norms[i] * uppers[i], 1
            while r < len(ranked) and level < r * ranked[r]:
                level, r = level + ranked[r], r + 1
            new = np.minimum(high[kept], (level / r - rest) / norms[i])
            steps = np.zeros(len(coefs))
            steps[kept] = new - alpha[i, kept]
            alpha[i, kept] = new
            coefs[:] += np.outer(np.where(abs(steps) >= NONE, steps, 0), X[i])
        return apart

    def end(slopes):
        worst = max((s for s in slopes if s > NONE), default=-np.inf)
        small = worst < state["rough"]
        state["solved"] = worst < tol and state["whole"]
        if small:
            state["n_active"], shrunk[:] = len(order), 0
            state["rough"] = max(state["rough"] / 2, tol)
        state["whole"] = float(small)
        return False

    _epochs(order, state, seed, 0, n_epochs, visit, end)
    state.pop("first")
    progress[:] = list(state.values())
