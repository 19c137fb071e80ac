"""The SIMD register tile: a block of dot products held in vector registers.

`tile` accumulates ``out[p, :] = init[p, :] + sum_k a[p, k] * b[k, :]`` for `tile_rows` rows and
`tile_cols` columns without touching memory between the first and the last k: one broadcast and
one fused multiply-add per row and vector. LLVM's own vectoriser neither keeps such a block in
registers nor uses 512-bit vectors on AVX-512 machines (``prefer-256-bit``), so the instructions
are emitted as explicit vectors.

The loop over k is two nested loops, outer and inner, each with its own stride on `a`. With one
outer step it is a matrix product; with kernel rows outside and kernel columns times channels
inside it is a direct convolution. `b` is packed: the `tile_cols` values of one k are adjacent.

`tile_best` is the same tile with another ending: it never stores the products, it keeps the
largest value seen per lane and the panel it came from. `lane_max`, `lane_argmax` reduce lanes.
"""

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

# Columns are the same everywhere, so that packed panels look the same on every machine.
TILE_COLS = 16

# (rows, lanes per vector) per CPU feature and item size. rows * TILE_COLS / lanes accumulators,
# the vectors of b and one broadcast have to fit into 32 (AVX-512, NEON) or 16 (AVX2) registers.
_SHAPES = {
    "avx512": {4: (24, 16), 8: (12, 8)},
    "avx2": {4: (6, 8), 8: (3, 4)},
    "neon": {4: (6, 4), 8: (3, 2)},
    "generic": {4: (3, 4), 8: (1, 2)},
}


def _cpu_features() -> dict[str, bool]:
    """Return the features Numba compiles for: the host's, or those asked for by NUMBA_CPU_*."""
    from numba.core import config

    if config.CPU_FEATURES is not None:
        listed = config.CPU_FEATURES.split(",")
        return {item[1:]: item[0] == "+" for item in listed if item}
    if config.CPU_NAME is not None and llvm.get_host_cpu_name() != config.CPU_NAME:
        # Named but not described: assume what every CPU of that name can do.
        return {"avx2": config.CPU_NAME == "haswell", "fma": config.CPU_NAME == "haswell"}
    return dict(llvm.get_host_cpu_features())


def simd_level() -> str:
    """Return the row of the shape table this process compiles for.

    Returns
    -------
    {"avx512", "avx2", "neon", "generic"}
    """
    features = _cpu_features()
    if features.get("avx512f"):
        return "avx512"
    if features.get("avx2") and features.get("fma"):
        return "avx2"
    if features.get("neon") or features.get("fp-armv8"):
        return "neon"
    return "generic"


def tile_shape(itemsize: int) -> tuple[int, int]:
    """Return (rows, lanes per vector) of the tile for items of `itemsize` bytes."""
    return _SHAPES[simd_level()][itemsize]


def _require_float_array(name, ty):
    if not (isinstance(ty, types.Array) and ty.layout == "C" and isinstance(ty.dtype, types.Float)):
        raise TypingError(f"{name} must be a C-contiguous array of float32 or float64, got {ty}.")


class _Vectors:
    """The LLVM types and small operations of one tile shape."""

    def __init__(self, context, builder, dtype):
        self.builder = builder
        self.itemsize = dtype.bitwidth // 8
        self.rows, self.lanes = tile_shape(self.itemsize)
        self.per_row = TILE_COLS // self.lanes
        self.scalar = context.get_value_type(dtype)
        self.vector = ir.VectorType(self.scalar, self.lanes)
        self.fmuladd = self.overloaded("llvm.fmuladd", self.vector, [self.vector] * 3)

    def overloaded(self, name, result, operands):
        """Declare an LLVM intrinsic by the vector type of its last operand."""
        kind = operands[-1]
        item = {"float": "f32", "double": "f64", "i32": "i32"}[str(kind.element)]
        full = f"{name}.v{kind.count}{item}"
        return cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(result, operands), full
        )

    def load(self, pointer, offset):
        where = self.builder.gep(pointer, [offset])
        vector = self.builder.bitcast(where, self.vector.as_pointer())
        value = self.builder.load(vector)
        value.align = self.itemsize
        return value

    def store(self, value, pointer, offset):
        where = self.builder.gep(pointer, [offset])
        vector = self.builder.bitcast(where, value.type.as_pointer())
        self.builder.store(value, vector).align = self.itemsize

    def broadcast(self, scalar, lanes=None):
        vector_type = ir.VectorType(scalar.type, lanes or self.lanes)
        undefined = ir.Constant(vector_type, ir.Undefined)
        one = self.builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), vector_type.count), None)
        return self.builder.shuffle_vector(one, undefined, mask)


