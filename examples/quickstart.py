"""Compress a photograph with k-means and code handwritten digits with PCA.

Both are fitted by fastml and by scikit-learn in the same run, from the same start, and the pictures
go to ``examples/output`` (or to ``--output DIRECTORY``).
"""

import numpy as np
import sklearn.cluster
import sklearn.decomposition
from helpers import (
    dark_to_light,
    draw_strip,
    output_directory,
    save,
    timed,
    with_progress_bar,
)
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from sklearn.datasets import load_digits, load_sample_image

from fastml.cluster import KMeans, kmeans_plusplus
from fastml.decomposition import PCA

N_COLOURS = 64
N_COMPONENTS = 16


def main() -> None:
    """Run both examples, print the figures, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])
    save({**quantise_photograph(), **code_digits()}, output)


def quantise_photograph() -> dict[str, Figure]:
    """Reduce a photograph to a palette by k-means; return the pictures of it."""
    photograph = load_sample_image("china.jpg")
    pixels = photograph.reshape(-1, 3).astype(np.float32) / 255

    # The same start for both, so that they do the same work.
    (start, _), seeding = timed(lambda: kmeans_plusplus(pixels, N_COLOURS, random_state=0), 1)
    ours = KMeans(N_COLOURS, init=start, n_init=1)
    theirs = sklearn.cluster.KMeans(N_COLOURS, init=start, n_init=1)
    _, first = timed(lambda: with_progress_bar(ours).fit(pixels), 1)
    ours.set_callbacks()
    _, our_seconds = timed(lambda: ours.fit(pixels), 3)
    _, their_seconds = timed(lambda: theirs.fit(pixels), 2)

    codes = ours.encode(pixels)
    decoded = ours.decode(codes)
    error = ours.reconstruction_error(pixels)
    print(f"k-means: {len(pixels):,} pixels, {N_COLOURS} colours")
    print(f"  {'first use':24} fastml {seeding + first:10.4g} s, kernels compiled or loaded")
    report_times("fit", our_seconds, their_seconds)
    report("iterations", ours.n_iter_, theirs.n_iter_)
    report("reconstruction error", error, theirs.inertia_)
    print(f"  {'root mean square error':24} {np.sqrt(error / pixels.size):.4f} of full scale")
    print(f"  {'bits per pixel':24} {ours.bits_per_vector_:g} instead of 24")
    print(f"  {'compression ratio':24} {ours.compression_ratio(photograph.reshape(-1, 3)):.2f}\n")

    shares = np.bincount(codes, minlength=N_COLOURS) / len(codes)
    return {
        "china_before_after": draw_before_after(photograph, decoded.reshape(photograph.shape)),
        "china_palette": draw_palette(ours.cluster_centers_, shares),
    }


def code_digits() -> dict[str, Figure]:
    """Code images of digits by a few principal components; return the pictures of it."""
    digits = load_digits()
    ours = PCA(N_COMPONENTS)
    theirs = sklearn.decomposition.PCA(N_COMPONENTS)
    _, first = timed(lambda: ours.fit(digits.data), 1)
    _, our_seconds = timed(lambda: ours.fit(digits.data), 20)
    _, their_seconds = timed(lambda: theirs.fit(digits.data), 20)

    codes = ours.transform(digits.data)
    decoded = ours.inverse_transform(codes)
    kept = codes.size + ours.components_.size + ours.mean_.size
    print(f"PCA: {len(codes):,} digits of 8 x 8 pixels, {N_COMPONENTS} components")
    print(f"  {'first use':24} fastml {first:10.4g} s, kernels compiled or loaded")
    report_times("fit", our_seconds, their_seconds)
    report(
        "reconstruction error",
        np.sum((digits.data - decoded) ** 2),
        np.sum((digits.data - theirs.inverse_transform(theirs.transform(digits.data))) ** 2),
    )
    print(f"  {'explained variance':24} {ours.explained_variance_ratio_.sum():.1%}")
    print(f"  {'compression ratio':24} {digits.data.size / kept:.2f}\n")

    return {
        "digits_scree": draw_scree(PCA().fit(digits.data).explained_variance_ratio_),
        "digits_projection": draw_projection(codes, digits.target, ours.explained_variance_ratio_),
        "digits_decoded": draw_decoded(digits.images, decoded, digits.target),
    }


def report(what, ours, theirs):
    """Print a figure beside scikit-learn's."""
    print(f"  {what:24} fastml {ours:10.4g}      scikit-learn {theirs:10.4g}")


