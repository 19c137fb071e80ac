"""What operations on windows are made of: runs of elements in registers, and loops over taps."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError

from fastml._jit.simd import int64, tile_shape

__all__ = ["Lanes", "Taps", "bytes_of", "each_stretch", "require_taps"]

# Vectors that are in registers at a time, beside those that tell which tap was largest.
_UNROLLED = 4
_SHORTEST = 4


class Lanes:
    """A run of elements in registers: some vectors of so many lanes, or a number."""

    def __init__(self, builder, scalar, lanes, n_vectors):
        self.builder, self.scalar, self.lanes, self.n_vectors = builder, scalar, lanes, n_vectors

    def kind(self, item):
        return ir.VectorType(item, self.lanes) if self.lanes > 1 else item

    def same(self, value):
        """Return a number of the host in every lane."""
        return self.constant(self.scalar, value)

    def constant(self, item, value):
        return ir.Constant(self.kind(item), [value] * self.lanes if self.lanes > 1 else value)

    def broadcast(self, value):
        kind = self.kind(value.type)
        if self.lanes == 1:
            return value
        undefined = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), None)
        return self.builder.shuffle_vector(one, undefined, mask)

    def _pointer(self, data, at, v):
        where = self.builder.gep(data, [self.builder.add(at, int64(v * self.lanes))])
        return self.builder.bitcast(where, self.kind(data.type.pointee).as_pointer())

    def load(self, data, at, v):
        value = self.builder.load(self._pointer(data, at, v))
        value.align = 1 if isinstance(data.type.pointee, ir.IntType) else bytes_of(self.scalar)
        return value

    def load_paired(self, data, at, v):
        """Return elements at, at + 2, ...: nothing beyond the last of them is read."""
        if self.lanes == 1:
            return self.load(data, at, v)
        builder, n = self.builder, self.lanes
        low = self.load(data, at, 2 * v)
        high = self.load(data, builder.add(at, int64(n - 1)), 2 * v)
        wanted = [*range(0, n, 2), *range(n + 1, 2 * n, 2)]
        mask = ir.Constant(ir.VectorType(ir.IntType(32), n), wanted)
        return builder.shuffle_vector(low, high, mask)

    def store(self, value, data, at, v):
        stored = self.builder.store(value, self._pointer(data, at, v))
        stored.align = 1 if isinstance(data.type.pointee, ir.IntType) else bytes_of(self.scalar)

    def slots(self, value):
        return [cgutils.alloca_once_value(self.builder, value) for _ in range(self.n_vectors)]


def bytes_of(scalar):
    return 4 if isinstance(scalar, ir.FloatType) else 8


def each_stretch(builder, scalar, count, body):
    """Emit ``body(lanes, first element)`` for all elements, in vectors as wide as they fill.

    The last vector reaches back over what was done before: bodies only read inputs, so that
    writing an element twice writes the same.
    """
    widest = tile_shape(bytes_of(scalar))[1]
    wide = Lanes(builder, scalar, widest, _UNROLLED)
    size = int64(widest * _UNROLLED)
    n_wide = builder.sdiv(count, size)
    with cgutils.for_range(builder, n_wide) as loop:
        body(wide, builder.mul(loop.index, size))
    done = builder.mul(n_wide, size)
    rest = builder.sub(count, done)
    _rest(builder, scalar, count, done, rest, widest, body)


def _rest(builder, scalar, count, done, rest, lanes, body):
    """Emit what is left, `rest` elements from `done` on."""
    if lanes < _SHORTEST:
        single = Lanes(builder, scalar, 1, 1)
        with cgutils.for_range(builder, rest) as loop:
            body(single, builder.add(done, loop.index))
        return
    vector, size = Lanes(builder, scalar, lanes, 1), int64(lanes)
    enough = builder.icmp_signed(">=", count, size)
    with builder.if_else(enough) as (full, short):
        with full:
            n_vectors = builder.sdiv(builder.add(rest, int64(lanes - 1)), size)
            last = builder.sub(count, size)
            with cgutils.for_range(builder, n_vectors) as loop:
                first = builder.add(done, builder.mul(loop.index, size))
                late = builder.icmp_signed(">", first, last)
                body(vector, builder.select(late, last, first))
        with short:
            _rest(builder, scalar, count, done, rest, lanes // 2, body)


class Taps:
    """The loops over the taps of a window."""

    def __init__(self, context, builder, kinds, values):
        rows, self.i0, self.i1, columns, self.k0, self.k1 = values
        self.builder = builder
        self.rows = context.make_array(kinds[0])(context, builder, rows)
        self.columns = context.make_array(kinds[3])(context, builder, columns)
        self.row_length = builder.extract_value(self.rows.shape, 1)
        self.column_length = builder.extract_value(self.columns.shape, 1)

    def each(self, numbered, visit, row_done=None):
        """Emit ``visit(offset, number)`` for each tap, ``row_done()`` after each row of them."""
        builder = self.builder
        n_rows, n_columns = builder.sub(self.i1, self.i0), builder.sub(self.k1, self.k0)
        with cgutils.for_range(builder, n_rows) as row:
            i = builder.add(self.i0, row.index)
            row_at = self._read(self.rows, i)
            row_number = self._read(self.rows, i, self.row_length) if numbered else None
            with cgutils.for_range(builder, n_columns) as column:
                k = builder.add(self.k0, column.index)
                at = builder.add(row_at, self._read(self.columns, k))
                number = None
                if numbered:
                    number = self._read(self.columns, k, self.column_length)
                    number = builder.add(row_number, number)
                visit(at, number)
            if row_done is not None:
                row_done()

    def _read(self, array, i, skip=None):
        at = i if skip is None else self.builder.add(i, skip)
        return self.builder.load(self.builder.gep(array.data, [at]))


def require_taps(*tables):
    for table in tables:
        if not (isinstance(table, types.Array) and table.layout == "C" and table.ndim == 2):
            raise TypingError(f"taps must be C-contiguous int64 arrays of two rows, got {table}.")
