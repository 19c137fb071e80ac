"""Strings spelled backwards by an encoder and a decoder, greedy and by beam search.

The encoder reads a string letter by letter and keeps it in its last states; the decoder, which
sees nothing else, writes it backwards. Long short-term memory is beside plain units, on strings
that are as long as those learned from, and longer. The picture goes to ``examples/output`` (or to
``--output DIRECTORY``).
"""

import warnings

import numpy as np
from helpers import output_directory, save
from matplotlib.figure import Figure
from sklearn.exceptions import ConvergenceWarning

from fastml.neural_network import Seq2SeqClassifier

LETTERS = np.array(list("abcdefghijkl"))
LONGEST, LONGEST_TESTED = 10, 15
CELLS = {"lstm": "long short-term memory", "tanh": "plain units"}
BEAM = 5


def main() -> None:
    """Learn to spell backwards, say how well, write the picture."""
    output = output_directory(__doc__.partition("\n")[0])

    rng = np.random.default_rng(0)
    learned = strings(rng, rng.integers(1, LONGEST + 1, 4000))
    tested = {n: strings(rng, np.full(100, n)) for n in range(1, LONGEST_TESTED + 1)}
    right = {}
    for cell, rate in (("lstm", 0.01), ("tanh", 0.003)):
        model = Seq2SeqClassifier(
            64, cell=cell, embedding_size=12, target_embedding_size=12, learning_rate_init=rate,
            batch_size=100, max_iter=30, tol=0, n_iter_no_change=30, random_state=0,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(*learned)
        print(f"{CELLS[cell]}: strings of 1 to {LONGEST} letters, loss {model.loss_:.4f}")
        for width in (1, BEAM):
            model.set_params(beam_width=width)
            right[cell, width] = [model.score(*some) for some in tested.values()]
            shown = " ".join(f"{share:.2f}" for share in right[cell, width])
            print(f"  right, {width} at a time  {shown}")
        print("  backwards, of blackleg:")
        for said, log_probability in model.predict_beams([numbers("blackleg")])[0][:3]:
            print(f"    {''.join(said):12} {np.exp(log_probability):.3f}")

    save({"reversal": draw(right)}, output)


def numbers(word: str) -> np.ndarray:
    """Return the numbers of letters."""
    return np.searchsorted(LETTERS, list(word))


def strings(rng: np.random.Generator, lengths: np.ndarray) -> tuple[list, list]:
    """Return strings as numbers, and as letters backwards."""
    found = [rng.integers(0, len(LETTERS), n) for n in lengths]
    return found, [LETTERS[tokens[::-1]] for tokens in found]


def draw(right: dict) -> Figure:
    """Draw the share of strings without a mistake against their length."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    lengths = np.arange(1, LONGEST_TESTED + 1)
    axes.axvspan(LONGEST + 0.5, LONGEST_TESTED + 0.5, color="0.93")
    axes.text(LONGEST + 0.7, 0.97, "longer than those\nlearned from", va="top", color="0.4")
    colours = dict(zip(CELLS, ("tab:blue", "tab:orange"), strict=True))
    for (cell, width), shares in right.items():
        how = "greedy" if width == 1 else f"beam of {width}"
        style = "-" if width == 1 else "--"
        axes.plot(
            lengths, shares, style, color=colours[cell], marker="o" if width == 1 else "s",
            markersize=4, label=f"{CELLS[cell]}, {how}",
        )  # fmt: skip
    axes.set(
        xlabel="letters", ylabel="strings without a mistake", xlim=(0.5, LONGEST_TESTED + 0.5),
        ylim=(-0.02, 1.02), title="Spelled backwards from the encoder's last states alone",
    )  # fmt: skip
    axes.legend(loc="lower left", frameon=False)
    return figure


if __name__ == "__main__":
    main()
