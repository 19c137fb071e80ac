"""What a network is made of, as a table."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastml.nn._field import ReceptiveField
from fastml.nn._network import Network, checked_shape
from fastml.nn.layers._containers import as_layer
from fastml.nn.layers._layer import Layer, Shape

__all__ = ["Summary", "SummaryRow", "summary"]


class SummaryRow(NamedTuple):
    """A layer of a network.

    Attributes
    ----------
    place : str
        Its number, from 0 on; with a dot for a layer in a layer.
    layer : str
        The layer, as written.
    output_shape : tuple of int
        Of one sample.
    n_parameters : int
        Its weights and biases.
    memory : int
        Bytes of its result for one sample.
    multiply_adds : int
        Multiplications with an addition for one sample.
    receptive_field : tuple of int
        How much of the input a unit sees along each spatial axis.
    """

    place: str
    layer: str
    output_shape: Shape
    n_parameters: int
    memory: int
    multiply_adds: int
    receptive_field: tuple[int, ...]


class Summary(NamedTuple):
    """What `summary` returns; printing it gives a table.

    Attributes
    ----------
    rows : list of SummaryRow
        One for each layer.
    input_shape : tuple of int
        Of one sample.
    n_parameters, multiply_adds : int
        Of all layers.
    parameter_memory, memory : int
        Bytes of all parameters, and of all results for one sample with the input.
    """

    rows: list[SummaryRow]
    input_shape: Shape
    n_parameters: int
    multiply_adds: int
    parameter_memory: int
    memory: int

    def __str__(self) -> str:
        heading = ("", "layer", "output", "parameters", "memory", "multiply-adds", "sees")
        lines = [heading, ("", "input", _by(self.input_shape), "", "", "", "")]
        lines += [
            (
                row.place, _short(row.layer), _by(row.output_shape), f"{row.n_parameters:,}",
                _size(row.memory), f"{row.multiply_adds:,}", _by(row.receptive_field),
            )
            for row in self.rows
        ]  # fmt: skip
        total = ("", "total", "", f"{self.n_parameters:,}", _size(self.memory))
        lines.append((*total, f"{self.multiply_adds:,}", ""))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [
            "  ".join(
                cell.ljust(width) if i < 2 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        rule = "-" * max(map(len, text))
        text[1:1] = [rule]
        text[-1:-1] = [rule]
        text.append(
            f"parameters take {_size(self.parameter_memory)}; memory is of one sample's results"
        )
        return "\n".join(text)


def _by(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))


def _short(text: str) -> str:
    return text if len(text) <= 48 else f"{text[:45]}..."


def _size(n_bytes: int) -> str:
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if n_bytes >= 1 << shift:
            return f"{n_bytes / (1 << shift):.1f} {unit}"
    return f"{n_bytes} B"


def summary(
    network: Network | Layer | Sequence[Layer],
    input_shape: int | Sequence[int] | None = None,
    *,
    dtype: Any = "float32",
) -> Summary:
    """Return what a network is made of, layer by layer.

    Parameters
    ----------
    network : Network, Layer or list of Layer
        The network, or what one could be made of: nothing is allocated.
    input_shape : int or tuple of int, optional
        Shape of one sample, channels last: (features,), (length, channels) or
        (height, width, channels). A `Network` has its own.
    dtype : {"float32", "float64"}, default="float32"
        What memory is counted for; a `Network` has its own.

    Returns
    -------
    Summary
        Rows as data; it prints as a table. Receptive fields end where the input does.

    Raises
    ------
    ValueError
        Without a shape, and for layers that do not fit, naming layer and shapes.

    Examples
    --------
    >>> from fastml.nn import Conv2D, Dense, Flatten, MaxPool2D, summary
    >>> layers = [Conv2D(6, 5, "relu"), MaxPool2D(2), Flatten(), Dense(10)]
    >>> print(summary(layers, (28, 28, 1)))
       layer                      output  parameters    memory  multiply-adds     sees
    ----------------------------------------------------------------------------------
       input                 28 x 28 x 1
    0  Conv2D(6, 5, 'relu')  24 x 24 x 6         156  13.5 KiB         86,400    5 x 5
    1  MaxPool2D()           12 x 12 x 6           0   3.4 KiB              0    6 x 6
    2  Flatten()                     864           0   3.4 KiB              0  28 x 28
    3  Dense(10)                      10       8,650      40 B          8,640  28 x 28
    ----------------------------------------------------------------------------------
       total                                   8,806  23.4 KiB         95,040
    parameters take 34.4 KiB; memory is of one sample's results
    """
    if isinstance(network, Network):
        if input_shape is not None:
            raise ValueError("input_shape is the network's own, and must not be given.")
        layer, shape, dtype = network.layer, network.input_shape, network.dtype
    elif input_shape is None:
        raise ValueError("input_shape must be given for layers, such as (28, 28, 1).")
    else:
        layer, shape = as_layer(network), checked_shape(input_shape)
    itemsize = np.dtype(dtype).itemsize
    sizes = shape[:-1] or shape
    rows = [
        SummaryRow(
            seen.place, _named(seen.layer), seen.output_shape, seen.n_parameters,
            itemsize * int(np.prod(seen.output_shape, dtype=np.int64)), seen.multiply_adds,
            tuple(map(min, seen.field.size, sizes)),
        )
        for seen in layer.visit(shape, ReceptiveField.of_input(len(sizes)), "")
    ]  # fmt: skip
    n_parameters = sum(row.n_parameters for row in rows)
    given = itemsize * int(np.prod(shape, dtype=np.int64))
    return Summary(
        rows,
        shape,
        n_parameters,
        sum(row.multiply_adds for row in rows),
        itemsize * n_parameters,
        given + sum(row.memory for row in rows),
    )


def _named(layer: Layer) -> str:
    return "sum of layers and shortcut" if hasattr(layer, "shortcut") else repr(layer)
