"""Windows that slide over stretches of an array, in explicit vectors: sums, maxima, and back.

Each of these intrinsics writes ``out[o0 + j]`` for j < n, from the elements that the taps of a
window meet: ``a[a0 + rows[0, i] + columns[0, k] + j]`` for i0 <= i < i1 and k0 <= k < k1. Row 0 of
`rows` and `columns` holds where a tap is, row 1 its number: taps are told apart by the sum of both.
Those called "paired" take every other element, ``a[... + 2 * j]``.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from fastml._jit.simd import INDEX, data_of, int64, require_float_array, tile_shape

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
        value.align = 1 if isinstance(data.type.pointee, ir.IntType) else _bytes(self.scalar)
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
        stored.align = 1 if isinstance(data.type.pointee, ir.IntType) else _bytes(self.scalar)

    def slots(self, value):
        return [cgutils.alloca_once_value(self.builder, value) for _ in range(self.n_vectors)]


def _bytes(scalar):
    return 4 if isinstance(scalar, ir.FloatType) else 8


def _stretch(builder, scalar, count, body):
    """Emit ``body(lanes, first element)`` for all elements, in vectors as wide as they fill.

    The last vector reaches back over what was done before: bodies only read inputs, so that
    writing an element twice writes the same.
    """
    widest = tile_shape(_bytes(scalar))[1]
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


class _Taps:
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


def _require_taps(*tables):
    for table in tables:
        if not (isinstance(table, types.Array) and table.layout == "C" and table.ndim == 2):
            raise TypingError(f"taps must be C-contiguous int64 arrays of two rows, got {table}.")


def _sum(step):
    def codegen(context, builder, signature, args):
        t = signature.args
        source, start = data_of(context, builder, t[0], args[0]), args[1]
        taps = _Taps(context, builder, t[2:8], args[2:8])
        factor, count = args[8], args[9]
        target, target0 = data_of(context, builder, t[10], args[10]), args[11]

        def body(lanes, first):
            zero = lanes.same(0.0)
            totals, partial = lanes.slots(zero), lanes.slots(zero)
            begin = builder.add(start, builder.mul(first, int64(step)))
            load = lanes.load if step == 1 else lanes.load_paired

            def visit(at, _):
                for v in range(lanes.n_vectors):
                    value = load(source, builder.add(begin, at), v)
                    builder.store(builder.fadd(builder.load(partial[v]), value), partial[v])

            def row_done():
                for total, part in zip(totals, partial, strict=True):
                    both = builder.fadd(builder.load(total), builder.load(part))
                    builder.store(both, total)
                    builder.store(zero, part)

            taps.each(False, visit, row_done)
            factors = lanes.broadcast(factor)
            for v, total in enumerate(totals):
                scaled = builder.fmul(builder.load(total), factors)
                lanes.store(scaled, target, builder.add(target0, first), v)

        _stretch(builder, target.type.pointee, count, body)
        return context.get_dummy_value()

    return codegen


def _sum_signature(a, rows, columns, out):
    require_float_array("a", a)
    require_float_array("out", out)
    _require_taps(rows, columns)
    i = INDEX
    return types.void(a, i, rows, i, i, columns, i, i, a.dtype, i, out, i)


@intrinsic
def window_sum(typingctx, a, a0, rows, i0, i1, columns, k0, k1, scale, n, out, o0):
    """Write `scale` times the sum over the taps; each row of taps is added up by itself first."""
    return _sum_signature(a, rows, columns, out), _sum(1)


@intrinsic
def window_sum_paired(typingctx, a, a0, rows, i0, i1, columns, k0, k1, scale, n, out, o0):
    """Write the same of every other element."""
    return _sum_signature(a, rows, columns, out), _sum(2)


def _largest(step):
    def codegen(context, builder, signature, args):
        t = signature.args
        source, start = data_of(context, builder, t[0], args[0]), args[1]
        taps = _Taps(context, builder, t[2:8], args[2:8])
        count = args[9]
        target, target0 = data_of(context, builder, t[10], args[10]), args[11]
        chosen, i32 = data_of(context, builder, t[12], args[12]), ir.IntType(32)
        first_tap = builder.trunc(args[8], i32)

        def body(lanes, first):
            tops = lanes.slots(lanes.same(float("-inf")))
            which = lanes.slots(lanes.broadcast(first_tap))
            begin = builder.add(start, builder.mul(first, int64(step)))
            load = lanes.load if step == 1 else lanes.load_paired

            def visit(at, number):
                tap = lanes.broadcast(builder.trunc(number, i32))
                for v in range(lanes.n_vectors):
                    value = load(source, builder.add(begin, at), v)
                    top = builder.load(tops[v])
                    above = builder.fcmp_ordered(">", value, top)
                    nan = builder.fcmp_unordered("uno", value, value)
                    better = builder.or_(above, nan)
                    builder.store(builder.select(better, value, top), tops[v])
                    old = builder.load(which[v])
                    builder.store(builder.select(better, tap, old), which[v])

            taps.each(True, visit)
            for v, top in enumerate(tops):
                at = builder.add(target0, first)
                lanes.store(builder.load(top), target, at, v)
                found, item = builder.load(which[v]), chosen.type.pointee
                narrow = item.width < i32.width
                found = builder.trunc(found, lanes.kind(item)) if narrow else found
                lanes.store(found, chosen, at, v)

        _stretch(builder, target.type.pointee, count, body)
        return context.get_dummy_value()

    return codegen


def _largest_signature(a, rows, columns, out, chosen):
    require_float_array("a", a)
    require_float_array("out", out)
    _require_taps(rows, columns)
    i = INDEX
    return types.void(a, i, rows, i, i, columns, i, i, i, i, out, i, chosen)


@intrinsic
def window_max(typingctx, a, a0, rows, i0, i1, columns, k0, k1, first_tap, n, out, o0, chosen):
    """Write the largest of the elements that the taps meet, and its tap to ``chosen[o0 + j]``.

    NaN counts as larger than all. Of the tap the number is written: the first of those that tie,
    the last that is NaN, `first_tap` where all are minus infinity.
    """
    return _largest_signature(a, rows, columns, out, chosen), _largest(1)


@intrinsic
def window_max_paired(
    typingctx, a, a0, rows, i0, i1, columns, k0, k1, first_tap, n, out, o0, chosen
):
    """Write the same of every other element."""
    return _largest_signature(a, rows, columns, out, chosen), _largest(2)


def _added(builder, lanes, taps, load, tags, numbers):
    """Emit the loops that add up what taps meet; return the sums.

    ``load(at, v)`` gives elements. With `tags`, which gives in the same way the tap that was
    chosen, only those of that tap are added.
    """
    zero = lanes.same(0.0)
    totals = lanes.slots(zero)

    def visit(at, number):
        tap = lanes.broadcast(builder.trunc(number, numbers)) if tags else None
        for v in range(lanes.n_vectors):
            value = load(at, v)
            if tags:
                same = builder.icmp_unsigned("==", tags(at, v), tap)
                value = builder.select(same, value, zero)
            builder.store(builder.fadd(builder.load(totals[v]), value), totals[v])

    taps.each(bool(tags), visit)
    return [builder.load(total) for total in totals]


@intrinsic
def window_sum_chosen(typingctx, a, chosen, a0, rows, i0, i1, columns, k0, k1, n, out, o0):
    """Write the sum over those taps whose number `chosen` holds where the tap meets `a`."""
    require_float_array("a", a)
    require_float_array("out", out)
    _require_taps(rows, columns)

    def codegen(context, builder, signature, args):
        t = signature.args
        source, start = data_of(context, builder, t[0], args[0]), args[2]
        tags = data_of(context, builder, t[1], args[1])
        taps = _Taps(context, builder, t[3:9], args[3:9])
        target, target0 = data_of(context, builder, t[10], args[10]), args[11]

        def body(lanes, first):
            begin = builder.add(start, first)
            totals = _added(
                builder, lanes, taps,
                lambda at, v: lanes.load(source, builder.add(begin, at), v),
                lambda at, v: lanes.load(tags, builder.add(begin, at), v),
                tags.type.pointee,
            )  # fmt: skip
            for v, total in enumerate(totals):
                lanes.store(total, target, builder.add(target0, first), v)

        _stretch(builder, target.type.pointee, args[9], body)
        return context.get_dummy_value()

    i = INDEX
    return types.void(a, chosen, i, rows, i, i, columns, i, i, i, out, i), codegen


def _alternating():
    def codegen(context, builder, signature, args):
        t = signature.args
        source = data_of(context, builder, t[0], args[0])
        starts = args[1:3]
        both = [
            _Taps(context, builder, t[3:9], args[3:9]),
            _Taps(context, builder, t[3:7] + t[9:11], args[3:7] + args[9:11]),
        ]
        factor, count = args[11], args[12]
        target, target0 = data_of(context, builder, t[13], args[13]), args[14]

        def body(lanes, first):
            sums = []
            for taps, start in zip(both, starts, strict=True):
                begin = builder.add(start, first)

                def load(at, v, begin=begin):
                    return lanes.load(source, builder.add(begin, at), v)

                sums.append(_added(builder, lanes, taps, load, None, None))
            factors, size = lanes.broadcast(factor), lanes.lanes
            at = builder.add(target0, builder.mul(first, int64(2)))
            for v, pair in enumerate(zip(*sums, strict=True)):
                halves = [builder.fmul(total, factors) for total in pair]
                if size > 1:
                    order = [i // 2 + size * (i % 2) for i in range(2 * size)]
                    kind = ir.VectorType(ir.IntType(32), size)
                    halves = [
                        builder.shuffle_vector(*halves, ir.Constant(kind, part))
                        for part in (order[:size], order[size:])
                    ]
                for i, half in enumerate(halves):
                    lanes.store(half, target, at, 2 * v + i)

        _stretch(builder, target.type.pointee, count, body)
        return context.get_dummy_value()

    return codegen


@intrinsic
def window_sum_alternating(
    typingctx, a, a0, b0, rows, i0, i1, columns, k0, k1, l0, l1, scale, n, out, o0
):
    """Write two sums in turn, ``out[o0 + 2 * j]`` and ``out[o0 + 2 * j + 1]``, times `scale`.

    The first from `a0` on over the columns k0 ... k1 - 1, the other from `b0` over l0 ... l1 - 1.
    """
    require_float_array("a", a)
    require_float_array("out", out)
    _require_taps(rows, columns)
    i = INDEX
    return types.void(a, i, i, rows, i, i, columns, i, i, i, i, a.dtype, i, out, i), _alternating()
