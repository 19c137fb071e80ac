"""A look inside of recurrent networks, and predictions step by step."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from fastml.autodiff import gradients
from fastml.kernels.recurrent.forms import GRU, LSTM
from fastml.neural_network._heads import activated
from fastml.neural_network._step_targets import StepTargets, flat_of
from fastml.neural_network._task import backend_of, placed, prepared_rows, stretches
from fastml.nn.functional._recurrent_runs import gate_values
from fastml.nn.layers import Run
from fastml.nn.layers._recurrent_base import RecurrentRun
from fastml.nn.training import Batch

__all__ = ["RecurrentMethods"]

_GATES = {
    LSTM: ("input", "forget", "candidate", "output"),
    GRU: ("reset", "update", "candidate"),
}


class RecurrentMethods(StepTargets):
    """What recurrent networks tell of themselves."""

    def _number(self, layer: Any) -> int:
        """Return the number of a recurrent layer, from 0 on."""
        n = len(self._stack().layers)
        if not isinstance(layer, Integral) or not -n <= int(layer) < n:
            raise ValueError(f"layer must be the number of one of {n} layers, got {layer!r}.")
        return int(layer) % n

    def _stack_place(self) -> str:
        return "0" if self.embedding_size is None else "1"

    def _stack(self) -> Any:
        return self.network_.layer.layers[int(self._stack_place())]

    def hidden_states(self, X: Any, layer: int = -1) -> list[np.ndarray[Any, Any]]:
        """Return the states of a layer after each step.

        Parameters
        ----------
        X : sequences
            As for `fit`.
        layer : int, default=-1
            Number of the recurrent layer, from the last one on if it is negative.

        Returns
        -------
        list of ndarray of shape (n_steps, n_units)
            Of each sequence; of a bidirectional layer both states of a step side by side.

        Raises
        ------
        ValueError
            If there is no such layer.
        """
        X = self._new_rows(X)
        backend = backend_of(X)
        place = f"{self._stack_place()}.{self._number(layer)}"
        network, rows = self._network_on(backend), prepared_rows(backend, X)
        parts = [
            backend.to_host(network.forward(part, until=place))
            for part in stretches(rows, self._rows_at_once)
        ]
        return list(X.with_flat(np.concatenate(parts)))

    def gates(self, X: Any, layer: int = -1) -> dict[str, list[np.ndarray[Any, Any]]]:
        """Return the values of the gates of a layer in each step.

        Parameters
        ----------
        X : sequences
            As for `fit`.
        layer : int, default=-1
            Number of the recurrent layer, from the last one on if it is negative.

        Returns
        -------
        dict of lists of ndarray of shape (n_steps, n_units)
            Of an LSTM "input", "forget", "candidate", "output", and "cell", the memory after the
            step; of a GRU "reset", "update" and "candidate". Arrays as of `hidden_states`.

        Raises
        ------
        ValueError
            If there is no such layer, or it has no gates, or several cells a step.

        References
        ----------
        S. Hochreiter and J. Schmidhuber, "Long short-term memory", 1997. A. Karpathy, J. Johnson
        and L. Fei-Fei, "Visualizing and understanding recurrent networks", 2015.
        """
        X = self._new_rows(X)
        number, place = self._number(layer), self._stack_place()
        cells = self._stack().layers[number]
        kind = cells.cell()[0]
        if kind not in _GATES:
            raise ValueError("gates are those of LSTM and GRU cells; these cells have none.")
        if cells.transition_depth > 1:
            raise ValueError(
                f"gates are of layers of one cell a step, got transition_depth="
                f"{cells.transition_depth}."
            )
        backend = backend_of(X)
        network, rows = self._network_on(backend), prepared_rows(backend, X)
        start = f"{place}.{number}."
        views = {
            name.removeprefix(start): a
            for name, a in network.views.items()
            if name.startswith(start)
        }
        parts = []
        for part in stretches(rows, self._rows_at_once):
            run = Run()
            run.recurrent = RecurrentRun()
            network.forward(part, run)
            given = run.recurrent.given[number]
            directions = 2 if cells.bidirectional else 1
            found = gate_values(kind, given, cells.weights(views)[0], directions)
            parts.append([backend.to_host(a) for a in found])
        names = (*_GATES[kind], "cell") if kind == LSTM else _GATES[kind]
        whole = (np.concatenate(of_name) for of_name in zip(*parts, strict=True))
        return {name: list(X.with_flat(a)) for name, a in zip(names, whole, strict=True)}

    def gradient_norms(
        self, X: Any, y: Any, layer: int = -1, of: str = "states"
    ) -> list[np.ndarray[Any, Any]]:
        """Return how large the gradient of each sequence's loss is by what units hold in each step.

        Gradients that vanish, or explode, from the last step to the first one are seen here.

        Parameters
        ----------
        X : sequences
            As for `fit`.
        y : array-like
            Targets, as for `fit`.
        layer : int, default=-1
            Number of the recurrent layer, from the last one on if it is negative.
        of : {'states', 'cells'}, default='states'
            By what: the states, or the memory of LSTM cells.

        Returns
        -------
        list of ndarray of shape (n_steps,)
            Norms of the gradients of the loss of a sequence, the sum of that of its steps if they
            have targets, by what the units hold after each step.

        Raises
        ------
        ValueError
            If there is no such layer, or no cells, or for labels that were not in the fit.

        References
        ----------
        Y. Bengio, P. Simard and P. Frasconi, "Learning long-term dependencies with gradient descent
        is difficult", 1994. R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
        recurrent neural networks", ICML 2013.
        """
        check_is_fitted(self)
        X, y = self._validated(X, y, reset=False)
        number = self._number(layer)
        if of not in ("states", "cells"):
            raise ValueError(f"of must be 'states' or 'cells', got {of!r}.")
        if of == "cells" and self._stack().layers[number].cell()[0] != LSTM:
            raise ValueError("of='cells' is for LSTM cells; these have states only.")
        if is_classifier(self):
            self._check_labels(y)
        backend, head = backend_of(X), self._head()
        network, rows = self._network_on(backend), prepared_rows(backend, X)
        targets = placed(backend, self._targets(self._numbered(y), head, network.dtype))
        norms = [
            self._norms(network, head, Batch.of(rows[part], targets[part], None, part), number, of)
            for start in range(0, len(X), self._rows_at_once)
            for part in [slice(start, start + self._rows_at_once)]
        ]
        return list(X.with_flat(np.concatenate(norms)))

    def _norms(self, network: Any, head: Any, batch: Batch, number: int, of: str) -> Any:
        """Return norms of the gradients of a batch, for each row of its sequences."""
        run, squares = Run(), np.zeros(len(batch.X.flat))
        run.recurrent = RecurrentRun(watch=number)

        def loss(outputs: Any, batch: Batch) -> Any:
            value = head.loss(outputs, batch)
            seen = [step for way in run.recurrent.watched for step in way]
            by = gradients(value, [getattr(step, of) for step in seen])
            for step, gradient in zip(seen, by, strict=True):
                host = network.backend.to_host(gradient).astype(np.float64) * batch.total
                squares[step.rows] += (host * host).sum(axis=1)
            return value

        network.loss_and_gradient(
            batch.X, batch, loss, run, network.backend.empty(network.flat.shape, network.flat.dtype)
        )
        return np.sqrt(squares)

    def _check_labels(self, y: Any) -> None:
        """Refuse labels that were not in the fit."""
        flat: Any = flat_of(y)
        known = getattr(self, "classes_", flat)
        new = np.setdiff1d(flat, known) if flat.ndim == 1 else flat[:0]
        if len(new):
            raise ValueError(f"y has labels {new}, which were not in the fit.")

    def predict_step(
        self, x: Any, state: Any = None, *, response_method: str = "predict"
    ) -> tuple[Any, Any]:
        """Return predictions after one step more of streams, and what to go on from.

        The same bits as of `predict` for all steps so far.

        Parameters
        ----------
        x : array-like of shape (n_streams, n_features), or (n_streams,) of tokens
            The next step of each stream.
        state : object, default=None
            What the call for the step before returned; None for the first step.
        response_method : {'predict', 'predict_proba', 'decision_function'}, default='predict'
            What is wanted; the second and third are for classifiers that have them.

        Returns
        -------
        prediction : ndarray of shape (n_streams,) or (n_streams, n_outputs)
            Of the step, or of the sequence if it ended here.
        state : object
            For the next step: lists of arrays, which can be pickled.

        Raises
        ------
        ValueError
            For a bidirectional network, which sees the end of a sequence first, and for a state of
            another number of streams.

        Examples
        --------
        >>> import numpy as np
        >>> from fastml.neural_network import LSTMRegressor
        >>> X = np.random.default_rng(0).standard_normal((20, 5, 2))
        >>> model = LSTMRegressor(4, max_iter=3, tol=99, n_iter_no_change=1, random_state=0)
        >>> model = model.fit(X, X.sum(axis=(1, 2)))
        >>> state = None
        >>> for t in range(5):
        ...     prediction, state = model.predict_step(X[:3, t], state)
        >>> bool((prediction == model.predict(X[:3])).all())
        True
        """
        check_is_fitted(self)
        if self._stack().layers[0].bidirectional:
            raise ValueError("predict_step needs bidirectional=False: a stream has no end.")
        x = np.asarray(x)
        steps = self._new_rows((x, np.arange(len(x) + 1)))
        if state is not None:
            self._check_state(state, len(steps))
        backend = backend_of(steps)
        run = Run()
        run.recurrent = RecurrentRun(state)
        sums = backend.to_host(self._sums_of(prepared_rows(backend, steps), run))
        outputs = activated(self.out_activation_, sums)
        last = [
            [tuple(a if a is None else backend.to_host(a) for a in pair) for pair in layer]
            for layer in run.recurrent.end
        ]
        return self._answer(outputs, response_method), last

    def _check_state(self, state: Any, n_streams: int) -> None:
        """Refuse what is not a state of so many streams."""
        sizes = [layer.hidden_sizes for layer in self._stack().layers]
        try:
            found = [np.shape(h) for ((h, _),) in state]
        except (TypeError, ValueError):
            found = []
        if [shape[1:] for shape in found] != [(size,) for size in sizes]:
            raise ValueError(
                f"state must be None, or what predict_step returned of {len(sizes)} layers of "
                f"{sizes} units, got {type(state).__name__}."
            )
        given = found[0][0]
        if given != n_streams:
            raise ValueError(f"state must be that of {n_streams} streams, got one of {given}.")

    def _answer(self, outputs: Any, response_method: str) -> Any:
        """Return what a method says of outputs."""
        raise NotImplementedError
