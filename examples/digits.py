"""Handwritten digits by softmax regression, an MLP and a convolutional network.

All three learn from the same digits, and tell apart others. Then the convolutional one is opened:
its filters, what they make of a digit, and the parts of digits that excite deeper units most. The
pictures go to ``examples/output`` (or to ``--output DIRECTORY``).
"""

import time
import warnings

import numpy as np
from helpers import output_directory, progress, save
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split

from fastml.linear_model import SingleLayerClassifier
from fastml.neural_network import CNNClassifier, MLPClassifier

N_SEEDS = 5
NAMES = ("softmax regression", "MLP", "CNN")
COLOURS = dict(zip(NAMES, ("#d99a17", "#1f6fc4", "#c4411f"), strict=True))


def main() -> None:
    """Train the networks, print the figures, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])
    X, y = load_digits(return_X_y=True)
    images = (X / 16).astype(np.float32).reshape(-1, 8, 8)
    learned, others, labels, wanted = train_test_split(
        images, y, test_size=0.25, stratify=y, random_state=0
    )
    print(f"{len(learned):,} digits to learn from, {len(others)} to recognise, {N_SEEDS} seeds")
    runs = {name: [] for name in NAMES}
    jobs = [(name, seed) for name in NAMES for seed in range(N_SEEDS)]
    for name, seed in progress(jobs, "Training"):
        runs[name].append(Trained(name, seed, learned, labels, others, wanted))
    for name, trained in runs.items():
        scores = np.array([run.score for run in trained])
        print(
            f"  {name:20} recognised {scores.mean():.2%} (from {scores.min():.2%} to "
            f"{scores.max():.2%})   {trained[0].n_parameters:7,} parameters   fit "
            f"{np.median([run.seconds for run in trained]):.2f} s"
        )
    cnn = runs["CNN"][0].model
    print(f"\n{cnn.summary()}\n")

    figures = {
        "digits_losses": draw_losses(runs),
        "digits_confusion": draw_confusion(runs, wanted),
        "digits_filters": draw_filters(runs, others, wanted),
        "digits_patches": draw_patches(cnn, others),
    }
    save(figures, output)


class Trained:
    """A classifier after its fit, and how it did."""

    def __init__(self, name, seed, learned, labels, others, wanted):
        flat = name != "CNN"
        learned, others = (a.reshape(len(a), -1) if flat else a for a in (learned, others))
        self.model = classifier(name, seed)
        begun = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model.fit(learned, labels)
        self.seconds = time.perf_counter() - begun
        self.guesses = self.model.predict(others)
        self.score = np.mean(self.guesses == wanted)

    @property
    def n_parameters(self):
        """How many weights and biases were learned."""
        if hasattr(self.model, "network_"):
            return self.model.network_.n_parameters
        if hasattr(self.model, "coefs_"):
            return sum(a.size for a in self.model.coefs_ + self.model.intercepts_)
        return self.model.coef_.size + self.model.intercept_.size


def classifier(name, seed):
    """Return one of the three."""
    if name == "softmax regression":
        return SingleLayerClassifier(
            learning_rate_init=0.01, batch_size=64, max_iter=60, random_state=seed
        )
    if name == "MLP":
        return MLPClassifier(
            (256, 128), dropout=0.2, learning_rate="cosine", batch_size=64, max_iter=60,
            random_state=seed,
        )  # fmt: skip
    return CNNClassifier(
        "small", learning_rate="cosine", learning_rate_init=0.002, batch_size=64, max_iter=20,
        random_state=seed,
    )  # fmt: skip


def draw_losses(runs):
    """Draw the loss of every epoch, and what is recognised in the end."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    losses, scores = figure.subplots(1, 2, width_ratios=(1.6, 1))
    for i, (name, trained) in enumerate(runs.items()):
        for run in trained:
            curve = run.model.loss_curve_
            first = run is trained[0]
            losses.semilogy(
                1 + np.arange(len(curve)), curve, color=COLOURS[name],
                linewidth=1.2, alpha=0.7, label=name if first else None,
            )  # fmt: skip
        found = [100 * run.score for run in trained]
        scores.plot([i] * len(found), found, "o", color=COLOURS[name], alpha=0.6)
        scores.plot([i - 0.22, i + 0.22], [np.mean(found)] * 2, color=COLOURS[name], linewidth=2.5)
        label = {"xytext": (0, 9), "textcoords": "offset points", "ha": "center"}
        scores.annotate(f"{np.mean(found):.1f} %", (i, max(found)), **label)
    losses.set(
        xlabel="epoch", ylabel="loss, penalty included", title="Loss on what is learned from"
    )
    losses.legend()
    scores.set(title="Recognised of the others, per cent", xlim=(-0.6, 2.6), ylim=(95.5, 100))
    scores.set_xticks(range(len(runs)), runs)
    figure.suptitle(f"Digits, {N_SEEDS} seeds each")
    return figure


