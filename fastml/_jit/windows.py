"""Windows that slide over stretches of an array, in explicit vectors: sums, maxima, and back.

Each of these intrinsics writes ``out[o0 + j]`` for j < n, from the elements that the taps of a
window meet: ``a[a0 + rows[0, i] + columns[0, k] + j]`` for i0 <= i < i1 and k0 <= k < k1. Row 0 of
`rows` and `columns` holds where a tap is, row 1 its number: taps are told apart by the sum of both.
Those called "paired" take every other element, ``a[... + 2 * j]``. Those that take them do so for
`m` windows, each `step` elements further in `a`, and `skip` further in `out`, than the one before.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastml._jit.simd import INDEX, data_of, int64, require_float_array
from fastml._jit.window_parts import Taps, each_stretch, require_taps


def _each_window(builder, scalar, count, source0, target0, windows, body):
    """Emit ``body(lanes, first, source0, target0)`` for all elements of all windows."""
    m, step, skip = windows

    def each(lanes, first):
        with cgutils.for_range(builder, m) as window:
            source = builder.add(source0, builder.mul(window.index, step))
            target = builder.add(target0, builder.mul(window.index, skip))
            body(lanes, first, source, target)

    each_stretch(builder, scalar, count, each)


def _sum(stride):
    def codegen(context, builder, signature, args):
        t = signature.args
        source, start = data_of(context, builder, t[0], args[0]), args[1]
        taps = Taps(context, builder, t[2:8], args[2:8])
        factor, count = args[8], args[9]
        target, target0 = data_of(context, builder, t[10], args[10]), args[11]

        def of_window(lanes, first, source0, target0):
            zero = lanes.same(0.0)
            totals, partial = lanes.slots(zero), lanes.slots(zero)
            begin = builder.add(source0, builder.mul(first, int64(stride)))
            load = lanes.load if stride == 1 else lanes.load_paired

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

        _each_window(builder, target.type.pointee, count, start, target0, args[12:], of_window)
        return context.get_dummy_value()

    return codegen


def _sum_signature(a, rows, columns, out):
    require_float_array("a", a)
    require_float_array("out", out)
    require_taps(rows, columns)
    i = INDEX
    return types.void(a, i, rows, i, i, columns, i, i, a.dtype, i, out, i, i, i, i)


@intrinsic
def window_sum(
    typingctx, a, a0, rows, i0, i1, columns, k0, k1, scale, n, out, o0, m, step, skip
):  # fmt: skip
    """Write `scale` times the sum over the taps; each row of taps is added up by itself first."""
    return _sum_signature(a, rows, columns, out), _sum(1)


@intrinsic
def window_sum_paired(
    typingctx, a, a0, rows, i0, i1, columns, k0, k1, scale, n, out, o0, m, step, skip
):  # fmt: skip
    """Write the same of every other element."""
    return _sum_signature(a, rows, columns, out), _sum(2)


def _largest(stride):
    def codegen(context, builder, signature, args):
        t = signature.args
        source, start = data_of(context, builder, t[0], args[0]), args[1]
        taps = Taps(context, builder, t[2:8], args[2:8])
        count = args[9]
        target, target0 = data_of(context, builder, t[10], args[10]), args[11]
        chosen, i32 = data_of(context, builder, t[12], args[12]), ir.IntType(32)
        first_tap = builder.trunc(args[8], i32)

        def of_window(lanes, first, source0, target0):
            tops = lanes.slots(lanes.same(float("-inf")))
            which = lanes.slots(lanes.broadcast(first_tap))
            begin = builder.add(source0, builder.mul(first, int64(stride)))
            load = lanes.load if stride == 1 else lanes.load_paired

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

        _each_window(builder, target.type.pointee, count, start, target0, args[13:], of_window)
        return context.get_dummy_value()

    return codegen


def _largest_signature(a, rows, columns, out, chosen):
    require_float_array("a", a)
    require_float_array("out", out)
    require_taps(rows, columns)
    i = INDEX
    return types.void(a, i, rows, i, i, columns, i, i, i, i, out, i, chosen, i, i, i)


@intrinsic
def window_max(
    typingctx, a, a0, rows, i0, i1, columns, k0, k1, first_tap, n, out, o0, chosen, m, step, skip
):  # fmt: skip
    """Write the largest of the elements that the taps meet, and its tap to ``chosen[o0 + j]``.

    NaN counts as larger than all. Of the tap the number is written: the first of those that tie,
    the last that is NaN, `first_tap` where all are minus infinity.
    """
    return _largest_signature(a, rows, columns, out, chosen), _largest(1)


@intrinsic
def window_max_paired(
    typingctx, a, a0, rows, i0, i1, columns, k0, k1, first_tap, n, out, o0, chosen, m, step, skip
):  # fmt: skip
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
def window_sum_chosen(
    typingctx, a, chosen, a0, rows, i0, i1, columns, k0, k1, n, out, o0, m, step, skip
):  # fmt: skip
    """Write the sum over those taps whose number `chosen` holds where the tap meets `a`."""
    require_float_array("a", a)
    require_float_array("out", out)
    require_taps(rows, columns)

    def codegen(context, builder, signature, args):
        t = signature.args
        source, start = data_of(context, builder, t[0], args[0]), args[2]
        tags = data_of(context, builder, t[1], args[1])
        taps = Taps(context, builder, t[3:9], args[3:9])
        target, target0 = data_of(context, builder, t[10], args[10]), args[11]

        def of_window(lanes, first, source0, target0):
            begin = builder.add(source0, first)
            totals = _added(
                builder, lanes, taps,
                lambda at, v: lanes.load(source, builder.add(begin, at), v),
                lambda at, v: lanes.load(tags, builder.add(begin, at), v),
                tags.type.pointee,
            )  # fmt: skip
            for v, total in enumerate(totals):
                lanes.store(total, target, builder.add(target0, first), v)

        _each_window(builder, target.type.pointee, args[9], start, target0, args[12:], of_window)
        return context.get_dummy_value()

    i = INDEX
    return types.void(a, chosen, i, rows, i, i, columns, i, i, i, out, i, i, i, i), codegen


@intrinsic
def window_spread(typingctx, a, chosen, a0, first_tap, n_taps, scale, n, out, o0, m, skip):
    """Write to each element of `m` windows side by side what `a` has for its window.

    ``out[o0 + w * skip + k * n + j] = scale * a[a0 + w * n + j]`` for w < m, k < n_taps and j < n;
    with `chosen` only where it holds the number ``first_tap + k`` for ``a``, elsewhere zero.
    """
    require_float_array("a", a)
    require_float_array("out", out)
    tagged = not isinstance(chosen, types.NoneType)

    def codegen(context, builder, signature, args):
        t = signature.args
        source, source0, first_tap, n_taps = data_of(context, builder, t[0], args[0]), *args[2:5]
        tags = data_of(context, builder, t[1], args[1]) if tagged else None
        factor, count = args[5:7]
        target, target0, m, skip = data_of(context, builder, t[7], args[7]), *args[8:]

        def of_window(lanes, first, begin, end):
            at, vectors = builder.add(begin, first), range(lanes.n_vectors)
            factors, zero = lanes.broadcast(factor), lanes.same(0.0)
            values = [builder.fmul(lanes.load(source, at, v), factors) for v in vectors]
            marks = [lanes.load(tags, at, v) for v in vectors] if tagged else []
            with cgutils.for_range(builder, n_taps) as tap:
                to = builder.add(builder.add(end, first), builder.mul(tap.index, count))
                if tagged:
                    number = builder.add(first_tap, tap.index)
                    number = lanes.broadcast(builder.trunc(number, tags.type.pointee))
                for v in vectors:
                    value = values[v]
                    if tagged:
                        same = builder.icmp_unsigned("==", marks[v], number)
                        value = builder.select(same, value, zero)
                    lanes.store(value, target, to, v)

        windows = m, count, skip
        _each_window(builder, target.type.pointee, count, source0, target0, windows, of_window)
        return context.get_dummy_value()

    i = INDEX
    return types.void(a, chosen, i, i, i, a.dtype, i, out, i, i, i), codegen
