"""A fit that goes on from its checkpoint, if the checkpoint is its own."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from fastml.backends import fetched, on_device
from fastml.nn._forest import TreeBatch
from fastml.nn._network import Network
from fastml.nn._sequences import Sequences
from fastml.nn.training._state import TrainingState
from fastml.nn.training._streams import RowsOnDisk
from fastml.nn.training.checkpoint import load_checkpoint, save_checkpoint

__all__ = ["Checkpoint", "described", "resume"]

# Bytes hashed at a time, as arrays may be larger than memory.
PIECE = 1 << 24
LONGEST = 80


class Checkpoint:
    """The file that a fit is written to, and what tells it from other fits.

    Parameters
    ----------
    path : str or path-like
        The file.
    fingerprint : mapping of str to object
        All that the result of the fit depends on: parameters, data. Kept as `described` says.
    every : int, default=1
        Epochs from one write to the next. The end of a fit is always written.
    """

    def __init__(
        self, path: str | os.PathLike[str], fingerprint: Mapping[str, Any], every: int = 1
    ) -> None:
        self.path = Path(path)
        self.fingerprint = {name: described(value) for name, value in fingerprint.items()}
        self.every = every

    def __call__(self, state: TrainingState) -> None:
        """Write the state of a fit, if it is time for that."""
        if state.epoch % self.every == 0 or state.stopped:
            self.save(state)

    def save(self, state: TrainingState) -> None:
        """Write the state of a fit.

        Parameters
        ----------
        state : TrainingState
            All of it up to date.
        """
        arrays, values = state.to_arrays()
        save_checkpoint(self.path, arrays, {"fit": self.fingerprint, "state": values})

    def load(self) -> TrainingState | None:
        """Return the state that was written last, None if there is no file.

        Raises
        ------
        ValueError
            If the file is damaged, or another fit's, naming what differs.
        """
        if not self.path.exists():
            return None
        arrays, meta = load_checkpoint(self.path)
        if "fit" not in meta or "state" not in meta:
            raise ValueError(f"The checkpoint {self.path} was not written by a fit.")
        theirs, ours = meta["fit"], self.fingerprint
        differences = [
            f"{name} was {_short(theirs.get(name))}, is {_short(ours.get(name))}"
            for name in sorted({*theirs, *ours})
            if json.dumps(theirs.get(name)) != json.dumps(ours.get(name))
        ]
        if differences:
            raise ValueError(
                f"The checkpoint {self.path} is that of another fit: {'; '.join(differences)}. "
                "Give another path, or remove the file."
            )
        return TrainingState.from_arrays(arrays, meta["state"])


def resume(network: Network, optimizer: Any, state: TrainingState) -> None:
    """Set a network and its optimiser to where the state of a fit says they were.

    Parameters
    ----------
    network : Network
        Like the one of the fit, on any backend.
    optimizer : optimizer of `fastml.nn.optimizers`
        Likewise, made for ``[network.flat]``.
    state : TrainingState
        As it was loaded; its arrays are moved to the network's backend.
    """
    move = network.backend.asarray
    network.flat[...] = move(state.parameters)
    for name, value in state.layer_state.items():
        network.state[name][...] = move(value)
    if state.best_parameters is not None:
        state.best_parameters = move(state.best_parameters)
        state.best_layer_state = {name: move(a) for name, a in state.best_layer_state.items()}
    optimizer.load_state(state.optimizer)


def described(value: Any) -> Any:
    """Return what JSON can say of a value, equal for values that make equal fits.

    Arrays become their dtype, shape and a hash of what they hold, functions their names, and
    random generators the name of their class: a fit that goes on takes its draws from where it was.

    Parameters
    ----------
    value : object
        A parameter of an estimator, or data.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, RowsOnDisk):
        value = value.X
    if isinstance(value, Sequences):
        return [described(value.flat), described(value.offsets)]
    if isinstance(value, TreeBatch):
        forest = value.structure
        arrays = (value.features, value.tokens, forest.starts, forest.degrees, forest.local)
        return [described(a) for a in arrays]
    if on_device(value):
        value = fetched(value)
    if sp.issparse(value):
        parts = [described(getattr(value.tocsr(), name)) for name in ("data", "indices", "indptr")]
        return f"sparse {value.shape} {' '.join(parts)}"
    if hasattr(value, "__array__"):
        return _described_array(value if isinstance(value, np.ndarray) else np.asarray(value))
    if isinstance(value, np.random.RandomState):
        return "RandomState"
    if isinstance(value, Mapping):
        return [[described(name), described(held)] for name, held in value.items()]
    if isinstance(value, list | tuple):
        return [described(held) for held in value]
    if isinstance(value, os.PathLike):
        return str(value)
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    # That of an object without one of its own names its place in memory.
    nameless: Any = object.__repr__
    named = type(value).__repr__ is nameless
    return f"{type(value).__module__}.{type(value).__qualname__}" if named else repr(value)


def _described_array(array: np.ndarray) -> str:
    hashed = hashlib.blake2b(digest_size=16)
    if array.dtype.kind == "O":
        hashed.update("\0".join(map(repr, array.ravel())).encode())
    else:
        rows = np.atleast_1d(array)
        step = max(1, PIECE * len(rows) // max(1, rows.nbytes))
        for start in range(0, len(rows), step):
            hashed.update(rows[start : start + step].tobytes())
    return f"{array.dtype} {array.shape} {hashed.hexdigest()}"


def _short(described: Any) -> str:
    text = repr(described)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
