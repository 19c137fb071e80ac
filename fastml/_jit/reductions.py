"""Sums and largest elements of stretches of arrays, in explicit vectors."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastml._jit.simd import INDEX, Vectors, data_of, int64, reduce_max, require_float_array


@intrinsic
def lane_sum64(typingctx, a, a0, n):
    """Return the sum of a[a0 + i] over i < n, added up lane by lane in float64."""
    require_float_array("a", a)

    def codegen(context, builder, signature, args):
        a_v, first, count = args
        v = Vectors(context, builder, signature.args[0].dtype)
        data = data_of(context, builder, signature.args[0], a_v)
        double = ir.DoubleType()
        wide = ir.VectorType(double, v.lanes)
        total = cgutils.alloca_once_value(builder, ir.Constant(wide, [0.0] * v.lanes))
        rest = cgutils.alloca_once_value(builder, double(0.0))

        def extended(value, kind):
            return value if value.type == kind else builder.fpext(value, kind)

        n_vectors = builder.sdiv(count, int64(v.lanes))
        with cgutils.for_range(builder, n_vectors) as loop:
            step = builder.mul(loop.index, int64(v.lanes))
            value = extended(v.load(data, builder.add(first, step)), wide)
            builder.store(builder.fadd(builder.load(total), value), total)
        done = builder.mul(n_vectors, int64(v.lanes))
        with cgutils.for_range(builder, builder.sub(count, done)) as loop:
            at = builder.add(first, builder.add(done, loop.index))
            value = extended(builder.load(builder.gep(data, [at])), double)
            builder.store(builder.fadd(builder.load(rest), value), rest)
        add = v.overloaded("llvm.vector.reduce.fadd", double, [double, wide])
        # reassoc: a tree of halves instead of one lane after the other.
        operands = [builder.load(rest), builder.load(total)]
        return builder.call(add, operands, fastmath=("reassoc",))

    return types.float64(a, INDEX, INDEX), codegen


@intrinsic
def lane_top(typingctx, a, a0, n):
    """Return the largest of a[a0 + i], i < n, NaN left out; negative infinity of nothing."""
    require_float_array("a", a)

    def codegen(context, builder, signature, args):
        a_v, first, count = args
        v = Vectors(context, builder, signature.args[0].dtype)
        data = data_of(context, builder, signature.args[0], a_v)
        lowest = ir.Constant(v.vector, [float("-inf")] * v.lanes)
        tops = cgutils.alloca_once_value(builder, lowest)
        n_vectors = builder.sdiv(count, int64(v.lanes))

        def keep(slot, value):
            best = builder.load(slot)
            above = builder.fcmp_ordered(">", value, best)
            builder.store(builder.select(above, value, best), slot)

        with cgutils.for_range(builder, n_vectors) as loop:
            step = builder.mul(loop.index, int64(v.lanes))
            keep(tops, v.load(data, builder.add(first, step)))
        top = cgutils.alloca_once_value(builder, reduce_max(v, [builder.load(tops)]))
        done = builder.mul(n_vectors, int64(v.lanes))
        with cgutils.for_range(builder, builder.sub(count, done)) as loop:
            at = builder.add(first, builder.add(done, loop.index))
            keep(top, builder.load(builder.gep(data, [at])))
        return builder.load(top)

    return a.dtype(a, INDEX, INDEX), codegen
