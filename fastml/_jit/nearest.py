"""The register tile, and rows side by side, with an ending that keeps the largest value only."""

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
    simd_level,
)
from fastml._jit.tile import accumulate, negative_squared_difference, product


def _tile_keeping(term, best, best_panel, a, b, init):
    """Return signature and code of a tile that keeps the largest of its accumulators."""
    for name, ty in (("best", best), ("a", a), ("b", b), ("init", init)):
        require_float_array(name, ty)
    ints = (INDEX,)
    sig = types.void(
        best, best_panel, *ints * 2, a, *ints * 4, b, *ints * 2, *ints * 2, init, *ints * 2
    )  # fmt: skip

    def codegen(context, builder, signature, args):
        best_v, panel_v, first, number, *operands = args
        t = signature.args
        v, acc = accumulate(context, builder, (t[4], t[9], t[14]), operands, term)
        best_data = data_of(context, builder, t[0], best_v)
        panel_data = data_of(context, builder, t[1], panel_v)
        lane_panel = ir.VectorType(ir.IntType(32), v.lanes)
        mine = v.broadcast(builder.trunc(number, ir.IntType(32)))
        for p, row in enumerate(acc):
            for j, value in enumerate(row):
                at = builder.add(first, int64(p * TILE_COLS + j * v.lanes))
                old = v.load(best_data, at)
                larger = builder.fcmp_ordered(">", value, old)
                v.store(builder.select(larger, value, old), best_data, at)
                where = builder.bitcast(builder.gep(panel_data, [at]), lane_panel.as_pointer())
                was = builder.load(where)
                was.align = 4
                builder.store(builder.select(larger, mine, was), where).align = 4
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def tile_best(
    typingctx,
    best, best_panel, best0, panel,
    a, a0, a_row, a_outer, a_inner,
    b, b0, b_outer,
    n_outer, n_inner,
    init, init0, init_row,
):  # fmt: skip
    """Like `tile`, but keep per row and lane the largest value and the panel it came from.

    Parameters
    ----------
    best : array of float, (tile_rows, TILE_COLS) at flat index `best0`
        Largest values so far; start from -inf.
    best_panel : array of int32, same shape and start
        `panel` of the largest value; the earlier panel wins a tie.
    best0, panel : int
        Start of the two above; number of this panel of `b`.
    a, a0, ..., init_row
        As for `tile`.
    """
    return _tile_keeping(product, best, best_panel, a, b, init)


@intrinsic
def tile_nearest(
    typingctx,
    best, best_panel, best0, panel,
    a, a0, a_row, a_outer, a_inner,
    b, b0, b_outer,
    n_outer, n_inner,
    init, init0, init_row,
):  # fmt: skip
    """Like `tile_best` with ``-(a[p, k] - b[k, :]) ** 2`` for the product."""
    return _tile_keeping(negative_squared_difference, best, best_panel, a, b, init)


def _n_wide(itemsize):
    """Return how many panels `tile_best_wide` takes: 4 where 32 registers hold 24 accumulators."""
    return {4: 4, 8: 2}[itemsize] if simd_level() == "avx512" else 1


