"""Random trees, and layers over them one node at a time in PyTorch."""

import numpy as np

from fastml.nn import Tree


def random_tree(rng, n_nodes, most_children=None, features=None):
    """Return a tree whose nodes are numbered in any order."""
    order = rng.permutation(n_nodes)
    children = [[] for _ in range(n_nodes)]
    for i in range(1, n_nodes):
        open_nodes = [j for j in order[:i] if most_children is None
                      or len(children[j]) < most_children]  # fmt: skip
        children[open_nodes[rng.integers(len(open_nodes))]].append(order[i])
    return Tree(children, features)


def bottom_up(tree):
    """Yield the nodes of a tree, each after its children."""
    return np.argsort(tree.heights, kind="stable").tolist()


def one_at_a_time(torch, tree, x, w_x, w_h, bias=None, nonlinearity=None):
    """Return states and cells of the nodes of a tree; an LSTM's where there is no nonlinearity.

    Parameters
    ----------
    tree : Tree
        Or several, with numbers of their own for all nodes.
    x : tensor (n_nodes, n_features)
        Inputs.
    w_x, w_h, bias : tensors
        As `fastml.nn.functional.tree_lstm` and `tree_rnn` take them.
    """
    n = len(w_x) // (4 if nonlinearity is None else 1)
    states, cells = [None] * tree.n_nodes, [None] * tree.n_nodes
    zero = x.new_zeros(n)
    n_places = 0
    if len(w_h) != len(w_x) or w_h.shape[1] != n:
        n_places = w_h.shape[1] // n
    for j in bottom_up(tree):
        below = tree.children[j]
        z = w_x @ x[j]
        z = z if bias is None else z + bias
        h = [states[k] for k in below]
        line = torch.cat(h + [zero] * (n_places - len(h))) if n_places else sum(h, zero)
        if nonlinearity is not None:
            states[j] = nonlinearity(z + w_h @ line)
            continue
        product = w_h[: 3 * n] @ line
        i, o, u = (z[: 3 * n] + product).chunk(3)
        c = torch.sigmoid(i) * torch.tanh(u)
        for s, k in enumerate(below):
            first, by = (3 + s, line) if n_places else (3, states[k])
            by_child = w_h[first * n : (first + 1) * n] @ by
            c = c + torch.sigmoid(z[3 * n :] + by_child) * cells[k]
        cells[j] = c
        states[j] = torch.sigmoid(o) * torch.tanh(c)
    return torch.stack(states), None if nonlinearity is not None else torch.stack(cells)
