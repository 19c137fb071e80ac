"""Remove noise from handwritten digits by PCA and by KernelPCA.

Both learn from clean digits. Noisy ones are projected on the components and mapped back, by PCA to
the plane that its components span, by KernelPCA to the curved surface near which digits lie. The
pictures go to ``examples/output`` (or to ``--output DIRECTORY``).
"""

import numpy as np
import sklearn.decomposition
from helpers import output_directory, save
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from fastml.decomposition import PCA, KernelPCA

NOISE = 0.3  # standard deviation; a pixel is 0 for white to 1 for black
COUNTS = (4, 8, 12, 16, 32, 64, 128)  # of components
ALPHA = 0.1  # ridge of the way back from feature space


def main() -> None:
    """Remove the noise, print the errors, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])

    digits = load_digits()
    learned, clean, labels, wanted = train_test_split(
        digits.data / 16, digits.target, test_size=0.25, stratify=digits.target, random_state=0
    )
    noisy = clean + np.random.default_rng(0).normal(0, NOISE, clean.shape)

    by_pca = {k: denoised(PCA(k), learned, noisy) for k in COUNTS if k <= clean.shape[1]}
    by_kernel = {k: denoised(kernel_pca(k), learned, noisy) for k in COUNTS}
    errors = {
        "PCA": {k: error(rows, clean) for k, rows in by_pca.items()},
        "KernelPCA": {k: error(rows, clean) for k, rows in by_kernel.items()},
    }
    best = {name: min(found, key=found.get) for name, found in errors.items()}
    rows = {
        "clean": clean,
        "noisy": noisy,
        f"PCA, {best['PCA']} components": by_pca[best["PCA"]],
        f"KernelPCA, {best['KernelPCA']} components": by_kernel[best["KernelPCA"]],
    }

    classifier = SVC().fit(learned, labels)
    print(f"{len(learned):,} clean digits to learn from, {len(clean):,} noisy ones")
    for name, images in rows.items():
        right = classifier.score(images, wanted)
        print(f"  {name:27} error {error(images, clean):.4f}   recognised {right:.1%}")
    same = denoised(sklearn_twin(best["KernelPCA"], learned), learned, noisy)
    print(f"  {'the same by scikit-learn':27} error {error(same, clean):.4f}")

    figures = {
        "denoise_digits": draw_digits(rows, typical(clean, wanted)),
        "denoise_errors": draw_errors(errors, best, error(noisy, clean)),
    }
    save(figures, output)


def kernel_pca(n_components):
    """Return our KernelPCA; gamma comes from the distances between neighbours."""
    return KernelPCA(
        n_components,
        kernel="rbf",
        gamma="nearest",
        alpha=ALPHA,
        fit_inverse_transform=True,
        eigen_solver="dense",
    )


def sklearn_twin(n_components, learned):
    """Return scikit-learn's KernelPCA with what ours chose; it needs gamma as a number."""
    return sklearn.decomposition.KernelPCA(
        n_components,
        kernel="rbf",
        gamma=kernel_pca(1).fit(learned).gamma_,
        alpha=ALPHA,
        fit_inverse_transform=True,
        eigen_solver="dense",
    )


def denoised(model, learned, noisy):
    """Fit a model to clean images, and send noisy ones through its components and back."""
    model.fit(learned)
    return model.inverse_transform(model.transform(noisy))


def error(images, clean):
    """Return the root mean square error of the pixels."""
    return float(np.sqrt(np.mean((images - clean) ** 2)))


def typical(images, labels):
    """Return, for each digit, the index of the image that is nearest to the mean of its kind."""
    chosen = []
    for digit in range(10):
        found = np.flatnonzero(labels == digit)
        distances = ((images[found] - images[found].mean(axis=0)) ** 2).sum(axis=1)
        chosen.append(found[distances.argmin()])
    return chosen


def draw_digits(rows, chosen):
    """Draw the chosen images in each of their versions."""
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    grid = figure.subplots(len(rows), len(chosen))
    for line, (name, images) in zip(grid, rows.items(), strict=True):
        for axes, index in zip(line, chosen, strict=True):
            axes.imshow(images[index].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
        line[0].set_ylabel(name.replace(", ", ",\n"), rotation=0, ha="right", va="center")
    figure.suptitle("Digits that no model has seen, with noise and after it was removed")
    return figure


def draw_errors(errors, best, noisy):
    """Draw the error by the number of components."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for (name, found), colour in zip(errors.items(), ("tab:orange", "tab:blue"), strict=True):
        axes.plot(found.keys(), found.values(), marker="o", color=colour, label=name)
        lowest = found[best[name]]
        axes.annotate(
            f"{lowest:.3f}",
            (best[name], lowest),
            xytext=(0, 8),
            textcoords="offset points",
            ha="center",
            color=colour,
        )
    axes.axhline(noisy, color="grey", linestyle=":", label="noisy digits as they are")
    axes.set_xscale("log", base=2)
    axes.set_xticks(COUNTS, [str(k) for k in COUNTS], minor=False)
    axes.set(xlabel="components", ylabel="root mean square error of a pixel", ylim=(0.14, None))
    axes.set_title("Noise left: KernelPCA stays below PCA, whatever the number of components")
    axes.legend()
    return figure


if __name__ == "__main__":
    main()