def _data(context, builder, ty, value):
    return context.make_array(ty)(context, builder, value).data


def _int(value):
    return ir.Constant(ir.IntType(64), value)


def _product(v, factor, column, total):
    return v.builder.call(v.fmuladd, [factor, column, total])


def _squared_difference(v, factor, column, total):
    difference = v.builder.fsub(factor, column)
    return v.builder.call(v.fmuladd, [difference, difference, total])


def _accumulate(context, builder, sig, args, term=_product, row_offsets=None):
    """Emit the loops; return the shape and the accumulators as loaded vectors [row][vector].

    `row_offsets` are the elements of `a` where the rows begin; p * a_row where it is None.
    """
    (a_t, b_t, init_t) = sig
    (a, a0, a_row, a_outer, a_inner, b, b0, b_outer, n_outer, n_inner, init, init0, init_row) = args
    v = _Vectors(context, builder, a_t.dtype)
    a_data, b_data = _data(context, builder, a_t, a), _data(context, builder, b_t, b)
    init_data = _data(context, builder, init_t, init)
    cells = []
    for p in range(v.rows):
        row = builder.add(init0, builder.mul(_int(p), init_row))
        cells.append([])
        for j in range(v.per_row):
            cell = cgutils.alloca_once(builder, v.vector)
            builder.store(v.load(init_data, builder.add(row, _int(j * v.lanes))), cell)
            cells[p].append(cell)
    if row_offsets is None:
        row_offsets = [builder.mul(_int(p), a_row) for p in range(v.rows)]
    with cgutils.for_range(builder, n_outer) as outer:
        a_start = builder.add(a0, builder.mul(outer.index, a_outer))
        b_start = builder.add(b0, builder.mul(outer.index, b_outer))
        with cgutils.for_range(builder, n_inner) as inner:
            a_k = builder.gep(a_data, [builder.add(a_start, builder.mul(inner.index, a_inner))])
            b_k = builder.add(b_start, builder.mul(inner.index, _int(TILE_COLS)))
            panel = [v.load(b_data, builder.add(b_k, _int(j * v.lanes))) for j in range(v.per_row)]
            for p in range(v.rows):
                factor = v.broadcast(builder.load(builder.gep(a_k, [row_offsets[p]])))
                for j in range(v.per_row):
                    total = builder.load(cells[p][j])
                    builder.store(term(v, factor, panel[j], total), cells[p][j])
    return v, [[builder.load(cell) for cell in row] for row in cells]


_INDEX = types.int64


def _tile_writing(term, out, a, b, init):
    """Return signature and code of a tile that writes its accumulators to `out`."""
    for name, ty in (("out", out), ("a", a), ("b", b), ("init", init)):
        _require_float_array(name, ty)
    i = _INDEX
    sig = types.void(out, i, i, a, i, i, i, i, b, i, i, i, i, init, i, i)

    def codegen(context, builder, signature, args):
        out_v, out_first, out_stride, *operands = args
        t = signature.args
        v, acc = _accumulate(context, builder, (t[3], t[8], t[13]), operands, term)
        data = _data(context, builder, t[0], out_v)
        for p, row in enumerate(acc):
            start = builder.add(out_first, builder.mul(_int(p), out_stride))
            for j, value in enumerate(row):
                v.store(value, data, builder.add(start, _int(j * v.lanes)))
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def tile(
    typingctx,
    out, out0, out_row,
    a, a0, a_row, a_outer, a_inner,
    b, b0, b_outer,
    n_outer, n_inner,
    init, init0, init_row,
):  # fmt: skip
    """Compute ``out[p, :] = init[p, :] + sum over k of a[p, k] * b[k, :]`` in registers.

    All arrays are C-contiguous and of one float dtype; every position is a flat element index.

    Parameters
    ----------
    out, out0, out_row : array, int, int
        Destination, index of its first element, elements from one row to the next. May be `init`.
    a, a0, a_row, a_outer, a_inner : array, int, int, int, int
        Left operand; strides of the tile's rows and of the two loops. All `tile_rows` rows are
        read: the caller pads or repeats rows at an edge.
    b, b0, b_outer : array, int, int
        Packed right operand: `TILE_COLS` values for each inner step, `b_outer` from one outer
        step to the next.
    n_outer, n_inner : int
        Lengths of the loops.
    init, init0, init_row : array, int, int
        Starting values. A row stride of 0 starts every row from the same values (a bias).
    """
    return _tile_writing(_product, out, a, b, init)


