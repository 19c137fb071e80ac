"""Trees: which nodes are below which, and what is known of each node."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from fastml.nn._tree_text import nested_of_brackets, nested_of_sexpr

__all__ = ["Tree", "balanced_tree"]


class Tree:
    """A tree with ordered children, and features, tokens or labels of its nodes.

    Parameters
    ----------
    children : sequence of sequences of int
        Numbers of the children of each node, from left to right; none for a leaf.
    features : sequence of (array-like of shape (n_features,) or None), optional
        Of each node; those of None are zeros. An array of shape (n_nodes, n_features) has some for
        all.
    tokens : sequence, optional
        A hashable value of each node, such as a word or an operator; None for nodes without.
    labels : sequence, optional
        What is known of each node besides, such as its target. Networks do not see it.

    Attributes
    ----------
    children, tokens, labels
        As they were given, as tuples.
    features : (n_nodes, n_features) ndarray or None
        Of float32 or float64.
    parents, heights : (n_nodes,) int64 ndarrays
        The node above each, -1 for the root; levels below each, 0 of a leaf.
    root : int
        Number of the node above all others.

    Raises
    ------
    ValueError
        If the children do not make one tree (a node has two parents, there is a cycle or more
        than one root), or nodes have different numbers of features, naming the node.

    Examples
    --------
    >>> from fastml.nn import Tree
    >>> tree = Tree([[1, 2], [], []], tokens=["+", "a", "b"])
    >>> print(tree)
    (+ a b)
    >>> tree.n_nodes, tree.depth
    (3, 1)
    """

    __slots__ = ("children", "features", "heights", "labels", "parents", "root", "tokens")

    def __init__(
        self,
        children: Sequence[Sequence[int]],
        features: Any = None,
        tokens: Sequence[Any] | None = None,
        labels: Sequence[Any] | None = None,
    ) -> None:
        self.children = tuple(tuple(int(k) for k in below) for below in children)
        self.parents = _parents(self.children)
        self.root, self.heights = _heights(self.children, self.parents)
        self.tokens = None if tokens is None else self._one_each("tokens", tokens)
        self.labels = None if labels is None else self._one_each("labels", labels)
        self.features = None if features is None else self._rows(features)

    def _one_each(self, name: str, values: Any) -> tuple[Any, ...]:
        found = tuple(values)
        if len(found) != self.n_nodes:
            raise ValueError(
                f"{name} must have an item for each of {self.n_nodes} nodes, got {len(found)}."
            )
        return found

    def _rows(self, features: Any) -> np.ndarray[Any, Any]:
        rows = [None if row is None else np.atleast_1d(np.asarray(row)) for row in features]
        self._one_each("features", rows)
        given = {i: row for i, row in enumerate(rows) if row is not None}
        if not given:
            raise ValueError("features must be those of one node at least, got None for all.")
        first, like = next(iter(given.items()))
        for i, row in given.items():
            if row.ndim != 1 or row.dtype.kind not in "biufO":
                raise ValueError(
                    f"features of node {i} must be numbers in one dimension, got shape "
                    f"{row.shape} of dtype {row.dtype}."
                )
            if row.size != like.size:
                raise ValueError(
                    f"All nodes must have as many features: node {i} has {row.size}, and node "
                    f"{first} has {like.size}."
                )
        dtype = np.result_type(*{np.float64 if r.dtype.kind == "O" else r.dtype for r in
                                 given.values()})  # fmt: skip
        out = np.zeros((len(rows), like.size), np.float32 if dtype.kind == "f" and
                       dtype.itemsize <= 4 else np.float64)  # fmt: skip
        for i, row in given.items():
            out[i] = row
        return out

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.children)

    @property
    def depth(self) -> int:
        """Number of levels below the root."""
        return int(self.heights[self.root])

    def __len__(self) -> int:
        return self.n_nodes

    @classmethod
    def from_nested(cls, nested: Any, labelled: bool = False) -> "Tree":
        """Read a tree from tuples or lists in each other.

        Parameters
        ----------
        nested : tuple or list
            The nodes below a node, one after the other. All else is a leaf: an array has its
            features, anything else is its token. Nodes are numbered in the order of their
            beginnings, the root first.
        labelled : bool, default=False
            Whether the first item of a tuple is the token, or features, of the node itself.

        Examples
        --------
        >>> from fastml.nn import Tree
        >>> Tree.from_nested((("a", "b"), "c")).depth
        2
        >>> Tree.from_nested(("*", ("+", 1, 2), 3), labelled=True).tokens
        ('*', '+', 1, 2, 3)
        """
        children: list[list[int]] = []
        values: list[Any] = []
        waiting: list[tuple[Any, int]] = [(nested, -1)]
        while waiting:
            item, above = waiting.pop()
            number = len(children)
            children.append([])
            if above >= 0:
                children[above].append(number)
            below: Sequence[Any] = ()
            if isinstance(item, tuple | list):
                if len(item) == 0:
                    raise ValueError(f"Node {number} is empty: a node has a token or children.")
                below = item[1:] if labelled else item
                item = item[0] if labelled else None
                if isinstance(item, tuple | list):
                    raise ValueError(
                        f"Node {number} begins with a node, where its own token should be; if "
                        "nodes have none, it is labelled=False."
                    )
            values.append(item)
            waiting.extend((inner, number) for inner in reversed(below))
        features = [v if isinstance(v, np.ndarray) else None for v in values]
        tokens = [None if isinstance(v, np.ndarray) else v for v in values]
        return cls(
            children,
            features if any(v is not None for v in features) else None,
            tokens if any(v is not None for v in tokens) else None,
        )

    @classmethod
    def from_sexpr(cls, text: str, labelled: bool = True) -> "Tree":
        """Read a tree from an s-expression, such as "(+ 1 (* 2 x))".

        Parameters
        ----------
        text : str
            Words, and lists of them in parentheses. Tokens are the words, as strings.
        labelled : bool, default=True
            Whether the first word of a list is the token of the node, as an operator is, or all
            are nodes below it.

        Raises
        ------
        ValueError
            Where parentheses do not match, naming the place.

        Examples
        --------
        >>> from fastml.nn import Tree
        >>> Tree.from_sexpr("(+ 1 (* 2 x))").tokens
        ('+', '1', '*', '2', 'x')
        """
        return cls.from_nested(nested_of_sexpr(text), labelled)

    @classmethod
    def from_brackets(cls, text: str, label: Callable[[str], Any] = str) -> "Tree":
        """Read a parse of a sentence with a label of each node, as treebanks have them.

        Parameters
        ----------
        text : str
            Such as "(S (NP (DT the) (NN cat)) (VP (V sat)))", or of sentiments "(3 (2 It) (4
            good))". A node with nothing but a word in it is a leaf; words are tokens.
        label : callable, default=str
            What to make of a label: `int` where they are numbers.

        Examples
        --------
        >>> from fastml.nn import Tree
        >>> tree = Tree.from_brackets("(3 (2 It) (4 good))", label=int)
        >>> tree.labels, tree.tokens
        ((3, 2, 4), (None, 'It', 'good'))
        """
        children, labels, words = nested_of_brackets(text)
        return cls(children, tokens=words, labels=[label(a) for a in labels])

    def __str__(self) -> str:
        parts: list[str] = []
        waiting: list[Any] = [self.root]
        while waiting:
            item = waiting.pop()
            if isinstance(item, str):
                parts.append(item)
                continue
            token = None if self.tokens is None else self.tokens[item]
            below = self.children[item]
            word = f"{'' if below and token is None else '_' if token is None else token}"
            if not below:
                parts.append(f" {word}")
                continue
            parts.append(f" ({word}")
            waiting.append(")")
            waiting.extend(reversed(below))
        return "".join(parts).replace("( ", "(").strip()

    def __repr__(self) -> str:
        text = str(self)
        return f"<tree {text if len(text) <= 60 else text[:57] + '...'}, {self.n_nodes} nodes>"

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)


def balanced_tree(sequence: Iterable[Any]) -> Tree:
    """Return a binary tree over the elements of a sequence, of the least depth there is.

    A network over it goes through ``ceil(log2(N))`` steps from any of N elements to the root, where
    one over the sequence goes through up to N.

    Parameters
    ----------
    sequence : iterable or array (N, n_features)
        Tokens, or rows of features: the leaves from left to right, which are nodes 0 ... N - 1.

    Returns
    -------
    Tree

    Raises
    ------
    ValueError
        If it is empty.

    Examples
    --------
    >>> from fastml.nn import balanced_tree
    >>> tree = balanced_tree("abcde")
    >>> print(tree, tree.depth)
    (((a b) (c d)) e) 3
    """
    items = list(sequence)
    if not items:
        raise ValueError("sequence must have one element at least, got an empty one.")
    children: list[list[int]] = [[] for _ in items]
    level = list(range(len(items)))
    while len(level) > 1:
        above = []
        for left, right in zip(level[::2], level[1::2], strict=False):
            above.append(len(children))
            children.append([left, right])
        level = above + level[len(level) - len(level) % 2 :]
    nothing = [None] * (len(children) - len(items))
    if isinstance(items[0], np.ndarray | np.generic) and np.asarray(items[0]).dtype.kind in "biuf":
        return Tree(children, [*items, *nothing])
    return Tree(children, tokens=[*items, *nothing])


def _parents(children: tuple[tuple[int, ...], ...]) -> np.ndarray[Any, Any]:
    n = len(children)
    if n == 0:
        raise ValueError("children must have an item for each node, got none: a tree has a root.")
    parents = np.full(n, -1)
    for j, below in enumerate(children):
        for k in below:
            if not 0 <= k < n:
                raise ValueError(
                    f"children of node {j} must be nodes from 0 to {n - 1}, got node {k}."
                )
            if parents[k] >= 0:
                raise ValueError(
                    f"Node {k} is a child of node {parents[k]} and of node {j}: in a tree, it has "
                    "one parent."
                )
            parents[k] = j
    return parents


def _heights(
    children: tuple[tuple[int, ...], ...], parents: np.ndarray[Any, Any]
) -> tuple[int, np.ndarray[Any, Any]]:
    """Return the root, and how many levels there are below each node."""
    roots = np.flatnonzero(parents < 0)
    if len(roots) > 1:
        raise ValueError(
            f"A tree must have one root, got {len(roots)}: nodes {roots[0]} and {roots[1]} have no "
            "parent."
        )
    order = roots.tolist()
    for j in order:
        order.extend(children[j])
    if len(order) < len(children):
        lost = np.setdiff1d(np.arange(len(children)), order)[0]
        raise ValueError(f"Node {lost} is in a cycle, or below one: it is below itself.")
    heights = np.zeros(len(children), np.int64)
    for j in reversed(order):
        if children[j]:
            heights[j] = 1 + max(heights[k] for k in children[j])
    return int(roots[0]), heights
