"""Dropout where there is little to learn from, and dropout as an ensemble of networks.

A network far too large for a hundred digits is trained with more and more dropout, and classifies
all other digits. Then its networks, one for each mask, are asked one by one: their mean comes near
the mean over all masks there are, and where they disagree they are often wrong. The pictures go to
``examples/output`` (or to ``--output DIRECTORY``).
"""

import warnings

import numpy as np
from helpers import output_directory, progress, save
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from fastml import activations
from fastml.decomposition import PCA
from fastml.neural_network import MLPClassifier
from fastml.nn import Dense, Dropout, Network, geometric_mean

N_LEARNED = 100
RATES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
N_SEEDS = 4
HIDDEN = (128, 128)
# What the tiny networks see: so many numbers a digit, and so many hidden units.
N_FEATURES, N_UNITS = 10, 12


def main() -> None:
    """Train the networks, print the figures, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    print(f"{N_LEARNED} digits to learn from, {len(X) - N_LEARNED:,} to classify, {N_SEEDS} splits")
    tables = {rate: [] for rate in RATES}
    pairs = [(rate, seed) for rate in RATES for seed in range(N_SEEDS)]
    for rate, seed in progress(pairs, "Training"):
        tables[rate].append(generalisation(X, y, rate, seed))
    tables = {rate: np.array(table) for rate, table in tables.items()}
    for rate, table in tables.items():
        learned, error, loss = table.mean(axis=0)
        print(
            f"  dropout {rate:<4} learned {1 - learned:6.1%}   recognised {1 - error:.1%}"
            f"   log loss {loss:.3f}"
        )
    print()
    figures = {
        "dropout_rates": draw_rates(tables),
        "dropout_masks": many_masks(X, y),
        "dropout_doubts": doubts(X, y),
    }
    save(figures, output)


def classifier(seed, hidden=HIDDEN, **options):
    """Return a network that is trained until it has learned what it is given by heart."""
    return MLPClassifier(
        hidden, alpha=0, batch_size=50, max_iter=300, tol=0, n_iter_no_change=np.inf,
        random_state=seed, **options,
    )  # fmt: skip


def fitted(model, X, y):
    """Fit a network for the epochs it is given, converged or not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def split(X, y, seed):
    """Return few digits to learn from, and all others."""
    return train_test_split(X, y, train_size=N_LEARNED, stratify=y, random_state=seed)


def generalisation(X, y, rate, seed):
    """Return error on what was learned, error and log loss on the rest."""
    learned, others, labels, wanted = split(X, y, seed)
    # Pixels are few, and left out less often.
    model = fitted(classifier(seed, dropout=rate, input_dropout=rate / 4), learned, labels)
    shares = model.predict_proba(others)
    error = np.mean(model.classes_[shares.argmax(axis=1)] != wanted)
    return 1 - model.score(learned, labels), error, log_loss(wanted, shares)


def many_masks(X, y):
    """Compare weight scaling and many masks with the mean over all masks, on tiny networks."""
    rows = PCA(N_FEATURES, whiten=True).fit_transform(X.astype(float))
    softmax = fitted(classifier(0, (), input_dropout=0.5), rows[:500], y[:500])
    network = Network([Dropout(0.5), Dense(10)], N_FEATURES, dtype="float64")
    network.views["1.weight"][...], network.views["1.bias"][...] = (
        softmax.coefs_[0],
        softmax.intercepts_[0],
    )
    others, scaled = rows[500:600], softmax.predict_proba(rows[500:600])
    shares = geometric_mean(network, others, "all", activate=activations.softmax)
    arithmetic = softmax.predict_proba(others, n_masks="all")
    print(
        f"Weight scaling of one softmax layer beside all 2^{N_FEATURES} masks, largest difference"
    )
    print(f"  {'geometric mean':16} {abs(shares - scaled).max():.1e}")
    print(f"  {'arithmetic mean':16} {abs(arithmetic - scaled).max():.1e}\n")

    model = fitted(classifier(0, (N_UNITS,), dropout=0.5), rows[:500], y[:500])
    exact = model.predict_proba(others, n_masks="all")
    numbers = 2 ** np.arange(11)
    errors = [
        [rms(model.predict_proba(others, int(n), random_state=seed) - exact) for seed in range(8)]
        for n in progress(numbers, "Drawing masks")
    ]
    errors = np.sqrt(np.mean(np.square(errors), axis=1))
    scaling = rms(model.predict_proba(others) - exact)
    slope = np.polyfit(np.log(numbers), np.log(errors), 1)[0]
    enough = numbers[np.argmax(errors < scaling)]
    print(f"Mean over masks beside that over all 2^{N_UNITS} of a network with {N_UNITS} units")
    print(f"  {'slope':16} {slope:.2f}   (the law of large numbers: -0.50)")
    print(f"  {'weight scaling':16} off by {scaling:.4f}, which takes {enough} masks to beat\n")
    return draw_masks(numbers, errors, scaling, slope)


