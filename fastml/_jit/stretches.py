"""Operations on stretches of arrays, in explicit vectors: no check for overlap is compiled in."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from fastml._jit.simd import (
    INDEX,
    Vectors,
    data_of,
    int64,
    require_float_array,
    tile_shape,
)


@intrinsic
def lane_subtract(typingctx, out, out0, a, a0, b, b0, n):
    """Write out[out0 + i] = a[a0 + i] - b[b0 + i] for i < n; `out` must not overlap the others."""
    for name, ty in (("out", out), ("a", a), ("b", b)):
        require_float_array(name, ty)

    def codegen(context, builder, signature, args):
        t = signature.args
        out_v, out_first, a_v, a_first, b_v, b_first, count = args
        v = Vectors(context, builder, t[0].dtype)
        target = data_of(context, builder, t[0], out_v)
        a_data = data_of(context, builder, t[2], a_v)
        b_data = data_of(context, builder, t[4], b_v)
        n_vectors = builder.sdiv(count, int64(v.lanes))
        with cgutils.for_range(builder, n_vectors) as loop:
            step = builder.mul(loop.index, int64(v.lanes))
            value = builder.fsub(
                v.load(a_data, builder.add(a_first, step)),
                v.load(b_data, builder.add(b_first, step)),
            )
            v.store(value, target, builder.add(out_first, step))
        done = builder.mul(n_vectors, int64(v.lanes))
        with cgutils.for_range(builder, builder.sub(count, done)) as loop:
            step = builder.add(done, loop.index)
            value = builder.fsub(
                builder.load(builder.gep(a_data, [builder.add(a_first, step)])),
                builder.load(builder.gep(b_data, [builder.add(b_first, step)])),
            )
            builder.store(value, builder.gep(target, [builder.add(out_first, step)]))
        return context.get_dummy_value()

    return types.void(out, INDEX, a, INDEX, b, INDEX, INDEX), codegen


def _transposed(builder, rows):
    """Return the columns of a square of vectors: halves swapped, quarters, ... down to lanes."""
    size = len(rows)
    vectors = list(rows)
    apart = size // 2
    while apart:
        low = [j if not j & apart else size + j - apart for j in range(size)]
        high = [j + apart if not j & apart else size + j for j in range(size)]
        masks = [ir.Constant(ir.VectorType(ir.IntType(32), size), lanes) for lanes in (low, high)]
        for i in range(size):
            if not i & apart:
                a, b = vectors[i], vectors[i + apart]
                vectors[i] = builder.shuffle_vector(a, b, masks[0])
                vectors[i + apart] = builder.shuffle_vector(a, b, masks[1])
        apart //= 2
    return vectors


@intrinsic
def squares_side_by_side(typingctx, columns, width, a, a0, a_row, offset, n_squares, n_steps):
    """Write columns[t, p] = a[a0 + p * a_row + t] - offset[t], square by square.

    A square is as many rows and columns as a vector has lanes.

    Parameters
    ----------
    columns, width : array, int
        Destination, elements from one of its rows to the next.
    a, a0, a_row : array, int, int
        Source, index of its first element, elements from one of its rows to the next.
    offset : array
        Subtracted from every row.
    n_squares, n_steps : int
        Squares along the rows of `a`, and along its columns.
    """
    for name, ty in (("columns", columns), ("a", a), ("offset", offset)):
        require_float_array(name, ty)

    def codegen(context, builder, signature, args):
        t = signature.args
        columns_v, wide, a_v, a_first, a_stride, offset_v, squares, steps = args
        v = Vectors(context, builder, t[2].dtype)
        target = data_of(context, builder, t[0], columns_v)
        source = data_of(context, builder, t[2], a_v)
        shift = data_of(context, builder, t[5], offset_v)
        with cgutils.for_range(builder, squares) as across:
            first = builder.mul(across.index, int64(v.lanes))
            with cgutils.for_range(builder, steps) as down:
                begin = builder.mul(down.index, int64(v.lanes))
                less = v.load(shift, begin)
                rows = []
                for p in range(v.lanes):
                    row = builder.mul(builder.add(first, int64(p)), a_stride)
                    at = builder.add(builder.add(a_first, row), begin)
                    rows.append(builder.fsub(v.load(source, at), less))
                for i, column in enumerate(_transposed(builder, rows)):
                    at = builder.mul(builder.add(begin, int64(i)), wide)
                    v.store(column, target, builder.add(at, first))
        return context.get_dummy_value()

    i = INDEX
    return types.void(columns, i, a, i, i, offset, i, i), codegen


@intrinsic
def vector_lanes(typingctx, array):
    """Return the lanes of a vector for the dtype of `array`, a constant at compile time."""
    lanes = tile_shape(array.dtype.bitwidth // 8)[1]

    def codegen(context, builder, signature, args):
        return int64(lanes)

    return INDEX(array), codegen


@intrinsic
def lane_add_fixed(typingctx, sums, sums0, a, a0, weight, scales, n):
    """Add a[a0 + i] * (weight * scales[i]), cut off towards zero, to sums[sums0 + i] for i < n.

    `sums` are int64, the products float64.
    """
    require_float_array("a", a)

    def codegen(context, builder, signature, args):
        t = signature.args
        sums_v, sums_first, a_v, a_first, weight_v, scales_v, count = args
        v = Vectors(context, builder, t[2].dtype)
        target = data_of(context, builder, t[0], sums_v)
        a_data = data_of(context, builder, t[2], a_v)
        whole, wide = ir.IntType(64), ir.VectorType(ir.DoubleType(), v.lanes)
        whole_vector = ir.VectorType(whole, v.lanes)
        scale = data_of(context, builder, t[5], scales_v)
        weights = v.broadcast(weight_v)
        n_vectors = builder.sdiv(count, int64(v.lanes))
        with cgutils.for_range(builder, n_vectors) as loop:
            step = builder.mul(loop.index, int64(v.lanes))
            value = v.load(a_data, builder.add(a_first, step))
            value = value if value.type == wide else builder.fpext(value, wide)
            scale_at = builder.bitcast(builder.gep(scale, [step]), wide.as_pointer())
            factor = builder.load(scale_at)
            factor.align = 8
            product = builder.fmul(value, builder.fmul(weights, factor))
            units = builder.fptosi(product, whole_vector)
            at = builder.gep(target, [builder.add(sums_first, step)])
            where = builder.bitcast(at, whole_vector.as_pointer())
            old = builder.load(where)
            old.align = 8
            builder.store(builder.add(old, units), where).align = 8
        done = builder.mul(n_vectors, int64(v.lanes))
        with cgutils.for_range(builder, builder.sub(count, done)) as loop:
            step = builder.add(done, loop.index)
            value = builder.load(builder.gep(a_data, [builder.add(a_first, step)]))
            value = value if value.type == wide.element else builder.fpext(value, wide.element)
            factor = builder.load(builder.gep(scale, [step]))
            units = builder.fptosi(builder.fmul(value, builder.fmul(weight_v, factor)), whole)
            where = builder.gep(target, [builder.add(sums_first, step)])
            builder.store(builder.add(builder.load(where), units), where)
        return context.get_dummy_value()

    return types.void(sums, INDEX, a, INDEX, types.float64, scales, INDEX), codegen


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
def lane_squared_distance64(typingctx, a, a0, offset, b, b0, n):
    """Return the sum of ((a[a0 + i] - offset[i]) - b[b0 + i])**2 over i < n, in float64.

    Differences are taken in the arrays' dtype, squares and sums in float64, lane by lane.
    """
    for name, ty in (("a", a), ("offset", offset), ("b", b)):
        require_float_array(name, ty)

    def codegen(context, builder, signature, args):
        t = signature.args
        a_v, a_first, offset_v, b_v, b_first, count = args
        v = Vectors(context, builder, t[0].dtype)
        a_data, shift = (
            data_of(context, builder, t[0], a_v),
            data_of(context, builder, t[2], offset_v),
        )
        b_data = data_of(context, builder, t[3], b_v)
        double = ir.DoubleType()
        wide = ir.VectorType(double, v.lanes)
        fmuladd = v.overloaded("llvm.fmuladd", wide, [wide] * 3)
        total = cgutils.alloca_once_value(builder, ir.Constant(wide, [0.0] * v.lanes))
        rest = cgutils.alloca_once_value(builder, double(0.0))

        def extended(value, kind):
            return value if value.type == kind else builder.fpext(value, kind)

        n_vectors = builder.sdiv(count, int64(v.lanes))
        with cgutils.for_range(builder, n_vectors) as loop:
            step = builder.mul(loop.index, int64(v.lanes))
            x = builder.fsub(v.load(a_data, builder.add(a_first, step)), v.load(shift, step))
            difference = builder.fsub(x, v.load(b_data, builder.add(b_first, step)))
            difference = extended(difference, wide)
            builder.store(
                builder.call(fmuladd, [difference, difference, builder.load(total)]), total
            )
        done = builder.mul(n_vectors, int64(v.lanes))
        with cgutils.for_range(builder, builder.sub(count, done)) as loop:
            step = builder.add(done, loop.index)
            x = builder.fsub(
                builder.load(builder.gep(a_data, [builder.add(a_first, step)])),
                builder.load(builder.gep(shift, [step])),
            )
            difference = builder.fsub(
                x, builder.load(builder.gep(b_data, [builder.add(b_first, step)]))
            )
            difference = extended(difference, double)
            square = builder.fmul(difference, difference)
            builder.store(builder.fadd(builder.load(rest), square), rest)
        add = v.overloaded("llvm.vector.reduce.fadd", double, [double, wide])
        # reassoc: a tree of halves instead of one lane after the other.
        operands = [builder.load(rest), builder.load(total)]
        return builder.call(add, operands, fastmath=("reassoc",))

    return types.float64(a, INDEX, offset, b, INDEX, INDEX), codegen


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
