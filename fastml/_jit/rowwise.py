"""Operations across the lanes of one row that the register tile wrote, and on memory."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
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

    `value` has to be among them.
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


@intrinsic
def lane_squared_distance(typingctx, a, a0, b, b0, n):
    """Return the sum of (a[a0 + i] - b[b0 + i])**2 over i < n, added up lane by lane."""
    require_float_array("a", a)
    require_float_array("b", b)

    def codegen(context, builder, signature, args):
        t = signature.args
        a_v, a_first, b_v, b_first, count = args
        v = Vectors(context, builder, t[0].dtype)
        a_data, b_data = data_of(context, builder, t[0], a_v), data_of(context, builder, t[2], b_v)
        total = cgutils.alloca_once_value(builder, ir.Constant(v.vector, [0.0] * v.lanes))
        rest = cgutils.alloca_once_value(builder, v.scalar(0.0))
        n_vectors = builder.sdiv(count, int64(v.lanes))
        with cgutils.for_range(builder, n_vectors) as loop:
            step = builder.mul(loop.index, int64(v.lanes))
            difference = builder.fsub(
                v.load(a_data, builder.add(a_first, step)),
                v.load(b_data, builder.add(b_first, step)),
            )
            term = builder.call(v.fmuladd, [difference, difference, builder.load(total)])
            builder.store(term, total)
        done = builder.mul(n_vectors, int64(v.lanes))
        with cgutils.for_range(builder, builder.sub(count, done)) as loop:
            step = builder.add(done, loop.index)
            difference = builder.fsub(
                builder.load(builder.gep(a_data, [builder.add(a_first, step)])),
                builder.load(builder.gep(b_data, [builder.add(b_first, step)])),
            )
            square = builder.fmul(difference, difference)
            builder.store(builder.fadd(builder.load(rest), square), rest)
        add = v.overloaded("llvm.vector.reduce.fadd", v.scalar, [v.scalar, v.vector])
        # reassoc: a tree of halves instead of one lane after the other.
        operands = [builder.load(rest), builder.load(total)]
        return builder.call(add, operands, fastmath=("reassoc",))

    return a.dtype(a, INDEX, b, INDEX, INDEX), codegen


@intrinsic
def prefetch(typingctx, array, index):
    """Ask for the cache line of element `index`; any index is safe, none is an access."""
    if not (isinstance(array, types.Array) and array.layout == "C"):
        raise TypingError(f"array must be C-contiguous, got {array}.")

    def codegen(context, builder, signature, args):
        data = data_of(context, builder, signature.args[0], args[0])
        byte = ir.IntType(8).as_pointer()
        where = builder.bitcast(builder.gep(data, [args[1]]), byte)
        i32 = ir.IntType(32)
        function_type = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        read, keep_in_all_caches, data_cache = i32(0), i32(3), i32(1)
        builder.call(function, [where, read, keep_in_all_caches, data_cache])
        return context.get_dummy_value()

    return types.void(array, INDEX), codegen
