"""Two moons and a support vector classifier: the boundary, the margins, and the KKT conditions.

C says what a row within the margin costs. The smaller it is, the wider the margins, the more rows
are within them, and the more dual variables are at their upper bound. The picture goes to
``examples/output`` (or to ``--output DIRECTORY``).
"""

import numpy as np
from helpers import output_directory, save
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from sklearn.datasets import make_moons

from fastml.svm import SVC

N_ROWS = 200
COSTS = (0.1, 1.0, 100.0)
COLOURS = ("#c4411f", "#1f6fc4")
EXTENT = (-1.7, 2.7, -1.2, 1.7)


def main() -> None:
    """Fit a classifier for each C, print what its report says, draw them."""
    output = output_directory(__doc__.partition("\n")[0])
    X, y = make_moons(N_ROWS, noise=0.2, random_state=0)
    new = make_moons(2000, noise=0.2, random_state=1)
    figure = Figure(figsize=(13.5, 4.4), layout="constrained")
    for axes, cost in zip(figure.subplots(1, len(COSTS)), COSTS, strict=True):
        model = SVC(C=cost, gamma=2.0, tol=1e-6).fit(X, y)
        report = model.kkt_report()
        alpha = np.abs(model.dual_coef_[0])
        print(f"C = {cost:g}")
        print(f"  {'accuracy on new rows':26} {model.score(*new):.1%}")
        print(f"  {'support vectors':26} {alpha.size}, of them at C {np.sum(alpha == cost)}")
        print(
            f"  {'primal and dual objective':26} {report.value:.6f} {report.value - report.gap:.6f}"
        )
        print(f"  {'largest KKT residual':26} {report.residual:.1e}")
        draw(axes, model, X, y)
        axes.set_title(f"C = {cost:g}: {alpha.size} support vectors")
    print(f"\n{report}\n")
    save({"svc_moons": figure}, output)


def draw(axes: Axes, model: SVC, X: np.ndarray, y: np.ndarray) -> None:
    """Draw the boundary and the margins, and rings about support vectors: alpha is their size."""
    left, right, low, high = EXTENT
    across, up = np.meshgrid(np.linspace(left, right, 300), np.linspace(low, high, 220))
    decision = model.decision_function(np.column_stack([across.ravel(), up.ravel()]))
    decision = decision.reshape(across.shape)
    axes.contourf(across, up, decision > 0, cmap=ListedColormap(COLOURS), alpha=0.22)
    axes.contour(
        across, up, decision, levels=[-1, 0, 1], colors="black", linestyles=["--", "-", "--"],
        linewidths=[0.9, 1.6, 0.9],
    )  # fmt: skip
    share = np.abs(model.dual_coef_[0]) / model.C
    axes.scatter(
        *model.support_vectors_.T, s=30 + 90 * share, facecolors="none", edgecolors="black",
        linewidths=0.8, zorder=2,
    )  # fmt: skip
    for label, colour in enumerate(COLOURS):
        axes.scatter(*X[y == label].T, s=13, color=colour, zorder=3)
    axes.set(xticks=[], yticks=[], xlim=(left, right), ylim=(low, high))


if __name__ == "__main__":
    main()
