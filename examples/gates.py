"""What an LSTM does to add two numbers far apart, and why plain units cannot learn it.

Both networks see sequences of random numbers, two of which are marked, and are to return the sum of
the two (the adding problem of Hochreiter and Schmidhuber, 1997). The gates of the LSTM are drawn
step by step for one sequence, and for both networks how large the gradient of the loss is by what
they hold in each step: that of plain units vanishes on the way back. The pictures go to
``examples/output`` (or to ``--output DIRECTORY``).
"""

import warnings

import numpy as np
from helpers import output_directory, save, with_progress_bar
from matplotlib.figure import Figure
from sklearn.exceptions import ConvergenceWarning

import fastml
from fastml.datasets import make_adding_problem
from fastml.neural_network import LSTMRegressor, RNNRegressor

LENGTH, N_TRAIN, N_TEST = 100, 4000, 500
N_UNITS, N_EPOCHS = 16, 15


def main() -> None:
    """Train both networks, print their errors and gradients, write the pictures."""
    output = output_directory(__doc__.partition("\n")[0])
    warnings.simplefilter("ignore", ConvergenceWarning)
    # Steps are so small that a second thread would mostly be waited for.
    fastml.set_config(num_threads=1)
    X, y = make_adding_problem(N_TRAIN, length=LENGTH, random_state=0)
    X_test, y_test = make_adding_problem(N_TEST, length=LENGTH, random_state=1)
    models = {
        "LSTM": network(LSTMRegressor, 0.02),
        "plain units": network(RNNRegressor, 0.005),
    }
    print(f"Mean squared error of sums (1/6 = 0.167 for who always says 1), {N_TEST} sequences:")
    norms = {}
    for name, model in models.items():
        with_progress_bar(model).fit(X, y)
        error = np.square(model.predict(X_test) - y_test).mean()
        norms[name] = np.mean(model.gradient_norms(X_test, y_test), axis=0)
        if name == "LSTM":
            by_cells = model.gradient_norms(X_test, y_test, of="cells")
            norms["memory of the LSTM"] = np.mean(by_cells, axis=0)
        print(f"  {name:20} {error:.4f}")
    print("Gradient by what units hold, from the last step back to the first one:")
    for name, of_steps in norms.items():
        print(f"  {name:20} powers of ten lost {np.log10(of_steps[-1] / of_steps[0]):.1f}")

    one = X_test[:1]
    states = models["LSTM"].gates(one)
    figures = {
        "gates_steps": draw_gates(one[0], {name: rows[0] for name, rows in states.items()}),
        "gates_gradients": draw_norms(norms),
    }
    save(figures, output)


def network(cls, rate):
    """Return a network of one small layer."""
    return cls(
        N_UNITS, learning_rate_init=rate, batch_size=20, alpha=0, max_iter=N_EPOCHS, tol=0,
        n_iter_no_change=N_EPOCHS, random_state=0,
    )  # fmt: skip


def draw_gates(sequence, states):
    """Draw a sequence above the values of gates and memory, units in rows."""
    names = ("input", "forget", "output", "cell")
    figure = Figure(figsize=(11, 9), layout="constrained")
    above, *below = figure.subplots(
        1 + len(names), 1, sharex=True, height_ratios=(1, *[1.2] * len(names))
    )
    steps = np.arange(len(sequence))
    marked = sequence[:, 1] > 0
    above.bar(steps, sequence[:, 0], color=np.where(marked, "#c4411f", "#cfd6dd"))
    above.set(ylabel="number", title="The numbers, those to be added in red")
    for axes, name in zip(below, names, strict=True):
        values = states[name].T
        # Units that do most in the marked steps come first.
        values = values[np.argsort(-np.abs(states["cell"][-1]))]
        limits = (-1, 1) if name == "cell" else (0, 1)
        values = np.tanh(values) if name == "cell" else values
        colours = "RdBu_r" if name == "cell" else "viridis"
        image = axes.imshow(values, aspect="auto", cmap=colours, vmin=limits[0], vmax=limits[1])
        axes.set(ylabel="units", yticks=[])
        axes.set_title("memory (tanh of it)" if name == "cell" else f"{name} gate")
        for step in steps[marked]:
            axes.axvline(step, color="#c4411f", linewidth=0.8)
        figure.colorbar(image, ax=axes, pad=0.01)
    below[-1].set_xlabel("step")
    return figure


def draw_norms(norms):
    """Draw the norms of gradients by step."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for (name, of_steps), colour in zip(
        norms.items(), ("#1f6fc4", "#5aa469", "#c4411f"), strict=True
    ):
        axes.semilogy(of_steps / of_steps[-1], color=colour, label=name)
    axes.set(
        title="How much of the gradient is left on the way back from the last step",
        xlabel="step", ylabel="norm, over that of the last step",
    )  # fmt: skip
    axes.legend()
    return figure


if __name__ == "__main__":
    main()
