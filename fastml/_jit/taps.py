"""The register tile of convolutions: some pixels of a few rows by one or two vectors of channels.

The rows of this tile are pixels: `width` adjacent ones in each of one or more rows of an image, so
that small images fill the registers too. The loop over products is two loops, taps and steps:
where a tap begins is looked up in a table, and its steps are evenly spaced. With taps for rows of
the kernel and steps for its columns times channels it is a direct convolution of an image whose
channels are last; other tables give dilated, strided, grouped and transposed convolutions, and with
taps for rows of an image and steps for its pixels the gradient by the weight.

Three kinds differ in what meets in a product:

`tile_channels`
    a number of the image and a vector of weights of many output channels;
`tile_lanes`
    a vector of channels of the image and a vector of weights, channel by channel (depthwise);
`tile_pixels`
    a vector of adjacent pixels of one channel and one weight, for few output channels.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastml._jit.simd import (
    INDEX,
    Vectors,
    data_of,
    int64,
    require_float_array,
    simd_level,
    tile_shape,
)

# Rows of two vectors: the accumulators, two vectors of b and a broadcast fill the registers.
_ROWS = {"avx512": 14, "avx2": 6, "neon": 14, "generic": 6}


def _heights() -> list[tuple[int, int]]:
    """Return the (rows of the image, width) for which there is code."""
    most = _ROWS[simd_level()]
    single = [(1, width) for width in range(1, most + 1)]
    return single + [(most // width, width) for width in range(1, most // 2 + 1)]


def _broadcast_by_vector(v, a, at, b_vectors):
    factor = v.broadcast(v.builder.load(v.builder.gep(a, [at])))
    return [(factor, column) for column in b_vectors]


def _vector_by_vector(v, a, at, b_vectors):
    return [
        (v.load(a, v.builder.add(at, int64(j * v.lanes))), column)
        for j, column in enumerate(b_vectors)
    ]


def _loops(v, shape, operands, n_vectors, met, b_broadcast):
    """Emit one height's loops over taps and steps; return its accumulators [row][vector]."""
    builder = v.builder
    n_image_rows, width = shape
    a, a0, a_image_row, a_row, taps, taps0, a_step, b, b0, b_tap, b_step, n_taps, n_steps, start = (
        operands
    )
    cells = []
    for _ in range(n_image_rows * width):
        cells.append([])
        for j in range(n_vectors):
            cell = cgutils.alloca_once(builder, v.vector)
            builder.store(start[j], cell)
            cells[-1].append(cell)
    rows = [
        builder.add(builder.mul(int64(i), a_image_row), builder.mul(int64(p), a_row))
        for i in range(n_image_rows)
        for p in range(width)
    ]
    with cgutils.for_range(builder, n_taps) as tap:
        offset = builder.load(builder.gep(taps, [builder.add(taps0, tap.index)]))
        a_start = builder.gep(a, [builder.add(a0, offset)])
        b_start = builder.add(b0, builder.mul(tap.index, b_tap))
        with cgutils.for_range(builder, n_steps) as step:
            a_k = builder.gep(a_start, [builder.mul(step.index, a_step)])
            b_k = builder.add(b_start, builder.mul(step.index, b_step))
            if b_broadcast:
                columns = [v.broadcast(builder.load(builder.gep(b, [b_k])))] * n_vectors
            else:
                columns = [v.load(b, builder.add(b_k, int64(j * v.lanes))) for j in range(n_vectors)]
            for row, cell in zip(rows, cells, strict=True):
                for j, (factor, column) in enumerate(met(v, a_k, row, columns)):
                    total = builder.call(v.fmuladd, [factor, column, builder.load(cell[j])])
                    builder.store(total, cell[j])
    return [[builder.load(cell) for cell in row] for row in cells]


