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
from fastml._jit.tile import accumulate, product


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
    for name, ty in (("best", best), ("a", a), ("b", b), ("init", init)):
        require_float_array(name, ty)
    ints = (INDEX,)
    sig = types.void(
        best, best_panel, *ints * 2, a, *ints * 4, b, *ints * 2, *ints * 2, init, *ints * 2
    )  # fmt: skip

    def codegen(context, builder, signature, args):
        best_v, panel_v, first, number, *operands = args
        t = signature.args
        v, acc = accumulate(context, builder, (t[4], t[9], t[14]), operands)
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
