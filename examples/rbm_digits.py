"""Handwritten digits told apart by a linear classifier, from pixels and from RBM features.

A restricted Boltzmann machine learns from images without their labels; its hidden units are the
features. It is then asked for digits of its own. The pictures go to ``examples/output`` (or to
``--output DIRECTORY``).
"""

import numpy as np
import sklearn.neural_network
from helpers import output_directory, save, timed, with_progress_bar
from matplotlib.figure import Figure
from scipy.ndimage import shift
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from fastml.neural_network import BernoulliRBM

N_UNITS = 144
SIDE = 8
MOVES = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
OPTIONS = {"n_components": N_UNITS, "learning_rate": 0.1, "batch_size": 20, "random_state": 0}
# Units that are on for one image in ten, and steps that get smaller, make better features.
OURS = {"sparsity_target": 0.1, "learning_rate_schedule": "linear", "weight_decay": 1e-4}


def main() -> None:
    """Learn features, compare classifiers, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])

    digits = load_digits()
    learned, unseen, labels, wanted = train_test_split(
        (digits.data / 16).astype(np.float32), digits.target, test_size=0.25,
        stratify=digits.target, random_state=0,
    )  # fmt: skip
    # Moved by a pixel each way, as where a digit stands does not matter.
    learned, unseen = moved(learned), moved(unseen)
    labels, wanted = (np.tile(y, len(MOVES)) for y in (labels, wanted))

    machine = BernoulliRBM(n_iter=60, monitor=["pseudo_likelihood"], **OPTIONS, **OURS)
    with_progress_bar(machine).fit(learned)
    _, ours = timed(lambda: BernoulliRBM(n_iter=2, **OPTIONS).fit(learned), 3)
    sklearn_rbm = sklearn.neural_network.BernoulliRBM(n_iter=2, **OPTIONS)
    _, theirs = timed(lambda: sklearn_rbm.fit(learned), 3)

    print(f"{len(learned):,} images to learn from, {len(unseen):,} others")
    history = machine.history_["pseudo_likelihood"]
    print(
        f"  pseudo-likelihood after a pass {history[0]:.1f}, after {len(history)} {history[-1]:.1f}"
    )
    for name, transform in (("pixels", lambda X: X), ("RBM features", machine.transform)):
        classifier = LogisticRegression(C=100, max_iter=500, tol=1e-3)
        classifier.fit(transform(learned), labels)
        right = classifier.score(transform(unseen), wanted)
        print(f"  recognised from {name:13} {right:.1%}")
    print(f"  passes as fast as scikit-learn's {theirs / ours:.1f} times")

    figures = {
        "rbm_filters": draw(
            filters(machine), "coolwarm", 12, "What each hidden unit looks for (red: ink)"
        ),
        "rbm_dreams": draw(dreams(machine), "gray_r", 12, "Digits that the machine makes up"),
    }
    save(figures, output)


def moved(images):
    """Return images as they are, and moved up, down, left and right."""
    squares = images.reshape(-1, SIDE, SIDE)
    return np.vstack([shift(squares, (0, *move), order=0) for move in MOVES]).reshape(-1, SIDE**2)


def filters(machine):
    """Return the weights of each unit, between -1 and 1, units of large weights first."""
    weights = machine.components_
    order = np.argsort(-np.linalg.norm(weights, axis=1))
    return weights[order] / np.abs(weights).max(axis=1, keepdims=True)[order]


def dreams(machine):
    """Return the grey values of pixels that samples of the machine's are drawn from."""
    return machine.inverse_transform(machine.transform(machine.sample(N_UNITS, n_steps=500)))


def draw(images, colours, n_columns, title):
    """Draw images in a grid."""
    figure = Figure(figsize=(7, 7.5), layout="constrained")
    figure.suptitle(title)
    grid = figure.subplots(-(-len(images) // n_columns), n_columns)
    low = -1 if images.min() < 0 else 0
    for axes, image in zip(grid.ravel(), images, strict=True):
        axes.imshow(image.reshape(SIDE, SIDE), cmap=colours, vmin=low, vmax=1)
        axes.set(xticks=[], yticks=[])
    return figure


if __name__ == "__main__":
    main()
