"""Three ways down one loss surface: by single samples, by mini-batches, and by the whole gradient.

A unit with two weights learns a plane. Its loss over all samples is a valley in the plane of the
weights, which each regime of gradient descent walks down in its own manner. The pictures go to
``examples/output`` (or to ``--output DIRECTORY``).
"""

import warnings
from typing import NamedTuple

import numpy as np
from helpers import output_directory, save, timed
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from sklearn.exceptions import ConvergenceWarning

from fastml.linear_model import SingleLayerRegressor

N_SAMPLES = 256
N_EPOCHS = 12
# Name, samples of a step, learning rate, colour.
REGIMES = (
    ("stochastic", 1, 0.02, "#c4411f"),
    ("mini-batch", 16, 0.15, "#d99a17"),
    ("full batch", N_SAMPLES, 1.0, "#1f6fc4"),
)
START = np.array([-1.6, 2.4])


class Walk(NamedTuple):
    """Where one regime went: weights after each step, and the loss of all samples there."""

    name: str
    size: int
    colour: str
    weights: np.ndarray
    losses: np.ndarray

    @property
    def epochs(self):
        """How often all samples had been seen after each step."""
        return np.arange(len(self.weights)) * self.size / N_SAMPLES


def main() -> None:
    """Walk down the surface, print the figures, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])
    X, y = make_plane()
    best = np.linalg.lstsq(X, y)[0]
    least = loss_at(X, y, best)
    print(f"{N_SAMPLES} samples, {N_EPOCHS} epochs; the least loss is {least:.4f}")
    walks = [walk(X, y, *regime) for regime in REGIMES]
    for w in walks:
        distance = np.linalg.norm(w.weights[-1] - best)
        print(
            f"  {w.name:10} {w.size:4} a step {len(w.weights) - 1:5} steps"
            f"   loss above the least {w.losses[-1] - least:.6f}   off by {distance:.4f}"
        )
    print("\nThe same by one call of fit")
    for _, size, rate, _ in REGIMES:
        model, seconds = timed(lambda size=size, rate=rate: fitted(X, y, size, rate), 2)
        off = np.linalg.norm(model.coef_ - best)
        print(
            f"  {'batch_size=' + str(size):15} off by {off:.4f} after {model.n_iter_} epochs"
            f"   {seconds * 1e3:6.1f} ms"
        )
    print()
    figures = {
        "gradient_descent_paths": draw_paths(X, y, walks, best),
        "gradient_descent_losses": draw_losses(walks, least),
        "gradient_descent_directions": draw_directions(X, y),
    }
    save(figures, output)


def make_plane():
    """Return samples of two features that go together, and noisy values of a plane."""
    rng = np.random.default_rng(0)
    X = rng.multivariate_normal([0, 0], [[1, 0.65], [0.65, 1]], N_SAMPLES)
    return X, X @ [1.0, -0.5] + rng.normal(0, 0.6, N_SAMPLES)


def regressor(rate, **options):
    """Return a unit with two weights and no more, that learns at a fixed rate."""
    return SingleLayerRegressor(
        solver="sgd", learning_rate_init=rate, momentum=0, penalty=None, fit_intercept=False,
        tol=0, n_iter_no_change=np.inf, random_state=0, **options,
    )  # fmt: skip


def at_start(X, y, rate, **options):
    """Return a unit that any training goes on with from the start of all walks."""
    model = regressor(rate, warm_start=True, **options).partial_fit(X, y)
    model.coef_, model.intercept_ = START.copy(), 0.0
    return model


def fitted(X, y, size, rate):
    """Return a unit after all epochs."""
    model = at_start(X, y, rate, batch_size=size, max_iter=N_EPOCHS)
    with warnings.catch_warnings():
        # It has not converged after so few epochs: that is what is looked at.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def walk(X, y, name, size, rate, colour):
    """Take every step of some epochs by itself, and note where it leads."""
    rng = np.random.default_rng(1)
    model = at_start(X, y, rate, batch_size="full")
    weights = [START]
    for _ in range(N_EPOCHS):
        order = rng.permutation(N_SAMPLES)
        for start in range(0, N_SAMPLES, size):
            rows = order[start : start + size]
            weights.append(model.partial_fit(X[rows], y[rows]).coef_.copy())
    weights = np.array(weights)
    return Walk(name, size, colour, weights, loss_at(X, y, weights))


def loss_at(X, y, weights):
    """Return the mean of half the squared errors of all samples, for weights or rows of them."""
    return 0.5 * np.mean((weights @ X.T - y) ** 2, axis=-1)


def draw_surface(axes, X, y, low, high):
    """Draw the loss of all samples over the plane of the weights."""
    grid = np.stack(np.meshgrid(*np.linspace(low, high, 160).T), axis=-1)
    losses = loss_at(X, y, grid)
    above = losses - losses.min() + 1e-9
    levels = np.geomspace(above.max() / 1000, above.max(), 13)
    plane = (grid[..., 0], grid[..., 1], above)
    axes.contourf(*plane, levels, cmap="Greys", norm=LogNorm(), extend="min", alpha=0.4)
    axes.contour(*plane, levels, colors="white", linewidths=0.8)
    axes.set(xlabel="first weight", xlim=(low[0], high[0]), ylim=(low[1], high[1]))


def draw_paths(X, y, walks, best):
    """Draw the ways from above, and the last of each from near."""
    figure = Figure(figsize=(13, 8.4), layout="constrained")
    above, near = figure.subplots(2, len(walks))
    for axes, close, w in zip(above, near, walks, strict=True):
        draw_surface(axes, X, y, np.array([-2.2, -2.2]), np.array([2.4, 2.8]))
        draw_surface(close, X, y, best - 0.3, best + 0.3)
        for part in (axes, close):
            part.plot(*w.weights.T, color=w.colour, linewidth=1.1, marker="o", markersize=2.5)
            part.plot(*best, "k+", markersize=14, markeredgewidth=2)
            part.set_aspect("equal")
        axes.plot(*START, "ks", markersize=6)
        axes.set_title(f"{w.name}: {w.size} of {N_SAMPLES} samples a step")
        close.set_title("near the least loss (+)")
    for row in (above, near):
        row[0].set_ylabel("second weight")
    figure.suptitle(f"Three regimes of gradient descent, {N_EPOCHS} epochs each")
    return figure


def draw_losses(walks, least):
    """Draw how far the loss of all samples is above the least, by epochs and by steps."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    by_epoch, by_step = figure.subplots(1, 2, sharey=True)
    for w in walks:
        above = w.losses - least
        by_epoch.semilogy(w.epochs, above, color=w.colour, linewidth=1.2, label=w.name)
        by_step.loglog(1 + np.arange(len(above)), above, color=w.colour, linewidth=1.2)
    by_epoch.set(xlabel="epochs: how often all samples were seen", ylabel="loss above the least")
    by_step.set(xlabel="steps")
    by_epoch.legend()
    figure.suptitle(
        "The fewer samples a step, the sooner near the least loss, and the less at rest"
    )
    return figure


