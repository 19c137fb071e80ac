"""Edges of a photograph by small kernels, and what it means to flip a kernel.

Convolution turns a kernel by half a turn before it lays it over the image, correlation (which
libraries of deep learning call convolution) does not. For symmetric kernels that is the same, for
gradients it is the sign, and for others it is another image. The pictures go to
``examples/output`` (or to ``--output DIRECTORY``).
"""

import numpy as np
import scipy.signal
from helpers import output_directory, save, timed
from matplotlib.figure import Figure
from sklearn.datasets import load_sample_image

from fastml.nn import flip_kernel
from fastml.nn.functional import conv2d

BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16
KERNELS = {
    "blur": np.outer(BINOMIAL, BINOMIAL),
    "edges, upright": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4,
    "edges, level": np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]) / 4,
    "Laplacian": np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    "shadow": np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]),
    "trail": np.diag([1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0]) / 28,
}
LETTER = np.array(
    [[c == "#" for c in row] for row in ("#####", "#....", "####.", "#....", "#....")]
)
GREY = np.array([0.2126, 0.7152, 0.0722])
# Rows and columns of the photograph to look at closely.
DETAIL = np.s_[30:220, 80:330]


def main() -> None:
    """Filter the photograph, print the figures, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])
    colours = load_sample_image("china.jpg").astype(np.float32) / 255
    grey = colours @ GREY.astype(np.float32)
    print("Flipped, [a b c] is", flip_kernel(np.array(list("abc"))))
    print(f"A photograph of {grey.shape[0]} x {grey.shape[1]}: convolution beside correlation, and")
    print("beside SciPy's convolve2d; largest differences of brightness from 0 to 1")
    for name, kernel in KERNELS.items():
        convolved, seconds = timed(lambda kernel=kernel: filtered(grey, kernel), 5)
        correlated = filtered(grey, kernel, mode="correlation")
        flipped = filtered(grey, flip_kernel(kernel), mode="correlation")
        theirs, longer = timed(lambda kernel=kernel: by_scipy(grey, kernel), 2)
        print(
            f"  {name:14} correlation {abs(convolved - correlated).max():.3f}"
            f"   correlation with it flipped {abs(convolved - flipped).max():.0e}"
            f"   SciPy {abs(convolved - theirs).max():.0e}"
            f"   {seconds * 1e3:.2f} ms (SciPy {longer * 1e3:.2f} ms)"
        )
    print()
    figures = {
        "edges_photograph": draw_edges(grey),
        "edges_flipping": draw_flipping(grey[DETAIL]),
        "edges_points": draw_points(),
        "edges_colours": draw_colours(colours),
    }
    save(figures, output)


def filtered(image, kernel, mode="convolution"):
    """Return an image of the same size, seen through a kernel."""
    image = image[None, :, :, None].astype(np.float32)
    weight = np.asarray(kernel, np.float32)[None, None]
    return conv2d(image, weight, padding="same", mode=mode, layout="NHWC")[0, ..., 0]


def by_scipy(image, kernel):
    """Return the same by SciPy, in the precision of the image."""
    return scipy.signal.convolve2d(image, kernel.astype(np.float32), mode="same")


def show(axes, image, title, **options):
    """Draw an image without ticks."""
    options = {"cmap": "gray", "interpolation": "nearest", **options}
    axes.imshow(image, **options)
    axes.set(title=title, xticks=[], yticks=[])


def draw_edges(grey):
    """Draw the photograph, and what kernels make of it."""
    figure = Figure(figsize=(14, 6.7), layout="constrained")
    upright, level = (filtered(grey, KERNELS[f"edges, {name}"]) for name in ("upright", "level"))
    signed = {"cmap": "RdBu_r", "vmin": -0.5, "vmax": 0.5}
    panels = (
        ("the photograph", grey, {"vmin": 0, "vmax": 1}),
        ("blur", filtered(grey, KERNELS["blur"]), {"vmin": 0, "vmax": 1}),
        ("strength of edges", np.hypot(upright, level), {"cmap": "gray_r", "vmin": 0, "vmax": 0.6}),
        ("upright edges: dark to bright is red", -upright, signed),
        ("level edges: dark to bright is red", -level, signed),
        ("Laplacian", filtered(grey, KERNELS["Laplacian"]), {**signed, "vmin": -1, "vmax": 1}),
    )
    for axes, (title, image, options) in zip(figure.subplots(2, 3).flat, panels, strict=True):
        show(axes, image, title, **options)
    return figure


def draw_flipping(grey):
    """Draw convolution and correlation by kernels with and without symmetry, side by side."""
    names = ("blur", "edges, upright", "trail")
    figure = Figure(figsize=(14, 8), layout="constrained")
    grid = figure.subplots(len(names), 5, width_ratios=(1, 1, 2.2, 2.2, 2.2))
    for row, name in zip(grid, names, strict=True):
        kernel = KERNELS[name]
        most = abs(kernel).max()
        convolved, correlated = (
            filtered(grey, kernel, mode) for mode in ("convolution", "correlation")
        )
        signed = kernel.min() < 0
        tones = {"cmap": "RdBu_r", "vmin": -0.5, "vmax": 0.5} if signed else {"vmin": 0, "vmax": 1}
        show(row[0], kernel, name, cmap="PuOr", vmin=-most, vmax=most)
        show(row[1], flip_kernel(kernel), "flipped", cmap="PuOr", vmin=-most, vmax=most)
        show(row[2], convolved, "convolution", **tones)
        show(row[3], correlated, "correlation", **tones)
        difference = convolved - correlated
        title = f"difference, up to {abs(difference).max():.2f}"
        show(row[4], difference, title, cmap="RdBu_r", vmin=-0.5, vmax=0.5)
    return figure


def draw_points():
    """Draw points seen through a letter, which correlation leaves turned."""
    points = np.zeros((19, 30))
    points[[3, 9, 15, 6, 13], [4, 13, 5, 23, 25]] = (1, 0.8, 0.6, 0.9, 0.5)
    figure = Figure(figsize=(13, 2.6), layout="constrained")
    left, *others = figure.subplots(1, 4, width_ratios=(0.63, 1, 1, 1))
    show(left, np.pad(LETTER, 2), "the kernel")
    panels = [("points", points)]
    panels += [(mode, filtered(points, LETTER, mode)) for mode in ("convolution", "correlation")]
    for axes, (title, image) in zip(others, panels, strict=True):
        show(axes, image, title, vmin=0, vmax=1)
    return figure


def draw_colours(colours):
    """Draw the photograph with each channel filtered by itself, which is what groups do."""
    figure = Figure(figsize=(14, 3.5), layout="constrained")
    panels = {"the photograph": colours}
    for name in ("trail", "shadow"):
        weight = np.broadcast_to(KERNELS[name].astype(np.float32), (3, 1, *KERNELS[name].shape))
        seen = conv2d(
            colours[None], weight, padding="same", groups=3, mode="convolution", layout="NHWC"
        )
        panels[f"{name}, channel by channel"] = np.clip(seen[0], 0, 1)
    for axes, (title, image) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        show(axes, image, title)
    return figure


if __name__ == "__main__":
    main()
