"""Recursive layers over trees, of arrays and of variables."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastml.kernels.recurrent.forms import LSTM, RNN_RELU, RNN_TANH
from fastml.kernels.tree.forms import CHILD_SUM, N_ARY
from fastml.nn._forest import TreeBatch
from fastml.nn._structure import Structure
from fastml.nn.functional._sequences import floats
from fastml.nn.functional._tree_nodes import Ascent, ascend

__all__ = ["tree_lstm", "tree_rnn"]

_COMPOSITIONS = {"child_sum": CHILD_SUM, "n_ary": N_ARY}
_NONLINEARITIES = {"tanh": RNN_TANH, "relu": RNN_RELU}
_NAMES = ("weight_x", "weight_h", "bias")


def _structure(trees: Any) -> Structure:
    if isinstance(trees, Structure):
        return trees
    return (trees if isinstance(trees, TreeBatch) else TreeBatch.of(trees)).structure


def _checked_weights(
    i: int, given: Any, kind: int, composition: int, n_features: int
) -> tuple[Any, ...]:
    if len(given) not in (2, 3):
        raise ValueError(
            f"weights[{i}] must be (weight_x, weight_h) or (weight_x, weight_h, bias), got "
            f"{len(given)} items."
        )
    arrays: list[Any] = [
        None if a is None else floats(a, f"weights[{i}]: {name}")
        for a, name in zip(given, _NAMES, strict=False)
    ]
    w_x, w_h = arrays[:2]
    n_gates = 4 if kind == LSTM else 1
    n = w_x.shape[0] // n_gates if w_x.ndim else 0
    n_places = max(1, w_h.shape[-1] // max(n, 1)) if w_h.ndim else 1
    rows = n_gates
    if composition == CHILD_SUM:
        n_places = 1
    elif kind == LSTM:
        rows = 3 + n_places
    wanted = ((n_gates * n, n_features), (rows * n, n_places * n), (n_gates * n,))
    for a, name, shape in zip(arrays, _NAMES, wanted, strict=False):
        if a is not None and a.shape != shape:
            raise ValueError(
                f"{name} in weights[{i}] must have shape {shape} for {n_features} features, {n} "
                f"units and {n_places} places of children, got {a.shape}."
            )
    return (*arrays, *[None] * (3 - len(arrays)))


def refuse_too_many(structure: Structure, n_places: int, name: str = "trees") -> None:
    """Refuse nodes with more children than there are places.

    Parameters
    ----------
    structure : Structure
        Of a forest.
    n_places : int
        For children.
    name : str, default="trees"
        What errors call the trees.

    Raises
    ------
    ValueError
        Naming the first such node.
    """
    if structure.degrees.max(initial=0) > n_places:
        node = int(np.argmax(structure.degrees > n_places))
        tree = int(np.searchsorted(structure.starts, node, side="right")) - 1
        raise ValueError(
            f"Node {node - structure.starts[tree]} of {name}[{tree}] has "
            f"{structure.degrees[node]} children, but there are places for {n_places}: choose a "
            "composition with more of them, or 'child_sum', which adds children up."
        )


def _layers(kind: int, input: Any, trees: Any, weights: Any, composition: str) -> tuple[Any, Any]:
    how = _COMPOSITIONS.get(composition)
    if how is None:
        raise ValueError(f"composition must be 'child_sum' or 'n_ary', got {composition!r}.")
    structure = _structure(trees)
    x = floats(input, "input")
    if x.ndim != 2 or x.shape[0] != structure.n_nodes:
        raise ValueError(
            f"input must have shape (n_nodes, n_features), and the trees have {structure.n_nodes} "
            f"nodes, got {x.shape}."
        )
    if len(weights) == 0:
        raise ValueError("weights must have an item for each layer, got none.")
    n_nodes, cells = structure.n_nodes, None
    for i, given in enumerate(weights):
        w_x, w_h, b = _checked_weights(i, given, kind, how, x.shape[1])
        n = w_x.shape[0] // (4 if kind == LSTM else 1)
        if how == N_ARY:
            refuse_too_many(structure, w_h.shape[1] // n)
        x = ascend(x, w_x, w_h, b, how=Ascent(kind, how, structure))
        if kind == LSTM:
            x, cells = x[:n_nodes], x[n_nodes:]
    return x, cells


def tree_lstm(
    input: Any, trees: Any, weights: Sequence[Sequence[Any]], composition: str = "child_sum"
) -> tuple[Any, Any]:
    """Run layers of long short-term memory from the leaves of trees to their roots.

    Of a node with input x and children of states h_k and cells c_k, with sigma the sigmoid::

        i = sigma(W_i x + U_i s + b_i)        o = sigma(W_o x + U_o s + b_o)
        u =  tanh(W_u x + U_u s + b_u)      f_k = sigma(W_f x + U_f h_k + b_f)
        c = i * u + sum_k f_k * c_k           h = o * tanh(c)

    where s is the sum of all h_k ("child_sum"), or has them one after the other, zeros where there
    is no child ("n_ary"), and ``U_fk s`` then stands in place of ``U_f h_k``.

    Parameters
    ----------
    input : Variable or array-like of shape (n_nodes, n_features)
        Of the nodes of all trees.
    trees : TreeBatch or sequence of Tree
        Which nodes are below which.
    weights : sequence of (weight_x, weight_h) or (weight_x, weight_h, bias)
        For each of several layers, one above the other: variables or arrays of shapes (4 n_units,
        n_features), (4 n_units, n_units) and (4 n_units,), with rows for i, o, u, f. For N places
        of children, weight_h is ((3 + N) n_units, N n_units), with rows for i, o, u, f_1 ... f_N.
    composition : {"child_sum", "n_ary"}, default="child_sum"
        See above. Sums take any number of children, whose order does not matter to them.

    Returns
    -------
    h, c : Variables or arrays of shape (n_nodes, n_units)
        States and cells of all nodes, of the last layer.

    Raises
    ------
    ValueError
        If shapes do not fit, or a node has more children than there are places.

    Notes
    -----
    A tree has the same result, to the bit, alone and in any forest, and on any number of threads.

    References
    ----------
    K. S. Tai, R. Socher and C. D. Manning, "Improved semantic representations from tree-structured
    long short-term memory networks", ACL 2015: equations 2-8 and 9-14.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn import Tree
    >>> from fastml.nn import functional as F
    >>> trees = [Tree([[1, 2], [], []])]
    >>> h, c = F.tree_lstm(np.ones((3, 1)), trees, [(np.ones((4, 1)), np.ones((4, 1)))])
    >>> h.shape, float(np.round(c[0, 0], 4))
    ((3, 1), 1.6875)
    """
    return _layers(LSTM, input, trees, weights, composition)


def tree_rnn(
    input: Any,
    trees: Any,
    weights: Sequence[Sequence[Any]],
    nonlinearity: str = "tanh",
    composition: str = "child_sum",
) -> Any:
    """Run layers of plain units from the leaves of trees to their roots.

    Of a node with input x, whose children have states s, ``h = tanh(W x + U s + b)``.

    Parameters
    ----------
    input, trees
        As for `tree_lstm`.
    weights : sequence of (weight_x, weight_h) or (weight_x, weight_h, bias)
        For each of several layers: variables or arrays of shapes (n_units, n_features), (n_units,
        n_units), or (n_units, N n_units) for N places of children, and (n_units,).
    nonlinearity : {"tanh", "relu"}, default="tanh"
        Of the units.
    composition : {"child_sum", "n_ary"}, default="child_sum"
        What s is, as for `tree_lstm`.

    Returns
    -------
    Variable or array of shape (n_nodes, n_units)
        States of all nodes, of the last layer.

    Raises
    ------
    ValueError
        If shapes do not fit, or a node has more children than there are places.

    References
    ----------
    R. Socher, C. C. Lin, A. Y. Ng and C. D. Manning, "Parsing natural scenes and natural language
    with recursive neural networks", ICML 2011. C. Goller and A. Kuechler, "Learning task-dependent
    distributed representations by backpropagation through structure", ICNN 1996.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn import Tree
    >>> from fastml.nn import functional as F
    >>> weights = [(np.ones((1, 1)), np.ones((1, 1)))]
    >>> F.tree_rnn(np.ones((3, 1)), [Tree([[1, 2], [], []])], weights)
    array([[0.98721703],
           [0.76159416],
           [0.76159416]])
    """
    kind = _NONLINEARITIES.get(nonlinearity)
    if kind is None:
        raise ValueError(f"nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}.")
    return _layers(kind, input, trees, weights, composition)[0]
