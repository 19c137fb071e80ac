"""Operations across the lanes of one row that the register tile wrote."""

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
    lane_mask,
    reduce_max,
    require_float_array,
)


@intrinsic
def lane_max(typingctx, values, start):
    """Return the largest of the `TILE_COLS` values that begin at flat index `start`."""
    require_float_array("values", values)

    def codegen(context, builder, signature, args):
        v = Vectors(context, builder, signature.args[0].dtype)
        data = data_of(context, builder, signature.args[0], args[0])
        row = [v.load(data, builder.add(args[1], int64(j * v.lanes))) for j in range(v.per_row)]
        return reduce_max(v, row)

    return values.dtype(values, INDEX), codegen


@intrinsic
def lane_max_of(typingctx, values, start, n):
    """Return the largest of the first `n` of the `TILE_COLS` values at flat index `start`.

    All of them are read; what they hold beyond `n` does not matter.
    """
    require_float_array("values", values)

    def codegen(context, builder, signature, args):
        v = Vectors(context, builder, signature.args[0].dtype)
        data = data_of(context, builder, signature.args[0], args[0])
        count = v.broadcast(builder.trunc(args[2], ir.IntType(32)))
        lowest = ir.Constant(v.vector, [float("-inf")] * v.lanes)
        row = []
        for j in range(v.per_row):
            numbers = [j * v.lanes + i for i in range(v.lanes)]
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), v.lanes), numbers)
            value = v.load(data, builder.add(args[1], int64(j * v.lanes)))
            row.append(builder.select(builder.icmp_signed("<", lanes, count), value, lowest))
        return reduce_max(v, row)

    return values.dtype(values, INDEX, INDEX), codegen


@intrinsic
def lane_max_over(typingctx, values, start, n_blocks):
    """Return the largest of `n_blocks` times `TILE_COLS` values from flat index `start` on."""
    require_float_array("values", values)

    def codegen(context, builder, signature, args):
        v = Vectors(context, builder, signature.args[0].dtype)
        data = data_of(context, builder, signature.args[0], args[0])
        lowest = ir.Constant(v.vector, [float("-inf")] * v.lanes)
        tops = [cgutils.alloca_once_value(builder, lowest) for _ in range(v.per_row)]
        with cgutils.for_range(builder, args[2]) as loop:
            block = builder.add(args[1], builder.mul(loop.index, int64(TILE_COLS)))
            for j, top in enumerate(tops):
                value, old = v.load(data, builder.add(block, int64(j * v.lanes))), builder.load(top)
                larger = builder.fcmp_ordered(">", value, old)
                builder.store(builder.select(larger, value, old), top)
        return reduce_max(v, [builder.load(top) for top in tops])

    return values.dtype(values, INDEX, INDEX), codegen


@intrinsic
def lane_argmax(typingctx, values, panels, start):
    """Return (largest value, column) of one row written by `tile_best`.

    The column is ``panel * TILE_COLS + lane``, the lowest one where values tie.
    """
    require_float_array("values", values)

    def codegen(context, builder, signature, args):
        t = signature.args
        v = Vectors(context, builder, t[0].dtype)
        values_data = data_of(context, builder, t[0], args[0])
        panels_data = data_of(context, builder, t[1], args[1])
        int_vector = ir.VectorType(ir.IntType(32), v.lanes)
        row = [
            v.load(values_data, builder.add(args[2], int64(j * v.lanes))) for j in range(v.per_row)
        ]
        top = reduce_max(v, row)
        top_lanes = v.broadcast(top)
        at_top = [builder.fcmp_ordered("==", value, top_lanes) for value in row]
        mask = lane_mask(v, at_top)
        lane = builder.zext(builder.cttz(mask, ir.IntType(1)(0)), ir.IntType(64))
        panel = builder.load(builder.gep(panels_data, [builder.add(args[2], lane)]))
        column = builder.add(
            builder.mul(builder.sext(panel, ir.IntType(64)), int64(TILE_COLS)), lane
        )
        result = cgutils.alloca_once_value(builder, column)
        others = builder.and_(mask, builder.sub(mask, mask.type(1)))
        with builder.if_then(builder.icmp_unsigned("!=", others, mask.type(0)), likely=False):
            # Several lanes tie: the lowest column is that of the earliest panel, not lane.
            first = None
            for j, tied in enumerate(at_top):
                at = builder.add(args[2], int64(j * v.lanes))
                where = builder.bitcast(builder.gep(panels_data, [at]), int_vector.as_pointer())
                lane_panel = builder.load(where)
                lane_panel.align = 4
                width = ir.Constant(int_vector, [TILE_COLS] * v.lanes)
                lanes = ir.Constant(int_vector, [j * v.lanes + i for i in range(v.lanes)])
                columns = builder.add(builder.mul(lane_panel, width), lanes)
                nowhere = ir.Constant(int_vector, [2**31 - 1] * v.lanes)
                columns = builder.select(tied, columns, nowhere)
                if first is None:
                    first = columns
                else:
                    first = builder.select(builder.icmp_signed("<", columns, first), columns, first)
            reduce = v.overloaded("llvm.vector.reduce.smin", ir.IntType(32), [int_vector])
            builder.store(builder.sext(builder.call(reduce, [first]), ir.IntType(64)), result)
        return context.make_tuple(builder, signature.return_type, [top, builder.load(result)])

    return types.Tuple((values.dtype, INDEX))(values, panels, INDEX), codegen


@intrinsic
def lane_find(typingctx, values, start, value):
    """Return the lowest lane of the `TILE_COLS` values at `start` that equals `value`.

    `TILE_COLS` where it is not among them.
    """
    require_float_array("values", values)

    def codegen(context, builder, signature, args):
        v = Vectors(context, builder, signature.args[0].dtype)
        data = data_of(context, builder, signature.args[0], args[0])
        wanted = v.broadcast(args[2])
        same = []
        for j in range(v.per_row):
            row = v.load(data, builder.add(args[1], int64(j * v.lanes)))
            same.append(builder.fcmp_ordered("==", row, wanted))
        mask = lane_mask(v, same)
        return builder.zext(builder.cttz(mask, ir.IntType(1)(0)), ir.IntType(64))

    return INDEX(values, INDEX, values.dtype), codegen


@intrinsic
def lane_runner_up(typingctx, values, start, lane):
    """Return the largest of the `TILE_COLS` values at `start` but the one in `lane`."""
    require_float_array("values", values)

    def codegen(context, builder, signature, args):
        v = Vectors(context, builder, signature.args[0].dtype)
        data = data_of(context, builder, signature.args[0], args[0])
        skip = v.broadcast(builder.trunc(args[2], ir.IntType(32)))
        lowest = ir.Constant(v.vector, [float("-inf")] * v.lanes)
        row = []
        for j in range(v.per_row):
            lanes = ir.Constant(
                ir.VectorType(ir.IntType(32), v.lanes),
                [j * v.lanes + i for i in range(v.lanes)],
            )
            value = v.load(data, builder.add(args[1], int64(j * v.lanes)))
            row.append(builder.select(builder.icmp_signed("==", lanes, skip), lowest, value))
        return reduce_max(v, row)

    return values.dtype(values, INDEX, INDEX), codegen
