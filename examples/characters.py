"""A model of text, character by character: what comes next, by an LSTM and by counting.

Both learn the first nine tenths of a licence and are asked for each character of the last tenth.
How many bits the answers cost is printed beside what xz takes, and a piece of text that the network
makes up. The text is Debian's copy of the GPL where there is one, else the licence that comes with
SciPy; ``--text FILE`` takes another. The picture goes to ``examples/output`` (or to ``--output
DIRECTORY``).
"""

import argparse
import lzma
import warnings
from collections import Counter, defaultdict
from importlib.metadata import files
from pathlib import Path

import numpy as np
from helpers import save, with_progress_bar
from matplotlib.figure import Figure
from sklearn.exceptions import ConvergenceWarning

import fastml
from fastml.neural_network import LSTMClassifier

LICENCE = Path("/usr/share/common-licenses/GPL-3")
WINDOW, ORDER = 64, 4
N_SAMPLED, TEMPERATURE = 300, 0.7


def main() -> None:
    """Train the network, print what characters cost, write a piece of text and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    parser.add_argument("--text", type=Path, default=None)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore", ConvergenceWarning)
    # Steps are so small that a second thread would mostly be waited for.
    fastml.set_config(num_threads=1)

    text = (options.text or licence()).read_text(encoding="utf-8", errors="replace")
    symbols = np.array(sorted(set(text)))
    tokens = np.searchsorted(symbols, list(text))
    n_learned = len(tokens) * 9 // 10
    learned, later = tokens[:n_learned], tokens[n_learned:]
    print(f"{len(tokens)} characters, {len(symbols)} different ones")

    model = with_progress_bar(network(len(symbols)))
    model.fit(windows(learned[:-1]), windows(learned[1:]))
    (probabilities,) = model.predict_proba([later[:-1]])
    columns = np.searchsorted(model.classes_, later[1:])
    known = np.isin(later[1:], model.classes_)
    told = np.full(len(columns), 1e-6)
    told[known] = probabilities[np.flatnonzero(known), columns[known]]
    costs = {
        "each alike": np.log2(len(symbols)),
        "counted alone": counted(learned, later, len(symbols), 0).mean(),
        f"after {ORDER} counted": counted(learned, later, len(symbols), ORDER).mean(),
        "xz": compressed(text, n_learned),
        "LSTM": -np.log2(told).mean(),
    }
    print("Bits for each character of the last tenth:")
    for name, bits in costs.items():
        print(f"  {name:16} {bits:.2f}")
    print("Made up by the network:")
    print("\n".join(f"  | {line}" for line in made_up(model, symbols, text).split("\n")))
    save({"characters": draw(costs)}, options.output)


def licence():
    """Return a file with a licence that is on this machine."""
    if LICENCE.exists():
        return LICENCE
    found = [file for file in files("scipy") or () if "LICENSE" in file.name]
    return max((Path(file.locate()) for file in found), key=lambda path: path.stat().st_size)


def network(n_symbols):
    """Return the network that is to learn."""
    return LSTMClassifier(
        192, embedding_size=64, n_tokens=n_symbols, dropout=0.5, learning_rate_init=0.01,
        learning_rate="cosine", batch_size=8, max_iter=15, tol=0, n_iter_no_change=15,
        random_state=0,
    )  # fmt: skip


def windows(tokens):
    """Return pieces of a text, one after the other."""
    return [tokens[i : i + WINDOW] for i in range(0, len(tokens), WINDOW)]


def counted(learned, later, n_symbols, order):
    """Return bits of characters by how often they came after those before, mixed over lengths.

    The escape of Witten and Bell (1991): as many new symbols came after some characters as there
    are different ones, so much weight have shorter beginnings.
    """
    counts = [defaultdict(Counter) for _ in range(order + 1)]
    for n, table in enumerate(counts):
        for i in range(n, len(learned)):
            table[tuple(learned[i - n : i])][learned[i]] += 1
    bits = []
    for i in range(1, len(later)):
        p = 1 / n_symbols
        for n in range(min(order, i) + 1):
            seen = counts[n].get(tuple(later[i - n : i]))
            if seen:
                total, kinds = sum(seen.values()), len(seen)
                p = (seen[later[i]] + kinds * p) / (total + kinds)
        bits.append(-np.log2(p))
    return np.array(bits)


def compressed(text, n_learned):
    """Return bits of a character of the rest that xz takes for it after the beginning."""
    whole, first = (len(lzma.compress(part.encode())) for part in (text, text[:n_learned]))
    return 8 * (whole - first) / (len(text) - n_learned)


def made_up(model, symbols, text):
    """Return text that begins as the licence goes on, drawn from what the network expects."""
    rng, state, out = np.random.default_rng(0), None, "  You may "
    for symbol in out[:-1]:
        _, state = model.predict_step([np.searchsorted(symbols, symbol)], state)
    while len(out) < N_SAMPLED:
        token = np.searchsorted(symbols, out[-1])
        found, state = model.predict_step([token], state, response_method="predict_proba")
        p = found[0].astype(float) ** (1 / TEMPERATURE)
        out += symbols[model.classes_[rng.choice(len(p), p=p / p.sum())]]
    return out


def draw(costs):
    """Draw bits as bars."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    names = list(costs)[::-1]
    values = [costs[name] for name in names]
    colours = ["#1f6fc4" if name == "LSTM" else "#9fb4c8" for name in names]
    bars = axes.barh(names, values, color=colours)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set(title="What the last tenth of a licence costs", xlabel="bits for each character")
    axes.margins(x=0.12)
    return figure


if __name__ == "__main__":
    main()
