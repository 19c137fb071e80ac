"""A register tile of any height, over operands as they lie in memory.

`tile` of `fastml._jit.tile` has many rows of one panel that is packed; here two vectors side by
side meet fewer rows, which takes half as many loads for a multiply-add, and `b` need not be packed:
a small matrix is read from the cache where it lies. Heights from one row to `most_rows` are all
there, so that a few rows cost no more than they are.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastml._jit.simd import INDEX, Vectors, data_of, int64, require_float_array, simd_level

__all__ = ["block_cols", "block_tile", "half_block_tile", "most_rows"]

# Rows of two vectors: accumulators, the vectors of b and one broadcast have to fit into 32
# registers (AVX-512, NEON) or 16.
_MOST_ROWS = {"avx512": 14, "avx2": 6, "neon": 14, "generic": 6}
VECTORS = 2


def _emit(v, rows, vectors, operands):
    """Emit the loop of a tile of some rows and vectors."""
    builder = v.builder
    out, out0, out_row, a, a0, a_row, a_inner, b, b0, b_inner, n_inner, init, init0, init_row = (
        operands
    )
    cells = []
    for p in range(rows):
        row = builder.add(init0, builder.mul(int64(p), init_row))
        cells.append([])
        for j in range(vectors):
            cell = cgutils.alloca_once(builder, v.vector)
            builder.store(v.load(init, builder.add(row, int64(j * v.lanes))), cell)
            cells[p].append(cell)
    offsets = [builder.mul(int64(p), a_row) for p in range(rows)]
    with cgutils.for_range(builder, n_inner) as inner:
        a_k = builder.gep(a, [builder.add(a0, builder.mul(inner.index, a_inner))])
        b_k = builder.add(b0, builder.mul(inner.index, b_inner))
        panel = [v.load(b, builder.add(b_k, int64(j * v.lanes))) for j in range(vectors)]
        for p in range(rows):
            factor = v.broadcast(builder.load(builder.gep(a_k, [offsets[p]])))
            for j in range(vectors):
                total = builder.load(cells[p][j])
                builder.store(builder.call(v.fmuladd, [factor, panel[j], total]), cells[p][j])
    for p in range(rows):
        start = builder.add(out0, builder.mul(int64(p), out_row))
        for j in range(vectors):
            v.store(builder.load(cells[p][j]), out, builder.add(start, int64(j * v.lanes)))


def _of_any_height(vectors, height, out, a, b, init):
    """Return signature and code of a tile that has as many rows as its first argument says."""
    for name, ty in (("out", out), ("a", a), ("b", b), ("init", init)):
        require_float_array(name, ty)
    i = INDEX
    sig = types.void(i, out, i, i, a, i, i, i, b, i, i, i, init, i, i)

    def codegen(context, builder, signature, args):
        v = Vectors(context, builder, signature.args[4].dtype)
        operands = list(args[1:])
        for at in (0, 3, 7, 11):
            operands[at] = data_of(context, builder, signature.args[at + 1], operands[at])
        after = builder.append_basic_block("tile.done")
        choice = builder.switch(args[0], after)
        for rows in range(1, _MOST_ROWS[simd_level()] + 1):
            block = builder.append_basic_block(f"tile.{rows}")
            choice.add_case(int64(rows), block)
            builder.position_at_end(block)
            _emit(v, rows, vectors, operands)
            builder.branch(after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def block_tile(
    typingctx, height,
    out, out0, out_row,
    a, a0, a_row, a_inner,
    b, b0, b_inner, n_inner,
    init, init0, init_row,
):  # fmt: skip
    """Compute ``out[p, :] = init[p, :] + sum over k of a[p, k] * b[k, :]`` in registers.

    All arrays are C-contiguous and of one float dtype; every position is a flat element index. The
    sum over k has one order, whatever the height.

    Parameters
    ----------
    height : int
        Rows p of the tile: 1 ... `most_rows`.
    out, out0, out_row : array, int, int
        Destination, index of its first element, elements from one row to the next. May be `init`.
    a, a0, a_row, a_inner : array, int, int, int
        Left operand; strides of the tile's rows and of k.
    b, b0, b_inner : array, int, int
        Right operand; its stride of k. `block_cols` values of each k are read.
    n_inner : int
        How many k there are.
    init, init0, init_row : array, int, int
        Starting values. A row stride of 0 starts every row from the same values.
    """
    return _of_any_height(VECTORS, height, out, a, b, init)


@intrinsic
def half_block_tile(
    typingctx, height,
    out, out0, out_row,
    a, a0, a_row, a_inner,
    b, b0, b_inner, n_inner,
    init, init0, init_row,
):  # fmt: skip
    """Like `block_tile` with half the columns."""
    return _of_any_height(VECTORS // 2, height, out, a, b, init)


@intrinsic
def block_cols(typingctx, array):
    """Return the columns of `block_tile` for the dtype of `array`, a constant at compile time."""

    def codegen(context, builder, signature, args):
        v = Vectors(context, builder, signature.args[0].dtype)
        return int64(VECTORS * v.lanes)

    return INDEX(array), codegen


@intrinsic
def most_rows(typingctx, array):
    """Return the most rows of `block_tile`, a constant at compile time."""

    def codegen(context, builder, signature, args):
        return int64(_MOST_ROWS[simd_level()])

    return INDEX(array), codegen
