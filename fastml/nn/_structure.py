"""Which nodes of many trees are below which, and an order in which to go through them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastml.nn._sequences import elements
from fastml.nn._trees import Tree

__all__ = ["Schedule", "Structure"]

# Nodes of a block: fewer are not worth a thread, and of more the states would leave the cache.
_LEAST_NODES, _MOST_NODES = 64, 4096


class Schedule(NamedTuple):
    """The order in which kernels go through a forest; see `fastml.kernels.tree`.

    Attributes
    ----------
    nodes : (n_nodes,) int64 ndarray
        Level by level of each block of trees, leaves first.
    runs, blocks : int64 ndarrays
        Where levels begin among the nodes, and blocks among the levels.
    """

    nodes: np.ndarray[Any, Any]
    runs: np.ndarray[Any, Any]
    blocks: np.ndarray[Any, Any]


class Structure:
    """Which nodes of a forest are below which.

    Parameters
    ----------
    starts : (n_trees + 1,) int64 ndarray
        Where the nodes of each tree begin, and where the last ones end.
    degrees, heights : (n_nodes,) int64 ndarrays
        Number of children of each node, and of levels below it.
    children : (n_edges,) int64 ndarray
        Children of all nodes, one node after the other, as numbers in their tree.

    Attributes
    ----------
    offsets : (n_nodes + 1,) int64 ndarray
        Where the children of each node begin, and where the last ones end.
    """

    def __init__(self, starts: Any, degrees: Any, heights: Any, children: Any) -> None:
        self.starts, self.degrees, self.heights = starts, degrees, heights
        self.local = children
        self.offsets = np.append(0, np.cumsum(degrees))
        self._known: dict[str, Any] = {}

    @classmethod
    def of(cls, trees: Sequence[Tree]) -> "Structure":
        """Return the structure of some trees."""
        starts = np.append(0, np.cumsum([tree.n_nodes for tree in trees])).astype(np.int64)
        below = [k for tree in trees for k in tree.children]
        degrees = np.array([len(k) for k in below], np.int64)
        heights = np.concatenate([tree.heights for tree in trees] or [starts[:0]])
        children = np.array([k for inner in below for k in inner], np.int64)
        return cls(starts, degrees, heights, children)

    def _kept(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._known:
            self._known[name] = make()
        return self._known[name]

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.starts) - 1

    @property
    def n_nodes(self) -> int:
        """Number of nodes of all trees."""
        return len(self.degrees)

    @property
    def sizes(self) -> np.ndarray[Any, Any]:
        """Number of nodes of each tree."""
        return self.starts[1:] - self.starts[:-1]

    @property
    def children(self) -> np.ndarray[Any, Any]:
        """Children of all nodes, as numbers in the forest."""
        ends = self.offsets[self.starts]
        return self._kept(
            "children", lambda: self.local + np.repeat(self.starts[:-1], ends[1:] - ends[:-1])
        )

    @property
    def parents(self) -> np.ndarray[Any, Any]:
        """The node above each, -1 for roots."""

        def make() -> Any:
            parents = np.full(self.n_nodes, -1)
            parents[self.children] = np.repeat(np.arange(self.n_nodes), self.degrees)
            return parents

        return self._kept("parents", make)

    @property
    def roots(self) -> np.ndarray[Any, Any]:
        """The root of each tree."""
        return self._kept("roots", lambda: np.flatnonzero(self.parents < 0))

    @property
    def numbers(self) -> np.ndarray[Any, Any]:
        """Numbers of nodes among those that have children, -1 for leaves."""

        def make() -> Any:
            inner = self.degrees > 0
            return np.where(inner, np.cumsum(inner) - 1, -1)

        return self._kept("numbers", make)

    @property
    def n_inner(self) -> int:
        """Number of nodes that have children."""
        return int(np.count_nonzero(self.degrees))

    def schedule(self, n_workers: int) -> Schedule:
        """Return an order to go through the forest in, by so many threads.

        Parameters
        ----------
        n_workers : int
            No result depends on it.
        """
        return self._kept(f"schedule {n_workers}", lambda: self._scheduled(n_workers))

    def _scheduled(self, n_workers: int) -> Schedule:
        n = self.n_nodes
        n_blocks = max(-(-n // _MOST_NODES), min(n_workers, n // _LEAST_NODES), 1)
        middles = (self.starts[:-1] + self.starts[1:]) // 2
        block = np.repeat(middles * n_blocks // max(n, 1), self.sizes)
        key = block * (1 + self.heights.max(initial=0)) + self.heights
        nodes = np.argsort(key, kind="stable")
        key, block = key[nodes], block[nodes]
        firsts = _changes(key)
        begins = _changes(block[firsts])
        return Schedule(nodes, np.append(firsts, n), np.append(begins, firsts.size))

    def take(self, trees: np.ndarray[Any, Any]) -> tuple["Structure", np.ndarray[Any, Any]]:
        """Return the structure of some trees, and which nodes of this one theirs are."""
        sizes = self.sizes[trees]
        nodes = elements(self.starts[:-1][trees], sizes)
        edges = self.offsets[self.starts]
        local = self.local[elements(edges[:-1][trees], (edges[1:] - edges[:-1])[trees])]
        starts = np.append(0, np.cumsum(sizes))
        return Structure(starts, self.degrees[nodes], self.heights[nodes], local), nodes


def _changes(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return where items differ from the ones before them, the first one included."""
    return np.flatnonzero(np.append(a[:1] == a[:1], a[1:] != a[:-1]))
