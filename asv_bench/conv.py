"""Convolutions beside PyTorch in its best layout: forward, and forward and backward."""

import numpy as np

from fastml import autodiff as ad
from fastml.nn import functional as F

from . import common

torch = common.optional("torch")

# (images, height, width, channels), (out channels, channels, kernel height, kernel width).
SHAPES = (
    ((16, 56, 56, 64), (64, 64, 3, 3)), ((64, 28, 28, 1), (32, 1, 5, 5)),
    ((64, 14, 14, 32), (64, 32, 5, 5)), ((32, 64, 64, 3), (32, 3, 3, 3)),
    ((32, 28, 28, 64), (64, 1, 3, 3)), ((16, 28, 28, 128), (128, 128, 1, 1)),
    ((1, 8, 8, 1), (8, 1, 5, 5)), ((1, 8, 8, 16), (16, 16, 3, 3)), ((1, 8, 8, 64), (64, 64, 3, 3)),
    ((16, 8, 8, 16), (32, 16, 3, 3)),
)  # fmt: skip


def arrays(shape, kernel):
    """Return images with channels last, weights, a bias and a gradient by the results."""
    rng = np.random.default_rng(0)
    shapes = (shape, kernel, kernel[:1], (*shape[:3], kernel[0]))
    return [rng.standard_normal(each, np.float32) for each in shapes]


def ours(shape, kernel, both):
    """Return a run of a convolution that keeps the size of images; backward too if `both`."""
    x, w, b, seed = arrays(shape, kernel)
    params = {"padding": "same", "groups": shape[3] // kernel[1], "layout": "NHWC"}

    def forward():
        return F.conv2d(x, w, b, **params)

    def both_ways():
        variables = [ad.variable(a) for a in (x, w, b)]
        return ad.gradients(F.conv2d(*variables, **params), variables, seed)

    return both_ways if both else forward


def of_torch(shape, kernel, both, layout):
    """Return a run of PyTorch's function, of memory in one of its layouts."""
    x, w, b, seed = map(torch.from_numpy, arrays(shape, kernel))
    params = {"padding": kernel[2] // 2, "groups": shape[3] // kernel[1]}
    x, seed = (a.permute(0, 3, 1, 2).contiguous(memory_format=layout) for a in (x, seed))
    w = w.contiguous(memory_format=layout)

    def forward():
        with torch.no_grad():
            return torch.nn.functional.conv2d(x, w, b, **params)

    def both_ways():
        leaves = [a.detach().requires_grad_() for a in (x, w, b)]
        out = torch.nn.functional.conv2d(*leaves, **params)
        return torch.autograd.grad(out, leaves, seed)

    return both_ways if both else forward


def peers(shape, kernel, both):
    """Return runs of PyTorch's function in both layouts; none where it is not installed."""
    if torch is None:
        return []
    layouts = (torch.contiguous_format, torch.channels_last)
    return [of_torch(shape, kernel, both, layout) for layout in layouts]


def step(who, shape, kernel):
    """Return a small convolution to warm up with, and a step of the shapes to measure."""
    small = (64, 8, 8, shape[3])
    if who == "ours":
        return ours(small, kernel, True), ours(shape, kernel, True)
    torch.set_num_threads(common.THREADS)
    return [of_torch(each, kernel, True, torch.channels_last) for each in (small, shape)]


class Forward(common.Benchmark):
    """Convolutions of float32 images, in channels-last layout."""

    sizes = SHAPES
    both = False

    def prepare(self, backend, size):
        self.ours = ours(*size, self.both)
        self.peers = peers(*size, self.both)

    def time_run(self, backend, size):
        self.ours()

    def track_ratio_to_torch(self, backend, size):
        """The smaller of the ratios to both of PyTorch's layouts."""
        return min(common.ratio(self.ours, peer, budget=2.0) for peer in self.peers or (None,))

    track_ratio_to_torch.unit = "x"


class BothWays(Forward):
    """The same, with the gradients by images, weights and bias."""

    both = True

    def track_memory_over_torchs(self, backend, size):
        """Peak memory of a step beyond its input, by PyTorch's."""
        if torch is None or backend != "cpu":
            return float("nan")
        peaks = [common.peak_memory(step, who, *size) for who in ("ours", "torch")]
        return peaks[0] / max(peaks[1], 1)
