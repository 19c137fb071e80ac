"""Gradients by weights and biases: sums over rows, block by block in an order that shapes say."""

from typing import Any

from fastml.backends import Backend
from fastml.blocks import merge_tree
from fastml.kernels.dense.forms import IDENTITY

__all__ = ["blocks", "column_sums", "merged", "partials_of", "transposed_product"]

# Batches up to this size are one block, whose gradient several threads share; of larger ones there
# are at most so many blocks, with as many partial gradients, of so many elements together.
_WHOLE_ROWS, _LEAST_ROWS, _MOST_BLOCKS, _MOST_ELEMENTS = 8192, 4096, 16, 1 << 24
# A block is a whole number of these.
_ROW_UNIT = 256


def blocks(n: int, n_elements: int) -> tuple[int, int]:
    """Return the rows of a block and the number of blocks, from the shapes alone."""
    if n <= _WHOLE_ROWS:
        return max(n, 1), 1
    most = max(1, min(_MOST_BLOCKS, _MOST_ELEMENTS // max(n_elements, 1)))
    rows = max(_LEAST_ROWS, -(-n // most))
    rows = -(-rows // _ROW_UNIT) * _ROW_UNIT
    return rows, -(-n // rows)


def partials_of(
    backend: Backend, n_blocks: int, shape: tuple[int, ...], dtype: Any, into: Any
) -> Any:
    """Return where blocks' partial sums go: straight to the destination, of a single block."""
    if into is not None and n_blocks == 1:
        return into.reshape(1, *shape)
    return backend.empty((n_blocks, *shape), dtype)


def merged(partials: Any, into: Any = None) -> Any:
    """Return the sum of blocks, added along the fixed tree into the first ones."""
    if len(partials) == 1:
        return partials[0] if into is None else into

    def add(left: Any, right: Any) -> Any:
        left += right
        return left

    return merge_tree(list(partials), add)


def transposed_product(backend: Backend, x: Any, gradient: Any, into: Any = None) -> Any:
    """Return transposed rows times gradients."""
    n, k = x.shape
    m = gradient.shape[1]
    block_rows, n_blocks = blocks(n, k * m)
    partials = partials_of(backend, n_blocks, (k, m), x.dtype, into)
    backend.kernels("dense").weight_gradient(x, gradient, block_rows, partials)
    return merged(partials, into)


def column_sums(backend: Backend, gradient: Any) -> Any:
    """Return the sum of each column."""
    n, m = gradient.shape
    block_rows, n_blocks = blocks(n, m)
    partials = backend.empty((n_blocks, m), gradient.dtype)
    nothing = gradient[:0]
    run = backend.kernels("dense").backward
    run(IDENTITY, gradient.dtype.type(0), nothing, gradient, block_rows, nothing, partials)
    return merged(partials)