def rms(differences):
    """Return the root of the mean square."""
    return np.sqrt(np.mean(differences**2))


def doubts(X, y):
    """Ask many networks, and look at the digits they disagree on."""
    learned, others, labels, wanted = split(X, y, 0)
    model = fitted(classifier(0, dropout=0.5), learned, labels)
    shares = model.predict_proba(others, n_masks=200)
    guesses = model.classes_[shares.argmax(axis=1)]
    spread = model.predict_std(others, n_masks=200).max(axis=1)
    order = np.argsort(spread)
    right = guesses[order] == wanted[order]
    print("Digits by how much 200 networks disagree (largest standard deviation of a class)")
    for i, quarter in enumerate(np.array_split(np.arange(len(order)), 4)):
        print(
            f"  {'quarter ' + str(i + 1):16} spread {spread[order][quarter].mean():.3f}"
            f"   recognised {right[quarter].mean():.1%}"
        )
    print()
    return draw_doubts(others, wanted, guesses, spread, order)


def draw_rates(tables):
    """Draw errors and log loss by the rate of dropout."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    rates = list(tables)
    tables = np.array(list(tables.values()))
    lines = (
        (left, 0, "digits learned from", "#1f6fc4"),
        (left, 1, "all other digits", "#c4411f"),
        (right, 2, "all other digits", "#c4411f"),
    )
    for axes, column, label, colour in lines:
        factor = 1 if axes is right else 100
        values = factor * tables[..., column]
        axes.plot(rates, values, color=colour, linewidth=0.8, alpha=0.5)
        axes.plot(rates, values.mean(axis=1), "o-", color=colour, linewidth=2, label=label)
    left.set(ylabel="errors, per cent", xlabel="dropout", title="Not recognised", ylim=(-0.5, None))
    right.set(ylabel="log loss", xlabel="dropout", title="Surprise at the right answer")
    left.legend()
    sizes = " x ".join(map(str, HIDDEN))
    right.set_ylim(0, None)
    figure.suptitle(
        f"{sizes} hidden units, {N_LEARNED} digits to learn from: means of {N_SEEDS} splits"
    )
    return figure


def draw_masks(numbers, errors, scaling, slope):
    """Draw how the mean over masks comes near the exact one."""
    figure = Figure(figsize=(7, 4.8), layout="constrained")
    axes = figure.subplots()
    axes.loglog(numbers, errors, "o-", color="#1f6fc4", label=f"mean over masks: slope {slope:.2f}")
    ideal = errors[0] / np.sqrt(numbers)
    axes.loglog(numbers, ideal, "--", color="grey", label="1 / sqrt(masks)")
    axes.axhline(scaling, color="#c4411f", label="weight scaling, no masks")
    axes.set(xlabel="masks drawn", ylabel="distance from the mean over all masks")
    axes.set_title(f"Probabilities of ten digits, all 2^{N_UNITS} masks known")
    axes.legend()
    return figure


def draw_doubts(images, wanted, guesses, spread, order):
    """Draw digits that the networks agree on, and those they do not agree on."""
    figure = Figure(figsize=(12, 3.3), layout="constrained")
    grid = figure.subplots(2, 12)
    choices = (("agreed on", order[:12]), ("disputed", order[::-1][:12]))
    for row, (name, chosen) in zip(grid, choices, strict=True):
        for axes, i in zip(row, chosen, strict=True):
            axes.imshow(images[i].reshape(8, 8), cmap="gray_r")
            right = guesses[i] == wanted[i]
            axes.set_title(
                f"{guesses[i]}" if right else f"{guesses[i]}, not {wanted[i]}",
                color="black" if right else "#c4411f",
                fontsize=10,
            )
            axes.set_xlabel(f"{spread[i]:.2f}", fontsize=9)
            axes.set(xticks=[], yticks=[])
        row[0].set_ylabel(name)
    figure.suptitle("What 200 networks made by dropout say, and the spread of their probabilities")
    return figure


if __name__ == "__main__":
    main()
