"""Steps of networks of dense layers, written out, beside PyTorch's loop and scikit-learn's fit.

A step: dense layers with rectifiers, the cross-entropy of a softmax, the backward pass, Adam over
one flat array. An epoch of 10000 x 784 float32 has 78 of them at 128 samples each. Work of one:
6 n (784 h + 10 h) operations less those of the gradient by the data, 4 n 784 h + 6 n 10 h; Adam
reads and writes 7 numbers for each of 784 h parameters.
"""

import itertools
import warnings

import numpy as np

from fastml import losses
from fastml.nn import Dense, Network
from fastml.nn.layers import Run
from fastml.nn.optimizers import AdamOptimizer

from . import common

torch = common.optional("torch")
N_FEATURES, N_CLASSES = 784, 10
# Hidden layers, samples of a batch, samples of an epoch.
SIZES = (
    ((256,), 128, 10_000),
    ((32,), 128, 10_000),
    ((256, 256), 128, 10_000),
    ((256,), 1, 300),
    ((256,), 32, 4000),
    ((256,), 1000, 10_000),
)


def ours(X, y, hidden, batch_size, backend):
    network = Network([*(Dense(n, "relu") for n in hidden), Dense(N_CLASSES)], N_FEATURES)
    network.to(backend)
    X, y = backend.asarray(X), backend.asarray(y)
    optimizer = AdamOptimizer([network.flat])
    gradient = backend.empty(network.flat.shape, network.flat.dtype)
    rng = np.random.default_rng(0)

    def epoch():
        order = backend.asarray(rng.permutation(len(X)))
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            network.loss_and_gradient(
                X[rows], y[rows], losses.softmax_cross_entropy, Run(True), gradient
            )
            optimizer.update_params([network.flat], [gradient])
        backend.synchronize()

    return epoch


def theirs(X, y, hidden, batch_size, **how):
    widths = (N_FEATURES, *hidden)
    layers = []
    for n_in, n_out in itertools.pairwise(widths):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], N_CLASSES))
    optimizer = torch.optim.Adam(network.parameters(), **how)
    X, y = torch.from_numpy(X), torch.from_numpy(y)

    def epoch():
        order = torch.randperm(len(X))
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(X[rows]), y[rows]).backward()
            optimizer.step()

    return epoch


def scikit_learn(X, y, hidden, batch_size):
    from sklearn.neural_network import MLPClassifier

    def epoch():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            MLPClassifier(hidden, batch_size=batch_size, max_iter=1, alpha=0).fit(X, y)

    return epoch


class Epoch(common.Benchmark):
    """An epoch of mini-batches in random order."""

    sizes = SIZES

    def prepare(self, backend, size):
        from fastml.backends import resolve

        hidden, batch_size, n = size
        rng = np.random.default_rng(0)
        X = rng.random((n, N_FEATURES), np.float32)
        y = rng.integers(0, N_CLASSES, n)
        self.ours = ours(X, y, hidden, batch_size, resolve(backend=backend))
        self.torch = self.fused = None
        if torch is not None:
            self.torch = theirs(X, y, hidden, batch_size)
            self.fused = theirs(X, y, hidden, batch_size, fused=True)
        self.sklearn = scikit_learn(X, y, hidden, batch_size)

    def time_epoch(self, backend, size):
        self.ours()

    def track_ratio_to_torch(self, backend, size):
        return common.ratio(self.ours, self.torch)

    def track_ratio_to_torch_fused_adam(self, backend, size):
        return common.ratio(self.ours, self.fused)

    def track_ratio_to_sklearn(self, backend, size):
        return common.ratio(self.ours, self.sklearn)

    track_ratio_to_torch.unit = "x"
    track_ratio_to_torch_fused_adam.unit = "x"
    track_ratio_to_sklearn.unit = "x"
