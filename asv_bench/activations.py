"""Activations and losses beside PyTorch: forward and backward, small arrays and large."""

import numpy as np

from fastml import activations, losses
from fastml import autodiff as ad

from . import common

torch = common.optional("torch")

NAMES = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "softplus")


def both_ways(function, x, seed):
    """Return a run of a function of one array, forward and backward."""

    def run():
        v = ad.variable(x)
        return ad.gradients(function(v), [v], seed)[0]

    return run


def both_ways_of_torch(function, x, seed):
    """Return the same by PyTorch; None where it is not installed."""
    if torch is None:
        return None
    given = torch.from_numpy(seed)

    def run():
        v = torch.from_numpy(x).requires_grad_()
        return torch.autograd.grad(function(v), v, given)[0]

    return run


class Elementwise(common.Benchmark):
    """Each activation of float32 arrays, forward and backward."""

    sizes = tuple((name, 10**i) for name in NAMES for i in range(2, 8))

    def prepare(self, backend, size):
        name, n = size
        rng = np.random.default_rng(0)
        x, seed = (rng.standard_normal(n).astype(np.float32) for _ in range(2))
        self.ours = both_ways(getattr(activations, name), x, seed)
        theirs = None if torch is None else getattr(torch.nn.functional, name)
        self.peer = both_ways_of_torch(theirs, x, seed)

    def time_both_ways(self, backend, size):
        self.ours()

    def track_ratio_to_torch(self, backend, size):
        return common.ratio(self.ours, self.peer, budget=1.0)

    track_ratio_to_torch.unit = "x"


class Softmax(Elementwise):
    """Softmax of rows, forward and backward."""

    sizes = ((1000, 10), (128, 1000), (10_000, 100))

    def prepare(self, backend, size):
        rng = np.random.default_rng(0)
        x, seed = (rng.standard_normal(size).astype(np.float32) for _ in range(2))
        self.ours = both_ways(activations.softmax, x, seed)
        self.peer = both_ways_of_torch(lambda v: torch.softmax(v, -1), x, seed)


class SoftmaxCrossEntropy(Elementwise):
    """Mean cross-entropy of labels and logits, and its gradient."""

    sizes = ((100, 10), (1000, 10), (128, 1000), (100_000, 10))

    def prepare(self, backend, size):
        rng = np.random.default_rng(0)
        x = rng.standard_normal(size).astype(np.float32)
        labels, seed = rng.integers(0, size[1], size[0]), np.ones((), np.float32)
        self.ours = both_ways(lambda v: losses.softmax_cross_entropy(v, labels), x, seed)
        self.peer = None
        if torch is not None:
            cross_entropy, targets = torch.nn.functional.cross_entropy, torch.from_numpy(labels)
            self.peer = both_ways_of_torch(lambda v: cross_entropy(v, targets), x, seed)


class Squared(Elementwise):
    """Mean squared loss, and its gradient."""

    sizes = ((100, 1), (1000, 10), (1_000_000, 1))

    def prepare(self, backend, size):
        rng = np.random.default_rng(0)
        x, t = (rng.standard_normal(size).astype(np.float32) for _ in range(2))
        seed = np.ones((), np.float32)
        self.ours = both_ways(lambda v: losses.squared(v, t), x, seed)
        self.peer = None
        if torch is not None:
            mse, targets = torch.nn.functional.mse_loss, torch.from_numpy(t)
            self.peer = both_ways_of_torch(lambda v: 0.5 * mse(v, targets), x, seed)
