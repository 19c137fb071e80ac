"""Convolutional networks by name, made for images of any size."""

from collections.abc import Callable

from fastml.nn.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    MaxPool2D,
    Residual,
)

__all__ = ["ARCHITECTURES"]


def _sides(shape: tuple[int, ...], size: int) -> int | tuple[int, int]:
    """Return the sides of a window: a size, but no more than there are places along an axis."""
    height, width = min(size, shape[0]), min(size, shape[1])
    return height if height == width else (height, width)


class _Growing:
    """Layers, and the shape that they make."""

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        self.layers: list[Layer] = []
        self.shape = input_shape

    def add(self, *layers: Layer) -> None:
        """Put layers behind."""
        for layer in layers:
            self.layers.append(layer)
            self.shape = layer.output_shape(self.shape)

    @property
    def longest(self) -> int:
        """Return the longer side of the image."""
        return max(self.shape[:2])


def small(input_shape: tuple[int, ...]) -> list[Layer]:
    """Return convolutions of 3 x 3 with layer normalisation, and pooling, as the size has room.

    Nothing in it depends on other samples of a batch. Pooling goes on, up to three times, until no
    side is longer than 2.

    Parameters
    ----------
    input_shape : tuple of int
        Height, width and channels.
    """
    net = _Growing(input_shape)
    filters = 16
    net.add(*_convolution(net.shape, filters))
    for _ in range(3):
        if net.longest <= 2 and filters > 16:
            break
        filters *= 2
        net.add(*_convolution(net.shape, filters))
        if net.longest > 1:
            net.add(MaxPool2D(_sides(net.shape, 2)))
    return net.layers


def _convolution(shape: tuple[int, ...], filters: int) -> list[Layer]:
    # The bias is for the layer norm to add.
    convolution = Conv2D(filters, _sides(shape, 3), padding="same", bias=False)
    return [convolution, LayerNorm(), Activation("relu")]


def lenet(input_shape: tuple[int, ...]) -> list[Layer]:
    """Return LeNet-5, with full connections between its maps.

    Parameters
    ----------
    input_shape : tuple of int
        Height, width and channels.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86, 1998, figure 2.
    """
    net = _Growing(input_shape)
    # Images of 28 x 28 were padded to 32 x 32; smaller ones keep their size.
    for filters, padding in ((6, "same"), (16, "valid")):
        kernel = _sides(net.shape, 5)
        fits = net.longest >= 10
        net.add(Conv2D(filters, kernel, "tanh", padding=padding if fits else "same"))
        if net.longest > 1:
            net.add(AvgPool2D(_sides(net.shape, 2)))
    net.add(Flatten(), Dense(120, "tanh"), Dense(84, "tanh"))
    return net.layers


def residual(input_shape: tuple[int, ...]) -> list[Layer]:
    """Return three pairs of residual blocks with batch normalisation, and the mean over places.

    Parameters
    ----------
    input_shape : tuple of int
        Height, width and channels.

    References
    ----------
    K. He et al., "Deep residual learning for image recognition", CVPR 2016, section 4.2.
    """
    net = _Growing(input_shape)
    three = _sides(input_shape, 3)
    net.add(Conv2D(16, three, padding="same", bias=False), BatchNorm(), Activation("relu"))
    for filters in (16, 32, 64):
        for first in (True, False):
            halved = first and filters > 16
            stride = tuple(2 if halved and side > 1 else 1 for side in net.shape[:2])
            net.add(_block(net.shape, filters, stride))
    net.add(GlobalAvgPool())
    return net.layers


def _block(shape: tuple[int, ...], filters: int, stride: tuple[int, ...]) -> Layer:
    kernel = _sides(shape, 3)
    inner: list[Layer] = [
        Conv2D(filters, kernel, stride=stride, padding="same", bias=False),
        BatchNorm(),
        Activation("relu"),
        Conv2D(filters, kernel, padding="same", bias=False),
        BatchNorm(),
    ]
    changed = filters != shape[-1] or max(stride) > 1
    return Residual(inner, "relu", shortcut="projection" if changed else None)


ARCHITECTURES: dict[str, Callable[[tuple[int, ...]], list[Layer]]] = {
    "small": small,
    "lenet": lenet,
    "residual": residual,
}
