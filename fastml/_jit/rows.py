"""Rows of a matrix, dense or compressed, against vectors of float64.

A row is the entries first ... last of `data`. Where `indices` is empty, rows are dense and an
entry's column is its place in the row; else `indices` holds it. Columns of a row differ.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastml._jit.simd import INDEX, data_of, int64, require_float_array, tile_shape

# Sums that go on side by side, so that an addition need not wait for the one before it.
_SUMS = 4
_DOUBLE = ir.DoubleType()


class _Rows:
    """Code for entries of rows, one at a time or a vector of them, widened to float64."""

    def __init__(self, context, builder, types_of, data, indices, vector, first, start):
        self.builder = builder
        self.lanes = tile_shape(8)[1]
        self.wide = ir.VectorType(_DOUBLE, self.lanes)
        self.data = data_of(context, builder, types_of[0], data)
        self.indices = data_of(context, builder, types_of[1], indices)
        count = context.make_array(types_of[1])(context, builder, indices).nitems
        self.dense = builder.icmp_signed("==", count, int64(0))
        self.first = first
        self.vector = builder.gep(data_of(context, builder, types_of[2], vector), [start])

    def fma(self, a, b, c):
        name = "f64" if a.type == _DOUBLE else f"v{self.lanes}f64"
        kind = ir.FunctionType(a.type, [a.type] * 3)
        full = f"llvm.fmuladd.{name}"
        return self.builder.call(
            cgutils.get_or_insert_function(self.builder.module, kind, full), [a, b, c]
        )

    def entry(self, offset, whole):
        """Return the entry at an offset in the row, or the vector of them from there on."""
        builder = self.builder
        pointer = builder.gep(self.data, [builder.add(self.first, offset)])
        kind = pointer.type.pointee
        if whole:
            pointer = builder.bitcast(pointer, ir.VectorType(kind, self.lanes).as_pointer())
        value = builder.load(pointer)
        value.align = 8 if kind == _DOUBLE else 4
        wanted = self.wide if whole else _DOUBLE
        return value if kind == _DOUBLE else builder.fpext(value, wanted)

    def place(self, offset, whole):
        """Return a pointer into the vector, for a dense row."""
        pointer = self.builder.gep(self.vector, [offset])
        return self.builder.bitcast(pointer, self.wide.as_pointer()) if whole else pointer

    def listed_place(self, offset):
        """Return a pointer into the vector, for a compressed row."""
        builder = self.builder
        column = builder.load(builder.gep(self.indices, [builder.add(self.first, offset)]))
        return builder.gep(self.vector, [builder.sext(column, ir.IntType(64))])

    def load(self, pointer):
        value = self.builder.load(pointer)
        value.align = 8
        return value

    def store(self, value, pointer):
        self.builder.store(value, pointer).align = 8

    def in_steps(self, start, count, step, body):
        """Emit a loop over offsets start, start + step, ... with whole steps; return its end."""
        builder = self.builder
        steps = builder.sdiv(builder.sub(count, start), int64(step))
        with cgutils.for_range(builder, steps) as loop:
            body(builder.add(start, builder.mul(loop.index, int64(step))))
        return builder.add(start, builder.mul(steps, int64(step)))


def _checked(data, indices, vector):
    require_float_array("data", data)
    require_float_array("vector", vector)
    return indices.dtype == types.int32 and vector.dtype == types.float64


def _dot(data, indices, vector, square):
    if not _checked(data, indices, vector):
        return None
    i = INDEX

    def codegen(context, builder, signature, args):
        data, indices, first, last, vector, start = args
        kinds = [signature.args[k] for k in (0, 1, 4)]
        rows = _Rows(context, builder, kinds, data, indices, vector, first, start)
        n = builder.sub(last, first)
        result = cgutils.alloca_once_value(builder, _DOUBLE(0.0))

        def add(slot, entry, value):
            left = builder.fmul(entry, entry) if square else entry
            builder.store(rows.fma(left, value, builder.load(slot)), slot)

        def total(slots):
            a, b, c, d = (builder.load(slot) for slot in slots)
            return builder.fadd(builder.fadd(a, b), builder.fadd(c, d))

        def dense():
            zero = ir.Constant(rows.wide, [0.0] * rows.lanes)
            slots = [cgutils.alloca_once_value(builder, zero) for _ in range(_SUMS)]
            rest = cgutils.alloca_once_value(builder, _DOUBLE(0.0))
            for slot in slots:
                builder.store(zero, slot)
            builder.store(_DOUBLE(0.0), rest)

            def vector_at(offset, slot):
                add(slot, rows.entry(offset, True), rows.load(rows.place(offset, True)))

            def several(offset):
                for k, slot in enumerate(slots):
                    vector_at(builder.add(offset, int64(k * rows.lanes)), slot)

            def single(offset):
                add(rest, rows.entry(offset, False), rows.load(rows.place(offset, False)))

            done = rows.in_steps(int64(0), n, _SUMS * rows.lanes, several)
            done = rows.in_steps(done, n, rows.lanes, lambda offset: vector_at(offset, slots[0]))
            rows.in_steps(done, n, 1, single)
            reduce = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(_DOUBLE, [_DOUBLE, rows.wide]),
                f"llvm.vector.reduce.fadd.v{rows.lanes}f64",
            )
            # reassoc: a tree of halves instead of one lane after the other.
            operands = [builder.load(rest), total(slots)]
            builder.store(builder.call(reduce, operands, fastmath=("reassoc",)), result)

        def compressed():
            slots = [cgutils.alloca_once_value(builder, _DOUBLE(0.0)) for _ in range(_SUMS)]
            for slot in slots:
                builder.store(_DOUBLE(0.0), slot)

            def single(offset, slot):
                add(slot, rows.entry(offset, False), rows.load(rows.listed_place(offset)))

            def several(offset):
                for k, slot in enumerate(slots):
                    single(builder.add(offset, int64(k)), slot)

            done = rows.in_steps(int64(0), n, _SUMS, several)
            rows.in_steps(done, n, 1, lambda offset: single(offset, slots[0]))
            builder.store(total(slots), result)

        with builder.if_else(rows.dense) as (then, otherwise):
            with then:
                dense()
            with otherwise:
                compressed()
        return builder.load(result)

    return types.float64(data, indices, i, i, vector, i), codegen


@intrinsic
def row_dot(typingctx, data, indices, first, last, vector, start):
    """Return the product of a row with what `vector` holds from `start` on."""
    return _dot(data, indices, vector, False)


@intrinsic
def row_square_dot(typingctx, data, indices, first, last, vector, start):
    """Return the product of the squares of a row with what `vector` holds from `start` on."""
    return _dot(data, indices, vector, True)


@intrinsic
def row_add(typingctx, factor, data, indices, first, last, vector, start):
    """Add `factor` times a row to what `vector` holds from `start` on."""
    if not _checked(data, indices, vector):
        return None
    i = INDEX

    def codegen(context, builder, signature, args):
        factor, data, indices, first, last, vector, start = args
        kinds = [signature.args[k] for k in (1, 2, 5)]
        rows = _Rows(context, builder, kinds, data, indices, vector, first, start)
        n = builder.sub(last, first)

        def add(scale, entry, place):
            rows.store(rows.fma(scale, entry, rows.load(place)), place)

        def dense():
            undefined = ir.Constant(rows.wide, ir.Undefined)
            one = builder.insert_element(undefined, factor, ir.Constant(ir.IntType(32), 0))
            mask = ir.Constant(ir.VectorType(ir.IntType(32), rows.lanes), None)
            scale = builder.shuffle_vector(one, undefined, mask)
            # Vectors as wide as those of `row_dot`, which then reads what was just written without
            # waiting for it to reach the cache.
            done = rows.in_steps(
                int64(0),
                n,
                rows.lanes,
                lambda offset: add(scale, rows.entry(offset, True), rows.place(offset, True)),
            )
            rows.in_steps(
                done,
                n,
                1,
                lambda offset: add(factor, rows.entry(offset, False), rows.place(offset, False)),
            )

        def compressed():
            rows.in_steps(
                int64(0),
                n,
                1,
                lambda offset: add(factor, rows.entry(offset, False), rows.listed_place(offset)),
            )

        with builder.if_else(rows.dense) as (then, otherwise):
            with then:
                dense()
            with otherwise:
                compressed()
        return context.get_dummy_value()

    return types.void(types.float64, data, indices, i, i, vector, i), codegen


@intrinsic
def fetch_ahead(typingctx, array, at):
    """Have the cache line of ``array.flat[at]`` fetched, for a read some steps later."""

    def codegen(context, builder, signature, args):
        pointer = builder.gep(data_of(context, builder, signature.args[0], args[0]), [args[1]])
        word = ir.IntType(32)
        byte = ir.IntType(8).as_pointer()
        # Its own mangling of pointers, which newer LLVM takes for what it calls them itself.
        prefetch = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte, word, word, word]),
            "llvm.prefetch.p0i8",
        )
        builder.call(prefetch, [builder.bitcast(pointer, byte), word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, INDEX), codegen
