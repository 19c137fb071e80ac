"""Layers over forests, level by level, beside PyTorch with one node at a time."""

import numpy as np

from fastml import autodiff as ad
from fastml.nn import Tree, TreeBatch
from fastml.nn import functional as F

from . import common

torch = common.optional("torch")

# Kind, trees, leaves of each, features, units. Trees are binary, as parses are.
SIZES = (
    ("child_sum", 1, 20, 64, 64), ("child_sum", 32, 20, 64, 128), ("child_sum", 256, 20, 64, 128),
    ("n_ary", 32, 20, 64, 128), ("rnn", 32, 20, 64, 128),
)  # fmt: skip


def binary_tree(rng, n_leaves):
    """Return a tree whose nodes are joined two by two in random order."""
    children, open_nodes = [[] for _ in range(n_leaves)], list(range(n_leaves))
    while len(open_nodes) > 1:
        at = int(rng.integers(len(open_nodes) - 1))
        children.append(open_nodes[at : at + 2])
        open_nodes[at : at + 2] = [len(children) - 1]
    return Tree(children)


def of_torch(kind, trees, x, weights):
    """Return states of all nodes, one node after the other: children have lower numbers."""
    w_x, w_h, b = weights
    n = w_h.shape[1] // (2 if kind == "n_ary" else 1)
    zero, found, start = torch.zeros(n), [], 0
    for tree in trees:
        states, cells = [], []
        for j, below in enumerate(tree.children):
            z = torch.nn.functional.linear(x[start + j], w_x, b)
            h = [states[k] for k in below] or [zero] * 2
            if kind == "rnn":
                states.append(torch.tanh(z + torch.mv(w_h, h[0] + h[1])))
                continue
            line = torch.cat(h) if kind == "n_ary" else h[0] + h[1]
            product = torch.mv(w_h if kind == "n_ary" else w_h[: 3 * n], line)
            i, o, u = (z[: 3 * n] + product[: 3 * n]).chunk(3)
            c = torch.sigmoid(i) * torch.tanh(u)
            for s, k in enumerate(below):
                if kind == "n_ary":
                    by_child = product[(3 + s) * n : (4 + s) * n]
                else:
                    by_child = torch.mv(w_h[3 * n :], states[k])
                c = c + torch.sigmoid(z[3 * n :] + by_child) * cells[k]
            cells.append(c)
            states.append(torch.sigmoid(o) * torch.tanh(c))
        found += states
        start += tree.n_nodes
    return torch.stack(found)


class Forward(common.Benchmark):
    """float32; the order in which to go through the forest is part of each run."""

    sizes = SIZES
    both = False

    def prepare(self, backend, size):
        kind, n_trees, n_leaves, d, n = size
        rng = np.random.default_rng(0)
        trees = [binary_tree(rng, n_leaves) for _ in range(n_trees)]
        width = n if kind == "rnn" else 4 * n
        w_h = (5 * n, 2 * n) if kind == "n_ary" else (width, n)
        weights = [
            (rng.uniform(-1, 1, s) / n**0.5).astype(np.float32) for s in ((width, d), w_h, (width,))
        ]
        batch = TreeBatch.of(trees)
        x = rng.standard_normal((batch.n_nodes, d)).astype(np.float32)
        seed = np.ones((len(x), n), np.float32)
        all_trees = np.arange(n_trees)

        def run(x, weights):
            forest = batch.take(all_trees)
            if kind == "rnn":
                return F.tree_rnn(x, forest, [weights])
            return F.tree_lstm(x, forest, [weights], kind)[0]

        def both_ways():
            leaves = [ad.variable(a) for a in (x, *weights)]
            run(leaves[0], leaves[1:]).backward(seed, free=True)

        self.ours = both_ways if self.both else lambda: run(x, weights)
        self.peer = None
        if torch is not None:
            # At products this small, PyTorch's threads would wait for each other.
            torch.set_num_threads(1)
            tensors = [torch.from_numpy(a) for a in (x, *weights)]

            def theirs():
                with torch.no_grad():
                    return of_torch(kind, trees, tensors[0], tensors[1:])

            def theirs_both_ways():
                leaves = [a.clone().requires_grad_() for a in tensors]
                of_torch(kind, trees, leaves[0], leaves[1:]).backward(torch.from_numpy(seed))

            self.peer = theirs_both_ways if self.both else theirs

    def time_run(self, backend, size):
        self.ours()

    def track_ratio_to_torch(self, backend, size):
        return common.ratio(self.ours, self.peer, budget=2.0)


class ForwardAndBackward(Forward):
    """The same, and the gradients by input and weights."""

    both = True