@intrinsic
def wide_panels(typingctx, array):
    """Return how many panels `tile_best_wide` takes at once, a constant at compile time."""
    number = _n_wide(array.dtype.bitwidth // 8)

    def codegen(context, builder, signature, args):
        return int64(number)

    return INDEX(array), codegen


@intrinsic
def tile_best_wide(
    typingctx,
    best, best_panel, best0, panel, fresh,
    a, a0, a_row,
    b, b0, b_panel, n_inner,
    bias, bias0,
):  # fmt: skip
    """Like `tile_best` for fewer rows and several panels at once, one ending for all of them.

    Takes ``tile_rows / wide_panels`` rows and `wide_panels` panels: as many accumulators, fewer
    loads, and values that meet the best so far once instead of panel by panel.

    Parameters
    ----------
    best, best_panel, best0, panel
        As for `tile_best`; `panel` is the number of the first panel.
    fresh : bool
        Whether `best` holds nothing yet.
    a, a0, a_row : array, int, int
        Left operand, its rows contiguous.
    b, b0, b_panel, n_inner : array, int, int, int
        First packed panel, elements from one to the next, length of the products.
    bias, bias0 : array, int
        (wide_panels * TILE_COLS) starting values.
    """
    for name, ty in (("best", best), ("a", a), ("b", b), ("bias", bias)):
        require_float_array(name, ty)
    i = INDEX
    flag = types.boolean
    sig = types.void(best, best_panel, i, i, flag, a, i, i, b, i, i, i, bias, i)

    def codegen(context, builder, signature, args):
        t = signature.args
        first, number, fresh_v = args[2:5]
        a0_v, a_row_v = args[6:8]
        b0_v, b_panel_v, steps, bias_v, bias0_v = args[9:14]
        v = Vectors(context, builder, t[5].dtype)
        n_panels = _n_wide(v.itemsize)
        n_rows = v.rows // n_panels
        columns = [(q, j) for q in range(n_panels) for j in range(v.per_row)]
        best_data, panel_data = (data_of(context, builder, t[n], args[n]) for n in (0, 1))
        a_data, b_data = (data_of(context, builder, t[n], args[n]) for n in (5, 8))
        bias_data = data_of(context, builder, t[12], bias_v)
        starts = [
            v.load(bias_data, builder.add(bias0_v, int64(q * TILE_COLS + j * v.lanes)))
            for q, j in columns
        ]
        cells = [[cgutils.alloca_once_value(builder, s) for s in starts] for _ in range(n_rows)]
        b_starts = [builder.add(b0_v, builder.mul(b_panel_v, int64(q))) for q in range(n_panels)]
        a_starts = [builder.add(a0_v, builder.mul(a_row_v, int64(p))) for p in range(n_rows)]
        with cgutils.for_range(builder, steps) as loop:
            k = builder.mul(loop.index, int64(TILE_COLS))
            values = [
                v.load(b_data, builder.add(builder.add(b_starts[q], k), int64(j * v.lanes)))
                for q, j in columns
            ]
            for p in range(n_rows):
                at = builder.gep(a_data, [builder.add(a_starts[p], loop.index)])
                factor = v.broadcast(builder.load(at))
                for cell, value in zip(cells[p], values, strict=True):
                    builder.store(product(v, factor, value, builder.load(cell)), cell)
        lane_panel = ir.VectorType(ir.IntType(32), v.lanes)
        numbers = [
            v.broadcast(builder.trunc(builder.add(number, int64(q)), ir.IntType(32)))
            for q in range(n_panels)
        ]
        nothing = ir.Constant(v.vector, [float("-inf")] * v.lanes)
        for p in range(n_rows):
            for j in range(v.per_row):
                at = builder.add(first, int64(p * TILE_COLS + j * v.lanes))
                where = builder.bitcast(builder.gep(panel_data, [at]), lane_panel.as_pointer())
                top, which = v.load(best_data, at), builder.load(where)
                which.align = 4
                top = builder.select(fresh_v, nothing, top)
                for (q, column), cell in zip(columns, cells[p], strict=True):
                    if column == j:
                        value = builder.load(cell)
                        larger = builder.fcmp_ordered(">", value, top)
                        top = builder.select(larger, value, top)
                        which = builder.select(larger, numbers[q], which)
                v.store(top, best_data, at)
                builder.store(which, where).align = 4
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def side_by_side(typingctx, found, columns, n_lanes, centers, n_centers, n_features, bias):
    """Find for rows in the lanes the center that maximises x'c + bias, one center at a time.

    The sums are formed in the same order as in `tile`: bias first, then feature by feature.

    Parameters
    ----------
    found : array of int32, (n_lanes,)
        Written: the center, the lowest one where values tie.
    columns, n_lanes : array, int
        (n_features, n_lanes) rows side by side; `n_lanes` a multiple of 96.
    centers, n_centers, n_features : array, int, int
        (n_centers, n_features).
    bias : array
        (n_centers,) or longer.
    """
    for name, ty in (("columns", columns), ("centers", centers), ("bias", bias)):
        require_float_array(name, ty)
    i = INDEX
    sig = types.void(found, columns, i, centers, i, i, bias)

    def codegen(context, builder, signature, args):
        t = signature.args
        found_v, columns_v, lanes, centers_v, k, d, bias_v = args
        v = Vectors(context, builder, t[1].dtype)
        # Sums, best and center of every vector stay in registers: 18 of 32, 6 of 16.
        width = 2 if simd_level() in ("avx2", "generic") else 6
        out = data_of(context, builder, t[0], found_v)
        x = data_of(context, builder, t[1], columns_v)
        c = data_of(context, builder, t[3], centers_v)
        start = data_of(context, builder, t[6], bias_v)
        int_vector = ir.VectorType(ir.IntType(32), v.lanes)
        n_groups = builder.sdiv(lanes, int64(width * v.lanes))
        total = [cgutils.alloca_once(builder, v.vector) for _ in range(width)]
        best = [cgutils.alloca_once(builder, v.vector) for _ in range(width)]
        which = [cgutils.alloca_once(builder, int_vector) for _ in range(width)]
        with cgutils.for_range(builder, n_groups) as group:
            first = builder.mul(group.index, int64(width * v.lanes))
            for w in range(width):
                builder.store(ir.Constant(v.vector, [float("-inf")] * v.lanes), best[w])
                builder.store(ir.Constant(int_vector, [0] * v.lanes), which[w])
            with cgutils.for_range(builder, k) as center:
                bias_j = v.broadcast(builder.load(builder.gep(start, [center.index])))
                for w in range(width):
                    builder.store(bias_j, total[w])
                row = builder.mul(center.index, d)
                with cgutils.for_range(builder, d) as feature:
                    at = builder.add(row, feature.index)
                    factor = v.broadcast(builder.load(builder.gep(c, [at])))
                    column = builder.add(builder.mul(feature.index, lanes), first)
                    for w in range(width):
                        value = v.load(x, builder.add(column, int64(w * v.lanes)))
                        builder.store(product(v, factor, value, builder.load(total[w])), total[w])
                number = v.broadcast(builder.trunc(center.index, ir.IntType(32)))
                for w in range(width):
                    value, old = builder.load(total[w]), builder.load(best[w])
                    larger = builder.fcmp_ordered(">", value, old)
                    builder.store(builder.select(larger, value, old), best[w])
                    chosen = builder.select(larger, number, builder.load(which[w]))
                    builder.store(chosen, which[w])
            for w in range(width):
                where = builder.gep(out, [builder.add(first, int64(w * v.lanes))])
                target = builder.bitcast(where, int_vector.as_pointer())
                builder.store(builder.load(which[w]), target).align = 4
        return context.get_dummy_value()

    return sig, codegen
