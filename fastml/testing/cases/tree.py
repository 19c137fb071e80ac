"""Inputs for layers over trees."""

import numpy as np

from fastml.kernels.recurrent.forms import LSTM, RNN_RELU, RNN_TANH
from fastml.kernels.tree import reference
from fastml.kernels.tree.forms import CHILD_SUM, N_ARY
from fastml.nn._structure import Structure
from fastml.testing.cases import Case, choose, sentinel

# Trees, most nodes of one, units.
_SHAPES = ((5, 9, 7), (1, 1, 1), (40, 12, 20), (3, 60, 17), (9, 4, 33), (0, 1, 3), (70, 2, 5))


def _forest(n_trees, most, n_places, rng):
    """Return random trees, in which each node's parent comes before it."""
    sizes = rng.integers(1, most + 1, n_trees)
    degrees, heights, children = [], [], []
    for size in sizes:
        below = [[] for _ in range(size)]
        for k in range(1, size):
            open_nodes = [j for j in range(k) if len(below[j]) < n_places]
            below[open_nodes[rng.integers(len(open_nodes))]].append(k)
        height = [0] * size
        for j in range(size - 1, -1, -1):
            height[j] = max((1 + height[k] for k in below[j]), default=0)
        degrees += map(len, below)
        heights += height
        children += [k for inner in below for k in inner]
    starts = np.append(0, np.cumsum(sizes))
    return Structure(*(np.array(a, np.int64) for a in (starts, degrees, heights, children)))


def _layer(dtype, scale, seed):
    n_trees, most, n = choose(scale, seed, (2, 5, 2), _SHAPES, (256, 60, 128))
    rng = np.random.default_rng(seed)
    kind = (LSTM, LSTM, RNN_TANH, RNN_RELU)[seed % 4]
    composition = (N_ARY, CHILD_SUM)[seed % 4 == 0 or seed % 3 == 1]
    n_places = 2 + seed % 2
    forest = _forest(n_trees, most, n_places if composition == N_ARY else 6, rng)
    schedule = forest.schedule(1 + seed % 3)

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    n_inputs = n * n_places if composition == N_ARY else n
    n_products = n
    if kind == LSTM:
        n_products = n * (3 + n_places * (composition == N_ARY))
    n_edge = n * (composition == CHILD_SUM and kind == LSTM)
    n_nodes, n_gated = forest.n_nodes, forest.n_nodes * (kind == LSTM)
    args = {"kind": kind, "composition": composition}
    args["sums"] = normal(n_nodes, n * (4 if kind == LSTM else 1))
    args["weight"] = normal(n_products, n_inputs) / dtype(np.sqrt(n_inputs))
    args["edge_weight"] = normal(n_edge, n) / dtype(np.sqrt(n))
    for name in ("children", "offsets", "parents", "numbers"):
        args[name] = getattr(forest, name)
    args |= schedule._asdict()
    args["gates"] = sentinel((n_gated, 3 * n * (kind == LSTM)), dtype)
    args["forget"] = sentinel((n_gated, n), dtype)
    args["states"] = sentinel((n_nodes, n), dtype)
    args["cells"] = sentinel((n_gated, n), dtype)
    args["previous"] = sentinel((forest.n_inner, n_inputs), dtype)
    eps = float(np.finfo(dtype).eps)
    return args, normal, {"rtol": 400 * eps, "atol": 200 * eps}


def forward(dtype, scale, seed):
    args, _, tolerance = _layer(dtype, scale, seed)
    return Case(args, ("gates", "forget", "states", "cells", "previous"), **tolerance)


def backward(dtype, scale, seed):
    args, normal, tolerance = _layer(dtype, scale, seed)
    reference.forward(**args)
    sums, previous = args.pop("sums"), args.pop("previous")
    args["gradient"] = sentinel(sums.shape, dtype)
    args["by_products"] = sentinel((len(previous), len(args["weight"])), dtype)
    args["by_forget"] = sentinel(args["forget"].shape, dtype)
    args["by_states"] = normal(*args["states"].shape)
    args["by_cells"] = normal(*args["cells"].shape)
    outputs = ("gradient", "by_products", "by_forget", "by_states", "by_cells")
    return Case(args, outputs, **tolerance)
