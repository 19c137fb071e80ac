"""What a layer is: parameters, shapes and a function; and what a run of a network knows."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from fastml.autodiff._variable import value_of
from fastml.backends import resolve
from fastml.nn._description import Description
from fastml.nn._field import ReceptiveField
from fastml.nn.functional._dropout import node as dropout_node
from fastml.nn.initializers import Initializer

__all__ = ["Layer", "Parameter", "Run", "Shape", "Visit", "checked_axes"]

Shape = tuple[int, ...]

# Streams of the generator below this one are for other purposes than masks.
FIRST_MASK = 1 << 16


class Parameter(NamedTuple):
    """What a layer says of one of its arrays of parameters.

    Attributes
    ----------
    shape : tuple of int
        Of the array.
    initializer : Initializer
        What it starts with.
    fan_in, fan_out : int
        How many inputs a unit sums over, and how many units an input goes to.
    penalized : bool
        Whether penalties on weights are for it: not for biases.
    """

    shape: Shape
    initializer: Initializer
    fan_in: int
    fan_out: int
    penalized: bool = True


class Visit(NamedTuple):
    """What is known of a layer at its place in a network.

    Attributes
    ----------
    place : str
        Its name: "0", or "2.1" in a layer of layers.
    layer : Layer
        The layer.
    input_shape, output_shape : tuple of int
        Of one sample.
    n_parameters, multiply_adds : int
        Its own, of layers in it not.
    field : ReceptiveField
        What its units see of the network's input.
    """

    place: str
    layer: "Layer"
    input_shape: Shape
    output_shape: Shape
    n_parameters: int
    multiply_adds: int
    field: ReceptiveField


class Run:
    """What layers may know of the pass through a network that they are applied in.

    Made anew for every pass.

    Parameters
    ----------
    training : bool, default=False
        Whether layers behave as in training: statistics of the batch, masks of dropout.
    seed : int, default=0
        Key of the generator of masks.
    step : int, default=0
        Number of the step of training; another one draws other masks. Below 2**32.
    masks : bool, default=False
        Whether dropout draws its masks without `training` too: one member of the ensemble that
        dropout is.
    lengths : (n,) ndarray of int, optional
        Numbers of elements of the sequences of the batch, whose ends are padded; None where each
        is as long as the batch.

    Attributes
    ----------
    offsets : (n + 1,) int64 ndarray or None
        Where the sequences of a batch begin whose elements are rows one after the other, as
        `fastml.nn.Sequences` has them: what layers are given is then (n_rows, ...). The layer that
        makes one row of each sequence sets it to None.
    given : Sequences or None
        What a decoder is given beside the network's input.
    recurrent : RecurrentRun or None
        What else recurrent layers are told, and tell.
    trees : TreeBatch or None
        The trees of a batch, whose nodes are rows one after the other as the elements of sequences
        are. The layer that makes one row of each tree sets it to None, and `offsets` too.
    updates : list of (array, array)
        State of layers, and what it becomes: batch normalisation adds to it in training.
    """

    __slots__ = (
        "given", "lengths", "masks", "n_streams", "offsets", "recurrent", "seed", "step",
        "training", "trees", "updates",
    )  # fmt: skip

    def __init__(
        self,
        training: bool = False,
        seed: int = 0,
        step: int = 0,
        masks: bool = False,
        lengths: Any = None,
    ) -> None:
        self.training = training
        self.seed = seed
        self.step = step
        self.masks = masks or training
        self.lengths = lengths
        self.offsets: Any = None
        self.given: Any = None
        self.recurrent: Any = None
        self.trees: Any = None
        self.updates: list[tuple[Any, Any]] = []
        self.n_streams = 0

    def next_stream(self, n: int = 1) -> int:
        """Return the stream of the next layer that draws, by its place in the network.

        Parameters
        ----------
        n : int, default=1
            How many streams, one after another, the layer needs.
        """
        self.n_streams += n
        return FIRST_MASK + self.n_streams - n

    def dropped(self, x: Any, rate: float, stream: int, alike: bool = False) -> Any:
        """Return values with some set to 0, and the others divided by the share that is left.

        Parameters
        ----------
        x : array or Variable
            Values.
        rate : float
            The probability to become 0.
        stream : int
            Of the layer.
        alike : bool, default=False
            Whether all that is along the first axis has the same mask.
        """
        how = {"p": rate, "seed": self.seed, "stream": stream, "step": self.step}
        if not alike:
            return dropout_node(x, **how)
        value = value_of(x)
        return x * dropout_node(resolve(value).xp.ones(value.shape[1:], value.dtype), **how)


class Layer(Description):
    """A description of a function, of its parameters and of the shapes it takes; without arrays.

    Shapes are those of one sample, channels last: (features,), (length, channels) or
    (height, width, channels).

    Attributes
    ----------
    by_step : bool
        Whether it takes sequences of several lengths, as rows one after the other: it treats each
        step on its own, or knows of `Run.offsets`.
    """

    by_step = False

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result.

        Parameters
        ----------
        input_shape : tuple of int
            Of one sample.

        Returns
        -------
        tuple of int

        Raises
        ------
        ValueError
            If the layer does not take it.
        """
        return input_shape

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        """Return what is known of each array of parameters, by name.

        Parameters
        ----------
        input_shape : tuple of int
            Of one sample.
        """
        return {}

    def state(self, input_shape: Shape) -> dict[str, Any]:
        """Return arrays that training changes without a gradient, as they are at first, by name.

        Parameters
        ----------
        input_shape : tuple of int
            Of one sample.
        """
        return {}

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch.

        Parameters
        ----------
        x : array or Variable (n, *input_shape)
            The batch.
        parameters : dict of arrays or Variables
            By the names of `parameters`; those of layers in layers in a dict of their own.
        state : dict of arrays
            By the names of `state`, likewise.
        run : Run
            What is known of this pass.

        Returns
        -------
        array or Variable (n, *output_shape)
        """
        raise NotImplementedError

    def multiply_adds(self, input_shape: Shape) -> int:
        """Return the number of multiplications with an addition for one sample.

        Parameters
        ----------
        input_shape : tuple of int
            Of one sample.
        """
        return 0

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the network's input.

        Parameters
        ----------
        field : ReceptiveField
            What the values that come in see of it.
        input_shape : tuple of int
            Of one sample.
        """
        return field

    def visit(self, input_shape: Shape, field: ReceptiveField, place: str) -> Iterator[Visit]:
        """Yield what is known of the layers in this one, and of itself last.

        Parameters
        ----------
        input_shape : tuple of int
            Of one sample.
        field : ReceptiveField
            What the values that come in see of the network's input.
        place : str
            Of this layer.
        """
        parameters = self.parameters(input_shape).values()
        yield Visit(
            place, self, input_shape, self.output_shape(input_shape),
            sum(math.prod(about.shape) for about in parameters), self.multiply_adds(input_shape),
            self.field(field, input_shape),
        )  # fmt: skip

    def apply_until(
        self,
        path: Sequence[str],
        x: Any,
        parameters: dict[str, Any],
        state: dict[str, Any],
        run: Run,
    ) -> Any:
        """Return what a layer in this one makes of a batch.

        Parameters
        ----------
        path : sequence of str
            Its place in this one; empty for this one.
        x, parameters, state, run
            As for `apply`.
        """
        if path:
            raise ValueError(f"{type(self).__name__} has no layers in it.")
        return self.apply(x, parameters, state, run)


def checked_axes(input_shape: Shape, n_axes: int) -> None:
    """Refuse samples that have not so many spatial axes and one of channels.

    Parameters
    ----------
    input_shape : tuple of int
        Of one sample.
    n_axes : int
        Number of spatial axes: 1 or 2.
    """
    if len(input_shape) != n_axes + 1:
        wanted = "(length, channels)" if n_axes == 1 else "(height, width, channels)"
        raise ValueError(f"expected an input of shape {wanted}, got {input_shape}.")
