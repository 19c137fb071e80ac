"""Forests: many trees as arrays, as networks take them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastml.backends import Backend, fetched, on_device
from fastml.nn._sequences import Sequences
from fastml.nn._structure import Structure
from fastml.nn._trees import Tree

__all__ = ["TreeBatch"]


class TreeBatch:
    """Trees as a network takes them: rows of all nodes, and which are below which.

    To a training loop it is an array whose rows are trees. Made by `of`.

    Parameters
    ----------
    structure : Structure
        Of the forest.
    features : array (n_nodes, n_features)
        Of all nodes; n_features may be 0.
    tokens : (n_nodes,) int64 ndarray, optional
        Numbers of the nodes' tokens, -1 for a node without.

    Attributes
    ----------
    shape : tuple of int
        (n_trees, n_columns): a column for each feature, and one for tokens if there are.
    dtype : dtype
        Of the features.

    Examples
    --------
    >>> from fastml.nn import Tree, TreeBatch
    >>> trees = [Tree.from_nested((0, 1)), Tree.from_nested(((1, 1), 2))]
    >>> batch = TreeBatch.of(trees)
    >>> batch.shape, batch.n_nodes, batch.tokens
    ((2, 1), 8, array([-1,  0,  1, -1, -1,  1,  1,  2]))
    """

    ndim = 2

    def __init__(self, structure: Structure, features: Any, tokens: Any = None) -> None:
        self.structure, self.features, self.tokens = structure, features, tokens

    @classmethod
    def of(
        cls,
        trees: Sequence[Tree],
        *,
        vocabulary: Mapping[Any, int] | None = None,
        handle_unknown: str = "error",
        dtype: Any = None,
        name: str = "trees",
    ) -> "TreeBatch":
        """Return a batch of trees.

        Parameters
        ----------
        trees : sequence of Tree
            All with as many features; all with tokens, or none.
        vocabulary : mapping, optional
            Number of each token. By default tokens are their own numbers.
        handle_unknown : {"error", "ignore"}, default="error"
            Whether a token that is not in the vocabulary is an error, or its node is one without
            a token.
        dtype : {"float32", "float64"}, optional
            Of the features; by default that of the trees' features.
        name : str
            What errors call the trees.

        Raises
        ------
        ValueError
            For trees that do not fit each other, unknown tokens, and features that are NaN or
            infinite, naming tree and node.
        """
        for i, tree in enumerate(trees):
            if not isinstance(tree, Tree):
                raise TypeError(
                    f"{name} must be trees, got {type(tree).__name__} for {name}[{i}]. Trees are "
                    "made by fastml.nn.Tree, Tree.from_nested, Tree.from_sexpr, Tree.from_brackets "
                    "and balanced_tree."
                )
        structure = Structure.of(trees)
        features = _features(trees, structure, dtype, name)
        with_tokens = [tree.tokens is not None for tree in trees]
        if not any(with_tokens):
            return cls(structure, features)
        if not all(with_tokens):
            raise ValueError(
                f"All trees must have tokens, or none: {name}[{with_tokens.index(False)}] has none."
            )
        number = _own_number if vocabulary is None else vocabulary.get
        tokens = np.full(structure.n_nodes, -1)
        at = 0
        for i, tree in enumerate(trees):
            for j, token in enumerate(tree.tokens or ()):
                found = -1 if token is None else number(token)
                if found is None and handle_unknown == "error":
                    what = "is not in the vocabulary"
                    if vocabulary is None:
                        what = "must be an integer from 0 on, or given a number by a vocabulary"
                    raise ValueError(f"Token {token!r} of node {j} in {name}[{i}] {what}.")
                tokens[at + j] = -1 if found is None else found
            at += tree.n_nodes
        return cls(structure, features, tokens)

    @classmethod
    def of_rows(cls, rows: Any) -> "TreeBatch":
        """Return rows of features as trees of one node.

        Parameters
        ----------
        rows : array (n_trees, n_features)
            One tree each.
        """
        n = rows.shape[0]
        zeros = np.zeros(n, np.int64)
        return cls(Structure(np.arange(n + 1), zeros, zeros, zeros[:0]), rows)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of trees, and of columns."""
        return self.structure.n_trees, self.features.shape[1] + (self.tokens is not None)

    @property
    def dtype(self) -> Any:
        """Dtype of the features."""
        return self.features.dtype

    @property
    def n_nodes(self) -> int:
        """Number of nodes of all trees."""
        return self.structure.n_nodes

    @property
    def lengths(self) -> np.ndarray[Any, Any]:
        """Number of nodes of each tree."""
        return self.structure.sizes

    def with_flat(self, values: Any) -> Sequences:
        """Return what the nodes of each tree have.

        Parameters
        ----------
        values : array (n_nodes, ...)
            Of all nodes.
        """
        return Sequences(values, self.structure.starts)

    def repeated(self, values: Any) -> Sequences:
        """Return what the nodes of each tree have, if it is the same for all of them.

        Parameters
        ----------
        values : ndarray (n_trees, ...)
            Of each tree.
        """
        return self.with_flat(np.repeat(values, self.lengths, axis=0))

    def __len__(self) -> int:
        return self.structure.n_trees

    def take(self, rows: Any, axis: int = 0) -> "TreeBatch":
        """Return some of the trees.

        Parameters
        ----------
        rows : array of int
            Which.
        axis : int, default=0
            The only one there is.
        """
        structure, nodes = self.structure.take(fetched(rows) if on_device(rows) else rows)
        tokens = None if self.tokens is None else self.tokens[nodes]
        return TreeBatch(structure, self.features[nodes], tokens)

    def __getitem__(self, rows: Any) -> "TreeBatch":
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        rows = np.asarray(fetched(rows) if on_device(rows) else rows)
        return self.take(np.flatnonzero(rows) if rows.dtype == bool else rows)

    def to(self, backend: Backend, dtype: Any = None) -> "TreeBatch":
        """Return the batch with features where a backend computes.

        Parameters
        ----------
        backend : Backend
            Of `fastml.backends`.
        dtype : dtype, optional
            By default that of the features.
        """
        return TreeBatch(self.structure, backend.asarray(self.features, dtype), self.tokens)

    def __repr__(self) -> str:
        return f"<{len(self)} trees, {self.n_nodes} nodes, {self.shape[1]} columns>"


def _own_number(token: Any) -> int | None:
    is_number = isinstance(token, int | np.integer) and not isinstance(token, bool)
    return int(token) if is_number and token >= 0 else None


def _features(
    trees: Sequence[Tree], structure: Structure, dtype: Any, name: str
) -> np.ndarray[Any, Any]:
    """Return the features of all nodes, checked."""
    found = [tree.features for tree in trees]
    widths = [0 if rows is None else rows.shape[1] for rows in found]
    for i, width in enumerate(widths):
        if width != widths[0]:
            raise ValueError(
                f"All trees must have as many features: {name}[{i}] has {width}, {name}[0] has "
                f"{widths[0]}."
            )
    given = [rows for rows in found if rows is not None]
    if not given:
        return np.zeros((structure.n_nodes, 0), dtype or np.float32)
    features = np.concatenate(given)
    features = features.astype(dtype or features.dtype, copy=False)
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if bad.size:
        i = int(np.searchsorted(structure.starts, bad[0], side="right")) - 1
        what = "NaN" if np.isnan(features[bad[0]]).any() else "infinity"
        raise ValueError(
            f"{name}[{i}] contains {what}, in the features of node {bad[0] - structure.starts[i]}."
        )
    return features
