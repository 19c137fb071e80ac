"""What training has come to: all that is needed to go on as if it had never stopped."""

import math
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from fastml.backends import fetched, on_device

__all__ = ["TrainingState"]


@dataclass
class TrainingState:
    """What training has come to.

    Attributes
    ----------
    seed : int
        Key of all draws: shuffling by (seed, epoch), masks of dropout by (seed, step).
    epoch : int
        Epochs since the first fit.
    step : int
        Steps since the first fit.
    n_iter : int
        Epochs of the fit going on.
    n_seen : int
        Samples seen, each as often as it was.
    loss : float
        Mean loss of the last epoch, penalty included.
    loss_curve : list of float
        Of all epochs.
    best_loss : float
        The least of them.
    validation_scores : list of float
        Of all epochs, where there is something to validate with.
    best_score : float
        The largest of them.
    no_improvement : int
        Epochs in a row that did not improve by the tolerance.
    stopped : str
        Why the fit has ended: "converged", "max_iter", "callback", "interrupted" or
        "diverged"; "" if it has not.
    parameters, best_parameters : array (n_parameters,) or None
        The weights of now, and those to come back to at the end; None if there are none.
    layer_state, best_layer_state : dict of arrays
        What layers keep beside their parameters, likewise.
    optimizer : dict of arrays and numbers
        State of the optimiser.
    """

    seed: int = 0
    epoch: int = 0
    step: int = 0
    n_iter: int = 0
    n_seen: int = 0
    loss: float = math.inf
    loss_curve: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    validation_scores: list[float] = field(default_factory=list)
    best_score: float = -math.inf
    no_improvement: int = 0
    stopped: str = ""
    parameters: Any = None
    best_parameters: Any = None
    layer_state: dict[str, Any] = field(default_factory=dict)
    best_layer_state: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)

    def to_arrays(self) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
        """Return the state as arrays of the host, and values that JSON can hold.

        Returns
        -------
        arrays : dict of ndarray
            By name; entries of dicts as "optimizer.first".
        values : dict
            Of numbers, strings, lists and dicts of them. Losses may be infinite, which Python's
            `json` writes and reads.
        """
        arrays: dict[str, np.ndarray[Any, Any]] = {}
        values: dict[str, Any] = {}
        for about in fields(self):
            value = getattr(self, about.name)
            if isinstance(value, dict):
                held = {name: v for name, v in value.items() if hasattr(v, "shape") and v.shape}
                arrays |= {f"{about.name}.{name}": _on_host(v) for name, v in held.items()}
                rest = {name: v for name, v in value.items() if name not in held}
                values[about.name] = {name: _plain(v) for name, v in rest.items()}
            elif hasattr(value, "shape") and value.shape:
                arrays[about.name] = _on_host(value)
            elif isinstance(value, list):
                values[about.name] = [_plain(v) for v in value]
            else:
                values[about.name] = _plain(value)
        return arrays, values

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any], values: dict[str, Any]) -> "TrainingState":
        """Return the state that `to_arrays` was called on.

        Parameters
        ----------
        arrays, values : dict
            What it returned.
        """
        state = cls()
        for about in fields(cls):
            found = values.get(about.name)
            if isinstance(getattr(state, about.name), dict):
                start = f"{about.name}."
                found = dict(found or {}) | {
                    name.removeprefix(start): a
                    for name, a in arrays.items()
                    if name.startswith(start)
                }
            setattr(state, about.name, arrays.get(about.name, found))
        return state


def _on_host(a: Any) -> np.ndarray[Any, Any]:
    return fetched(a) if on_device(a) else np.array(a)


def _plain(value: Any) -> Any:
    """Return a number of NumPy as Python's, anything else as it is."""
    return value.item() if hasattr(value, "item") else value
