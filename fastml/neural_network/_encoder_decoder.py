"""An encoder and a decoder: recurrent layers that go on from the last states of others."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fastml.autodiff._variable import value_of
from fastml.backends import resolve
from fastml.nn._description import integer
from fastml.nn.layers import Layer, Run, Sequential
from fastml.nn.layers._containers import Container
from fastml.nn.layers._layer import Shape
from fastml.nn.layers._recurrent_base import RecurrentRun

__all__ = ["EncoderDecoder", "some_states"]


class EncoderDecoder(Container):
    """Layers over one sequence, and others over another one, that begin with their last states.

    Sequences of the second kind come in `Run.given`. Without it the first layers run alone, and
    leave their last states in `Run.recurrent`.

    Parameters
    ----------
    encoder, decoder : list of Layer
        With as many recurrent layers of the same sizes. Those of the decoder return sequences.
    n_given : int
        Features of a step of what the decoder is given; 0 for tokens. The last one is 1 in the
        first step, and 0 in all others.
    teacher_forcing : float, default=1.0
        Probability that the decoder is given the step before in training, and not its own output.
    """

    def __init__(
        self,
        encoder: Sequence[Layer],
        decoder: Sequence[Layer],
        n_given: int = 0,
        *,
        teacher_forcing: float = 1.0,
    ) -> None:
        self.encoder = Sequential(encoder)
        self.decoder = Sequential(decoder)
        self.n_given = integer("n_given", n_given, 0)
        self.teacher_forcing = teacher_forcing

    def children(self, input_shape: Shape) -> Iterator[tuple[str, Layer, Shape, Shape]]:
        """Yield place, layer, input shape and output shape of both; see `Container.children`."""
        yield "encoder", self.encoder, input_shape, self.encoder.output_shape(input_shape)
        given = (1, self.n_given) if self.n_given else (1,)
        yield "decoder", self.decoder, given, self.decoder.output_shape(given)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        return [shape for *_, shape in self.children(input_shape)][-1]

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        run.recurrent = RecurrentRun()
        inner = parameters["encoder"], state.get("encoder", {})
        encoded = self.encoder.apply(x, *inner, run)
        given = run.given
        if given is None:
            return encoded
        begin = run.recurrent.end
        inputs = given.flat
        if run.training and self.teacher_forcing < 1:
            inputs = self._mixed(x, given, begin, parameters, state, run)
        return self._decoded(inputs, given.offsets, begin, parameters, state, run)

    def step(
        self, inputs: Any, begin: list[Any], parameters: dict[str, Any], state: dict[str, Any]
    ) -> tuple[Any, list[Any]]:
        """Return outputs for one step of each sequence, and the states after it.

        Parameters
        ----------
        inputs : array (n,) or (n, n_given)
            What the decoder is given.
        begin : list
            States before, as `RecurrentRun` has them.
        parameters, state
            As for `apply`.
        """
        run = Run()
        offsets = np.arange(len(inputs) + 1)
        outputs = self._decoded(inputs, offsets, begin, parameters, state, run)
        return outputs, run.recurrent.end

    def fed_back(self, outputs: Any) -> Any:
        """Return what outputs of a step are as inputs of the next.

        Parameters
        ----------
        outputs : array (n, n_outputs)
            Of tokens the last one is that of the end, which nothing follows.
        """
        if not self.n_given:
            return outputs[:, :-1].argmax(axis=1)
        n = self.n_given - 1
        found = resolve(outputs).xp.zeros((len(outputs), n + 1), outputs.dtype)
        found[:, :n] = outputs[:, :n]
        return found

    def _decoded(
        self, inputs: Any, offsets: Any, begin: list[Any], parameters: dict[str, Any],
        state: dict[str, Any], run: Run,
    ) -> Any:  # fmt: skip
        run.recurrent, run.offsets = RecurrentRun(begin), offsets
        return self.decoder.apply(inputs, parameters["decoder"], state.get("decoder", {}), run)

    def _mixed(
        self, x: Any, given: Any, begin: list[Any], parameters: dict[str, Any],
        state: dict[str, Any], run: Run,
    ) -> Any:  # fmt: skip
        """Return inputs some of which are the decoder's own outputs for the step before.

        No gradient goes through them, and there is no dropout on the way to them.
        """
        inputs = given.flat.copy()
        backend = resolve(inputs)
        own = 1 - self.teacher_forcing
        ones = backend.xp.ones(len(inputs), value_of(x).dtype)
        stays = backend.to_host(run.dropped(ones, own, run.next_stream())) > 0
        parameters, begin = _values(parameters), _values(begin)
        lengths = given.lengths
        going = np.arange(len(lengths))
        for t in range(int(lengths.max(initial=1)) - 1):
            still = np.flatnonzero(lengths[going] > t + 1)
            outputs, begin = self.step(
                inputs[backend.asarray(given.offsets[going] + t)], begin, parameters, state
            )
            going, begin = going[still], some_states(begin, still)
            after = given.offsets[going] + t + 1
            wrong = np.flatnonzero(~stays[after])
            fed = self.fed_back(outputs[backend.asarray(still[wrong])])
            inputs[backend.asarray(after[wrong])] = fed
        return inputs


def some_states(states: list[Any], rows: Any) -> list[Any]:
    """Return the states of some sequences.

    Parameters
    ----------
    states : list
        As `RecurrentRun` has them.
    rows : int array (n,)
        Numbers of the sequences.
    """

    def some(a: Any) -> Any:
        return a if a is None else a[resolve(a).asarray(rows)]

    return [[(some(h), some(c)) for h, c in layer] for layer in states]


def _values(a: Any) -> Any:
    """Return dicts and lists of variables as those of arrays."""
    if isinstance(a, dict):
        return {name: _values(value) for name, value in a.items()}
    if isinstance(a, list | tuple):
        return type(a)(_values(value) for value in a)
    return a if a is None else value_of(a)
