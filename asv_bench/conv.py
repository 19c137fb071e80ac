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
    return [rng.standard_normal(each).astype(np.float32) for each in shapes]


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


def of_torch(shape, kernel, both):
    """Return runs of PyTorch's function in either layout."""
    if torch is None:
        return []
    x, w, b, seed = map(torch.from_numpy, arrays(shape, kernel))
    params = {"padding": kernel[2] // 2, "groups": shape[3] // kernel[1]}
    runs = []
    for layout in (torch.contiguous_format, torch.channels_last):
        given = [
            a.contiguous(memory_format=layout) for a in (x.permute(0, 3, 1, 2), w)
        ] + [b]  # fmt: skip
        g = seed.permute(0, 3, 1, 2).contiguous(memory_format=layout)

        def forward(given=given):
            with torch.no_grad():
                return torch.nn.functional.conv2d(*given, **params)

        def both_ways(given=given, g=g):
            leaves = [a.detach().requires_grad_() for a in given]
            out = torch.nn.functional.conv2d(*leaves, **params)
            return torch.autograd.grad(out, leaves, g)

        runs.append(both_ways if both else forward)
    return runs


def step(who, shape, kernel):
    """Return a small convolution to warm up with, and a step of the shapes to measure."""
    if who == "ours":
        return ours((64, 8, 8, shape[3]), kernel, True), ours(shape, kernel, True)
    torch.set_num_threads(common.THREADS)
    small, large = (of_torch(each, kernel, True)[1] for each in ((64, 8, 8, shape[3]), shape))
    return small, large


class Forward(common.Benchmark):
    """Convolutions of float32 images, in channels-last layout."""

    sizes = SHAPES
    both = False

    def prepare(self, backend, size):
        self.ours = ours(*size, self.both)
        self.peers = of_torch(*size, self.both)

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
