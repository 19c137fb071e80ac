"""Blocks of rows and the tree that merges their results."""

import numpy as np
import pytest

import fastml
from fastml.blocks import merge_tree
from fastml.decomposition import PCA
from tests.test_incremental_pca import traced_peak


def by_levels(parts):
    """Merge neighbours level by level, with brackets for each merge."""
    level = list(parts)
    while len(level) > 1:
        pairs = [f"({a}{b})" for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[2 * len(pairs) :]
    return level[0]


@pytest.mark.parametrize("n", [*range(1, 36), 64, 100])
def test_merges_are_those_of_the_levels(n):
    most, waiting = 0, set()

    def parts():
        for i in range(n):
            waiting.add(f"{i},")
            yield f"{i},"

    def merge(left, right):
        nonlocal most
        most = max(most, len(waiting))
        waiting.difference_update((left, right))
        waiting.add(f"({left}{right})")
        return f"({left}{right})"

    assert merge_tree(parts(), merge) == by_levels(f"{i}," for i in range(n))
    assert most <= n.bit_length() + 1


def test_nothing_cannot_be_merged():
    with pytest.raises(ValueError, match="merge_tree needs at least one part, got none"):
        merge_tree([], max)


def test_scatter_matrices_of_blocks_are_merged_as_they_come():
    # Sixteen blocks, whose scatter matrices together would take 2 MiB.
    X = np.random.default_rng(0).standard_normal((16 * 1600, 128), dtype=np.float32)
    # Each thread has scratch of its own, the size of three of them.
    with fastml.config_context(num_threads=1):
        pca = PCA(4).fit(X)
        assert traced_peak(lambda: pca.fit(X)) < 10 * 8 * 128**2
