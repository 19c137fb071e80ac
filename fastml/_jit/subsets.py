"""Products of a matrix of zeros and ones by a matrix of floats, without multiplications.

Four rows of the right factor have sixteen sums of subsets. With these in a table a row of the left
factor takes one addition for four of its bits, where the register tile takes four fused
multiply-adds: the method of four Russians (Arlazarov, Dinic, Kronrod and Faradzev 1970). What is
scarce are loads: bits stay packed, sixteen to a word, a word serves `PANEL_COLS` columns, and all
floats lie at multiples of their vectors' size (`fastml._jit.memory.aligned`).
"""

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
    require_float_array,
)

# Bits of a word, and rows of the right factor that it stands for.
WORD_BITS = 16
# Columns that one table serves.
PANEL_COLS = 2 * TILE_COLS
# A table: of four times four rows the sums of all subsets.
TABLE_SIZE = 4 * 16 * PANEL_COLS

_NIBBLES = 4


def _require_words(ty):
    if not (isinstance(ty, types.Array) and ty.layout == "C" and ty.dtype is types.uint16):
        raise TypingError(f"words must be a C-contiguous array of uint16, got {ty}.")


def _panel_offsets(v):
    return range(0, PANEL_COLS, v.lanes)


@intrinsic
def fill_table(typingctx, table, b, b0, b_row):
    """Write the sums of all subsets of four rows, for each four of sixteen.

    Parameters
    ----------
    table : array
        Written: `TABLE_SIZE` elements.
    b, b0, b_row : array, int, int
        The rows: index of the first element, elements from one row to the next.
    """
    require_float_array("table", table)
    require_float_array("b", b)

    def codegen(context, builder, signature, args):
        table_t, b_t, _, _ = signature.args
        out, source, first, stride = args
        v = Vectors(context, builder, table_t.dtype)
        out_data, b_data = (data_of(context, builder, *pair)
                            for pair in ((table_t, out), (b_t, source)))  # fmt: skip
        for g in range(_NIBBLES):
            for column in _panel_offsets(v):
                sums = [ir.Constant(v.vector, [0.0] * v.lanes)]
                for k in range(4):
                    start = builder.add(first, builder.mul(stride, int64(4 * g + k)))
                    row = v.load(b_data, builder.add(start, int64(column)))
                    sums += [row] + [builder.fadd(total, row) for total in sums[1:]]
                for subset, total in enumerate(sums):
                    v.store(total, out_data, int64((16 * g + subset) * PANEL_COLS + column))
        return context.get_dummy_value()

    return types.void(table, b, INDEX, INDEX), codegen


@intrinsic
def add_subsets(typingctx, out, out0, n_rows, words, words0, table):
    """Add to each row of `out` the sums that the bits of its word choose.

    Parameters
    ----------
    out, out0, n_rows : array, int, int
        Sums, of `PANEL_COLS` columns: index of the first, and how many rows.
    words, words0 : uint16 array, int
        A word of each row, adjacent.
    table : array
        What `fill_table` wrote.
    """
    require_float_array("out", out)
    require_float_array("table", table)
    _require_words(words)

    def codegen(context, builder, signature, args):
        out_t, _, _, words_t, _, table_t = signature.args
        out_v, out_first, count, words_v, words_first, table_v = args
        v = Vectors(context, builder, out_t.dtype)
        out_data = data_of(context, builder, out_t, out_v)
        words_data = data_of(context, builder, words_t, words_v)
        table_data = data_of(context, builder, table_t, table_v)
        wide = ir.IntType(64)
        with cgutils.for_range(builder, count) as row:
            at = builder.gep(words_data, [builder.add(words_first, row.index)])
            word = builder.zext(builder.load(at), wide)
            start = builder.add(out_first, builder.mul(row.index, int64(PANEL_COLS)))
            places = []
            for g in range(_NIBBLES):
                nibble = builder.and_(builder.lshr(word, int64(4 * g)), int64(15))
                within = builder.mul(nibble, int64(PANEL_COLS))
                places.append(builder.add(within, int64(16 * g * PANEL_COLS)))
            for column in _panel_offsets(v):
                terms = [v.load(table_data, builder.add(p, int64(column))) for p in places]
                low, high = builder.fadd(*terms[:2]), builder.fadd(*terms[2:])
                here = builder.add(start, int64(column))
                total = builder.fadd(v.load(out_data, here), builder.fadd(low, high))
                v.store(total, out_data, here)
        return context.get_dummy_value()

    return types.void(out, INDEX, INDEX, words, INDEX, table), codegen


def _word_of(compare):
    """Return the code of an intrinsic that compares `TILE_COLS` elements of `a` from `a0` on."""

    def codegen(context, builder, signature, args):
        v = Vectors(context, builder, signature.args[0].dtype)
        data = data_of(context, builder, signature.args[0], args[0])
        conditions = []
        for step in range(0, TILE_COLS, v.lanes):
            x = v.load(data, builder.add(args[1], int64(step)))
            conditions.append(compare(context, v, signature, args, x, int64(step)))
        return lane_mask(v, conditions)

    return codegen


