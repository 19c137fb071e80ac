"""Whole vectors of numbers in memory: transposed in squares, and added."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastml._jit.simd import INDEX, Vectors, data_of, int64, require_float_array, tile_shape


@intrinsic
def lanes_of(typingctx, array):
    """Return the lanes of a vector for the dtype of `array`, a constant at compile time."""
    lanes = tile_shape(array.dtype.bitwidth // 8)[1]

    def codegen(context, builder, signature, args):
        return int64(lanes)

    return INDEX(array), codegen


@intrinsic
def transpose_lanes(typingctx, out, out0, out_row, a, a0, a_row):
    """Copy a square of as many rows and columns as a vector has lanes, transposed.

    Both arrays are C-contiguous and of one float dtype; positions and the steps from one row of the
    square to the next are flat.
    """
    for name, ty in (("out", out), ("a", a)):
        require_float_array(name, ty)
    i = INDEX
    sig = types.void(out, i, i, a, i, i)

    def codegen(context, builder, signature, args):
        t = signature.args
        v = Vectors(context, builder, t[0].dtype)
        target, source = (data_of(context, builder, t[k], args[k]) for k in (0, 3))
        n, half = v.lanes, v.lanes // 2
        rows = [
            v.load(source, builder.add(args[4], builder.mul(int64(k), args[5]))) for k in range(n)
        ]

        def interleaved(first, second, start):
            order = [lane for k in range(start, start + half) for lane in (k, k + n)]
            mask = ir.Constant(ir.VectorType(ir.IntType(32), n), order)
            return builder.shuffle_vector(first, second, mask)

        # Each round moves one bit of the row's number into that of the lane.
        for _ in range(n.bit_length() - 1):
            pairs = [(rows[k], rows[k + half]) for k in range(half)]
            rows = [interleaved(*pair, start) for pair in pairs for start in (0, half)]
        for k, row in enumerate(rows):
            v.store(row, target, builder.add(args[1], builder.mul(int64(k), args[2])))
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def add_lanes(typingctx, total, total0, a, a0):
    """Add one vector of `a` to as many numbers of `total`, at flat positions."""
    for name, ty in (("total", total), ("a", a)):
        require_float_array(name, ty)
    i = INDEX
    sig = types.void(total, i, a, i)

    def codegen(context, builder, signature, args):
        t = signature.args
        v = Vectors(context, builder, t[2].dtype)
        sums, source = (data_of(context, builder, t[k], args[k]) for k in (0, 2))
        total = builder.fadd(v.load(sums, args[1]), v.load(source, args[3]))
        v.store(total, sums, args[1])
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def sum_lanes(typingctx, out, out0, start, a, a0, places, places0, n):
    """Write a vector: `start`, plus those of `a` at the n `places`, behind a0."""
    for name, ty in (("out", out), ("a", a)):
        require_float_array(name, ty)
    i = INDEX
    sig = types.void(out, i, out.dtype, a, i, places, i, i)

    def codegen(context, builder, signature, args):
        t = signature.args
        v = Vectors(context, builder, t[0].dtype)
        target, source, listed = (data_of(context, builder, t[k], args[k]) for k in (0, 3, 5))
        total = cgutils.alloca_once_value(builder, v.broadcast(args[2]))
        with cgutils.for_range(builder, args[7]) as loop:
            place = builder.load(builder.gep(listed, [builder.add(args[6], loop.index)]))
            term = v.load(source, builder.add(args[4], place))
            builder.store(builder.fadd(builder.load(total), term), total)
        v.store(builder.load(total), target, args[1])
        return context.get_dummy_value()

    return sig, codegen
