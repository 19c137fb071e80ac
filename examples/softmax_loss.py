"""Scores, softmax and cross-entropy of one picture; activations and where their gradients vanish.

The pictures go to ``examples/output`` (or to ``--output DIRECTORY``).
"""

import numpy as np
from helpers import output_directory, save
from matplotlib.figure import Figure

from fastml import activations, losses
from fastml import autodiff as ad

CLASSES = ("cat", "car", "frog")
SCORES = np.array([3.2, 5.1, -1.7])
DEPTH = 12


def main() -> None:
    """Print the worked example and the table of activations, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])
    figures = {"softmax_loss": worked_example(), "softmax_activations": show_activations()}
    save({**figures, "softmax_vanishing": vanishing_gradients()}, output)


def worked_example() -> Figure:
    """Follow one picture of a cat from its scores to the gradient of its loss."""
    scores = ad.variable(SCORES, name="scores")
    loss = losses.softmax_cross_entropy(scores, CLASSES.index("cat"))
    loss.backward()
    shares = activations.softmax(SCORES)
    print(f"A picture of a cat, scored as {', '.join(CLASSES)}")
    for what, numbers in (
        ("score", SCORES), ("exponential", np.exp(SCORES)), ("softmax", shares),
    ):  # fmt: skip
        print(f"  {what:12}" + "".join(f"{number:10.2f}" for number in numbers))
    print(f"  {'loss':12}{loss.item():10.2f}     -ln {shares[0]:.2f}")
    print(f"  {'gradient':12}" + "".join(f"{number:10.2f}" for number in scores.grad) + "\n")
    return draw_example(shares, scores.grad, loss.item())


def show_activations() -> Figure:
    """Print what one knows of activations, and draw them."""
    print(activations.table(), "\n")
    return activations.plot()


def vanishing_gradients() -> Figure:
    """Send a gradient back through layers of one unit each."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    print(f"Gradient that is left after {DEPTH} layers of one unit")
    for name in ("sigmoid", "tanh", "relu", "gelu"):
        x = ad.variable(1.0)
        layers = [x]
        for _ in range(DEPTH):
            layers.append(getattr(activations, name)(layers[-1]))
        left = [float(ad.gradients(layers[-1], [layer])[0]) for layer in layers]
        print(f"  {name:12} {left[0]:.9f}")
        axes.semilogy(range(DEPTH + 1), left[::-1], "o-", label=name, markersize=4)
    axes.set(xlabel="layers gone back", ylabel="gradient", title="A gradient on its way back")
    axes.legend()
    return figure


def draw_example(shares, gradient, loss):
    """Draw scores, their softmax, and the gradient of the loss."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    panels = (
        ("Scores", SCORES), ("Softmax", shares), (f"Gradient of the loss, {loss:.2f}", gradient),
    )  # fmt: skip
    for axes, (title, numbers) in zip(figure.subplots(1, 3), panels, strict=True):
        bars = axes.bar(CLASSES, numbers, color=("tab:orange", "tab:blue", "tab:green"))
        axes.bar_label(bars, fmt="%.2f", padding=3)
        axes.axhline(0, color="grey", linewidth=0.8)
        axes.margins(y=0.2)
        axes.set_title(title)
    return figure


if __name__ == "__main__":
    main()
