"""Pooling beside PyTorch in its best layout: forward and backward, large images and small."""

import numpy as np

from fastml import autodiff as ad
from fastml.nn import functional as F

from . import common

torch = common.optional("torch")

IMAGES = (
    (32, 64, 56, 56), (64, 32, 28, 28), (128, 1, 28, 28), (128, 3, 32, 32), (1, 64, 56, 56),
    (1, 1, 28, 28),
)  # fmt: skip
WINDOWS = ((2, 2, 0), (3, 2, 1))
NAMES = ("max_pool2d", "avg_pool2d")


def of_torch(name, x, window, both):
    """Return runs of PyTorch's function in either layout; backward too, if asked for."""
    if torch is None:
        return ()
    function, runs = getattr(torch.nn.functional, name), []
    for layout in (torch.contiguous_format, torch.channels_last):
        given = torch.from_numpy(x).contiguous(memory_format=layout)

        def forward(given=given):
            with torch.no_grad():
                return function(given, *window)

        seed = torch.ones_like(forward())

        def both_ways(given=given, seed=seed):
            v = given.detach().requires_grad_()
            return torch.autograd.grad(function(v, *window), v, seed)[0]

        runs.append(both_ways if both else forward)
    return runs


class Forward(common.Benchmark):
    """Maxima and means of float32 images, in channels-last layout."""

    sizes = tuple((n, s, w) for n in NAMES for s in IMAGES for w in WINDOWS)
    both = False

    def prepare(self, backend, size):
        name, shape, window = size
        x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        last, function = np.ascontiguousarray(x.transpose(0, 2, 3, 1)), getattr(F, name)
        seed = np.ones_like(function(last, *window, layout="NHWC"))

        def forward():
            return function(last, *window, layout="NHWC")

        def both_ways():
            v = ad.variable(last)
            return ad.gradients(function(v, *window, layout="NHWC"), [v], seed)[0]

        self.ours = both_ways if self.both else forward
        self.peers = of_torch(name, x, window, self.both)

    def time_run(self, backend, size):
        self.ours()

    def track_ratio_to_torch(self, backend, size):
        """The smaller of the ratios to both of PyTorch's layouts."""
        return min(common.ratio(self.ours, peer, budget=1.0) for peer in self.peers or (None,))

    track_ratio_to_torch.unit = "x"


class BothWays(Forward):
    """The same, forward and backward."""

    both = True
