"""One row against packed centers: the search for the nearest, and steps towards the row.

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
)
from fastml._jit.tile import squared_difference

# Accumulators that hide the latency of a multiply-add, and shares of one sum: more of them take
# longer to be added up than they save.
_CHAINS = 8
_SHARES = 4


class _Search:
    """Emits the search; holds the running results, one vector of each for a panel's lanes."""

    def __init__(self, v, x, panels, bias, n_features, biased):
        self.v, self.x, self.panels, self.bias, self.biased = v, x, panels, bias, biased
        self.n_features = n_features
        self.ints = ir.VectorType(ir.IntType(32), v.lanes)
        self.lowest = ir.Constant(v.vector, [float("-inf")] * v.lanes)
        self.zero = ir.Constant(v.vector, [0.0] * v.lanes)
        first = ir.Constant(self.ints, [0] * v.lanes)

        def cells(value):
            return [cgutils.alloca_once_value(v.builder, value) for _ in range(v.per_row)]

        self.best, self.best_panel = cells(self.lowest), cells(first)
        self.least, self.least_panel = cells(self.lowest), cells(first)
        self.spread = cells(self.zero)

    def _squares(self, panel, together):
        """Emit the squared distances to some panels; return them as vectors [panel][vector]."""
        v, builder = self.v, self.v.builder
        n_shares = max(1, min(_SHARES, _CHAINS // (together * v.per_row)))
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
        return [[self._sum(cells) for cells in of_panel] for of_panel in cells]

    def _sum(self, cells):
        builder = self.v.builder
        sums = [builder.load(cell) for cell in cells]
        while len(sums) > 1:
            sums = [builder.fadd(a, b) for a, b in zip(sums[::2], sums[1::2], strict=True)]
        return sums[0]

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
                score = builder.fsub(bias, total)
                self._keep_larger(score, number, self.best[j], self.best_panel[j])
                if not self.biased:
                    continue
                real = builder.fcmp_ordered(">", bias, self.lowest)
                minus = builder.select(real, builder.fsub(self.zero, total), self.lowest)
                self._keep_larger(minus, number, self.least[j], self.least_panel[j])
                spread = builder.fsub(
                    builder.load(self.spread[j]), builder.select(real, minus, self.zero)
                )
                builder.store(spread, self.spread[j])


def _contest(results, x, panels, bias):
    """Return signature and code of a contest that writes the first two or all five results."""
    for name, ty in (("best", results[0]), ("x", x), ("panels", panels), ("bias", bias)):
        require_float_array(name, ty)
    sig = types.void(*results, x, panels, INDEX, bias)

    def codegen(context, builder, signature, args):
        t, n = signature.args, len(results)
        v = Vectors(context, builder, t[n].dtype)
        *targets, row, centers = [data_of(context, builder, t[i], args[i]) for i in range(n + 2)]
        n_panels, start = args[n + 2], data_of(context, builder, t[n + 3], args[n + 3])
        n_features = _length(context, builder, t[n], args[n])
        search = _Search(v, row, centers, start, n_features, biased=n > 2)
        together = max(1, min(4, _CHAINS // v.per_row))
        n_groups = builder.sdiv(n_panels, int64(together))
        with cgutils.for_range(builder, n_groups) as loop:
            search.meet(builder.mul(loop.index, int64(together)), together)
        done = builder.mul(n_groups, int64(together))
        with cgutils.for_range(builder, builder.sub(n_panels, done)) as loop:
            search.meet(builder.add(done, loop.index), 1)
        found = (search.best, search.best_panel, search.least, search.least_panel, search.spread)
        for target, cells in zip(targets, found, strict=False):
            for j, cell in enumerate(cells):
                value = builder.load(cell)
                where = builder.gep(target, [int64(j * v.lanes)])
                builder.store(value, builder.bitcast(where, value.type.as_pointer())).align = 4
        return context.get_dummy_value()

    return sig, codegen


def _length(context, builder, ty, array):
    return builder.extract_value(context.make_array(ty)(context, builder, array).shape, 0)


@intrinsic
def row_winner(typingctx, best, best_panel, x, panels, n_panels, bias):
    """Find for one row the packed center with the largest bias - |x - c|^2, lane by lane.

    Parameters
    ----------
    best, best_panel : arrays of float and int32, (TILE_COLS,)
        Written: the largest ``bias - |x - c|^2`` of each lane, and its panel; the earlier panel
        wins a tie. For `fastml._jit.rowwise.lane_argmax`.
    x : array
        (n_features,) the row.
    panels, n_panels : array, int
        (n_panels, n_features, TILE_COLS) packed centers.
    bias : array
        (n_panels * TILE_COLS,); -inf where there is no center.
    """
    return _contest((best, best_panel), x, panels, bias)


@intrinsic
def row_contest(
    typingctx, best, best_panel, nearest, nearest_panel, spread, x, panels, n_panels, bias
):  # fmt: skip
    """Like `row_winner`; find the nearest center and the sum of squared distances too.

    Parameters
    ----------
    best, best_panel, x, panels, n_panels, bias
        As for `row_winner`.
    nearest, nearest_panel : arrays of float and int32, (TILE_COLS,)
        Written: like `best` and `best_panel`, without the bias.
    spread : array, (TILE_COLS,)
        Written: the sum over the panels of |x - c|^2.
    """
    return _contest((best, best_panel, nearest, nearest_panel, spread), x, panels, bias)


def _lean(v, data, first, n_features, row, rates):
    """Emit ``c += rate * (x - c)`` for the vectors of a panel from flat index `first` on."""
    builder = v.builder
    with cgutils.for_range(builder, n_features) as feature:
        factor = v.broadcast(builder.load(builder.gep(row, [feature.index])))
        at = builder.add(first, builder.mul(feature.index, int64(TILE_COLS)))
        for j, rate in enumerate(rates):
            where = builder.add(at, int64(j * v.lanes))
            c = v.load(data, where)
            moved = builder.call(v.fmuladd, [rate, builder.fsub(factor, c), c])
            v.store(moved, data, where)


@intrinsic
def step_towards(typingctx, panels, center, x, rate):
    """Move one packed center c towards a row: ``c += rate * (x - c)``.

    The other lanes of its vector are written too, with what they hold: a vector that was stored as
    a whole can be loaded at once, while one of which a lane was stored has to wait for that.

    Parameters
    ----------
    panels : array
        (n_panels, n_features, TILE_COLS) packed centers.
    center : int
        Number of the center.
    x : array
        (n_features,) the row.
    rate : float
        Of the dtype of the arrays.
    """
    for name, ty in (("panels", panels), ("x", x)):
        require_float_array(name, ty)

    def codegen(context, builder, signature, args):
        t = signature.args
        v = Vectors(context, builder, t[0].dtype)
        data, row = (data_of(context, builder, t[i], args[i]) for i in (0, 2))
        n_features = _length(context, builder, t[2], args[2])
        panel = builder.sdiv(args[1], int64(TILE_COLS))
        lane = builder.srem(args[1], int64(v.lanes))
        vector = builder.sub(builder.srem(args[1], int64(TILE_COLS)), lane)
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), v.lanes), list(range(v.lanes)))
        own = builder.icmp_signed("==", lanes, v.broadcast(builder.trunc(lane, ir.IntType(32))))
        none = ir.Constant(v.vector, [0.0] * v.lanes)
        rates = [builder.select(own, v.broadcast(args[3]), none)]
        first = builder.mul(panel, builder.mul(n_features, int64(TILE_COLS)))
        _lean(v, data, builder.add(first, vector), n_features, row, rates)
        return context.get_dummy_value()

    return types.void(panels, INDEX, x, panels.dtype), codegen


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
        data, row, rate = (data_of(context, builder, t[i], args[i]) for i in (0, 2, 3))
        n_features = _length(context, builder, t[2], args[2])
        size = builder.mul(n_features, int64(TILE_COLS))
        with cgutils.for_range(builder, args[1]) as panel:
            first = builder.mul(panel.index, int64(TILE_COLS))
            own = [v.load(rate, builder.add(first, int64(j * v.lanes))) for j in range(v.per_row)]
            _lean(v, data, builder.mul(panel.index, size), n_features, row, own)
        return context.get_dummy_value()

    return types.void(panels, INDEX, x, rates), codegen
