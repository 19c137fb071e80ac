"""Digits dreamt by a deep belief network, of its own accord and of a label it is given.

One layer learns handwritten digits without being told of any, and another one what they have in
common with their labels. Up-down, a kind of wake-sleep, then tunes all weights. The network tells
digits that it has not seen, and makes some up. The pictures go to ``examples/output`` (or to
``--output DIRECTORY``).
"""

import numpy as np
from helpers import output_directory, save, with_progress_bar
from matplotlib.figure import Figure
from scipy.ndimage import zoom
from scipy.special import expit
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from fastml.neural_network import BernoulliRBM, DBNClassifier

SIDE = 16
N_EACH = 10


def main() -> None:
    """Learn, tell digits apart, dream, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])

    digits = load_digits()
    learned, unseen, labels, wanted = train_test_split(
        enlarged(digits.images / 16), digits.target, test_size=0.25, stratify=digits.target,
        random_state=0,
    )  # fmt: skip
    layers = [
        BernoulliRBM(200, n_iter=100, batch_size=20, learning_rate_schedule="linear"),
        BernoulliRBM(500, n_iter=200, batch_size=50, learning_rate_schedule="linear"),
    ]
    network = DBNClassifier(
        layers, fine_tune="up-down", fine_tune_n_iter=30, batch_size=50, monitor="layer",
        random_state=0,
    )  # fmt: skip
    with_progress_bar(network).fit(learned, labels)

    print(f"{len(learned):,} images to learn from, {len(unseen):,} others")
    for name, bound in zip(
        ("one layer", "two layers", "up-down"), network.lower_bound_, strict=True
    ):
        print(f"  lower bound on log p(image), {name:10} {bound:.1f}")
    print(f"  recognised by their label units {network.score(unseen, wanted):.1%}")

    asked = np.tile(np.arange(10), N_EACH)
    told = network.sample(10 * N_EACH, asked, n_steps=200, means=True)
    print(f"  dreams of a label taken for it  {np.mean(network.predict(told) == asked):.1%}")
    free = network.sample(10 * N_EACH, n_steps=200, means=True)
    free = free[np.argsort(network.predict(free), kind="stable")]
    figures = {
        "dbn_told": draw(told, "Dreams of a label: a column for each digit"),
        "dbn_free": draw(free, "Dreams of no label, by what the network takes them for"),
    }
    save(figures, output)


def enlarged(images):
    """Return images of twice the side, black and white but for the edges of strokes."""
    images = zoom(images, (1, 2, 2), order=3, mode="nearest", grid_mode=True)
    return expit(12 * (images - 0.45)).reshape(-1, SIDE**2).astype(np.float32)


def draw(images, title):
    """Draw images in a grid of ten columns."""
    figure = Figure(figsize=(6.5, 7), layout="constrained")
    figure.suptitle(title)
    for axes, image in zip(figure.subplots(-(-len(images) // 10), 10).ravel(), images, strict=True):
        axes.imshow(image.reshape(SIDE, SIDE), cmap="gray_r", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
    return figure


if __name__ == "__main__":
    main()
