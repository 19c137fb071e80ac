"""Fit a linear support vector machine to real data; draw its margin, its multipliers, its gap.

Pictures go to ``examples/output`` (or to ``--output DIRECTORY``).
"""

import warnings

import numpy as np
from helpers import output_directory, save, timed
from matplotlib.figure import Figure
from sklearn import svm
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from fastml.svm import LinearSVC

COLOURS = np.array(["tab:orange", "tab:blue"])


def main() -> None:
    """Print the KKT report, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])
    data = load_breast_cancer()
    X, y = scale(data.data), data.target
    save({"margin": draw_margin(data, X, y), "duality_gap": draw_gap(X, y)}, output)


def draw_margin(data, X, y) -> Figure:
    """Classify tumours by two of their measures; ring rows by their multipliers."""
    columns = [list(data.feature_names).index(name) for name in ("worst radius", "worst texture")]
    X = X[:, columns]
    figure = Figure(figsize=(11, 5), layout="constrained")
    for ax, C in zip(figure.subplots(1, 2, sharey=True), (0.01, 10.0), strict=True):
        options = {"loss": "hinge", "fit_intercept": "unpenalised", "max_iter": 100_000}
        model = LinearSVC(C=C, random_state=0, **options).fit(X, y)
        multipliers = np.zeros(len(X))
        multipliers[model.support_] = abs(model.dual_coef_[0])
        inside = multipliers > 0.999 * C
        on = (multipliers > 0) & ~inside
        print(f"C = {C:g}: margin {1 / np.linalg.norm(model.coef_):.3f}, "
              f"{on.sum()} rows on it, {inside.sum()} inside\n")  # fmt: skip
        print(f"{model.kkt_report(X, y)}\n")
        ax.scatter(*X.T, s=12, c=COLOURS[y], alpha=0.5, linewidths=0)
        ax.scatter(*X[inside].T, s=40, facecolors="none", edgecolors="0.4", linewidths=0.7,
                   label="inside: multiplier C")  # fmt: skip
        ax.scatter(*X[on].T, s=110, facecolors="none", edgecolors="black", linewidths=1.6,
                   label="on the margin: multiplier between 0 and C")  # fmt: skip
        x = np.array([X[:, 0].min(), X[:, 0].max()])
        (a, b), c = model.coef_[0], model.intercept_[0]
        for level, style in ((-1, "--"), (0, "-"), (1, "--")):
            ax.plot(x, (level - c - a * x) / b, "k" + style, linewidth=1)
        ax.set(
            title=f"C = {C:g}: {len(model.support_)} support vectors, "
            f"{model.score(X, y):.1%} right",
            xlabel="worst radius (standard deviations)", ylim=(X[:, 1].min(), X[:, 1].max()),
        )  # fmt: skip
        ax.legend(loc="lower right", fontsize=8)
    figure.axes[0].set_ylabel("worst texture (standard deviations)")
    return figure


def draw_gap(X, y) -> Figure:
    """Draw how primal and dual objectives meet, epoch by epoch."""
    epochs = np.unique(np.geomspace(1, 300, 30).astype(int))
    gaps, values = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for n in epochs:
            model = LinearSVC(loss="hinge", C=0.1, tol=1e-12, max_iter=n, random_state=0)
            report = model.fit(X, y).kkt_report(X, y)
            gaps.append(report.gap)
            values.append(report.value)
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(epochs, values, label="primal objective")
    left.plot(epochs, np.subtract(values, gaps), label="dual objective")
    left.set(xscale="log", xlabel="epochs", title="An upper and a lower bound of the minimum")
    left.legend()
    right.plot(epochs, gaps)
    right.set(xscale="log", yscale="log", xlabel="epochs", title="Duality gap")
    options = {"loss": "hinge", "C": 0.1, "random_state": 0, "max_iter": 10_000}
    _, ours = timed(lambda: LinearSVC(**options).fit(X, y), 5)
    _, theirs = timed(lambda: svm.LinearSVC(**options).fit(X, y), 5)
    print(f"fit: {ours * 1e3:.2f} ms, scikit-learn: {theirs * 1e3:.2f} ms\n")
    return figure


if __name__ == "__main__":
    main()
