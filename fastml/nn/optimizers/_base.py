"""What all optimisers share: arrays in place, schedules, state to resume from."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastml.backends import on_device, resolve
from fastml.nn.optimizers._schedule import SCHEDULES, rate_at

__all__ = ["NO_PENALTY", "BaseOptimizer", "Penalty"]


class Penalty(NamedTuple):
    """What is added to the gradient by each parameter w: ``l1 sign(w) + l2 w``.

    Attributes
    ----------
    l1, l2 : float
        Factors.
    spans : sequence of (n_spans, 2) int64 arrays, or None
        For each array of parameters where it is added: first element, and the one after the last,
        of stretches of the flat array that do not overlap. None is everywhere.
    """

    l1: float = 0.0
    l2: float = 0.0
    spans: Sequence[Any] | None = None


NO_PENALTY = Penalty()
_NOWHERE = np.empty((0, 2), np.int64)


def _lent(backend: Any, a: Any) -> tuple[Any, bool]:
    """Return an array as kernels take it, flat, and whether it is a copy."""
    x = backend.asarray(a)
    if x is a:
        return x.reshape(-1), False
    shared = on_device(a) and on_device(x) and x.data.ptr == a.data.ptr
    return x.reshape(-1), not shared


class BaseOptimizer:
    """Base class of optimisers.

    Parameters
    ----------
    learning_rate_init : float, default=0.1
        Learning rate to begin with.
    lr_schedule : {"constant", "invscaling", "adaptive", "cosine"}, default="constant"
        How the learning rate changes. "invscaling" divides it by ``(t + 1) ** power_t`` after t
        samples; "adaptive" divides it by 5 whenever the loss stops to fall; "cosine" lowers it to
        0 along half a cosine, over `t_max` samples.
    power_t : float, default=0.5
        Exponent of "invscaling".
    t_max : int, optional
        Samples until "cosine" arrives at 0; it needs them.

    Attributes
    ----------
    learning_rate : float
        Current learning rate.
    """

    # Names of the attributes that hold an array for each array of parameters, and of numbers.
    _moments: tuple[str, ...] = ()
    _numbers: tuple[str, ...] = ("learning_rate",)
    # Whether parameters in the spans of a penalty change even where its factors are 0.
    _decays = False

    def __init__(
        self,
        learning_rate_init: float = 0.1,
        lr_schedule: str = "constant",
        power_t: float = 0.5,
        t_max: int | None = None,
    ) -> None:
        if lr_schedule not in SCHEDULES:
            known = ", ".join(map(repr, SCHEDULES))
            raise ValueError(f"lr_schedule must be one of {known}, got {lr_schedule!r}.")
        if lr_schedule == "cosine" and (t_max is None or t_max <= 0):
            raise ValueError(f"lr_schedule='cosine' needs a t_max above 0, got {t_max!r}.")
        self.learning_rate_init = learning_rate_init
        self.lr_schedule = lr_schedule
        self.power_t = power_t
        self.t_max = t_max
        self.learning_rate = float(learning_rate_init)

    def _zeros(self, params: Sequence[Any]) -> list[Any]:
        return [resolve(p).xp.zeros(p.shape, p.dtype) for p in params]

    def update_params(
        self,
        params: Sequence[Any],
        grads: Sequence[Any],
        *,
        penalty: Penalty = NO_PENALTY,
        scale: float = 1.0,
    ) -> None:
        """Take a step: change parameters in place.

        Parameters
        ----------
        params : list of float arrays
            What is learned. A single flat array of everything is the fastest.
        grads : list of arrays of the same shapes
            Gradients by them.
        penalty : Penalty, optional
            Added to the gradients, in the same pass.
        scale : float, default=1.0
            What gradients are multiplied by before the penalty is added, such as what
            `clip_scale` returns.

        Raises
        ------
        ValueError
            If there are not as many gradients as arrays of parameters, shapes differ, or an array
            of parameters is read-only.
        TypeError
            If parameters are not real floats.
        """
        self._begin_step()
        anywhere = bool(penalty.l1 or penalty.l2 or self._decays)
        for i, (param, grad) in enumerate(zip(params, grads, strict=True)):
            if param.shape != grad.shape:
                raise ValueError(
                    f"Gradient {i} must have the shape of its parameters, {param.shape}, got "
                    f"{grad.shape}."
                )
            spans = self._spans(penalty.spans, i, param) if anywhere else _NOWHERE
            self._update(
                i, param, grad, (float(scale), float(penalty.l1), float(penalty.l2)), spans
            )

    def _spans(self, spans: Sequence[Any] | None, i: int, param: Any) -> Any:
        return np.array([[0, param.size]], np.int64) if spans is None else spans[i]

    def _begin_step(self) -> None:
        """Count a step, before arrays are gone through."""

    def _update(self, i: int, param: Any, grad: Any, weights: Any, spans: Any) -> None:
        """Change one array of parameters."""
        raise NotImplementedError

    def _run(
        self, kernel: str, written: Sequence[Any], grad: Any, numbers: Sequence[Any], spans: Any
    ) -> None:
        """Call a kernel with parameters and states, that are changed in place."""
        param = written[0]
        if param.dtype.kind != "f":
            raise TypeError(f"Parameters must be real floats, got dtype {param.dtype}.")
        if not on_device(param) and not param.flags.writeable:
            raise ValueError("Parameters must be writeable: they are changed in place.")
        backend = resolve(param)
        lent = [_lent(backend, a) for a in written]
        flat, states = lent[0][0], [x for x, _ in lent[1:]]
        grad = backend.asarray(grad, flat.dtype).reshape(-1)
        run = getattr(backend.kernels("optim"), kernel)
        run(flat, grad, *states, *numbers, backend.asarray(spans))
        for a, (x, copied) in zip(written, lent, strict=True):
            if copied:
                a[...] = backend.to_host(x).reshape(a.shape)

    def iteration_ends(self, time_step: int) -> None:
        """Change the learning rate as the schedule says.

        Parameters
        ----------
        time_step : int
            Samples seen so far.
        """
        self.learning_rate = rate_at(
            self.lr_schedule, self.learning_rate, self.learning_rate_init, time_step,
            self.power_t, self.t_max or 1,
        )  # fmt: skip

    def trigger_stopping(self, msg: str, verbose: bool) -> bool:
        """Say whether to stop, now that the loss has stopped to fall.

        Parameters
        ----------
        msg : str
            What to print first.
        verbose : bool
            Whether to print.

        Returns
        -------
        bool
            False where a lower learning rate is to be tried, which "adaptive" sets here.
        """
        if self.lr_schedule == "adaptive" and self.learning_rate > 1e-6:
            self.learning_rate /= 5.0
            if verbose:
                print(f"{msg} Setting learning rate to {self.learning_rate:f}")
            return False
        if verbose:
            small = " Learning rate too small." if self.lr_schedule == "adaptive" else ""
            print(f"{msg}{small} Stopping.")
        return True

    def state(self) -> dict[str, Any]:
        """Return all that later steps depend on.

        Returns
        -------
        dict
            Numbers, and copies of arrays in host memory, "<name>.<number>" for each array of
            parameters.
        """
        found: dict[str, Any] = {name: getattr(self, name) for name in self._numbers}
        for name in self._moments:
            for i, a in enumerate(getattr(self, name)):
                found[f"{name}.{i}"] = np.array(resolve(a).to_host(a))
        return found

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on where another optimiser of the same parameters was.

        Parameters
        ----------
        state : dict
            What its `state` returned.

        Raises
        ------
        ValueError
            If names, shapes or dtypes are not those of this optimiser.
        """
        arrays = {
            f"{name}.{i}": a for name in self._moments for i, a in enumerate(getattr(self, name))
        }
        wanted = {*arrays, *self._numbers}
        if set(state) != wanted:
            raise ValueError(
                f"state must hold {', '.join(sorted(wanted))}; got {', '.join(sorted(state))}."
            )
        for name, a in arrays.items():
            given = state[name]
            if given.shape != a.shape or given.dtype != a.dtype:
                raise ValueError(
                    f"state['{name}'] must be of shape {a.shape} and dtype {a.dtype}, got "
                    f"{given.shape} and {given.dtype}."
                )
        for name, a in arrays.items():
            a[...] = resolve(a).asarray(state[name])
        for name in self._numbers:
            setattr(self, name, type(getattr(self, name))(state[name]))
