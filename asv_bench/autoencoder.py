"""Autoencoders beside PyTorch: the same layers, batches, epochs."""

import itertools

import numpy as np

from fastml.neural_network import Autoencoder

from . import common
from .mlp import ENDLESS, quiet

BATCH = 128


def rows(n, n_features):
    """Return rows within [0, 1] that have something in common."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 10)) @ rng.standard_normal((10, n_features))
    return (1 / (1 + np.exp(-X))).astype(np.float32)


class _Epochs(common.Benchmark):
    """Adam in batches of 128: rows, features, units of the encoder's layers."""

    parameters = {}

    def prepare(self, backend, size):
        n, n_features, hidden = size
        X = rows(n, n_features)
        options = {
            "batch_size": min(BATCH, n),
            "max_iter": self.count(n),
            **ENDLESS,
            **self.parameters,
        }
        self.ours = quiet(lambda: Autoencoder(hidden, **options).fit(X))
        torch = common.optional("torch")
        self.torch = None if torch is None else self.in_torch(torch, X, hidden)

    def count(self, n):
        """Return how many epochs make a fit that is worth timing."""
        return max(1, 2000 // n)

    def in_torch(self, torch, X, hidden):
        """Return a function that makes the same network, and trains it."""
        X, n_epochs = torch.from_numpy(X), self.count(len(X))

        def run():
            network = Unrolled(torch, (X.shape[1], *hidden), self.parameters)
            adam = torch.optim.Adam(network.parameters)
            for _ in range(n_epochs):
                order = torch.randperm(len(X))
                for start in range(0, len(X), BATCH):
                    loss = network.loss(X[order[start : start + BATCH]])
                    adam.zero_grad()
                    loss.backward()
                    adam.step()

        return run

    def time_ours(self, backend, size):
        self.ours()

    def track_ratio_to_torch(self, backend, size):
        return common.ratio(self.ours, self.torch)

    track_ratio_to_torch.unit = "x"


class Unrolled:
    """The network in PyTorch, by its functions."""

    def __init__(self, torch, sizes, how):
        self.torch, self.how, self.F = torch, how, torch.nn.functional
        widths = list(itertools.pairwise(sizes))
        self.encoder = [torch.nn.Linear(a, b) for a, b in widths]
        self.decoder = [torch.nn.Linear(b, a) for a, b in widths[::-1]]
        self.parameters = [p for x in (*self.encoder, *self.decoder) for p in x.parameters()]
        if how.get("tied"):
            for linear in self.decoder:
                linear.weight.requires_grad_(False)
            self.parameters = [p for p in self.parameters if p.requires_grad]

    def loss(self, x):
        """Return the mean loss of a batch, with the penalty that was asked for."""
        h, last = x, self.encoder[-1]
        shallow = len(self.encoder) == 1
        for linear in self.encoder:
            h = linear(h)
            if linear is not last or shallow:
                h = self.torch.tanh(h)
        penalty = 0
        if self.how.get("contractive"):
            norms = last.weight.square().sum(dim=1)
            penalty = self.how["contractive"] * ((1 - h * h).square() @ norms).mean()
        for i, linear in enumerate(self.decoder):
            weight = self.encoder[-1 - i].weight.T if self.how.get("tied") else linear.weight
            h = self.F.linear(h, weight, linear.bias)
            if i + 1 < len(self.decoder):
                h = self.torch.tanh(h)
        entropy = self.F.binary_cross_entropy_with_logits(h, x, reduction="sum")
        return entropy / len(x) + penalty


class Epoch(_Epochs):
    """Free weights: from small to large."""

    sizes = (
        (100, 10, (5,)), (1_000, 10, (5,)), (2_000, 64, (32, 16, 2)), (10_000, 784, (256, 64)),
    )  # fmt: skip
    parameters = {"activation": "tanh", "alpha": 0.0}


class Tied(_Epochs):
    """The encoder's weights in the decoder too."""

    sizes = ((1_000, 10, (5,)), (10_000, 784, (256, 64)))
    parameters = {"activation": "tanh", "alpha": 0.0, "tied": True}


class Contractive(_Epochs):
    """The norm of the Jacobian of one layer, which PyTorch is given in closed form."""

    sizes = ((1_000, 64, (32,)), (5_000, 784, (256,)))
    parameters = {"activation": "tanh", "alpha": 0.0, "contractive": 0.1}
