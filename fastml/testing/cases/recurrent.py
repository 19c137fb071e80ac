"""Inputs for recurrent layers."""

import numpy as np

from fastml.kernels.recurrent import reference
from fastml.kernels.recurrent.forms import GRU, LSTM, N_GATES
from fastml.testing.cases import Case, choose, sentinel

# Sequences, units, longest.
_SHAPES = ((5, 7, 6), (1, 1, 1), (19, 20, 5), (3, 40, 9), (70, 3, 4), (0, 4, 3), (30, 33, 2))


def _layer(dtype, scale, seed):
    n_sequences, n_units, longest = choose(scale, seed, (3, 3, 2), _SHAPES, (64, 128, 100))
    rng = np.random.default_rng(seed)
    kind = (LSTM, GRU, 0, 1)[seed % 4]
    lengths = np.sort(rng.integers(1, longest + 1, n_sequences))[::-1]
    lengths[n_sequences - n_sequences // 5 :] = 0
    # Rows of the sequences in another order, forwards or backwards.
    order = rng.permutation(n_sequences)
    firsts = np.zeros(n_sequences, np.int64)
    firsts[order] = np.cumsum(lengths[order]) - lengths[order]
    row_step = 1 - 2 * (seed // 4 % 2)
    if row_step < 0:
        firsts += np.maximum(lengths - 1, 0)
    width, n_rows = N_GATES[kind] * n_units, int(lengths.sum())

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    args = {"kind": kind, "leak": dtype((1.0, 0.3)[seed // 2 % 2])}
    n_features = (3, 1, 20)[seed % 3]
    args["rows"], args["input_weight"] = normal(n_rows, n_features), normal(width, n_features)
    args["input_bias"] = normal(width * (seed % 4 != 1))
    args["weight"] = normal(width, n_units) / dtype(np.sqrt(n_units))
    args["bias"] = normal(width * (seed % 3 != 1))
    n_masks = n_sequences * (seed % 3 == 2)
    args["mask"] = rng.integers(0, 2, (n_masks, n_units)).astype(dtype) * dtype(2)
    args |= {"firsts": firsts, "lengths": lengths.astype(np.int64), "row_step": row_step}
    args["n_workers"] = 1 + seed % 3
    args["gates"] = sentinel((n_rows, width), dtype)
    args["states"] = sentinel((n_rows, n_units), dtype)
    args["kept"] = sentinel((n_rows, n_units * (kind in (GRU, LSTM))), dtype)
    args["last"] = normal(n_sequences, n_units)
    args["last_cell"] = normal(n_sequences * (kind == LSTM), n_units)
    eps = float(np.finfo(dtype).eps)
    return args, normal, {"rtol": 200 * eps, "atol": 100 * eps}


def forward(dtype, scale, seed):
    args, _, tolerance = _layer(dtype, scale, seed)
    if seed % 5 == 3:
        args["gates"], args["kept"] = args["gates"][:0], args["kept"][:0]
    return Case(args, ("gates", "states", "kept", "last", "last_cell"), **tolerance)


def backward(dtype, scale, seed):
    args, normal, tolerance = _layer(dtype, scale, seed)
    first_states, first_cells = args["last"].copy(), args["last_cell"].copy()
    reference.forward(**args)
    shape = args["states"].shape
    n_written = shape[0] * (args["kind"] == GRU)
    for key in ("rows", "input_weight", "input_bias", "bias", "last", "last_cell"):
        del args[key]
    args |= {"first_states": first_states, "first_cells": first_cells, "by_states": normal(*shape)}
    args["gradient"] = sentinel(args["gates"].shape, dtype)
    args["recurrent_gradient"] = sentinel((n_written, args["gates"].shape[1]), dtype)
    args["previous"] = sentinel(shape, dtype)
    args |= {"by_last": normal(*first_states.shape), "by_cell": normal(*first_cells.shape)}
    outputs = ("gradient", "recurrent_gradient", "previous", "by_last", "by_cell")
    return Case(args, outputs, **tolerance)
