"""Trees as estimators take them, and targets of their roots or of all nodes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastml._validation import validate
from fastml.neural_network._step_targets import StepTargets
from fastml.nn import Tree, TreeBatch
from fastml.nn._reading import is_list_of_sequences
from fastml.nn.functional._tree import refuse_too_many
from fastml.nn.layers._tree import places_of

__all__ = ["TreeInput"]


def _are_trees(X: Any) -> bool:
    """Return whether X is a list of trees, or of what they can be made of."""
    is_list = isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.ndim == 1)
    return is_list and any(isinstance(tree, Tree | str) for tree in X)


class TreeInput(StepTargets):
    """Estimators of trees, the root of each of which has a target, or each of its nodes."""

    composition: Any
    vocabulary: Any
    handle_unknown: str
    vocabulary_: dict[Any, int]

    @property
    def per_node_(self) -> bool:
        """Whether each node has a target."""
        check_is_fitted(self)
        return self.per_step_

    def _new_rows(self, X: Any) -> Any:
        check_is_fitted(self)
        return self._read(X, reset=False)

    def _sample_shape(self, X: Any) -> tuple[int, ...]:
        return tuple(X.shape[1:])

    def _read(self, X: Any, reset: bool) -> Any:
        """Return checked trees; learn what their nodes have, or compare with it."""
        if isinstance(X, list | tuple | TreeBatch):
            self._check_some(X)
        if isinstance(X, TreeBatch):
            batch = X
        elif _are_trees(X):
            batch = self._read_trees(X, reset)
        else:
            batch = TreeBatch.of_rows(validate(self, X, reset=reset))
        n_tokens = 0 if batch.tokens is None else int(batch.tokens.max(initial=-1)) + 1
        if reset:
            if not _are_trees(X):
                self.vocabulary_ = {}
            self._n_tokens = max(n_tokens, len(self.vocabulary_))
            self.n_features_in_ = batch.shape[1]
            self._has_tokens = batch.tokens is not None
        elif (batch.shape[1], batch.tokens is not None) != (self.n_features_in_, self._has_tokens):
            raise ValueError(
                f"X has {batch.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input: those of a node, and its token where "
                "trees have such."
            )
        elif n_tokens > self._n_tokens:
            raise ValueError(
                f"X has a token {n_tokens - 1}, but {type(self).__name__} was fitted to "
                f"{self._n_tokens} tokens."
            )
        n_places = places_of(self.composition)
        if n_places:
            refuse_too_many(batch.structure, n_places, "X")
        return batch

    def _read_trees(self, X: Sequence[Any], reset: bool) -> TreeBatch:
        if reset:
            listed = self.vocabulary
            if listed is None:
                # In the order of their first appearance.
                listed = (t for x in X if isinstance(x, Tree) for t in x.tokens or ())
            tokens = [token for token in dict.fromkeys(listed) if token is not None]
            self.vocabulary_ = {token: number for number, token in enumerate(tokens)}
        # Where no token was known, that there are tokens is refused, rather than the first of them.
        known = reset or self._has_tokens
        unknown = self.handle_unknown if known else "ignore"
        return TreeBatch.of(X, vocabulary=self.vocabulary_, handle_unknown=unknown, name="X")

    def _is_of_steps(self, y: Any) -> bool:
        return self.targets == "nodes"

    def _wants_steps(self, y: Any, X: Any) -> bool:
        if self.targets == "nodes" and not is_list_of_sequences(y) and not hasattr(y, "offsets"):
            raise ValueError(
                "y must be a list with the targets of the nodes of each tree, as targets='nodes', "
                f"got {type(y).__name__}."
            )
        return self.targets == "nodes"

    def _masked(self, n_masks: Any) -> Any:
        if isinstance(n_masks, str):
            raise ValueError(
                f"n_masks must be a positive integer for networks over trees, got {n_masks!r}."
            )
        return n_masks
