"""Inputs for the steps of gradient descent."""

import numpy as np

from fastml.testing.cases import Case, choose, sentinel


def _inputs(dtype, scale, seed, *states):
    """Return parameters, gradient and state."""
    n = choose(scale, seed, 37, (17, 0, 1, 5000, 9001), 1_000_003)
    rng = np.random.default_rng(seed)
    params = rng.normal(size=n).astype(dtype)
    params[::7] = 0
    args = {"params": params, "grads": rng.normal(size=n).astype(dtype)}
    return args | {name: rng.uniform(0, 2, n).astype(dtype) for name in states}


def _penalty(n, seed):
    turn = seed % 4
    # Stretches that end inside a task and begin at its edge, none, and all of it.
    spans = (
        [(n // 8, n // 2), (n // 2, n - n // 7)],
        [],
        [(min(n, 4096), n)],
        [(0, n)],
    )[turn]
    return {
        "scale": (0.5, 1.0, 2.0, 1.0)[turn],
        "l1": (0.1, 0.0, 0.2, 0.0)[turn],
        "l2": (0.0, 0.3, 0.1, 0.2)[turn],
        "spans": np.array(spans, np.int64).reshape(-1, 2),
    }


def _case(args, seed, *states):
    args |= _penalty(args["params"].size, seed)
    # A device may fuse a product with the sum that follows; where terms cancel that shows.
    eps = float(np.finfo(args["params"].dtype).eps)
    return Case(args, ("params", *states), rtol=20 * eps, atol=20 * eps)


def sgd(dtype, scale, seed):
    return _case(_inputs(dtype, scale, seed) | {"rate": 0.1}, seed)


def momentum(dtype, scale, seed):
    args = _inputs(dtype, scale, seed, "velocity")
    args |= {"rate": 0.1, "keep": 0.9, "nesterov": seed % 2 == 0}
    return _case(args, seed, "velocity")


def adagrad(dtype, scale, seed):
    args = _inputs(dtype, scale, seed, "total") | {"rate": 0.1, "epsilon": 1e-8}
    return _case(args, seed, "total")


def rmsprop(dtype, scale, seed):
    args = _inputs(dtype, scale, seed, "mean") | {"rate": 0.1, "keep": 0.9, "epsilon": 1e-8}
    return _case(args, seed, "mean")


def adam(dtype, scale, seed):
    args = _inputs(dtype, scale, seed, "first", "second")
    args |= {"rate": 0.01, "keep_1": 0.9, "keep_2": 0.999, "epsilon": 1e-8}
    args["shrink"] = 1.0 if seed % 3 else 0.99
    return _case(args, seed, "first", "second")


def squared_norm(dtype, scale, seed):
    args = {"grads": _inputs(dtype, scale, seed)["grads"], "block_size": 1000}
    args["totals"] = sentinel(-(-args["grads"].size // 1000), np.float64)
    return Case(args, ("totals",), rtol=1e-12)