def report_times(what, ours, theirs):
    """Print a time beside scikit-learn's, and their ratio."""
    times = f"fastml {ours * 1e3:10.4g} ms   scikit-learn {theirs * 1e3:10.4g} ms"
    print(f"  {what:24} {times}   ratio {theirs / ours:.2f}")


def draw_before_after(before, after):
    """Draw the photograph beside its quantised self."""
    figure = Figure(figsize=(12, 4.4), layout="constrained")
    titles = (
        f"Original, {len(np.unique(before.reshape(-1, 3), axis=0)):,} colours",
        (f"k-means, {N_COLOURS} colours"),
    )
    for axes, image, title in zip(figure.subplots(1, 2), (before, after), titles, strict=True):
        axes.imshow(np.clip(image, 0, 1) if image.dtype.kind == "f" else image)
        axes.set_title(title)
        axes.axis("off")
    return figure


def draw_palette(colours, shares):
    """Draw the colours from dark to light, each as wide as its share of the pixels."""
    order = dark_to_light(colours)
    colours, shares = np.clip(colours[order], 0, 1), shares[order]
    figure = Figure(figsize=(10, 4), layout="constrained")
    grid, strip = figure.subplots(2, 1, height_ratios=(3, 1))
    grid.imshow(colours.reshape(4, -1, 3), aspect="auto")
    grid.set_title(f"The {len(colours)} colours, dark to light")
    grid.set(xticks=[], yticks=[])
    draw_strip(strip, colours, shares)
    strip.set_title("The same, by share of pixels")
    return figure


def draw_scree(ratios):
    """Draw the share of the variance by component, and its sum so far."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    index = np.arange(1, len(ratios) + 1)
    kept = np.where(index <= N_COMPONENTS, "tab:blue", "lightsteelblue")
    axes.bar(index, ratios, color=kept)
    axes.set(xlabel="component", ylabel="share of variance", xlim=(0, len(ratios) + 1))
    total = axes.twinx()
    total.plot(index, np.cumsum(ratios), color="tab:orange")
    total.axvline(N_COMPONENTS + 0.5, color="grey", linestyle=":")
    total.set(ylabel="sum so far (line)", ylim=(0, 1.02))
    for scale in (axes, total):
        scale.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    share = ratios[:N_COMPONENTS].sum()
    axes.set_title(f"Digits: {N_COMPONENTS} of {len(ratios)} components hold {share:.0%}")
    return figure


def draw_projection(codes, labels, ratios):
    """Draw every digit as a point in the planes of components 1, 2 and 3, 4."""
    figure = Figure(figsize=(12, 5.6), layout="constrained")
    for axes, first in zip(figure.subplots(1, 2), (0, 2), strict=True):
        plane = codes[:, first : first + 2]
        for digit in range(10):
            axes.scatter(*plane[labels == digit].T, s=28, linewidths=0, marker=f"${digit}$")
        names = [f"component {i + 1} ({ratios[i]:.0%})" for i in (first, first + 1)]
        axes.set(xlabel=names[0], ylabel=names[1], aspect="equal")
    figure.suptitle("Every digit by its principal components")
    return figure


def draw_decoded(images, decoded, labels):
    """Draw one image of each digit above what its code decodes to."""
    figure = Figure(figsize=(10, 2.6), layout="constrained")
    grid = figure.subplots(2, 10)
    chosen = [np.flatnonzero(labels == digit)[0] for digit in range(10)]
    for column, row in zip(grid.T, chosen, strict=True):
        for axes, image in zip(column, (images[row], decoded[row].reshape(8, 8)), strict=True):
            axes.imshow(image, cmap="gray_r", vmin=0, vmax=16)
            axes.set(xticks=[], yticks=[])
    grid[0, 0].set_ylabel("original")
    grid[1, 0].set_ylabel("decoded")
    figure.suptitle(f"Digits decoded from {N_COMPONENTS} of 64 numbers")
    return figure


if __name__ == "__main__":
    main()
