"""Windows that move along axes: of convolutions and of pooling."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fastml.nn._description import integer
from fastml.nn.functional._window import _size

__all__ = ["Window", "check_groups", "checked_padding", "pairs", "spatial_output", "windows"]


class Window(NamedTuple):
    """How a convolution or pooling moves along one axis.

    Attributes
    ----------
    kernel, stride, dilation : int
        Number of taps, distance of successive outputs, distance of taps.
    before, after : int
        How many values are put in front and behind.
    ceil_mode : bool
        Whether a last window may reach over the end; one that would begin there is left out.
    """

    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    ceil_mode: bool = False

    @property
    def extent(self) -> int:
        """How far from its first tap the last one is, and one more."""
        return self.dilation * (self.kernel - 1) + 1

    def output_size(self, size: int) -> int:
        """Return the number of outputs of `size` inputs; not positive where none fits.

        Parameters
        ----------
        size : int
            Length of the axis.
        """
        ends = (self.before, self.after)
        return _size(size, self.kernel, self.stride, self.dilation, ends, self.ceil_mode)


def pairs(name: str, value: Any, n_axes: int, low: int = 1) -> tuple[int, ...]:
    """Return one integer for each spatial axis.

    Parameters
    ----------
    name : str
        What errors call it.
    value : int or sequence of int
        One for all axes, or one each.
    n_axes : int
        Number of spatial axes.
    low : int, default=1
        The least allowed.
    """
    given = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else None
    if given is None:
        given = (value,) * n_axes
    if len(given) != n_axes:
        raise ValueError(f"{name} must be an integer or {n_axes} of them, got {value!r}.")
    return tuple(integer(name, v, low) for v in given)


def checked_padding(padding: Any, n_axes: int) -> Any:
    """Return "same", "valid", or an amount for each spatial axis.

    Parameters
    ----------
    padding : {"same", "valid"}, int or sequence of int
        As layers take it.
    n_axes : int
        Number of spatial axes.
    """
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(
                f"padding must be 'same', 'valid', an integer or {n_axes} of them, got {padding!r}."
            )
        return padding
    return pairs("padding", padding, n_axes, low=0)


def windows(
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Any,
    dilation: Sequence[int],
    ceil_mode: bool = False,
) -> list[Window]:
    """Return the window of each spatial axis.

    Parameters
    ----------
    sizes : sequence of int
        Of the input's spatial axes, which padding "same" depends on: it makes ceil(size / stride)
        outputs, with the odd value put behind.
    kernel, stride, dilation : sequence of int
        One for each axis.
    padding : {"same", "valid"} or sequence of int
        As `checked_padding` returns it.
    ceil_mode : bool, default=False
        See `Window`.
    """
    found = []
    for i, size in enumerate(sizes):
        window = Window(kernel[i], stride[i], dilation[i], ceil_mode=ceil_mode)
        if padding == "same":
            n = -(-size // window.stride)
            total = max((n - 1) * window.stride + window.extent - size, 0)
            window = window._replace(before=total // 2, after=total - total // 2)
        elif padding != "valid":
            window = window._replace(before=padding[i], after=padding[i])
        found.append(window)
    return found


def spatial_output(sizes: Sequence[int], made: Sequence[Window]) -> tuple[int, ...]:
    """Return the sizes of spatial axes behind windows.

    Parameters
    ----------
    sizes : sequence of int
        Before them.
    made : sequence of Window
        One for each axis.

    Raises
    ------
    ValueError
        If a window does not fit.
    """
    found = tuple(w.output_size(size) for w, size in zip(made, sizes, strict=True))
    if min(found, default=1) < 1:
        extent = " x ".join(str(w.extent) for w in made)
        padded = " x ".join(str(n + w.before + w.after) for n, w in zip(sizes, made, strict=True))
        raise ValueError(
            f"a window of {extent} does not fit into an input of {padded} (with padding)."
        )
    return found


def check_groups(in_channels: int, out_channels: int, groups: int) -> None:
    """Refuse groups that channels cannot be split into.

    Parameters
    ----------
    in_channels, out_channels, groups : int
        Positive.
    """
    integer("groups", groups)
    if in_channels % groups or out_channels % groups:
        raise ValueError(
            f"groups={groups} must divide the {in_channels} channels of the input and the "
            f"{out_channels} of the output."
        )
