"""One row against packed centers: the search for the nearest, and the pull of all towards it.

The register tile serves many rows at a time. Online learning has one, as the centers change before
the next: here the accumulators hold several panels, or several shares of the features of one panel,
so that the chain of one sum does not set the pace.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastml._jit.simd import (
    INDEX,
    TILE_COLS,
    Vectors,
    data_of,
    int64,
    require_float_array,
    simd_level,
)
from fastml._jit.tile import squared_difference

# Accumulators that hide the latency of a multiply-add: four cycles on two ports.
_CHAINS = 8


class _Search:
    """Emits the search; holds the running results, one vector of each for a panel's lanes."""

    def __init__(self, v, x, panels, bias, n_features):
        self.v, self.x, self.panels, self.bias = v, x, panels, bias
        self.n_features = n_features
        self.ints = ir.VectorType(ir.IntType(32), v.lanes)
        self.lowest = ir.Constant(v.vector, [float("-inf")] * v.lanes)
        zero = ir.Constant(v.vector, [0.0] * v.lanes)
        first = ir.Constant(self.ints, [0] * v.lanes)

        def cells(value):
            return [cgutils.alloca_once_value(v.builder, value) for _ in range(v.per_row)]

        self.best, self.best_panel = cells(self.lowest), cells(first)
        self.least, self.least_panel = cells(self.lowest), cells(first)
        self.spread = cells(zero)
        self.zero = zero

    def _squares(self, panel, together):
        """Emit the squared distances to some panels; return them as vectors [panel][vector]."""
        v, builder = self.v, self.v.builder
        n_shares = max(1, _CHAINS // (together * v.per_row))
        cells = [
            [[cgutils.alloca_once(builder, v.vector) for _ in range(n_shares)]
             for _ in range(v.per_row)]
            for _ in range(together)
        ]  # fmt: skip
        for of_panel in cells:
            for of_vector in of_panel:
                for cell in of_vector:
                    builder.store(self.zero, cell)
        size = builder.mul(self.n_features, int64(TILE_COLS))
        starts = [builder.mul(builder.add(panel, int64(q)), size) for q in range(together)]

        def term(feature, share):
            factor = v.broadcast(builder.load(builder.gep(self.x, [feature])))
            at = builder.mul(feature, int64(TILE_COLS))
            for start, of_panel in zip(starts, cells, strict=True):
                for j, of_vector in enumerate(of_panel):
                    where = builder.add(builder.add(start, at), int64(j * v.lanes))
                    total = builder.load(of_vector[share])
                    column = v.load(self.panels, where)
                    builder.store(squared_difference(v, factor, column, total), of_vector[share])

        n_whole = builder.sdiv(self.n_features, int64(n_shares))
        with cgutils.for_range(builder, n_whole) as loop:
            for share in range(n_shares):
                feature = builder.add(builder.mul(loop.index, int64(n_shares)), int64(share))
                term(feature, share)
        done = builder.mul(n_whole, int64(n_shares))
        with cgutils.for_range(builder, builder.sub(self.n_features, done)) as loop:
            term(builder.add(done, loop.index), 0)
        totals = []
        for of_panel in cells:
            totals.append([])
            for of_vector in of_panel:
                total = builder.load(of_vector[0])
                for cell in of_vector[1:]:
                    total = builder.fadd(total, builder.load(cell))
                totals[-1].append(total)
        return totals

    def _keep_larger(self, value, number, best, which):
        builder = self.v.builder
        old = builder.load(best)
        larger = builder.fcmp_ordered(">", value, old)
        builder.store(builder.select(larger, value, old), best)
        builder.store(builder.select(larger, number, builder.load(which)), which)

    def meet(self, panel, together):
        """Emit the search of some panels."""
        v, builder = self.v, self.v.builder
        for q, totals in enumerate(self._squares(panel, together)):
            panel_q = builder.add(panel, int64(q))
            number = v.broadcast(builder.trunc(panel_q, ir.IntType(32)))
            for j, total in enumerate(totals):
                at = builder.add(builder.mul(panel_q, int64(TILE_COLS)), int64(j * v.lanes))
                bias = v.load(self.bias, at)
                real = builder.fcmp_ordered(">", bias, self.lowest)
                spread = builder.fadd(
                    builder.load(self.spread[j]), builder.select(real, total, self.zero)
                )
                builder.store(spread, self.spread[j])
                score = builder.fsub(bias, total)
                self._keep_larger(score, number, self.best[j], self.best_panel[j])
                minus = builder.select(real, builder.fsub(self.zero, total), self.lowest)
                self._keep_larger(minus, number, self.least[j], self.least_panel[j])


@intrinsic
def row_contest(
    typingctx, best, best_panel, nearest, nearest_panel, spread, x, panels, n_panels, bias
):  # fmt: skip
    """Compare the squared distances of one row to all packed centers, lane by lane.

    Parameters
    ----------
    best, best_panel : arrays of float and int32, (TILE_COLS,)
        Written: the largest ``bias - |x - c|^2`` of each lane, and its panel; the earlier panel
        wins a tie. For `fastml._jit.rowwise.lane_argmax`.
    nearest, nearest_panel : arrays of float and int32, (TILE_COLS,)
        Written: the same without the bias.
    spread : array, (TILE_COLS,)
        Written: the sum over the panels of |x - c|^2.
    x : array
        (n_features,) the row.
    panels, n_panels : array, int
        (n_panels, n_features, TILE_COLS) packed centers.
    bias : array
        (n_panels * TILE_COLS,); -inf where there is no center.
    """
    floats = (("best", best), ("nearest", nearest), ("spread", spread))
    for name, ty in (*floats, ("x", x), ("panels", panels), ("bias", bias)):
        require_float_array(name, ty)
    sig = types.void(
        best, best_panel, nearest, nearest_panel, spread, x, panels, INDEX, bias
    )  # fmt: skip

    def codegen(context, builder, signature, args):
        t = signature.args
        v = Vectors(context, builder, t[5].dtype)
        data = [data_of(context, builder, t[i], args[i]) for i in range(7)]
        bias_data = data_of(context, builder, t[8], args[8])
        shape = context.make_array(t[5])(context, builder, args[5]).shape
        n_features = builder.extract_value(shape, 0)
        search = _Search(v, data[5], data[6], bias_data, n_features)
        # Of 16 registers, 8 accumulators and the operands leave none for more panels.
        together = 4 if simd_level() in ("avx512", "neon") else 2
        together = max(1, min(together, _CHAINS // v.per_row))
        n_groups = builder.sdiv(args[7], int64(together))
        with cgutils.for_range(builder, n_groups) as loop:
            search.meet(builder.mul(loop.index, int64(together)), together)
        done = builder.mul(n_groups, int64(together))
        with cgutils.for_range(builder, builder.sub(args[7], done)) as loop:
            search.meet(builder.add(done, loop.index), 1)
        results = (search.best, search.best_panel, search.least, search.least_panel, search.spread)
        for target, cells in zip(data, results, strict=False):
            for j, cell in enumerate(cells):
                value = builder.load(cell)
                where = builder.gep(target, [int64(j * v.lanes)])
                pointer = builder.bitcast(where, value.type.as_pointer())
                builder.store(value, pointer).align = 4
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def lean_towards(typingctx, panels, n_panels, x, rates):
    """Move every packed center c towards one row: ``c += rate * (x - c)``.

    Parameters
    ----------
    panels, n_panels : array, int
        (n_panels, n_features, TILE_COLS) packed centers.
    x : array
        (n_features,) the row.
    rates : array
        (n_panels * TILE_COLS,) rate of each center.
    """
    for name, ty in (("panels", panels), ("x", x), ("rates", rates)):
        require_float_array(name, ty)

    def codegen(context, builder, signature, args):
        t = signature.args
        v = Vectors(context, builder, t[0].dtype)
        data, row = (
            data_of(context, builder, t[0], args[0]),
            data_of(context, builder, t[2], args[2]),
        )
        rate = data_of(context, builder, t[3], args[3])
        shape = context.make_array(t[2])(context, builder, args[2]).shape
        n_features = builder.extract_value(shape, 0)
        with cgutils.for_range(builder, args[1]) as panel:
            first = builder.mul(panel.index, int64(TILE_COLS))
            own = [v.load(rate, builder.add(first, int64(j * v.lanes))) for j in range(v.per_row)]
            start = builder.mul(first, n_features)
            with cgutils.for_range(builder, n_features) as feature:
                factor = v.broadcast(builder.load(builder.gep(row, [feature.index])))
                at = builder.add(start, builder.mul(feature.index, int64(TILE_COLS)))
                for j in range(v.per_row):
                    where = builder.add(at, int64(j * v.lanes))
                    c = v.load(data, where)
                    moved = builder.call(v.fmuladd, [own[j], builder.fsub(factor, c), c])
                    v.store(moved, data, where)
        return context.get_dummy_value()

    return types.void(panels, INDEX, x, rates), codegen
