"""Explain the gradient of one neuron by the chain rule, and show how gradients vanish with depth.

Pictures go to ``examples/output`` (or to ``--output DIRECTORY``).
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from fastml import autodiff as ad

DEPTH = 30
WIDTH = 64
# Each with the variance of the weights, times the width, that suits it.
ACTIVATIONS = {
    "sigmoid": (ad.sigmoid, 1.0),
    "tanh": (ad.tanh, 1.0),
    "ReLU": (lambda s: ad.maximum(s, 0.0), 2.0),
}
COLOURS = {"sigmoid": "tab:red", "tanh": "tab:orange", "ReLU": "tab:blue"}


def main() -> None:
    """Print the explanations, write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)

    figures = {"neuron_graph": explain_neuron(), "vanishing_gradient": follow_gradients()}
    for name, figure in figures.items():
        figure.savefig(output / f"{name}.png", dpi=150)
    print(f"Pictures are in {output}: {', '.join(sorted(figures))}.")


def explain_neuron() -> Figure:
    """Explain the gradients of a sigmoid neuron with half the squared error; draw its graph."""
    x, w, b = ad.variable(2.0, "x"), ad.variable(0.5, "w"), ad.variable(-1.0, "b")
    t = ad.variable(1.0, "t")
    s = w * x + b
    s.name = "s"
    y = ad.sigmoid(s)
    y.name = "y"
    loss = 0.5 * (y - t) ** 2
    loss.name = "L"
    for by in (b, w, x):
        print(f"{ad.explain(loss, by)}\n")
    return ad.draw(loss)


def follow_gradients() -> Figure:
    """Send a gradient back through deep networks; draw its size by layer beside the derivatives."""
    sizes = {name: gradient_sizes(*given) for name, given in ACTIVATIONS.items()}
    print(
        f"Size of the gradient after {DEPTH} layers of {WIDTH} units, relative to the last layer's:"
    )
    for name, found in sizes.items():
        print(f"  {name:8} {found[0] / found[-1]:.1e}")
    print()

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    inputs = ad.variable(np.linspace(-5, 5, 500))
    for name, (activation, _) in ACTIVATIONS.items():
        ones = np.ones(inputs.shape)
        (slopes,) = ad.gradients(activation(inputs), [inputs], ones)
        left.plot(
            inputs.value, slopes, color=COLOURS[name], label=f"{name}, at most {slopes.max():.2g}"
        )
        right.semilogy(
            range(1, DEPTH + 1), sizes[name] / sizes[name][-1], color=COLOURS[name], label=name
        )
    left.set(xlabel="s", ylabel="derivative", title="Derivatives of activations")
    right.set(xlabel="layer", ylabel="gradient, relative to the last layer's")
    right.set_title("Size of the gradient, from the last layer back")
    for axes in (left, right):
        axes.legend()
        axes.grid(alpha=0.3)
    return figure


def gradient_sizes(activation, variance) -> np.ndarray:
    """Return the norm of the gradient by what each layer puts out."""
    rng = np.random.default_rng(0)
    h = ad.variable(rng.standard_normal(WIDTH))
    outputs = []
    for _ in range(DEPTH):
        weights = rng.standard_normal((WIDTH, WIDTH)) * np.sqrt(variance / WIDTH)
        h = activation(weights @ h)
        outputs.append(h)
    found = ad.gradients(h @ rng.standard_normal(WIDTH), outputs)
    return np.array([np.linalg.norm(g) for g in found])


if __name__ == "__main__":
    main()
