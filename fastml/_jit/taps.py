"""The register tile of convolutions: some pixels of a few rows by one or two vectors of channels.

The rows of this tile are pixels: `width` adjacent ones in each of one or more rows of an image, so
that small images fill the registers too. The loop over products is two loops, taps and steps:
where a tap begins is looked up in a table, and its steps are evenly spaced. With taps for rows of
the kernel and steps for its columns times channels it is a direct convolution of an image whose
channels are last; other tables give dilated, strided, grouped and transposed convolutions, and with
taps for rows of an image and steps for its pixels the gradient by the weight.

Two kinds differ in what meets in a product:

`tile_channels`
    a number of the image and a vector of weights of many output channels; `tile_channels_2` has two
    vectors, and `tile_channels_added`, of one shape, adds to what `out` holds;
`tile_lanes`
    a vector of channels of the image and a vector of weights, channel by channel (depthwise).
"""

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
)

# Rows of two vectors: the accumulators, two vectors of b and a broadcast fill the registers.
TAP_ROWS = {"avx512": 14, "avx2": 6, "neon": 14, "generic": 6}[simd_level()]
# (rows of the image, width) for which there is code, of which a user takes what fits best: each is
# machine code of its own. Some for narrow images, some for single rows of them.
SHAPES = tuple(
    [(TAP_ROWS // width, width) for width in (1, 2, 3, 4, 5, 7) if 2 * width <= TAP_ROWS]
    + [(1, width) for width in (TAP_ROWS, 8, 4, 2, 1) if width <= TAP_ROWS]
)

# Rows of the tile that adds to what is there. Such tiles must not overlap: a divisor of 8.
ADDED_ROWS = 8 if TAP_ROWS > 8 else 4


def _broadcast_by_vector(v, a, at, b_vectors):
    factor = v.broadcast(v.builder.load(v.builder.gep(a, [at])))
    return [(factor, column) for column in b_vectors]


def _vector_by_vector(v, a, at, b_vectors):
    return [
        (v.load(a, v.builder.add(at, int64(j * v.lanes))), column)
        for j, column in enumerate(b_vectors)
    ]


def _loops(v, shape, operands, n_vectors, met):
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
            columns = [v.load(b, builder.add(b_k, int64(j * v.lanes))) for j in range(n_vectors)]
            for row, cell in zip(rows, cells, strict=True):
                for j, (factor, column) in enumerate(met(v, a_k, row, columns)):
                    total = builder.call(v.fmuladd, [factor, column, builder.load(cell[j])])
                    builder.store(total, cell[j])
    return [[builder.load(cell) for cell in row] for row in cells]


def _tile(n_vectors, met, shapes=SHAPES, adding=False):
    """Return a tile as an intrinsic."""

    @intrinsic
    def tile(
        typingctx,
        out, out0, out_image_row, out_row,
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
            out, i, i, i, a, i, i, i, taps, i, i, b, i, i, i, i, i, init, i, i, i
        )  # fmt: skip

        def codegen(context, builder, signature, args):
            t = signature.args
            v = Vectors(context, builder, t[0].dtype)
            out_data, a_data, taps_data, b_data, init_data = (
                data_of(context, builder, t[k], args[k]) for k in (0, 4, 8, 11, 17)
            )
            start = [
                v.load(init_data, builder.add(args[18], int64(j * v.lanes)))
                for j in range(n_vectors)
            ]
            operands = (a_data, *args[5:8], taps_data, *args[9:11], b_data, *args[12:17], start)
            done = builder.append_basic_block("tile.done")
            switch = builder.switch(builder.add(builder.mul(args[19], int64(64)), args[20]), done)
            for rows, width in shapes:
                block = builder.append_basic_block("tile.shape")
                switch.add_case(int64(64 * rows + width), block)
                builder.position_at_end(block)
                sums = iter(_loops(v, (rows, width), operands, n_vectors, met))
                for i in range(rows):
                    first = builder.add(args[1], builder.mul(int64(i), args[2]))
                    for p in range(width):
                        at = builder.add(first, builder.mul(int64(p), args[3]))
                        for j, value in enumerate(next(sums)):
                            to = builder.add(at, int64(j * v.lanes))
                            if adding:
                                value = builder.fadd(v.load(out_data, to), value)
                            v.store(value, out_data, to)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return sig, codegen

    return tile


tile_channels = _tile(1, _broadcast_by_vector)
tile_channels_2 = _tile(2, _broadcast_by_vector)
tile_channels_added = _tile(2, _broadcast_by_vector, shapes=((1, ADDED_ROWS),), adding=True)
tile_lanes = _tile(1, _vector_by_vector)
