"""Expressions evaluated by a network along their trees, and by one along their symbols.

Logic, and arithmetic modulo 3. Both networks learn from the same expressions of a few levels, with
the value of each sub-expression as a target: a TreeLSTM for the nodes of the tree, an LSTM for the
steps of the same symbols in postfix order, where each sub-expression ends with its operator. Then
both evaluate expressions of many more levels. The picture goes to ``examples/output`` (or to
``--output DIRECTORY``).
"""

import warnings
from typing import NamedTuple

import numpy as np
from helpers import output_directory, progress, save
from matplotlib.figure import Figure
from sklearn.exceptions import ConvergenceWarning

from fastml.neural_network import LSTMClassifier, RecursiveClassifier
from fastml.nn import Tree

LOGIC = {
    "and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b,
    "not": lambda a: 1 - a,
}  # fmt: skip
ARITHMETIC = {
    "+": lambda a, b: (a + b) % 3, "-": lambda a, b: (a - b) % 3, "*": lambda a, b: a * b % 3,
}  # fmt: skip
# Operators, and how many different numbers there are.
TASKS = {"logic": (LOGIC, 2), "arithmetic": (ARITHMETIC, 3)}
N_LEARNED, N_TESTED = 1500, 300
LEARNED, TESTED = (1, 2, 3, 4), (1, 2, 3, 4, 5, 6, 8, 10)
# Arguments that are not on the longest way down have so many levels at most.
MOST_BESIDE = 4
TRAINING = {
    "learning_rate_init": 0.01, "batch_size": 50, "max_iter": 40, "dropout": 0.3,
    "random_state": 0,
}  # fmt: skip


class Expressions(NamedTuple):
    """Expressions as tuples of an operator and its arguments, and what they are.

    Attributes
    ----------
    nested : list
        The expressions.
    values : list of list of int
        Values of all sub-expressions of each, in the order of their beginnings.
    """

    nested: list
    values: list

    @classmethod
    def drawn(cls, task, n, depths, rng):
        """Return random expressions of a task, each of one of the depths."""
        operators, n_numbers = TASKS[task]
        nested = [draw(operators, n_numbers, int(d), rng) for d in rng.choice(depths, n)]
        return cls(nested, [evaluated(e, operators) for e in nested])

    def trees(self):
        """Return the trees, whose nodes are in the order of the values."""
        return [Tree.from_nested(e, labelled=True) for e in self.nested]

    def sequences(self, numbers):
        """Return the symbols in postfix order, by number, and the values in that order."""
        orders = [postfix(tree) for tree in self.trees()]
        symbols = [[numbers[t] for t in tokens] for tokens, _ in orders]
        values = [np.array(v)[nodes] for v, (_, nodes) in zip(self.values, orders, strict=True)]
        return [np.array(s) for s in symbols], values


def main() -> None:
    """Train the networks, print how often they are right, draw it."""
    output = output_directory(__doc__.partition("\n")[0])
    found = {}
    for task in progress(TASKS, "Training"):
        found[task] = compared(task)
        print(f"{task}: {N_LEARNED} expressions of {LEARNED[0]} to {LEARNED[-1]} levels")
        print("  levels   " + "".join(f"{depth:7}" for depth in TESTED))
        for name, shares in found[task].items():
            print(f"  {name:9}" + "".join(f"{share:7.1%}" for share in shares))
        print()
    save({"expressions": picture(found)}, output)


def draw(operators, n_numbers, depth, rng):
    """Return a random expression of so many levels."""
    if depth == 0:
        return str(rng.integers(n_numbers))
    operator = list(operators)[rng.integers(len(operators))]
    deep = draw(operators, n_numbers, depth - 1, rng)
    if operator == "not":
        return operator, deep
    beside = draw(operators, n_numbers, int(rng.integers(min(depth, MOST_BESIDE + 1))), rng)
    return (operator, deep, beside) if rng.integers(2) else (operator, beside, deep)


def evaluated(expression, operators):
    """Return the values of an expression and of all in it, in the order of their beginnings."""
    if isinstance(expression, str):
        return [int(expression)]
    operator, *arguments = expression
    inner = [evaluated(argument, operators) for argument in arguments]
    return [operators[operator](*(values[0] for values in inner)), *(v for vs in inner for v in vs)]


def postfix(tree):
    """Return the symbols of a tree in postfix order, and which nodes they are."""
    nodes, waiting = [], [tree.root]
    while waiting:
        nodes.append(waiting.pop())
        waiting.extend(tree.children[nodes[-1]])
    nodes.reverse()
    return [tree.tokens[node] for node in nodes], nodes


def compared(task, n_learned=N_LEARNED, n_tested=N_TESTED, depths=TESTED, seed=0):
    """Return the share of expressions of each depth that networks evaluate to what they are.

    Parameters
    ----------
    task : {"logic", "arithmetic"}
        What is evaluated.
    n_learned, n_tested : int
        Expressions to learn from, and of each depth to be evaluated.
    depths : sequence of int
        Numbers of levels.
    seed : int
        Of expressions and networks.

    Returns
    -------
    dict of list of float
        For "TreeLSTM" and "LSTM", and "constant": the most frequent value.
    """
    rng = np.random.default_rng(seed)
    operators, n_numbers = TASKS[task]
    learned = Expressions.drawn(task, n_learned, LEARNED, rng)
    tested = [Expressions.drawn(task, n_tested, [depth], rng) for depth in depths]
    symbols = [*operators, *map(str, range(n_numbers))]
    numbers = {symbol: number for number, symbol in enumerate(symbols)}
    options = TRAINING | {"random_state": seed}
    along_trees = RecursiveClassifier(32, composition="binary", targets="nodes", **options)
    along_symbols = LSTMClassifier(
        64, embedding_size=32, n_tokens=len(symbols), targets="step", **options
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        along_trees.fit(learned.trees(), learned.values)
        along_symbols.fit(*learned.sequences(numbers))
    shares = {"TreeLSTM": [], "LSTM": [], "constant": []}
    for expressions in tested:
        wanted = np.array([values[0] for values in expressions.values])
        roots = [values[0] for values in along_trees.predict(expressions.trees())]
        lasts = [values[-1] for values in along_symbols.predict(expressions.sequences(numbers)[0])]
        shares["TreeLSTM"].append(np.mean(roots == wanted))
        shares["LSTM"].append(np.mean(lasts == wanted))
        shares["constant"].append(np.bincount(wanted).max() / len(wanted))
    return shares


def picture(found):
    """Return a figure of the shares by number of levels."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    colours = {"TreeLSTM": "tab:green", "LSTM": "tab:red", "constant": "0.6"}
    for axes, (task, shares) in zip(figure.subplots(1, 2, sharey=True), found.items(), strict=True):
        axes.axvspan(LEARNED[0], LEARNED[-1], color="0.93", label="learned from")
        for name, values in shares.items():
            style = "--" if name == "constant" else "o-"
            axes.plot(TESTED, values, style, color=colours[name], label=name)
        axes.set(
            title=task, xlabel="levels", ylim=(0.2, 1.03), xlim=(TESTED[0] - 0.2, TESTED[-1] + 0.2)
        )
    figure.axes[0].set_ylabel("share evaluated right")
    figure.axes[0].legend(loc="lower left")
    return figure


if __name__ == "__main__":
    main()
