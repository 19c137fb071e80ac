"""Handwritten digits as two numbers each: principal components, a shallow and a deep autoencoder.

The deep network has layers of 64, 32, 16 and 2 units, and begins as a series of restricted
Boltzmann machines. What its plane of codes holds is drawn as a map, and what hidden units of wider
networks look for as grids of images. The pictures go to ``examples/output`` (or to ``--output
DIRECTORY``).
"""

import warnings

import numpy as np
from helpers import output_directory, save, with_progress_bar
from matplotlib.figure import Figure
from scipy.ndimage import shift
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

import fastml
from fastml.decomposition import PCA
from fastml.neural_network import Autoencoder

SIDE = 8
N_EPOCHS = 150
LEARNING = {"max_iter": N_EPOCHS, "tol": 0, "n_iter_no_change": N_EPOCHS, "random_state": 0}
DEEP = {"activation": "logistic", "learning_rate_init": 0.005, **LEARNING}
WIDE = {"hidden_layer_sizes": (49,), "activation": "logistic", "tied": True, **LEARNING}
WIDE |= {"learning_rate_init": 0.005, "max_iter": 60}
# What is asked of units besides a small error makes them look for strokes.
KINDS = {
    "plain": {},
    "denoising: 60 % of the pixels masked": {"noise": "masking", "noise_level": 0.6, "alpha": 3},
    "contractive rectifiers": {"activation": "relu", "contractive": 0.3},
}


def main() -> None:
    """Fit all, print how much each loses, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])
    warnings.simplefilter("ignore", ConvergenceWarning)
    # Steps are so small that a second thread would mostly be waited for.
    fastml.set_config(num_threads=1)
    digits = load_digits()
    X, y = (digits.data / 16).astype(np.float32), digits.target

    shallow = Autoencoder((2,), "tanh", init="pca", learning_rate_init=0.005, **LEARNING)
    models = {
        "2 principal components": PCA(2).fit(X),
        "shallow autoencoder": shallow.fit(X),
        "deep autoencoder": with_progress_bar(
            Autoencoder((32, 16, 2), init="rbm", **DEEP)
        ).fit(X),
    }  # fmt: skip
    by_chance = Autoencoder((32, 16, 2), **DEEP).fit(X)
    made = {name: model.inverse_transform(model.transform(X)) for name, model in models.items()}
    errors = {name: np.square(X - back).sum(axis=1).mean() for name, back in made.items()}

    print(f"{len(X):,} images; mean squared distance to their reconstruction from two numbers:")
    for name, error in errors.items():
        print(f"  {name:25} {error:.2f}")
    print(f"  {'deep, not pretrained':25} {by_chance.reconstruction_error(X).mean():.2f}")
    ratio = errors["2 principal components"] / errors["deep autoencoder"]
    print(f"  principal components lose {ratio:.2f} times as much as the deep autoencoder")

    wide = {name: Autoencoder(**WIDE | how).fit(moved(X)) for name, how in KINDS.items()}
    figures = {
        "autoencoder_codes": draw_codes(models, errors, X, y),
        "autoencoder_map": draw_map(models["deep autoencoder"], X),
        "autoencoder_reconstructions": draw_reconstructions(made, X, y),
        "autoencoder_filters": draw_filters(wide),
    }
    save(figures, output)


def draw_codes(models, errors, X, y):
    """Draw the codes of all images, coloured by their digits."""
    figure = Figure(figsize=(13, 4.8), layout="constrained")
    figure.suptitle("Each image as two numbers, found without labels")
    for axes, (name, model) in zip(figure.subplots(1, len(models)), models.items(), strict=True):
        codes = model.transform(X)
        axes.scatter(*codes.T, c=y, cmap="tab10", s=7, alpha=0.7, linewidths=0)
        for digit in range(10):
            middle = np.median(codes[y == digit], axis=0)
            box = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.8}
            axes.text(*middle, str(digit), ha="center", va="center", weight="bold", bbox=box)
        axes.set(title=f"{name}\nreconstruction error {errors[name]:.2f}", xticks=[], yticks=[])
    return figure


def draw_map(model, X, n=18):
    """Draw what the decoder makes of places all over the plane of codes."""
    (left, bottom), (right, top) = np.percentile(model.transform(X), [1, 99], axis=0)
    grid = np.stack(np.meshgrid(np.linspace(left, right, n), np.linspace(top, bottom, n)), axis=-1)
    figure = Figure(figsize=(7.5, 8), layout="constrained")
    axes = figure.subplots()
    images = model.inverse_transform(grid.reshape(-1, 2))
    axes.imshow(mosaic(images, n, gap=2), cmap="gray_r", vmin=0, vmax=1)
    axes.set_title("The plane of the deep autoencoder's codes, decoded")
    axes.axis("off")
    return figure


def draw_reconstructions(made, X, y):
    """Draw an image of each digit, and what is left of it."""
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    figure.suptitle("What two numbers keep of an image")
    chosen = [np.flatnonzero(y == digit)[3] for digit in range(10)]
    rows = {"original": X, **made}
    grid = figure.subplots(len(rows), len(chosen))
    for line, (name, images) in zip(grid, rows.items(), strict=True):
        line[0].set_ylabel(
            name.replace(" ", "\n").replace("\n", " ", name[0] == "2"),
            rotation=0,
            ha="right",
            va="center",
        )
        for axes, i in zip(line, chosen, strict=True):
            axes.imshow(images[i].reshape(SIDE, SIDE), cmap="gray_r", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
    return figure


def draw_filters(models):
    """Draw the weights of the hidden units of each network, units of large ones first."""
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    figure.get_layout_engine().set(wspace=0.08)
    figure.suptitle("What hidden units look for, and add to the image (red: ink)")
    for axes, (name, model) in zip(figure.subplots(1, len(models)), models.items(), strict=True):
        weights = model.coefs_[0].T
        weights = weights[np.argsort(-np.linalg.norm(weights, axis=1))]
        weights = weights / np.abs(weights).max(axis=1, keepdims=True)
        axes.imshow(mosaic(weights, 7, gap=1), cmap="RdBu_r", vmin=-1, vmax=1)
        axes.set_title(name, fontsize="medium")
        axes.axis("off")
    return figure


def mosaic(images, n_columns, gap):
    """Return rows as images side by side, one image with gaps."""
    tiles = images.reshape(-1, n_columns, SIDE, SIDE)
    tiles = np.pad(tiles, [(0, 0), (0, 0), (0, gap), (0, gap)], constant_values=np.nan)
    n_lines, size = len(tiles), SIDE + gap
    return tiles.swapaxes(1, 2).reshape(n_lines * size, n_columns * size)[:-gap, :-gap]


def moved(X):
    """Return images as they are, and moved up, down, left and right."""
    squares = X.reshape(-1, SIDE, SIDE)
    moves = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
    return np.vstack([shift(squares, (0, *move), order=0) for move in moves]).reshape(-1, SIDE**2)


if __name__ == "__main__":
    main()
