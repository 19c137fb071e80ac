"""Three ways to a palette: k-means, mini-batch k-means and competitive learning, side by side.

A photograph is reduced to a few colours by each of them. Then competitive learning starts anew from
colours drawn at random, many of them far from any pixel: such units never win, unless they are
repaired. The pictures go to ``examples/output`` (or to ``--output DIRECTORY``).
"""

import warnings

import numpy as np
from helpers import dark_to_light, draw_strip, output_directory, save, timed
from matplotlib.figure import Figure
from sklearn.datasets import load_sample_image
from sklearn.exceptions import ConvergenceWarning

from fastml.cluster import KMeans, MiniBatchKMeans, WinnerTakeAll

N_COLOURS = 24
# Rows and columns of the photograph to look at closely.
DETAIL = np.s_[150:270, 180:360]


def main() -> None:
    """Fit the palettes, print the figures, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])
    photograph = load_sample_image("flower.jpg").astype(np.float32) / 255
    pixels = photograph.reshape(-1, 3)

    print(f"{len(pixels):,} pixels, {N_COLOURS} colours, each way from its own start")
    palettes = [
        Palette("k-means", KMeans(N_COLOURS, random_state=0), pixels),
        Palette("mini-batch k-means", MiniBatchKMeans(N_COLOURS, random_state=0), pixels),
        Palette("winner takes all", WinnerTakeAll(N_COLOURS, random_state=0), pixels),
    ]
    print("\nWinner takes all, started from colours at random")
    start = np.random.default_rng(0).random((N_COLOURS, 3), np.float32)
    options = {"init": start, "learning_rate": "cosine", "max_iter": 8, "random_state": 0}
    revived = [
        Palette(str(repair), WinnerTakeAll(N_COLOURS, repair=repair, **options), pixels)
        for repair in (None, "conscience", "leaky")
    ]
    save(
        {
            "palettes_photographs": draw_photographs(photograph, palettes, np.s_[:, :]),
            "palettes_detail": draw_photographs(photograph, palettes, DETAIL),
            "palettes_colours": draw_colours(palettes),
            "palettes_dead_units": draw_revived(photograph, revived),
        },
        output,
    )


class Palette:
    """A fitted codebook of colours, and what it makes of the photograph."""

    def __init__(self, name, estimator, pixels):
        with warnings.catch_warnings():
            # Dead units are what this example is about.
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator, first = timed(lambda: estimator.fit(pixels), 1)
            estimator, seconds = timed(lambda: estimator.fit(pixels), 2)
        self.name = name
        codes = estimator.encode(pixels)
        self.pixels = estimator.decode(codes)
        self.colours = np.clip(estimator.cluster_centers_, 0, 1)
        self.shares = np.bincount(codes, minlength=N_COLOURS) / len(codes)
        self.n_dead = np.count_nonzero(self.shares == 0)
        self.psnr = -10 * np.log10(estimator.reconstruction_error(pixels) / pixels.size)
        print(
            f"  {name:20} fit {seconds * 1e3:8.4g} ms (first {first * 1e3:8.4g} ms)"
            f"   PSNR {self.psnr:6.2f} dB   dead units {self.n_dead}"
        )


def draw_photographs(photograph, palettes, part):
    """Draw a part of the photograph, and what each palette makes of it."""
    height, width = photograph[part].shape[:2]
    figure = Figure(figsize=(12, 12 * height / width + 0.9), layout="constrained")
    n_colours = len(np.unique(photograph.reshape(-1, 3), axis=0))
    images = [(f"Original, {n_colours:,} colours", photograph)]
    for palette in palettes:
        title = f"{palette.name.capitalize()}, {N_COLOURS} colours, {palette.psnr:.2f} dB"
        images.append((title, palette.pixels.reshape(photograph.shape)))
    for axes, (title, image) in zip(figure.subplots(2, 2).flat, images, strict=True):
        axes.imshow(np.clip(image[part], 0, 1), interpolation="nearest")
        axes.set_title(title)
        axes.axis("off")
    return figure


def draw_colours(palettes):
    """Draw each palette twice: its colours, and as wide as their shares of the pixels."""
    figure = Figure(figsize=(11, 1.6 * len(palettes) + 0.4), layout="constrained")
    for rows, palette in zip(figure.subplots(len(palettes), 2), palettes, strict=True):
        order = dark_to_light(palette.colours)
        even = np.full(N_COLOURS, 1 / N_COLOURS)
        for axes, shares in zip(rows, (even, palette.shares[order]), strict=True):
            draw_strip(axes, palette.colours[order], shares)
        rows[0].set_title(f"{palette.name.capitalize()}: its {N_COLOURS} colours", loc="left")
        rows[1].set_title("by share of the pixels", loc="left")
    return figure


def draw_revived(photograph, palettes):
    """Draw the photograph in the colours learned by each repair, and the colours."""
    figure = Figure(figsize=(15, 5), layout="constrained")
    grid = figure.subplots(2, len(palettes), height_ratios=(5, 1))
    for (above, below), palette in zip(grid.T, palettes, strict=True):
        above.imshow(np.clip(palette.pixels.reshape(photograph.shape), 0, 1))
        above.set_title(
            f"repair={palette.name}: {palette.n_dead} of {N_COLOURS} units dead, "
            f"{palette.psnr:.2f} dB"
        )
        above.axis("off")
        order = dark_to_light(palette.colours)
        draw_strip(below, palette.colours[order], np.full(N_COLOURS, 1 / N_COLOURS))
        for place in np.flatnonzero(palette.shares[order] == 0):
            at = (place + 0.5) / N_COLOURS
            below.text(at, 0.5, "x", color="w", ha="center", va="center", weight="bold")
    figure.suptitle("Units started from colours at random; x marks colours that no pixel has")
    return figure


if __name__ == "__main__":
    main()
