"""Recurrent layers beside PyTorch: forward, both ways, and sequences of many lengths."""

import numpy as np

from fastml import autodiff as ad
from fastml.nn import functional as F

from . import common

torch = common.optional("torch")

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
# Kind, sequences, steps, features, units. Of several lengths: from a twentieth of the steps on.
WHOLE = (
    ("lstm", 64, 100, 64, 128), ("lstm", 16, 200, 32, 256), ("lstm", 1, 50, 8, 32),
    ("lstm", 32, 20, 16, 32), ("gru", 64, 100, 64, 128), ("rnn", 64, 100, 64, 128),
)  # fmt: skip
RAGGED = (("lstm", 64, 200, 64, 128), ("gru", 64, 200, 64, 128))


class Forward(common.Benchmark):
    """float32 sequences, batch first."""

    sizes = WHOLE
    both, ragged = False, False

    def prepare(self, backend, size):
        kind, n, n_steps, n_features, n_units = size
        rng = np.random.default_rng(0)
        width = GATES[kind] * n_units
        shapes = ((width, n_features), (width, n_units), (width,), (width,))
        weights = [
            (rng.uniform(-1, 1, shape) / n_units**0.5).astype(np.float32) for shape in shapes
        ]
        lengths = np.full(n, n_steps)
        if self.ragged:
            lengths = rng.integers(n_steps // 20, n_steps + 1, n)
        rows = rng.standard_normal((lengths.sum(), n_features)).astype(np.float32)
        offsets = np.append(0, np.cumsum(lengths))
        function = getattr(F, kind)

        def run(x, weights):
            if self.ragged:
                return function((x, offsets), [weights])[0]
            return function(x, [weights], batch_first=True)[0]

        x = rows if self.ragged else rows.reshape(n, n_steps, n_features)
        seed = np.ones((*x.shape[:-1], n_units), np.float32)

        def both_ways():
            leaves = [ad.variable(a) for a in (x, *weights)]
            run(leaves[0], leaves[1:]).backward(seed, free=True)

        self.ours = both_ways if self.both else lambda: run(x, weights)
        self.peer = self.of_torch(kind, np.split(rows, offsets[1:-1]), weights)

    def of_torch(self, kind, sequences, weights):
        """Return a run of PyTorch's module, on packed sequences where lengths differ."""
        if torch is None:
            return None
        n_features, n_units = weights[0].shape[1], weights[1].shape[1]
        module = getattr(torch.nn, kind.upper())(n_features, n_units, batch_first=True)
        with torch.no_grad():
            for parameter, a in zip(module.parameters(), weights, strict=True):
                parameter.copy_(torch.from_numpy(a))
        tensors = [torch.from_numpy(s.copy()) for s in sequences]
        if self.ragged:
            x = torch.nn.utils.rnn.pack_sequence(tensors, enforce_sorted=False)
            data = x.data
        else:
            x = data = torch.stack(tensors)

        def forward():
            with torch.no_grad():
                return module(x)

        def both_ways():
            given = data.detach().requires_grad_()
            out = module(x._replace(data=given) if self.ragged else given)[0]
            out = out.data if self.ragged else out
            out.backward(torch.ones_like(out))
            module.zero_grad()

        return both_ways if self.both else forward

    def time_run(self, backend, size):
        self.ours()

    def track_ratio_to_torch(self, backend, size):
        return common.ratio(self.ours, self.peer, budget=2.0)


class ForwardAndBackward(Forward):
    """The same, and the gradients by input and weights."""

    both = True


class Ragged(Forward):
    """Sequences of many lengths, packed."""

    sizes = RAGGED
    ragged = True


class RaggedBothWays(Ragged):
    """The same, and the gradients."""

    both = True
