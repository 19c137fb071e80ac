"""Functions of trees beside one node at a time in PyTorch, and results that depend on no other."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastml
from fastml import autodiff as ad
from fastml.nn import Network, Tree, TreeBatch, TreeEmbedding, TreeLSTM, TreeRNN
from fastml.nn import functional as F

from ..tree_cases import one_at_a_time, random_tree

torch = pytest.importorskip("torch")


class Configuration:
    """A forest, layers over it, and how both are called."""

    def __init__(self, seed):
        self.rng = rng = np.random.default_rng(seed)
        self.is_lstm = seed % 3 != 2
        self.nonlinearity = None if self.is_lstm else ("tanh", "relu")[rng.integers(2)]
        self.n_places = (0, 2, 3)[rng.integers(3)]
        self.dtype = (np.float64, np.float32)[seed % 2]
        self.bias = bool(rng.integers(4))
        n, d = int(rng.integers(1, 24)), int(rng.integers(1, 7))
        n_trees, most = (1, 1) if seed % 20 == 0 else (rng.integers(1, 7), rng.integers(2, 16))
        self.trees = [
            random_tree(rng, int(rng.integers(1, most + 1)), self.n_places or None)
            for _ in range(n_trees)
        ]
        n_nodes = sum(tree.n_nodes for tree in self.trees)
        self.x = rng.standard_normal((n_nodes, d)).astype(self.dtype)
        self.weights = [self.layer(d, n), self.layer(n, n)][: rng.integers(1, 3)]
        self.seeds = rng.standard_normal((2, n_nodes, n)).astype(self.dtype)

    def layer(self, d, n):
        gates = 4 if self.is_lstm else 1
        rows = 3 + self.n_places if self.is_lstm and self.n_places else gates
        shapes = [(gates * n, d), (rows * n, max(self.n_places, 1) * n), (gates * n,)]
        drawn = [self.rng.uniform(-1, 1, s) / np.sqrt(n) for s in shapes[: 2 + self.bias]]
        return [a.astype(self.dtype) for a in drawn]

    def theirs(self):
        leaves = [torch.tensor(self.x, requires_grad=True)]
        weights = [[torch.tensor(a, requires_grad=True) for a in given] for given in self.weights]
        how = None if self.is_lstm else getattr(torch, self.nonlinearity)
        h, starts = leaves[0], np.cumsum([0] + [tree.n_nodes for tree in self.trees])
        for given in weights:
            parts = [
                one_at_a_time(torch, tree, h[a:], *given, nonlinearity=how)
                for tree, a in zip(self.trees, starts, strict=False)
            ]
            h = torch.cat([states for states, _ in parts])
        results = [h] if how else [h, torch.cat([cells for _, cells in parts])]
        total = sum((a * torch.tensor(g)).sum() for a, g in zip(results, self.seeds, strict=False))
        flat = leaves + [a for given in weights for a in given]
        gradients = torch.autograd.grad(total, flat, allow_unused=True)
        found = [*results, *(torch.zeros_like(a) if g is None else g
                             for a, g in zip(flat, gradients, strict=True))]  # fmt: skip
        return [a.detach().numpy() for a in found]

    def ours(self):
        x = ad.variable(self.x)
        weights = [[ad.variable(a) for a in given] for given in self.weights]
        composition = "n_ary" if self.n_places else "child_sum"
        if self.is_lstm:
            results = F.tree_lstm(x, self.trees, weights, composition)
        else:
            results = [F.tree_rnn(x, self.trees, weights, self.nonlinearity, composition)]
        total = sum(ad.sum(a * g) for a, g in zip(results, self.seeds, strict=False))
        flat = [x, *(a for given in weights for a in given)]
        return [*(a.value for a in results), *ad.gradients(total, flat)]


@pytest.mark.parametrize("start", range(0, 200, 20))
def test_results_and_gradients_are_those_of_one_node_at_a_time(start):
    for seed in range(start, start + 20):
        configuration = Configuration(seed)
        theirs, ours = configuration.theirs(), configuration.ours()
        eps = 100 * np.finfo(configuration.dtype).eps
        assert len(ours) == len(theirs)
        for got, expected in zip(ours, theirs, strict=True):
            assert got.dtype == configuration.dtype
            size = max(1, np.abs(expected).max(initial=0))
            assert_allclose(got, expected, rtol=0, atol=eps * size, err_msg=f"seed {seed}")


def forest(dtype, n_trees=60, n_places=None, n=37):
    """Return trees, rows and weights of an LSTM."""
    rng = np.random.default_rng(5)
    trees = [random_tree(rng, int(rng.integers(1, 60)), n_places) for _ in range(n_trees)]
    rows = [rng.standard_normal((tree.n_nodes, 9)).astype(dtype) for tree in trees]
    shapes = [(4 * n, 9), ((3 + (n_places or 1)) * n, (n_places or 1) * n), (4 * n,)]
    weights = [[(rng.uniform(-1, 1, s) / np.sqrt(n)).astype(dtype) for s in shapes]]
    return trees, rows, weights


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_places", [None, 2])
def test_a_tree_has_the_same_bits_in_any_forest_and_on_any_threads(dtype, n_places):
    trees, rows, weights = forest(dtype, n_places=n_places)
    composition = "n_ary" if n_places else "child_sum"

    def run(which, threads=1):
        x = ad.variable(np.concatenate([rows[i] for i in which]))
        with fastml.config_context(num_threads=threads):
            h, c = F.tree_lstm(x, [trees[i] for i in which], weights, composition)
            (ad.sum(h * h) + ad.sum(c)).backward()
        starts = np.cumsum([trees[i].n_nodes for i in which])[:-1]
        return [np.split(a, starts) for a in (h.value, c.value, x.grad)]

    whole = run(range(60))
    for got, expected in zip(run(range(60), 2), whole, strict=True):
        for a, b in zip(got, expected, strict=True):
            assert_array_equal(a, b)
    other = np.random.default_rng(1).permutation(60)[:23]
    for which in ([7], [31], other):
        for got, expected in zip(run(which, 2), whole, strict=True):
            for a, i in zip(got, which, strict=True):
                assert_array_equal(a, expected[i])


def test_gradients_by_weights_have_the_same_bits_on_any_threads():
    trees, rows, weights = forest(np.float32)

    def run(threads):
        leaves = [ad.variable(a) for a in weights[0]]
        with fastml.config_context(num_threads=threads):
            h, _ = F.tree_lstm(np.concatenate(rows), trees, [leaves])
            ad.sum(h * h).backward()
        return [a.grad for a in leaves]

    for a, b in zip(run(1), run(2), strict=True):
        assert_array_equal(a, b)


def test_backend_reference_agrees():
    trees, rows, weights = forest(np.float64, 5, n=6)
    x = np.concatenate(rows)
    with fastml.config_context(backend="reference"):
        expected = F.tree_lstm(x, trees, weights)
    for got, wanted in zip(F.tree_lstm(x, trees, weights), expected, strict=True):
        assert_allclose(got, wanted, rtol=1e-12, atol=1e-13)


def test_a_chain_is_a_sequence():
    # With one child each, a child-sum TreeLSTM is an LSTM, whose gates have another order.
    rng = np.random.default_rng(0)
    n, steps = 5, 12
    x = rng.standard_normal((steps, 3))
    w_x, w_h, b = (rng.standard_normal(s) for s in ((4 * n, 3), (4 * n, n), (4 * n,)))
    chain = Tree([[], *([k] for k in range(steps - 1))])
    h, c = F.tree_lstm(x, [chain], [(w_x, w_h, b)])
    order = np.concatenate([np.arange(n) + n * gate for gate in (0, 3, 2, 1)])
    flat = [w_x[order], w_h[order], b[order], 0 * b]
    expected, (_, last) = F.lstm(x, [flat])
    assert_allclose(h, expected, rtol=1e-12, atol=1e-14)
    assert_allclose(c[-1], last[0], rtol=1e-12)


@pytest.mark.parametrize("layer", [TreeLSTM((4, 3)), TreeRNN(4, "binary", "relu"), TreeLSTM(4, 3)])
def test_layers_are_the_functions(layer):
    rng = np.random.default_rng(0)
    trees = [random_tree(rng, n, 2) for n in (1, 4, 9)]
    x = rng.standard_normal((14, 3))
    batch = TreeBatch(TreeBatch.of(trees).structure, x)
    network = Network([layer], 3, dtype="float64")
    v = network.views
    weights = [
        [v[f"0.{name}_l{i}"] for name in ("weight_x", "weight_h", "bias")]
        for i in range(len(layer._sizes()))
    ]
    composition = "child_sum" if layer.composition == "child_sum" else "n_ary"
    if isinstance(layer, TreeLSTM):
        states = F.tree_lstm(x, trees, weights, composition)[0]
        assert_array_equal(v["0.bias_l0"][12:], 1.0)
    else:
        states = F.tree_rnn(x, trees, weights, "relu", composition)
    roots = np.cumsum([0, 1, 4]) + [tree.root for tree in trees]
    assert_array_equal(network.forward(batch), states[roots])


def test_tokens_and_features_side_by_side():
    trees = [
        Tree([[1, 2], [], []], [None, [1.0], [2.0]], [0, None, 1]),
        Tree([[]], [[3.0]], [1]),
    ]
    batch = TreeBatch.of(trees, dtype="float64")
    assert batch.shape == (2, 2)
    network = Network([TreeEmbedding(2, 3), TreeRNN(2)], 2, dtype="float64")
    table = network.views["0.weight"]
    nothing = np.zeros(3)
    rows = np.c_[[0, 1, 2, 3], [table[0], nothing, table[1], table[1]]]
    weights = [network.views[f"1.{name}_l0"] for name in ("weight_x", "weight_h", "bias")]
    expected = F.tree_rnn(rows, trees, [weights])[[0, 3]]
    assert_array_equal(network.forward(batch), expected)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"composition": "mean"}, "composition must be"),
        ({"input": np.zeros((4, 2))}, r"input must have shape \(n_nodes, n_features\).*3"),
        ({"weights": [(np.zeros((8, 1)), np.zeros((8, 2)))]}, "weight_x in weights"),
        ({"weights": [(np.zeros((8, 2)), np.zeros((8, 3)))]}, "weight_h in weights"),
        ({"weights": [(np.zeros((8, 2)),)]}, "got 1 items"),
        ({"weights": []}, "got none"),
        (
            {"weights": [(np.zeros((8, 2)), np.zeros((8, 2)))], "composition": "n_ary"},
            r"Node 0 of trees\[0\] has 2 children.*places for 1",
        ),
        ({"trees": [[[1], []]]}, r"trees must be trees, got list for trees\[0\]"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    given = {
        "input": np.zeros((3, 2)), "trees": [Tree([[1, 2], [], []])],
        "weights": [(np.zeros((8, 2)), np.zeros((8, 2)))],
    }  # fmt: skip
    with pytest.raises((ValueError, TypeError), match=message):
        F.tree_lstm(**(given | change))


def test_layers_say_what_they_take():
    batch = TreeBatch.of([Tree([[]], [[1.0]])])
    with pytest.raises(ValueError, match="takes trees"):
        Network([TreeLSTM(2)], 3).forward(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="takes trees with tokens"):
        Network([TreeEmbedding(2, 3), TreeLSTM(2)], 1).forward(batch)
    with pytest.raises(ValueError, match="X must have shape"):
        Network([TreeLSTM(2)], 3).forward(batch)
    for composition in ("mean", 0, True, 1.5):
        with pytest.raises(ValueError, match="composition must be"):
            TreeLSTM(3, composition)