@intrinsic
def tile_difference(
    typingctx,
    out, out0, out_row,
    a, a0, a_row, a_outer, a_inner,
    b, b0, b_outer,
    n_outer, n_inner,
    init, init0, init_row,
):  # fmt: skip
    """Like `tile` with ``(a[p, k] - b[k, :]) ** 2`` for the product.

    Twice the arithmetic of ``|a|^2 + |b|^2 - 2ab`` and none of its cancellation: equal rows are
    at distance zero exactly.
    """
    return _tile_writing(_squared_difference, out, a, b, init)


@intrinsic
def tile_listed(
    typingctx,
    out,
    a, a0, a_row, rows, rows0, n_rows,
    b, b0, n_inner,
    init, init0, init_row,
):  # fmt: skip
    """Like `tile` with one outer step, for rows of `a` given by a list.

    Parameters
    ----------
    out : array
        (tile_rows, TILE_COLS) products from its start on.
    a, a0, a_row : array, int, int
        Left operand: row r begins at a0 + r * a_row and is contiguous.
    rows, rows0, n_rows : int32 array, int, int
        Numbers of the rows, from index `rows0` on; where there are fewer than `tile_rows`, the
        last is repeated.
    b, b0, n_inner, init, init0, init_row
        As for `tile`.
    """
    for name, ty in (("out", out), ("a", a), ("b", b), ("init", init)):
        _require_float_array(name, ty)
    i = _INDEX
    sig = types.void(out, a, i, i, rows, i, i, b, i, i, init, i, i)

    def codegen(context, builder, signature, args):
        out_v, a_v, a_first, a_stride, rows_v, rows_first, count, b_v, b_first, steps, *start = args
        t = signature.args
        listed = _data(context, builder, t[4], rows_v)
        height = tile_shape(t[1].dtype.bitwidth // 8)[0]
        last = builder.sub(count, _int(1))
        offsets = []
        for p in range(height):
            inside = builder.icmp_signed("<", _int(p), count)
            at = builder.add(rows_first, builder.select(inside, _int(p), last))
            number = builder.sext(builder.load(builder.gep(listed, [at])), ir.IntType(64))
            offsets.append(builder.mul(number, a_stride))
        operands = (
            a_v, a_first, a_stride, _int(0), _int(1), b_v, b_first, _int(0), _int(1), steps, *start
        )  # fmt: skip
        kinds = (t[1], t[7], t[10])
        v, acc = _accumulate(context, builder, kinds, operands, row_offsets=offsets)
        data = _data(context, builder, t[0], out_v)
        for p, row in enumerate(acc):
            for j, value in enumerate(row):
                v.store(value, data, _int(p * TILE_COLS + j * v.lanes))
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def lane_squared_distance(typingctx, a, a0, b, b0, n):
    """Return the sum of (a[a0 + i] - b[b0 + i])**2 over i < n, added up lane by lane."""
    _require_float_array("a", a)
    _require_float_array("b", b)

    def codegen(context, builder, signature, args):
        t = signature.args
        a_v, a_first, b_v, b_first, count = args
        v = _Vectors(context, builder, t[0].dtype)
        a_data, b_data = _data(context, builder, t[0], a_v), _data(context, builder, t[2], b_v)
        total = cgutils.alloca_once_value(builder, ir.Constant(v.vector, [0.0] * v.lanes))
        rest = cgutils.alloca_once_value(builder, v.scalar(0.0))
        n_vectors = builder.sdiv(count, _int(v.lanes))
        with cgutils.for_range(builder, n_vectors) as loop:
            step = builder.mul(loop.index, _int(v.lanes))
            difference = builder.fsub(
                v.load(a_data, builder.add(a_first, step)),
                v.load(b_data, builder.add(b_first, step)),
            )
            term = builder.call(v.fmuladd, [difference, difference, builder.load(total)])
            builder.store(term, total)
        done = builder.mul(n_vectors, _int(v.lanes))
        with cgutils.for_range(builder, builder.sub(count, done)) as loop:
            step = builder.add(done, loop.index)
            difference = builder.fsub(
                builder.load(builder.gep(a_data, [builder.add(a_first, step)])),
                builder.load(builder.gep(b_data, [builder.add(b_first, step)])),
            )
            square = builder.fmul(difference, difference)
            builder.store(builder.fadd(builder.load(rest), square), rest)
        add = v.overloaded("llvm.vector.reduce.fadd", v.scalar, [v.scalar, v.vector])
        # reassoc: a tree of halves instead of one lane after the other.
        operands = [builder.load(rest), builder.load(total)]
        return builder.call(add, operands, fastmath=("reassoc",))

    return a.dtype(a, _INDEX, b, _INDEX, _INDEX), codegen


@intrinsic
def tile_best(
    typingctx,
    best, best_panel, best0, panel,
    a, a0, a_row, a_outer, a_inner,
    b, b0, b_outer,
    n_outer, n_inner,
    init, init0, init_row,
):  # fmt: skip
    """Like `tile`, but keep per row and lane the largest value and the panel it came from.

    Parameters
    ----------
    best : array of float, (tile_rows, TILE_COLS) at flat index `best0`
        Largest values so far; start from -inf.
    best_panel : array of int32, same shape and start
        `panel` of the largest value; the earlier panel wins a tie.
    best0, panel : int
        Start of the two above; number of this panel of `b`.
    a, a0, ..., init_row
        As for `tile`.
    """
    for name, ty in (("best", best), ("a", a), ("b", b), ("init", init)):
        _require_float_array(name, ty)
    ints = (_INDEX,)
    sig = types.void(
        best, best_panel, *ints * 2, a, *ints * 4, b, *ints * 2, *ints * 2, init, *ints * 2
    )  # fmt: skip

    def codegen(context, builder, signature, args):
        best_v, panel_v, first, number, *operands = args
        t = signature.args
        v, acc = _accumulate(context, builder, (t[4], t[9], t[14]), operands)
        best_data = _data(context, builder, t[0], best_v)
        panel_data = _data(context, builder, t[1], panel_v)
        lane_panel = ir.VectorType(ir.IntType(32), v.lanes)
        mine = v.broadcast(builder.trunc(number, ir.IntType(32)))
        for p, row in enumerate(acc):
            for j, value in enumerate(row):
                at = builder.add(first, _int(p * TILE_COLS + j * v.lanes))
                old = v.load(best_data, at)
                larger = builder.fcmp_ordered(">", value, old)
                v.store(builder.select(larger, value, old), best_data, at)
                where = builder.bitcast(builder.gep(panel_data, [at]), lane_panel.as_pointer())
                was = builder.load(where)
                was.align = 4
                builder.store(builder.select(larger, mine, was), where).align = 4
        return context.get_dummy_value()

    return sig, codegen


def _lane_mask(v, conditions):
    """Return the conditions of all lanes as the bits of one integer, lane 0 lowest."""
    builder = v.builder
    mask = ir.Constant(ir.IntType(TILE_COLS), 0)
    for j, condition in enumerate(conditions):
        bits = builder.zext(builder.bitcast(condition, ir.IntType(v.lanes)), mask.type)
        mask = builder.or_(mask, builder.shl(bits, mask.type(j * v.lanes)))
    return mask


def _reduce_max(v, vectors):
    builder = v.builder
    top = vectors[0]
    for other in vectors[1:]:
        top = builder.select(builder.fcmp_ordered(">", other, top), other, top)
    reduce = v.overloaded("llvm.vector.reduce.fmax", v.scalar, [v.vector])
    # Without nnan x86 adds a NaN repair to every step; scores are finite or -inf here.
    return builder.call(reduce, [top], fastmath=("nnan", "nsz"))


@intrinsic
def side_by_side(typingctx, found, columns, n_lanes, centers, n_centers, n_features, bias):
    """Find for rows in the lanes the center that maximises x'c + bias, one center at a time.

    The sums are formed in the same order as in `tile`: bias first, then feature by feature.

    Parameters
    ----------
    found : array of int32, (n_lanes,)
        Written: the center, the lowest one where values tie.
    columns, n_lanes : array, int
        (n_features, n_lanes) rows side by side; `n_lanes` a multiple of 96.
    centers, n_centers, n_features : array, int, int
        (n_centers, n_features).
    bias : array
        (n_centers,) or longer.
    """
    for name, ty in (("columns", columns), ("centers", centers), ("bias", bias)):
        _require_float_array(name, ty)
    i = _INDEX
    sig = types.void(found, columns, i, centers, i, i, bias)

    def codegen(context, builder, signature, args):
        t = signature.args
        found_v, columns_v, lanes, centers_v, k, d, bias_v = args
        v = _Vectors(context, builder, t[1].dtype)
        # Sums, best and center of every vector stay in registers: 18 of 32, 6 of 16.
        width = 2 if simd_level() in ("avx2", "generic") else 6
        out = _data(context, builder, t[0], found_v)
        x = _data(context, builder, t[1], columns_v)
        c = _data(context, builder, t[3], centers_v)
        start = _data(context, builder, t[6], bias_v)
        int_vector = ir.VectorType(ir.IntType(32), v.lanes)
        n_groups = builder.sdiv(lanes, _int(width * v.lanes))
        total = [cgutils.alloca_once(builder, v.vector) for _ in range(width)]
        best = [cgutils.alloca_once(builder, v.vector) for _ in range(width)]
        which = [cgutils.alloca_once(builder, int_vector) for _ in range(width)]
        with cgutils.for_range(builder, n_groups) as group:
            first = builder.mul(group.index, _int(width * v.lanes))
            for w in range(width):
                builder.store(ir.Constant(v.vector, [float("-inf")] * v.lanes), best[w])
                builder.store(ir.Constant(int_vector, [0] * v.lanes), which[w])
            with cgutils.for_range(builder, k) as center:
                bias_j = v.broadcast(builder.load(builder.gep(start, [center.index])))
                for w in range(width):
                    builder.store(bias_j, total[w])
                row = builder.mul(center.index, d)
                with cgutils.for_range(builder, d) as feature:
                    at = builder.add(row, feature.index)
                    factor = v.broadcast(builder.load(builder.gep(c, [at])))
                    column = builder.add(builder.mul(feature.index, lanes), first)
                    for w in range(width):
                        value = v.load(x, builder.add(column, _int(w * v.lanes)))
                        builder.store(_product(v, factor, value, builder.load(total[w])), total[w])
                number = v.broadcast(builder.trunc(center.index, ir.IntType(32)))
                for w in range(width):
                    value, old = builder.load(total[w]), builder.load(best[w])
                    larger = builder.fcmp_ordered(">", value, old)
                    builder.store(builder.select(larger, value, old), best[w])
                    chosen = builder.select(larger, number, builder.load(which[w]))
                    builder.store(chosen, which[w])
            for w in range(width):
                where = builder.gep(out, [builder.add(first, _int(w * v.lanes))])
                target = builder.bitcast(where, int_vector.as_pointer())
                builder.store(builder.load(which[w]), target).align = 4
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def lane_max(typingctx, values, start):
    """Return the largest of the `TILE_COLS` values that begin at flat index `start`."""
    _require_float_array("values", values)

    def codegen(context, builder, signature, args):
        v = _Vectors(context, builder, signature.args[0].dtype)
        data = _data(context, builder, signature.args[0], args[0])
        row = [v.load(data, builder.add(args[1], _int(j * v.lanes))) for j in range(v.per_row)]
        return _reduce_max(v, row)

    return values.dtype(values, _INDEX), codegen


@intrinsic
def lane_argmax(typingctx, values, panels, start):
    """Return (largest value, column) of one row written by `tile_best`.

    The column is ``panel * TILE_COLS + lane``, the lowest one where values tie.
    """
    _require_float_array("values", values)

    def codegen(context, builder, signature, args):
        t = signature.args
        v = _Vectors(context, builder, t[0].dtype)
        values_data = _data(context, builder, t[0], args[0])
        panels_data = _data(context, builder, t[1], args[1])
        int_vector = ir.VectorType(ir.IntType(32), v.lanes)
        row = [
            v.load(values_data, builder.add(args[2], _int(j * v.lanes))) for j in range(v.per_row)
        ]
        top = _reduce_max(v, row)
        top_lanes = v.broadcast(top)
        at_top = [builder.fcmp_ordered("==", value, top_lanes) for value in row]
        mask = _lane_mask(v, at_top)
        lane = builder.zext(builder.cttz(mask, ir.IntType(1)(0)), ir.IntType(64))
        panel = builder.load(builder.gep(panels_data, [builder.add(args[2], lane)]))
        column = builder.add(
            builder.mul(builder.sext(panel, ir.IntType(64)), _int(TILE_COLS)), lane
        )
        result = cgutils.alloca_once_value(builder, column)
        others = builder.and_(mask, builder.sub(mask, mask.type(1)))
        with builder.if_then(builder.icmp_unsigned("!=", others, mask.type(0)), likely=False):
            # Several lanes tie: the lowest column is that of the earliest panel, not lane.
            first = None
            for j, tied in enumerate(at_top):
                at = builder.add(args[2], _int(j * v.lanes))
                where = builder.bitcast(builder.gep(panels_data, [at]), int_vector.as_pointer())
                lane_panel = builder.load(where)
                lane_panel.align = 4
                width = ir.Constant(int_vector, [TILE_COLS] * v.lanes)
                lanes = ir.Constant(int_vector, [j * v.lanes + i for i in range(v.lanes)])
                columns = builder.add(builder.mul(lane_panel, width), lanes)
                nowhere = ir.Constant(int_vector, [2**31 - 1] * v.lanes)
                columns = builder.select(tied, columns, nowhere)
                if first is None:
                    first = columns
                else:
                    first = builder.select(builder.icmp_signed("<", columns, first), columns, first)
            reduce = v.overloaded("llvm.vector.reduce.smin", ir.IntType(32), [int_vector])
            builder.store(builder.sext(builder.call(reduce, [first]), ir.IntType(64)), result)
        return context.make_tuple(builder, signature.return_type, [top, builder.load(result)])

    return types.Tuple((values.dtype, _INDEX))(values, panels, _INDEX), codegen


@intrinsic
def lane_find(typingctx, values, start, value):
    """Return the lowest lane of the `TILE_COLS` values at `start` that equals `value`.

    `value` has to be among them.
    """
    _require_float_array("values", values)

    def codegen(context, builder, signature, args):
        v = _Vectors(context, builder, signature.args[0].dtype)
        data = _data(context, builder, signature.args[0], args[0])
        wanted = v.broadcast(args[2])
        same = []
        for j in range(v.per_row):
            row = v.load(data, builder.add(args[1], _int(j * v.lanes)))
            same.append(builder.fcmp_ordered("==", row, wanted))
        mask = _lane_mask(v, same)
        return builder.zext(builder.cttz(mask, ir.IntType(1)(0)), ir.IntType(64))

    return _INDEX(values, _INDEX, values.dtype), codegen


@intrinsic
def lane_runner_up(typingctx, values, start, lane):
    """Return the largest of the `TILE_COLS` values at `start` but the one in `lane`."""
    _require_float_array("values", values)

    def codegen(context, builder, signature, args):
        v = _Vectors(context, builder, signature.args[0].dtype)
        data = _data(context, builder, signature.args[0], args[0])
        skip = v.broadcast(builder.trunc(args[2], ir.IntType(32)))
        lowest = ir.Constant(v.vector, [float("-inf")] * v.lanes)
        row = []
        for j in range(v.per_row):
            lanes = ir.Constant(
                ir.VectorType(ir.IntType(32), v.lanes),
                [j * v.lanes + i for i in range(v.lanes)],
            )
            value = v.load(data, builder.add(args[1], _int(j * v.lanes)))
            row.append(builder.select(builder.icmp_signed("==", lanes, skip), lowest, value))
        return _reduce_max(v, row)

    return values.dtype(values, _INDEX, _INDEX), codegen


@intrinsic
def prefetch(typingctx, array, index):
    """Ask for the cache line of element `index`; any index is safe, none is an access."""
    if not (isinstance(array, types.Array) and array.layout == "C"):
        raise TypingError(f"array must be C-contiguous, got {array}.")

    def codegen(context, builder, signature, args):
        data = _data(context, builder, signature.args[0], args[0])
        byte = ir.IntType(8).as_pointer()
        where = builder.bitcast(builder.gep(data, [args[1]]), byte)
        i32 = ir.IntType(32)
        function_type = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        read, keep_in_all_caches, data_cache = i32(0), i32(3), i32(1)
        builder.call(function, [where, read, keep_in_all_caches, data_cache])
        return context.get_dummy_value()

    return types.void(array, _INDEX), codegen


@intrinsic
def tile_rows(typingctx, array):
    """Return the rows of the tile for the dtype of `array`, a constant at compile time."""
    rows, _ = tile_shape(array.dtype.bitwidth // 8)

    def codegen(context, builder, signature, args):
        return _int(rows)

    return _INDEX(array), codegen