def draw_directions(X, y):
    """Draw the gradients of many mini-batches at one place, by their size."""
    figure = Figure(figsize=(13, 4), layout="constrained")
    rng = np.random.default_rng(2)
    place = np.array([-0.6, 2.0])
    of_each = (X @ place - y)[:, None] * X
    whole = of_each.mean(axis=0)
    print("Spread of the gradient at one place, and what 1 / sqrt(samples) makes of the first")
    sizes = (1, 4, 16, 64)
    for axes, size in zip(figure.subplots(1, 4, sharey=True), sizes, strict=True):
        rows = rng.integers(N_SAMPLES, size=(400, size))
        steps = -of_each[rows].mean(axis=1)
        spread = np.sqrt(((steps + whole) ** 2).sum(axis=1).mean())
        if size == 1:
            first = spread
        print(f"  {'samples ' + str(size):10} {spread:.3f}   {first / np.sqrt(size):.3f}")
        axes.axhline(0, color="lightgrey", linewidth=0.8, zorder=0)
        axes.axvline(0, color="lightgrey", linewidth=0.8, zorder=0)
        axes.scatter(*steps.T, s=9, color="#1f6fc4", alpha=0.4, linewidths=0)
        axes.annotate(
            "", -whole, (0, 0),
            arrowprops={"arrowstyle": "-|>", "color": "#c4411f", "lw": 2.5, "mutation_scale": 18,
                        "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
        samples = "sample" if size == 1 else "samples"
        axes.set(title=f"{size} {samples}: spread {spread:.2f}", aspect="equal")
        axes.set(xlim=(-5, 5), ylim=(-6, 4))
    print()
    figure.suptitle(
        "Directions of 400 steps from one place (dots), and down the whole gradient (arrow)"
    )
    return figure


if __name__ == "__main__":
    main()