def draw_confusion(runs, wanted):
    """Draw which digits were taken for which, over all seeds."""
    figure = Figure(figsize=(13, 4.9), layout="constrained")
    for axes, (name, trained) in zip(figure.subplots(1, len(runs)), runs.items(), strict=True):
        counts = sum(confusion_matrix(wanted, run.guesses) for run in trained)
        wrong = counts - np.diag(np.diag(counts))
        axes.imshow(wrong, cmap="Reds", vmin=0, vmax=20)
        for row, column in np.argwhere(counts):
            axes.text(
                column, row, counts[row, column], ha="center", va="center", fontsize=8,
                color="grey" if row == column else "black",
            )  # fmt: skip
        axes.set(xlabel="taken for", xticks=range(10), yticks=range(10))
        axes.set_title(f"{name}: {wrong.sum()} of {counts.sum():,} wrong")
    figure.axes[0].set_ylabel("digit")
    return figure


def signed(axes, weights, most=None):
    """Draw weights about 0, blue below and red above."""
    most = abs(weights).max() if most is None else most
    axes.imshow(weights, cmap="RdBu_r", vmin=-most, vmax=most)
    axes.set(xticks=[], yticks=[])


def draw_filters(runs, images, wanted):
    """Draw the weights on the pixels, and what the filters make of one digit."""
    softmax, mlp, cnn = (runs[name][0].model for name in NAMES)
    figure = Figure(figsize=(13, 7.4), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.5, 1))
    left, middle, right = above.subfigures(1, 3)
    left.suptitle("Softmax regression: weights of each digit")
    for digit, axes in enumerate(left.subplots(3, 4).flat):
        if digit < 10:
            signed(axes, softmax.coef_[digit].reshape(8, 8))
            axes.set_title(str(digit), fontsize=9, pad=2)
        else:
            axes.axis("off")
    middle.suptitle("MLP: weights of 16 hidden units, the largest")
    norms = np.linalg.norm(mlp.coefs_[0], axis=0)
    for unit, axes in zip(np.argsort(norms)[::-1], middle.subplots(4, 4).flat, strict=False):
        signed(axes, mlp.coefs_[0][:, unit].reshape(8, 8))
    right.suptitle("CNN: the 16 filters of the first layer, 3 x 3")
    filters = cnn.network_.views["0.weight"][:, 0]
    for axes, weights in zip(right.subplots(4, 4).flat, filters, strict=True):
        signed(axes, weights)

    image = images[np.flatnonzero(wanted == 3)[0]]
    below.suptitle("A digit on its way through the CNN: maps of the first, second and third layer")
    grid = below.subplots(3, 17)
    for axes in grid[:, 0]:
        axes.axis("off")
    grid[0, 0].imshow(image, cmap="gray_r")
    for row, layer in zip(grid, rectified(cnn), strict=True):
        maps = cnn.feature_maps(image[None], layer)[0]
        strongest = np.argsort(maps.sum(axis=(0, 1)))[::-1][:16]
        for axes, i in zip(row[1:], np.sort(strongest), strict=True):
            axes.imshow(maps[..., i], cmap="magma", vmin=0, vmax=maps.max())
            axes.axis("off")
    return figure


def rectified(cnn):
    """Return the places of the layers that rectify what a convolution found."""
    layers = cnn.network_.layer.layers
    return [i for i, layer in enumerate(layers) if getattr(layer, "activation", "") == "relu"]


def draw_patches(cnn, images):
    """Draw the parts of digits that excite units of each layer most."""
    n_units, n_patches = 8, 9
    layers = rectified(cnn)
    figure = Figure(figsize=(13, 2.3 * len(layers)), layout="constrained")
    names = ("first", "second", "third")
    rows = figure.subfigures(len(layers), 1)
    for row, layer, name in zip(rows, layers, names, strict=True):
        maps = cnn.feature_maps(images, layer)
        # Those that tell digits apart: loud for some, silent for most.
        loud = maps.max(axis=(1, 2))
        chosen = np.argsort(np.quantile(loud, 0.98, axis=0) - np.median(loud, axis=0))[::-1]
        for axes, unit in zip(row.subplots(1, n_units), chosen, strict=False):
            found = cnn.maximal_patches(int(unit), images, layer, n_patches=n_patches)
            axes.imshow(tiled(found.patches[..., 0]), cmap="gray_r", vmin=0, vmax=1)
            axes.axis("off")
        size = found.patches.shape[1]
        row.suptitle(
            f"What excites units of the {name} layer most: they see {size} x {size} pixels"
        )
    return figure


def tiled(patches):
    """Return nine patches as one picture, with lines between."""
    framed = np.pad(patches, ((0, 0), (0, 1), (0, 1)), constant_values=0.35)
    return np.block([[framed[3 * i + j] for j in range(3)] for i in range(3)])


if __name__ == "__main__":
    main()
