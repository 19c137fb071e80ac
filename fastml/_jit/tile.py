"""The SIMD register tile: a block of dot products held in vector registers.

`tile` accumulates ``out[p, :] = init[p, :] + sum_k a[p, k] * b[k, :]`` for `tile_rows` rows and
`tile_cols` columns without touching memory between the first and the last k: one broadcast and
one fused multiply-add per row and vector. LLVM's own vectoriser neither keeps such a block in
registers nor uses 512-bit vectors on AVX-512 machines (``prefer-256-bit``), so the instructions
are emitted as explicit vectors.

The loop over k is two nested loops, outer and inner, each with its own stride on `a`. With one
outer step it is a matrix product; with kernel rows outside and kernel columns times channels
inside it is a direct convolution. `b` is packed: the `tile_cols` values of one k are adjacent.

`fastml._jit.nearest` has the same tile with another ending, which keeps the largest value only.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastml._jit.simd import (
    INDEX,
    TILE_COLS,
    Vectors,
    data_of,
    int64,
    require_float_array,
    tile_shape,
)


def product(v, factor, column, total):
    return v.builder.call(v.fmuladd, [factor, column, total])


def squared_difference(v, factor, column, total):
    difference = v.builder.fsub(factor, column)
    return v.builder.call(v.fmuladd, [difference, difference, total])


def negative_squared_difference(v, factor, column, total):
    difference = v.builder.fsub(factor, column)
    return v.builder.call(v.fmuladd, [v.builder.fneg(difference), difference, total])


def absolute_difference(v, factor, column, total):
    fabs = v.overloaded("llvm.fabs", v.vector, [v.vector])
    return v.builder.fadd(total, v.builder.call(fabs, [v.builder.fsub(factor, column)]))


def chi_squared(v, factor, column, total):
    builder = v.builder
    difference, whole = builder.fsub(factor, column), builder.fadd(factor, column)
    zero, one = (ir.Constant(v.vector, [value] * v.lanes) for value in (0.0, 1.0))
    # Of values that are not negative, only zeros add up to zero: 0 / 1 in place of 0 / 0.
    whole = builder.select(builder.fcmp_ordered("==", whole, zero), one, whole)
    ratio = builder.fdiv(difference, whole)
    return builder.call(v.fmuladd, [difference, ratio, total])


def accumulate(context, builder, sig, args, term=product, row_offsets=None):
    """Emit the loops; return the shape and the accumulators as loaded vectors [row][vector].

    `row_offsets` are the elements of `a` where the rows begin; p * a_row where it is None.
    """
    (a_t, b_t, init_t) = sig
    (a, a0, a_row, a_outer, a_inner, b, b0, b_outer, n_outer, n_inner, init, init0, init_row) = args
    v = Vectors(context, builder, a_t.dtype)
    a_data, b_data = data_of(context, builder, a_t, a), data_of(context, builder, b_t, b)
    init_data = data_of(context, builder, init_t, init)
    cells = []
    for p in range(v.rows):
        row = builder.add(init0, builder.mul(int64(p), init_row))
        cells.append([])
        for j in range(v.per_row):
            cell = cgutils.alloca_once(builder, v.vector)
            builder.store(v.load(init_data, builder.add(row, int64(j * v.lanes))), cell)
            cells[p].append(cell)
    if row_offsets is None:
        row_offsets = [builder.mul(int64(p), a_row) for p in range(v.rows)]
    with cgutils.for_range(builder, n_outer) as outer:
        a_start = builder.add(a0, builder.mul(outer.index, a_outer))
        b_start = builder.add(b0, builder.mul(outer.index, b_outer))
        with cgutils.for_range(builder, n_inner) as inner:
            a_k = builder.gep(a_data, [builder.add(a_start, builder.mul(inner.index, a_inner))])
            b_k = builder.add(b_start, builder.mul(inner.index, int64(TILE_COLS)))
            panel = [v.load(b_data, builder.add(b_k, int64(j * v.lanes))) for j in range(v.per_row)]
            for p in range(v.rows):
                factor = v.broadcast(builder.load(builder.gep(a_k, [row_offsets[p]])))
                for j in range(v.per_row):
                    total = builder.load(cells[p][j])
                    builder.store(term(v, factor, panel[j], total), cells[p][j])
    return v, [[builder.load(cell) for cell in row] for row in cells]


def _tile_writing(term, out, a, b, init):
    """Return signature and code of a tile that writes its accumulators to `out`."""
    for name, ty in (("out", out), ("a", a), ("b", b), ("init", init)):
        require_float_array(name, ty)
    i = INDEX
    sig = types.void(out, i, i, a, i, i, i, i, b, i, i, i, i, init, i, i)

    def codegen(context, builder, signature, args):
        out_v, out_first, out_stride, *operands = args
        t = signature.args
        v, acc = accumulate(context, builder, (t[3], t[8], t[13]), operands, term)
        data = data_of(context, builder, t[0], out_v)
        for p, row in enumerate(acc):
            start = builder.add(out_first, builder.mul(int64(p), out_stride))
            for j, value in enumerate(row):
                v.store(value, data, builder.add(start, int64(j * v.lanes)))
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def tile(
    typingctx,
    out, out0, out_row,
    a, a0, a_row, a_outer, a_inner,
    b, b0, b_outer,
    n_outer, n_inner,
    init, init0, init_row,
):  # fmt: skip
    """Compute ``out[p, :] = init[p, :] + sum over k of a[p, k] * b[k, :]`` in registers.

    All arrays are C-contiguous and of one float dtype; every position is a flat element index.

    Parameters
    ----------
    out, out0, out_row : array, int, int
        Destination, index of its first element, elements from one row to the next. May be `init`.
    a, a0, a_row, a_outer, a_inner : array, int, int, int, int
        Left operand; strides of the tile's rows and of the two loops. All `tile_rows` rows are
        read: the caller pads or repeats rows at an edge.
    b, b0, b_outer : array, int, int
        Packed right operand: `TILE_COLS` values for each inner step, `b_outer` from one outer
        step to the next.
    n_outer, n_inner : int
        Lengths of the loops.
    init, init0, init_row : array, int, int
        Starting values. A row stride of 0 starts every row from the same values (a bias).
    """
    return _tile_writing(product, out, a, b, init)


@intrinsic
def tile_difference(
    typingctx,
    out, out0, out_row,
    a, a0, a_row, a_outer, a_inner,
    b, b0, b_outer,
    n_outer, n_inner,
    init, init0, init_row,
):  # fmt: skip
    """Like `tile` with ``(a[p, k] - b[k, :]) ** 2`` for the product.

    Twice the arithmetic of ``|a|^2 + |b|^2 - 2ab`` and none of its cancellation: equal rows are
    at distance zero exactly.
    """
    return _tile_writing(squared_difference, out, a, b, init)


@intrinsic
def tile_absolute(
    typingctx,
    out, out0, out_row,
    a, a0, a_row, a_outer, a_inner,
    b, b0, b_outer,
    n_outer, n_inner,
    init, init0, init_row,
):  # fmt: skip
    """Like `tile` with ``|a[p, k] - b[k, :]|`` for the product."""
    return _tile_writing(absolute_difference, out, a, b, init)


@intrinsic
def tile_chi_squared(
    typingctx,
    out, out0, out_row,
    a, a0, a_row, a_outer, a_inner,
    b, b0, b_outer,
    n_outer, n_inner,
    init, init0, init_row,
):  # fmt: skip
    """Like `tile` with ``(a[p, k] - b[k, :]) ** 2 / (a[p, k] + b[k, :])`` for the product.

    Values must not be negative; 0 / 0 counts as 0.
    """
    return _tile_writing(chi_squared, out, a, b, init)


@intrinsic
def tile_listed(
    typingctx,
    out,
    a, a0, a_row, rows, rows0, n_rows,
    b, b0, n_inner,
    init, init0, init_row,
):  # fmt: skip
    """Like `tile` with one outer step, for rows of `a` given by a list.

    Parameters
    ----------
    out : array
        (tile_rows, TILE_COLS) products from its start on.
    a, a0, a_row : array, int, int
        Left operand: row r begins at a0 + r * a_row and is contiguous.
    rows, rows0, n_rows : int32 array, int, int
        Numbers of the rows, from index `rows0` on; where there are fewer than `tile_rows`, the
        last is repeated.
    b, b0, n_inner, init, init0, init_row
        As for `tile`.
    """
    for name, ty in (("out", out), ("a", a), ("b", b), ("init", init)):
        require_float_array(name, ty)
    i = INDEX
    sig = types.void(out, a, i, i, rows, i, i, b, i, i, init, i, i)

    def codegen(context, builder, signature, args):
        out_v, a_v, a_first, a_stride, rows_v, rows_first, count, b_v, b_first, steps, *start = args
        t = signature.args
        listed = data_of(context, builder, t[4], rows_v)
        height = tile_shape(t[1].dtype.bitwidth // 8)[0]
        last = builder.sub(count, int64(1))
        offsets = []
        for p in range(height):
            inside = builder.icmp_signed("<", int64(p), count)
            at = builder.add(rows_first, builder.select(inside, int64(p), last))
            number = builder.sext(builder.load(builder.gep(listed, [at])), ir.IntType(64))
            offsets.append(builder.mul(number, a_stride))
        operands = (
            a_v, a_first, a_stride, int64(0), int64(1),
            b_v, b_first, int64(0), int64(1), steps, *start,
        )  # fmt: skip
        kinds = (t[1], t[7], t[10])
        v, acc = accumulate(context, builder, kinds, operands, row_offsets=offsets)
        data = data_of(context, builder, t[0], out_v)
        for p, row in enumerate(acc):
            for j, value in enumerate(row):
                v.store(value, data, int64(p * TILE_COLS + j * v.lanes))
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def tile_rows(typingctx, array):
    """Return the rows of the tile for the dtype of `array`, a constant at compile time."""
    rows, _ = tile_shape(array.dtype.bitwidth // 8)

    def codegen(context, builder, signature, args):
        return int64(rows)

    return INDEX(array), codegen
