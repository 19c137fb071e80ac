"""The computation graph beside PyTorch: cost of a node, a gradient step, memory on the way back."""

import tracemalloc

import numpy as np

from fastml import autodiff as ad

from . import common

torch = common.optional("torch")


def chain(x, length):
    y = x
    for _ in range(length // 2):
        y = y * x + x
    return y


class Overhead(common.Benchmark):
    """Forward and backward through a chain of one-element nodes."""

    sizes = (10, 1000)

    def prepare(self, backend, size):
        x = ad.variable(np.array([0.5]))
        self.ours = lambda: chain(x, size).backward()
        self.peer = None
        if torch is not None:
            t = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
            self.peer = lambda: chain(t, size).backward()

    def time_chain(self, backend, size):
        self.ours()

    def track_ratio_to_torch(self, backend, size):
        return common.ratio(self.ours, self.peer)

    track_ratio_to_torch.unit = "x"


class LogisticStep(common.Benchmark):
    """Gradient steps of logistic regression over an epoch of batches of 100 rows."""

    sizes = ((1000, 100),)

    def prepare(self, backend, size):
        rng = np.random.default_rng(0)
        X = rng.standard_normal(size)
        y = (X[:, 0] + 0.1 * rng.standard_normal(len(X)) > 0).astype(float)
        batches = [slice(i, i + 100) for i in range(0, len(X), 100)]

        def ours():
            w = np.zeros(size[1])
            for rows in batches:
                v = ad.variable(w)
                s = X[rows] @ v
                ad.mean(ad.softplus(s) - y[rows] * s).backward()
                w = w - 0.1 * v.grad
            return w

        self.ours, self.peer = ours, None
        if torch is not None:
            features, targets = torch.tensor(X), torch.tensor(y)

            def peer():
                w = torch.zeros(size[1], dtype=torch.float64, requires_grad=True)
                for rows in batches:
                    s = features[rows] @ w
                    loss = torch.nn.functional.binary_cross_entropy_with_logits(s, targets[rows])
                    (gradient,) = torch.autograd.grad(loss, w)
                    with torch.no_grad():
                        w -= 0.1 * gradient
                return w

            self.peer = peer

    def time_epoch(self, backend, size):
        self.ours()

    def track_ratio_to_torch(self, backend, size):
        return common.ratio(self.ours, self.peer)

    def track_difference_to_torch(self, backend, size):
        return float(np.abs(self.ours() - self.peer().detach().numpy()).max()) if torch else np.nan

    track_ratio_to_torch.unit = "x"


class BackwardMemory(common.Benchmark):
    """Most memory that a backward pass takes, in arrays of the size of one node."""

    sizes = (100_000,)

    def prepare(self, backend, size):
        self.ours = lambda: None
        x = ad.variable(np.ones(size))
        y = x
        for _ in range(30):
            y = ad.exp(-y)
        self.loss = ad.sum(y)

    def track_arrays(self, backend, size):
        tracemalloc.start()
        self.loss.backward()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak / (8 * size)
