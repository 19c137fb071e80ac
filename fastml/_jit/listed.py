"""Products of rows that are mostly zeros by a matrix, along lists of what is not zero."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from fastml._jit.simd import INDEX, TILE_COLS, Vectors, data_of, int64, require_float_array
from fastml._jit.subsets import PANEL_COLS


def _require_numbers(ty):
    if not (isinstance(ty, types.Array) and ty.layout == "C" and ty.dtype is types.int32):
        raise TypingError(f"numbers must be a C-contiguous array of int32, got {ty}.")


def _require_floats(**arrays):
    for name, ty in arrays.items():
        require_float_array(name, ty)


@intrinsic
def list_items(typingctx, numbers, values, at, a, a0, number):
    """List the items that are not zero, of `TILE_COLS` adjacent ones.

    Parameters
    ----------
    numbers, values, at : int32 array, array, int
        Written: their numbers and values, from place `at` on. Both have room for a vector more
        than is listed.
    a, a0, number : array, int, int
        The items: index of the first, and the number it has.

    Returns
    -------
    int
        How many.
    """
    _require_numbers(numbers)
    _require_floats(values=values, a=a)

    def codegen(context, builder, signature, args):
        numbers_t, values_t, _, a_t, _, _ = signature.args
        numbers_v, values_v, place, a_v, first, number_v = args
        v = Vectors(context, builder, a_t.dtype)
        a_data, values_data, numbers_data = (
            data_of(context, builder, *pair)
            for pair in ((a_t, a_v), (values_t, values_v), (numbers_t, numbers_v))
        )
        wide, narrow = ir.IntType(64), ir.IntType(32)
        lanes = ir.VectorType(narrow, v.lanes)
        zero = ir.Constant(v.vector, [0.0] * v.lanes)
        start = place
        for step in range(0, TILE_COLS, v.lanes):
            x = v.load(a_data, builder.add(first, int64(step)))
            mask = builder.fcmp_unordered("!=", x, zero)
            base = v.broadcast(builder.trunc(builder.add(number_v, int64(step)), narrow))
            which = builder.add(base, ir.Constant(lanes, list(range(v.lanes))))
            for data, vector in ((values_data, x), (numbers_data, which)):
                _compress_store(builder, vector, builder.gep(data, [start]), mask)
            bits = builder.ctpop(builder.zext(builder.bitcast(mask, ir.IntType(v.lanes)), wide))
            start = builder.add(start, bits)
        return builder.sub(start, place)

    i = INDEX
    return i(numbers, values, i, a, i, i), codegen


def _compress_store(builder, vector, pointer, mask):
    item = {"float": "f32", "double": "f64", "i32": "i32"}[str(vector.type.element)]
    kind = ir.FunctionType(ir.VoidType(), [vector.type, pointer.type, mask.type])
    name = f"llvm.masked.compressstore.v{vector.type.count}{item}"
    builder.call(
        cgutils.get_or_insert_function(builder.module, kind, name), [vector, pointer, mask]
    )


@intrinsic
def add_listed(typingctx, out, out0, b, b0, numbers, values, start, n):
    """Add to a row the rows of `b` that are listed, times their values.

    Parameters
    ----------
    out, out0 : array, int
        Sums: `PANEL_COLS` of them.
    b, b0 : array, int
        A panel of `PANEL_COLS` columns: index of row 0.
    numbers, values, start, n : int32 array, array, int, int
        Which rows and how much of them: the first in the lists, and how many.
    """
    _require_numbers(numbers)
    _require_floats(out=out, b=b, values=values)

    def codegen(context, builder, signature, args):
        out_v, out_first, b_v, b_first, numbers_v, values_v, first, count = args
        v = Vectors(context, builder, out.dtype)
        data = [
            data_of(context, builder, ty, value)
            for ty, value in zip(
                (out, b, numbers, values), (out_v, b_v, numbers_v, values_v), strict=True
            )
        ]
        out_data, b_data, numbers_data, values_data = data
        columns = range(0, PANEL_COLS, v.lanes)
        zero = ir.Constant(v.vector, [0.0] * v.lanes)
        # Two chains of sums, since one would wait for itself.
        chains = [[cgutils.alloca_once_value(builder, zero) for _ in columns] for _ in range(2)]

        def add(item, sums):
            number = builder.load(builder.gep(numbers_data, [item]))
            row = builder.mul(builder.sext(number, ir.IntType(64)), int64(PANEL_COLS))
            start = builder.add(b_first, row)
            share = v.broadcast(builder.load(builder.gep(values_data, [item])))
            for column, total in zip(columns, sums, strict=True):
                x = v.load(b_data, builder.add(start, int64(column)))
                builder.store(builder.call(v.fmuladd, [share, x, builder.load(total)]), total)

        half = builder.ashr(count, int64(1))
        with cgutils.for_range(builder, half) as pair:
            item = builder.add(first, builder.shl(pair.index, int64(1)))
            add(item, chains[0])
            add(builder.add(item, int64(1)), chains[1])
        with builder.if_then(builder.trunc(count, ir.IntType(1))):
            add(builder.add(first, builder.sub(count, int64(1))), chains[0])
        for column, one, other in zip(columns, *chains, strict=True):
            here = builder.add(out_first, int64(column))
            total = builder.fadd(builder.load(one), builder.load(other))
            v.store(builder.fadd(v.load(out_data, here), total), out_data, here)
        return context.get_dummy_value()

    i = INDEX
    return types.void(out, i, b, i, numbers, values, i, i), codegen


@intrinsic
def add_to_listed(typingctx, out, out0, row, row0, numbers, values, start, n):
    """Add a row, times their values, to the rows of `out` that are listed.

    Parameters
    ----------
    out, out0 : array, int
        A panel of `PANEL_COLS` columns: index of row 0, which may lie before the first element.
    row, row0 : array, int
        `PANEL_COLS` elements: index of the first.
    numbers, values, start, n : int32 array, array, int, int
        Which rows, each once, and how much for them: the first in the lists, and how many.
    """
    _require_numbers(numbers)
    _require_floats(out=out, row=row, values=values)

    def codegen(context, builder, signature, args):
        out_v, out_first, row_v, row_first, numbers_v, values_v, first, count = args
        v = Vectors(context, builder, out.dtype)
        out_data, row_data, numbers_data, values_data = (
            data_of(context, builder, ty, value)
            for ty, value in zip(
                (out, row, numbers, values), (out_v, row_v, numbers_v, values_v), strict=True
            )
        )
        columns = range(0, PANEL_COLS, v.lanes)
        given = [v.load(row_data, builder.add(row_first, int64(column))) for column in columns]
        with cgutils.for_range(builder, count) as loop:
            item = builder.add(first, loop.index)
            number = builder.sext(builder.load(builder.gep(numbers_data, [item])), ir.IntType(64))
            start = builder.add(out_first, builder.mul(number, int64(PANEL_COLS)))
            share = v.broadcast(builder.load(builder.gep(values_data, [item])))
            for column, x in zip(columns, given, strict=True):
                here = builder.add(start, int64(column))
                total = builder.call(v.fmuladd, [share, x, v.load(out_data, here)])
                v.store(total, out_data, here)
        return context.get_dummy_value()

    i = INDEX
    return types.void(out, i, row, i, numbers, values, i, i), codegen
