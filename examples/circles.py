"""Tell concentric circles apart by a straight line, after KernelPCA and after PCA.

A linear classifier can do nothing with one circle inside another, nor with their principal
components. After kernel principal components it can. The pictures go to ``examples/output`` (or to
``--output DIRECTORY``).
"""

import numpy as np
from helpers import output_directory, save
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from sklearn.datasets import make_circles
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from fastml.decomposition import PCA, KernelPCA

N_ROWS = 600
N_COMPONENTS = 4
COLOURS = ("#c4411f", "#1f6fc4")
EDGE = 1.45


def main() -> None:
    """Fit both pipelines, print the figures, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])
    options = {"factor": 0.4, "noise": 0.08}
    X, y = make_circles(N_ROWS, random_state=0, **options)
    new = make_circles(N_ROWS, random_state=1, **options)
    pipelines = {
        "PCA": make_pipeline(PCA(2), LinearSVC()),
        "KernelPCA": make_pipeline(
            KernelPCA(N_COMPONENTS, kernel="rbf", gamma="median"), LinearSVC()
        ),
    }
    print(f"Circles: {N_ROWS} rows to learn from, {N_ROWS} others to classify")
    scores = {}
    for name, pipeline in pipelines.items():
        scores[name] = pipeline.fit(X, y).score(*new)
        print(f"  {'accuracy after ' + name:26} {scores[name]:.1%}")
    kernel_pca = pipelines["KernelPCA"][0]
    print(f"  {'gamma, by the median':26} {kernel_pca.gamma_:.3f}")
    shares = ", ".join(f"{share:.1%}" for share in kernel_pca.explained_variance_ratio_)
    print(f"  {'explained variance':26} {shares}\n")

    figures = {
        "circles_boundaries": draw_boundaries(pipelines, scores, *new),
        "circles_components": draw_components(kernel_pca, X, y),
        "circles_projections": draw_projections(pipelines, *new),
    }
    save(figures, output)


def plane(n_points):
    """Return a grid over the plane, as rows, and the shape it has."""
    side = np.linspace(-EDGE, EDGE, n_points)
    grid = np.stack(np.meshgrid(side, side), axis=-1)
    return grid.reshape(-1, 2), grid.shape[:2]


def scatter(axes, X, y, size=14):
    """Draw rows in the colours of their circles."""
    for label, colour in enumerate(COLOURS):
        axes.scatter(
            *X[y == label].T, s=size, color=colour, edgecolors="white", linewidths=0.4, zorder=3
        )


def draw_boundaries(pipelines: dict[str, Pipeline], scores, X, y) -> Figure:
    """Draw how each pipeline divides the plane, and the rows it was not fitted to."""
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    rows, shape = plane(300)
    for axes, (name, pipeline) in zip(figure.subplots(1, 2), pipelines.items(), strict=True):
        decision = pipeline.decision_function(rows).reshape(shape)
        extent = (-EDGE, EDGE, -EDGE, EDGE)
        axes.imshow(
            decision > 0, extent=extent, origin="lower", cmap=ListedColormap(COLOURS), alpha=0.22
        )
        axes.contour(decision, levels=[0], extent=extent, colors="black", linewidths=1.5)
        scatter(axes, X, y)
        axes.set(title=f"{name} and a linear classifier: {scores[name]:.1%}", xticks=[], yticks=[])
    return figure


def draw_components(kernel_pca: KernelPCA, X, y) -> Figure:
    """Draw the kernel principal components as functions on the plane."""
    figure = Figure(figsize=(13, 3.7), layout="constrained")
    rows, shape = plane(200)
    values = kernel_pca.transform(rows)
    shares = kernel_pca.explained_variance_ratio_
    extent = (-EDGE, EDGE, -EDGE, EDGE)
    for i, axes in enumerate(figure.subplots(1, N_COMPONENTS)):
        field = values[:, i].reshape(shape)
        most = np.abs(field).max()
        levels = np.linspace(-most, most, 16)
        axes.contourf(field, levels=levels, extent=extent, cmap="RdBu_r")
        axes.contour(field, levels=[0], extent=extent, colors="black", linewidths=1)
        scatter(axes, X[::3], y[::3], size=9)
        axes.set(title=f"component {i + 1} ({shares[i]:.0%})", aspect="equal", xticks=[], yticks=[])
    figure.suptitle("Kernel principal components on the plane; their zero lines in black")
    return figure


def draw_projections(pipelines: dict[str, Pipeline], X, y) -> Figure:
    """Draw the rows by their components, and by the value that the classifier gives them."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    for axes, (name, pipeline) in zip(figure.subplots(1, 2), pipelines.items(), strict=True):
        projections = pipeline[0].transform(X)
        scatter(axes, np.column_stack([projections[:, 0], pipeline.decision_function(X)]), y)
        axes.axhline(0, color="black", linewidth=1.5)
        axes.set(title=name, xlabel="first component", ylabel="value of the classifier")
    return figure


if __name__ == "__main__":
    main()
