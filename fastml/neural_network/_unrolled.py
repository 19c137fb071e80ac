"""An encoder and a decoder as one network, whose dense layers may share their weights."""

from typing import Any, NamedTuple

from fastml.neural_network._contraction import contraction
from fastml.nn import Network
from fastml.nn.functional._dense_nodes import linear
from fastml.nn.layers import Dense, Layer, Parameter, Run, Sequential
from fastml.nn.layers._activation import activation_function
from fastml.nn.layers._layer import Shape

__all__ = ["Coded", "Unrolled", "joined", "parted"]


# Names of the parts' parameters in a network whose only layer is `Unrolled`.
ENCODER, DECODER = "0.encoder", "0.decoder"


class Coded(NamedTuple):
    """What an autoencoder makes of a batch in training.

    Attributes
    ----------
    sums : Variable (n, ...)
        Of the last layer of the decoder.
    code : Variable (n, ...)
        What the encoder puts out.
    contraction : Variable (n,) or None
        Squared Frobenius norm of the encoder's Jacobian for each row, where it is wanted.
    """

    sums: Any
    code: Any
    contraction: Any


class Unrolled(Layer):
    """An encoder, and a decoder behind it.

    Parameters
    ----------
    encoder, decoder : list of Layer
        From the input on, and from the code on.
    tied : bool, default=False
        Whether the decoder's dense layers have the weights of the encoder's, transposed and in
        opposite order. Both uses of them add to their gradient.
    contractive : bool, default=False
        Whether `Coded.contraction` is wanted.
    """

    def __init__(
        self,
        encoder: list[Layer],
        decoder: list[Layer],
        tied: bool = False,
        contractive: bool = False,
    ) -> None:
        self.encoder = Sequential(encoder)
        self.decoder = Sequential(decoder)
        self.tied = tied
        self.contractive = contractive

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        return self.decoder.output_shape(self.encoder.output_shape(input_shape))

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        """Return what is known of the parameters of all layers; see `Layer.parameters`."""
        of_decoder = self.decoder.parameters(self.encoder.output_shape(input_shape))
        if self.tied:
            of_decoder = {name: a for name, a in of_decoder.items() if not _is_weight(name)}
        return _named("encoder", self.encoder.parameters(input_shape)) | _named(
            "decoder", of_decoder
        )

    def state(self, input_shape: Shape) -> dict[str, Any]:
        """Return the state of all layers at first; see `Layer.state`."""
        of_decoder = self.decoder.state(self.encoder.output_shape(input_shape))
        return _named("encoder", self.encoder.state(input_shape)) | _named("decoder", of_decoder)

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the sums of the last layer; in training `Coded`."""
        of_encoder, its_state = parameters.get("encoder", {}), state.get("encoder", {})
        code, norms = None, None
        if self.contractive and run.training:
            code, norms = contraction(self.encoder.layers, x, of_encoder, its_state)
        if code is None or not all(isinstance(layer, Dense) for layer in self.encoder.layers):
            # Noise, dropout and statistics of the batch are not in a code that predicts.
            code = self.encoder.apply(x, of_encoder, its_state, run)
        of_decoder = parameters.get("decoder", {})
        if self.tied:
            sums = self._mirrored(code, of_encoder, of_decoder, run)
        else:
            sums = self.decoder.apply(code, of_decoder, state.get("decoder", {}), run)
        return Coded(sums, code, norms) if run.training else sums

    def _mirrored(
        self, x: Any, of_encoder: dict[str, Any], of_decoder: dict[str, Any], run: Run
    ) -> Any:
        """Return what the decoder makes of codes with the encoder's weights."""
        weights = [given["weight"] for given in of_encoder.values()]
        for i, layer in enumerate(self.decoder.layers):
            if isinstance(layer, Dense):
                sums = linear(x, weights.pop()) + of_decoder[str(i)]["bias"]
                x = activation_function(layer.activation)(sums)
            else:
                x = layer.apply(x, {}, {}, run)
        return x


def joined(unrolled: Network, encoder: Network, decoder: Network) -> None:
    """Set the parameters and state of a network of both to those of an encoder and a decoder.

    Parameters
    ----------
    unrolled, encoder, decoder : Network
        On the host.

    Raises
    ------
    ValueError
        If they have other layers.
    """
    layer: Any = unrolled.layer.layers[0]
    for part, network in ((ENCODER, encoder), (DECODER, decoder)):
        names = [n for n in unrolled.views if n.startswith(part)]
        shapes = {n.removeprefix(f"{part}."): unrolled.views[n].shape for n in names}
        there = {name: value.shape for name, value in network.views.items()}
        free = part == ENCODER or not layer.tied
        if {name: there.get(name) for name in shapes} != shapes or (free and there != shapes):
            raise ValueError(
                "Training cannot go on with other layers: the weights fitted before have shapes "
                f"{there}, the {part[2:]} needs {shapes}."
            )
        for name, value in network.views.items():
            if name in shapes:
                unrolled.views[f"{part}.{name}"][...] = value
        for name, value in network.state.items():
            unrolled.state[f"{part}.{name}"][...] = value


def parted(unrolled: Network, encoder: Network, decoder: Network) -> None:
    """Do the opposite of `joined`.

    Parameters
    ----------
    unrolled : Network
        Anywhere.
    encoder, decoder : Network
        On the host.
    """
    host = unrolled.backend.to_host
    views, state = unrolled.split(host(unrolled.flat)), unrolled.state
    shared = [a.T for name, a in views.items() if _is_weight(name)]
    for part, network in ((ENCODER, encoder), (DECODER, decoder)):
        for name, value in network.views.items():
            given = views.get(f"{part}.{name}")
            value[...] = shared.pop() if given is None else given
        for name, value in network.state.items():
            value[...] = host(state[f"{part}.{name}"])


def _is_weight(name: str) -> bool:
    return name.rpartition(".")[2] == "weight"


def _named(part: str, given: dict[str, Any]) -> dict[str, Any]:
    return {f"{part}.{name}": value for name, value in given.items()}
