"""A network: layers with their parameters, all in one flat array."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from fastml.autodiff import Variable
from fastml.backends import Backend, resolve
from fastml.nn._description import integer
from fastml.nn._field import ReceptiveField
from fastml.nn._forest import TreeBatch
from fastml.nn._sequences import Sequences
from fastml.nn.functional._dense_nodes import Destination
from fastml.nn.layers._containers import as_layer
from fastml.nn.layers._layer import Layer, Parameter, Run, Shape, Visit

__all__ = ["Network"]

# Parameter number i starts with draws of this stream and i.
FIRST_PARAMETER = 1 << 20


class Network:
    """Layers, and the arrays that their descriptions ask for.

    Parameters
    ----------
    layers : Layer or list of Layer
        What is computed.
    input_shape : int or tuple of int
        Shape of one sample, channels last.
    dtype : {"float32", "float64"}, default="float32"
        Of parameters, and of all that is computed.
    seed : int, default=0
        Key of the draws that parameters start with.

    Attributes
    ----------
    layer : Layer
        The layers, as one.
    input_shape, output_shape : tuple of int
        Of one sample.
    flat : array (n_parameters,)
        All parameters.
    views : dict of arrays
        Each parameter by name, such as "0.weight": a view of `flat`.
    state : dict of arrays
        What training changes without a gradient, such as the mean that batch normalisation keeps.
    parameters : dict of Parameter
        What layers say of each.
    penalized : list of (int, int)
        Start and stop of the stretches of `flat` that penalties are for.
    backend : Backend
        Where the arrays are.

    Raises
    ------
    ValueError
        For layers that do not fit each other or the input, naming layer and shapes.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn import Dense, Network
    >>> network = Network([Dense(16, "relu"), Dense(3)], 4)
    >>> network.forward(np.zeros((2, 4))).shape
    (2, 3)
    >>> network.n_parameters
    131
    """

    def __init__(
        self,
        layers: Layer | Sequence[Layer],
        input_shape: int | Sequence[int],
        *,
        dtype: Any = "float32",
        seed: int = 0,
    ) -> None:
        self.layer = as_layer(layers)
        self.input_shape = checked_shape(input_shape)
        self.dtype = np.dtype(dtype)
        if self.dtype.char not in "fd":
            raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype!r}.")
        self.seed = seed
        self.output_shape = self.layer.output_shape(self.input_shape)
        self.parameters: dict[str, Parameter] = self.layer.parameters(self.input_shape)
        self.penalized = _stretches(self.parameters)
        self.backend = resolve(backend="cpu")
        self._hold(
            self._drawn(seed),
            {name: np.array(a, self.dtype) for name, a in self._first_state().items()},
        )

    def _first_state(self) -> dict[str, Any]:
        return self.layer.state(self.input_shape)

    def _drawn(self, seed: int) -> Any:
        flat = np.empty(
            sum(math.prod(about.shape) for about in self.parameters.values()), self.dtype
        )
        start = 0
        for i, about in enumerate(self.parameters.values()):
            values = about.initializer.draw(
                about.shape, about.fan_in, about.fan_out, seed, FIRST_PARAMETER + i, self.dtype.type
            )
            flat[start : start + values.size] = values.reshape(-1)
            start += values.size
        return flat

    def _hold(self, flat: Any, state: dict[str, Any]) -> None:
        """Take arrays as the network's own."""
        self.flat = flat
        self.state = state
        self.views = self.split(flat)
        self._tree = _nested(self.views)
        self._leaves: tuple[list[Variable], dict[str, Any]] | None = None
        self._gradient: tuple[Any, list[Any]] | None = None
        self._state_tree = _nested(state)

    @property
    def n_parameters(self) -> int:
        """Number of all parameters."""
        return int(self.flat.size)

    def split(self, flat: Any) -> dict[str, Any]:
        """Return views of a flat array, as of parameters or their gradient, by name.

        Parameters
        ----------
        flat : array (n_parameters,)
            Contiguous.
        """
        views, start = {}, 0
        for name, about in self.parameters.items():
            size = math.prod(about.shape)
            views[name] = flat[start : start + size].reshape(about.shape)
            start += size
        return views

    def to(self, backend: Backend) -> "Network":
        """Move parameters and state to where a backend computes; return the network.

        Parameters
        ----------
        backend : Backend
            Of `fastml.backends`. Their copies on a device are other arrays than `flat` was before.
        """
        if backend is not self.backend:
            host = self.backend
            self._hold(
                _moved(self.flat, host, backend),
                {name: _moved(a, host, backend) for name, a in self.state.items()},
            )
            self.backend = backend
        return self

    def forward(self, X: Any, run: Run | None = None, *, until: int | str | None = None) -> Any:
        """Return the outputs for a batch.

        Parameters
        ----------
        X : array (n, *input_shape), TreeBatch or Sequences
            Where the parameters are. Sequences may have other numbers of steps than `input_shape`
            says; they go through layers as rows, so that those of their elements come out.
        run : Run, optional
            By default one of prediction, with a fixed result.
        until : int or str, optional
            Place of the layer whose outputs are wanted, such as 2, or "2.1" for a layer in a layer;
            negative integers count from the last. By default the last.

        Returns
        -------
        array (n, *output_shape)

        Raises
        ------
        ValueError
            For an X of another shape, and for a place where there is no layer.
        """
        run = Run() if run is None else run
        if until is not None:
            path = self.place(until).split(".")
            x = self._batch(X, run)
            return self.layer.apply_until(path, x, self._tree, self._state_tree, run)
        return self.layer.apply(self._batch(X, run), self._tree, self._state_tree, run)

    def loss_and_gradient(
        self, X: Any, target: Any, loss: Callable[[Any, Any], Any], run: Run, out: Any
    ) -> float:
        """Compute a loss of the outputs and its gradient by all parameters.

        Parameters
        ----------
        X : array (n, *input_shape) or Sequences
            A batch, where the parameters are.
        target : object
            What the loss takes besides the outputs.
        loss : callable
            ``loss(outputs, target)`` returns a variable of one element.
        run : Run
            What layers know of this pass.
        out : array (n_parameters,)
            Filled with the gradient, in the order of `flat`.

        Returns
        -------
        float
            The loss. If it is finite, state that layers changed in this pass is kept.
        """
        X = self._batch(X, run)
        if self._leaves is None:
            # Kept from step to step, as small networks would spend much of their time here.
            named = {name: Variable(view) for name, view in self.views.items()}
            self._leaves = list(named.values()), _nested(named)
        leaves, tree = self._leaves
        if self._gradient is None or self._gradient[0] is not out:
            self._gradient = out, list(self.split(out).values())
        parts = self._gradient[1]
        for leaf, part in zip(leaves, parts, strict=True):
            leaf.grad = Destination(part)
        # A fit that diverges is told of by the loss, not by warnings of NumPy's.
        with np.errstate(over="ignore", invalid="ignore"):
            value = loss(self.layer.apply(X, tree, self._state_tree, run), target)
            value.backward(free=True)
        for leaf, part in zip(leaves, parts, strict=True):
            gradient, leaf.grad = leaf.grad, None
            if gradient is not part:
                # None, or a destination still, where the loss does not depend on the parameter.
                part[...] = 0 if gradient is None or type(gradient) is Destination else gradient
        found = float(value.value)
        if math.isfinite(found):
            for old, new in run.updates:
                old[...] = new
        return found

    def part(self, place: str) -> tuple[Layer, dict[str, Any], dict[str, Any]]:
        """Return a layer, and parameters and state as it takes them.

        Parameters
        ----------
        place : str
            Of the layer: "2", or "2.1" for a layer in a layer.
        """
        layer: Layer = self.layer
        parameters, state = self._tree, self._state_tree
        for name in place.split("."):
            layer = layer.layers[int(name)]  # type: ignore[attr-defined]
            parameters, state = parameters.get(name, {}), state.get(name, {})
        return layer, parameters, state

    def visits(self) -> dict[str, Visit]:
        """Return what is known of each layer, by its place."""
        spatial = self.input_shape[:-1] or self.input_shape
        seen = self.layer.visit(self.input_shape, ReceptiveField.of_input(len(spatial)), "")
        return {visit.place: visit for visit in seen}

    def place(self, layer: int | str) -> str:
        """Return the place of a layer, as `visits` has it.

        Parameters
        ----------
        layer : int or str
            Such as 2, -1 for the last, or "2.1" for a layer in a layer.

        Raises
        ------
        ValueError
            If there is no such layer.
        """
        places = list(self.visits())
        if not isinstance(layer, str) and layer < 0:
            layer += len({place.partition(".")[0] for place in places})
        # Of layers one after another in a layer, the last one makes what it makes.
        found = [place for place in places if f"{place}.".startswith(f"{layer}.")]
        if not found:
            raise ValueError(f"layer must be the place of a layer, one of {places}, got {layer!r}.")
        return found[-1]

    def _batch(self, X: Any, run: Run) -> Any:
        if isinstance(X, Sequences):
            if X.shape[2:] != self.input_shape[1:]:
                raise ValueError(
                    f"Steps of the sequences must have shape {self.input_shape[1:]}, as the "
                    f"network was built, got {X.shape[2:]}."
                )
            run.offsets, run.given = X.offsets, getattr(X, "given", None)
            return self.backend.asarray(X.flat, self.dtype)
        if isinstance(X, TreeBatch) and X.shape[1:] == self.input_shape:
            run.trees, run.offsets = X, X.structure.starts
            return self.backend.asarray(X.features, self.dtype)
        if not sp.issparse(X) and not isinstance(X, TreeBatch):
            X = self.backend.asarray(X, self.dtype)
        if X.shape[1:] != self.input_shape or not X.ndim:
            raise ValueError(
                f"X must have shape (n, {', '.join(map(str, self.input_shape))}), as the network "
                f"was built, got {X.shape}."
            )
        return X

    def __getstate__(self) -> dict[str, Any]:
        # On the host, and without the views, which would come back as arrays of their own.
        left_out = ("backend", "views", "_tree", "_state_tree", "_leaves", "_gradient")
        kept = {name: value for name, value in self.__dict__.items() if name not in left_out}
        kept["flat"] = self.backend.to_host(self.flat)
        kept["state"] = {name: self.backend.to_host(a) for name, a in self.state.items()}
        return kept

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update(kept)
        self.backend = resolve(backend="cpu")
        self._hold(self.flat, self.state)

    def __repr__(self) -> str:
        return (
            f"<network {self.input_shape} -> {self.output_shape}, {self.n_parameters} parameters>"
        )


def checked_shape(input_shape: int | Sequence[int]) -> Shape:
    """Return the shape of a sample as a tuple of positive integers.

    Parameters
    ----------
    input_shape : int or sequence of int
        What was given.
    """
    given = input_shape if isinstance(input_shape, Sequence) else (input_shape,)
    return tuple(integer(f"input_shape[{i}]", n) for i, n in enumerate(given))


def _moved(a: Any, source: Backend, target: Backend) -> Any:
    return target.asarray(source.to_host(a))


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    """Return a dict of dicts from one with dotted names."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *places, last = name.split(".")
        here = tree
        for place in places:
            here = here.setdefault(place, {})
        here[last] = value
    return tree


def _stretches(parameters: dict[str, Parameter]) -> list[tuple[int, int]]:
    """Return start and stop of what penalties are for, neighbours joined."""
    found: list[tuple[int, int]] = []
    start = 0
    for about in parameters.values():
        stop = start + math.prod(about.shape)
        if about.penalized and stop > start:
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], stop)
            else:
                found.append((start, stop))
        start = stop
    return found