def _store(v, sums, shape, out, out0, out_image_row, out_row, n_columns):
    """Emit stores of the first columns of the accumulators."""
    builder = v.builder
    n_vectors = len(sums[0])
    whole = builder.icmp_signed(">=", n_columns, int64(n_vectors * v.lanes))
    starts = []
    for i in range(shape[0]):
        first = builder.add(out0, builder.mul(int64(i), out_image_row))
        starts += [builder.add(first, builder.mul(int64(p), out_row)) for p in range(shape[1])]
    with builder.if_else(whole) as (then, otherwise):
        with then:
            for start, row in zip(starts, sums, strict=True):
                for j, value in enumerate(row):
                    v.store(value, out, builder.add(start, int64(j * v.lanes)))
        with otherwise:
            # One store of each kind would do, were it not for its size: a loop over lanes.
            spare = cgutils.alloca_once(builder, ir.ArrayType(v.vector, n_vectors))
            scalars = builder.bitcast(spare, v.scalar.as_pointer())
            for start, row in zip(starts, sums, strict=True):
                for j, value in enumerate(row):
                    v.store(value, scalars, int64(j * v.lanes))
                with cgutils.for_range(builder, n_columns) as column:
                    value = builder.load(builder.gep(scalars, [column.index]))
                    builder.store(value, builder.gep(out, [builder.add(start, column.index)]))


def _tile(n_vectors, met, b_broadcast=False):
    """Return a tile as an intrinsic."""

    @intrinsic
    def tile(
        typingctx,
        out, out0, out_image_row, out_row, n_columns,
        a, a0, a_image_row, a_row, taps, taps0, a_step,
        b, b0, b_tap, b_step,
        n_taps, n_steps,
        init, init0,
        n_image_rows, width,
    ):  # fmt: skip
        for name, ty in (("out", out), ("a", a), ("b", b), ("init", init)):
            require_float_array(name, ty)
        i = INDEX
        sig = types.void(
            out, i, i, i, i, a, i, i, i, taps, i, i, b, i, i, i, i, i, init, i, i, i
        )  # fmt: skip

        def codegen(context, builder, signature, args):
            t = signature.args
            v = Vectors(context, builder, t[0].dtype)
            out_data, a_data, taps_data, b_data, init_data = (
                data_of(context, builder, t[k], args[k]) for k in (0, 5, 9, 12, 18)
            )
            start = [
                v.load(init_data, builder.add(args[19], int64(j * v.lanes)))
                for j in range(n_vectors)
            ]
            operands = (a_data, *args[6:9], taps_data, *args[10:12], b_data, *args[13:18], start)
            done = builder.append_basic_block("tile.done")
            several = builder.icmp_signed(">", args[20], int64(1))
            which = builder.add(
                builder.mul(args[21], int64(2)), builder.zext(several, ir.IntType(64))
            )
            switch = builder.switch(which, done)
            for shape in _heights():
                block = builder.append_basic_block("tile.height")
                switch.add_case(int64(2 * shape[1] + (shape[0] > 1)), block)
                builder.position_at_end(block)
                sums = _loops(v, shape, operands, n_vectors, met, b_broadcast)
                _store(v, sums, shape, out_data, *args[1:5])
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return sig, codegen

    return tile


tile_channels = _tile(1, _broadcast_by_vector)
tile_channels_2 = _tile(2, _broadcast_by_vector)
tile_lanes = _tile(1, _vector_by_vector)
tile_pixels = _tile(1, _vector_by_vector, b_broadcast=True)


@intrinsic
def tap_rows(typingctx, array):
    """Return the most rows of these tiles, a constant at compile time."""
    rows = _ROWS[simd_level()]

    def codegen(context, builder, signature, args):
        return int64(rows)

    return INDEX(array), codegen


@intrinsic
def lanes_of(typingctx, array):
    """Return the lanes of a vector for the dtype of `array`, a constant at compile time."""
    lanes = tile_shape(array.dtype.bitwidth // 8)[1]

    def codegen(context, builder, signature, args):
        return int64(lanes)

    return INDEX(array), codegen