@intrinsic
def bits_below(typingctx, a, a0, b, b0):
    """Return a word with a bit for each of `TILE_COLS` elements: whether that of `a` is less."""
    require_float_array("a", a)
    require_float_array("b", b)

    def compare(context, v, signature, args, x, step):
        data = data_of(context, v.builder, signature.args[2], args[2])
        y = v.load(data, v.builder.add(args[3], step))
        return v.builder.fcmp_ordered("<", x, y)

    return types.uint16(a, INDEX, b, INDEX), _word_of(compare)


@intrinsic
def bits_equal(typingctx, a, a0, value):
    """Return a word with a bit for each of `TILE_COLS` elements: whether it is `value`."""
    require_float_array("a", a)

    def compare(context, v, signature, args, x, step):
        return v.builder.fcmp_ordered("==", x, v.broadcast(args[2]))

    return types.uint16(a, INDEX, a.dtype), _word_of(compare)


@intrinsic
def transpose_bits(typingctx, out, out0, words, words0, mask):
    """Transpose a square of bits: write word b of the bits b of sixteen words.

    Parameters
    ----------
    out, out0 : uint16 array, int
        Written: sixteen adjacent words.
    words, words0 : uint16 array, int
        Sixteen adjacent words.
    mask : uint16
        Which of these count; the others are taken as zero.
    """
    _require_words(out)
    _require_words(words)

    def codegen(context, builder, signature, args):
        out_t, _, words_t, _, _ = signature.args
        out_v, out_first, words_v, words_first, keep = args
        short = ir.IntType(16)
        square = ir.VectorType(short, WORD_BITS)
        source = builder.gep(data_of(context, builder, words_t, words_v), [words_first])
        rows = builder.load(builder.bitcast(source, square.as_pointer()))
        rows.align = 2
        data = data_of(context, builder, out_t, out_v)
        zero = ir.Constant(square, [0] * WORD_BITS)
        for bit in range(WORD_BITS):
            # Constants of IR are signed.
            chosen = ir.Constant(square, [(1 << bit) - (1 << 16 if bit == 15 else 0)] * WORD_BITS)
            column = builder.icmp_unsigned("!=", builder.and_(rows, chosen), zero)
            word = builder.and_(builder.bitcast(column, short), keep)
            builder.store(word, builder.gep(data, [builder.add(out_first, int64(bit))]))
        return context.get_dummy_value()

    i = INDEX
    return types.void(out, i, words, i, types.uint16), codegen


@intrinsic
def count_bits(typingctx, word):
    """Return how many bits of a word are set."""

    def codegen(context, builder, signature, args):
        return builder.ctpop(args[0])

    return word(word), codegen


@intrinsic
def transpose_square(typingctx, out, out0, out_row, a, a0, a_row):
    """Copy `TILE_COLS` rows of as many elements to columns.

    Parameters
    ----------
    out, out0, out_row, a, a0, a_row : array, int, int
        Index of the first element, elements from one row to the next.
    """
    require_float_array("out", out)
    require_float_array("a", a)

    def codegen(context, builder, signature, args):
        out_v, out_first, out_stride, a_v, a_first, a_stride = args
        kind = ir.VectorType(context.get_value_type(a.dtype), TILE_COLS)
        size = a.dtype.bitwidth // 8
        pointer = kind.as_pointer()
        source = data_of(context, builder, signature.args[3], a_v)
        target = data_of(context, builder, signature.args[0], out_v)

        def row(data, first, stride, r):
            start = builder.add(first, builder.mul(stride, int64(r)))
            return builder.bitcast(builder.gep(data, [start]), pointer)

        rows = []
        for r in range(TILE_COLS):
            rows.append(builder.load(row(source, a_first, a_stride, r)))
            rows[-1].align = size
        half = TILE_COLS // 2
        while half:
            rows = _exchanged(builder, rows, half)
            half //= 2
        for r, value in enumerate(rows):
            builder.store(value, row(target, out_first, out_stride, r)).align = size
        return context.get_dummy_value()

    i = INDEX
    return types.void(out, i, i, a, i, i), codegen


def _exchanged(builder, rows, half):
    """Exchange the off-diagonal squares of `half` rows and columns."""
    result = list(rows)
    number = ir.IntType(32)
    mask = ir.VectorType(number, TILE_COLS)
    for r in range(TILE_COLS):
        if r & half:
            continue
        upper, lower = rows[r], rows[r + half]
        # Lanes of the lower row are numbered on.
        first = [c + TILE_COLS - half if c & half else c for c in range(TILE_COLS)]
        second = [c + TILE_COLS if c & half else c + half for c in range(TILE_COLS)]
        result[r] = builder.shuffle_vector(upper, lower, ir.Constant(mask, first))
        result[r + half] = builder.shuffle_vector(upper, lower, ir.Constant(mask, second))
    return result
