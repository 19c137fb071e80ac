"""The gates of an LSTM as vectors: all of a step for some units while their sums are in registers.

Left to loops, five functions with a division each would take longer than a step's products. Here
one division serves three of them: the reciprocals of a, b and c are those of their product, times
the other two.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastml._jit.minimax import CONSTANTS
from fastml._jit.simd import INDEX, Vectors, data_of, int64, require_float_array

# Sums beyond which a sigmoid is 0 or 1 to rounding, with room for products of exponentials.
_FARTHEST = {types.float32: 28.0, types.float64: 300.0}


class _Functions:
    """Exponential and hyperbolic tangent of vectors, in the polynomials of `vecmath`."""

    def __init__(self, v, dtype):
        self.v, self.builder = v, v.builder
        self.c = CONSTANTS[dtype]
        self.farthest = _FARTHEST[dtype]
        self.integers = ir.VectorType(ir.IntType(8 * v.itemsize), v.lanes)
        self.one, self.zero = self.real(1.0), self.real(0.0)

    def real(self, value):
        return ir.Constant(self.v.vector, [float(value)] * self.v.lanes)

    def integer(self, value):
        return ir.Constant(self.integers, [int(value)] * self.v.lanes)

    def bits(self, x):
        return self.builder.bitcast(x, self.integers)

    def fma(self, a, b, c):
        return self.builder.call(self.v.fmuladd, [a, b, c])

    def times(self, a, *others):
        for b in others:
            a = self.builder.fmul(a, b)
        return a

    def horner(self, x, coefficients):
        *rest, total = map(self.real, coefficients)
        while rest:
            total = self.fma(total, x, rest.pop())
        return total

    def limited(self, x, most):
        """Return x between -most and most; NaN stays."""
        for kind, bound in (("<", -most), (">", most)):
            limit = self.real(bound)
            x = self.builder.select(self.builder.fcmp_ordered(kind, x, limit), limit, x)
        return x

    def exp_parts(self, x):
        """Return p and a power of two, of which ``exp(x)`` is the power times ``1 + p``.

        The numbers are far from the ends of the exponents.
        """
        b, c = self.builder, self.c
        # Low bits of the sum are the exponent with its bias.
        magic = self.real(c.magic + c.real(c.bias))
        rounded = self.fma(x, self.real(c.log2_e), magic)
        n = b.fsub(rounded, magic)
        r = self.fma(n, self.real(-c.ln2_low), self.fma(n, self.real(-c.ln2_high), x))
        p = self.fma(b.fmul(r, r), self.horner(r, c.exp_poly), r)
        power = b.bitcast(b.shl(self.bits(rounded), self.integer(c.mantissa)), self.v.vector)
        return p, power

    def below_sigmoid(self, x):
        """Return ``1 + exp(-x)``, which the sigmoid of x is one over."""
        p, power = self.exp_parts(self.builder.fneg(self.limited(x, self.farthest)))
        return self.builder.fadd(self.fma(p, power, power), self.one)

    def of_tanh(self, x):
        """Return ``exp(2 x) - 1``, and that and two: the hyperbolic tangent of x is their ratio.

        The first keeps all its digits near 0.
        """
        b = self.builder
        x = self.limited(x, self.c.tanh_max)
        p, power = self.exp_parts(b.fadd(x, x))
        above = self.fma(p, power, b.fsub(power, self.one))
        return above, b.fadd(above, self.real(2.0))

    def tanh(self, above, over):
        """Return the hyperbolic tangent, where one over what is below is known."""
        # Rounding might take it beyond one.
        return self.limited(self.builder.fmul(above, over), 1.0)

    def slope(self, factor, sigmoid):
        """Return a factor times the slope of a sigmoid of known value."""
        return self.times(factor, sigmoid, self.builder.fsub(self.one, sigmoid))

    def tanh_slope(self, factor, t):
        """Return a factor times the slope of a hyperbolic tangent of known value."""
        return self.builder.fmul(factor, self.fma(self.builder.fneg(t), t, self.one))


def _if_whole(v, count, body):
    """Run ``body(load, store)``: of whole vectors, or of `count` items if that is fewer."""
    builder = v.builder
    with builder.if_else(builder.icmp_signed(">=", count, int64(v.lanes))) as (whole, part):
        with whole:
            body(v.load, v.store)
        with part:
            body(*_masked(v, count))


def _for_units(v, count, body):
    """Run ``body(j, load, store)`` over vectors of units, the last with those that are left."""
    builder = v.builder
    whole = builder.sdiv(count, int64(v.lanes))
    with cgutils.for_range(builder, whole) as loop:
        body(builder.mul(loop.index, int64(v.lanes)), v.load, v.store)
    done = builder.mul(whole, int64(v.lanes))
    left = builder.sub(count, done)
    with builder.if_then(builder.icmp_signed(">", left, int64(0))):
        body(done, *_masked(v, left))


def _masked(v, count):
    """Return functions that load and store the first `count` items of a vector."""
    builder = v.builder
    i32 = ir.IntType(32)
    numbers = ir.Constant(ir.VectorType(i32, v.lanes), list(range(v.lanes)))
    mask = builder.icmp_signed("<", numbers, v.broadcast(builder.trunc(count, i32)))
    nothing = ir.Constant(v.vector, [0.0] * v.lanes)
    pointer, align = v.vector.as_pointer(), i32(v.itemsize)
    kind = f"v{v.lanes}f{8 * v.itemsize}.p0"

    def function(name, result, operands):
        kinds = ir.FunctionType(result, operands)
        return cgutils.get_or_insert_function(builder.module, kinds, f"llvm.masked.{name}.{kind}")

    def at(data, offset):
        return builder.bitcast(builder.gep(data, [offset]), pointer)

    def load(data, offset):
        masked = function("load", v.vector, [pointer, i32, mask.type, v.vector])
        return builder.call(masked, [at(data, offset), align, mask, nothing])

    def store(value, data, offset):
        masked = function("store", ir.VoidType(), [v.vector, pointer, i32, mask.type])
        builder.call(masked, [value, at(data, offset), align, mask])

    return load, store


def _taken(context, builder, signature, args):
    """Return the operands with data pointers in place of arrays."""
    return [
        data_of(context, builder, ty, a) if isinstance(ty, types.Array) else a
        for ty, a in zip(signature.args, args, strict=True)
    ]


@intrinsic
def lstm_units(typingctx, sums, sums0, cell, cell0, state, state0, keeps, gates, gates0, kept,
               kept0, n, count):  # fmt: skip
    """Do a step of as many units of an LSTM as a vector has lanes; positions are flat.

    Parameters
    ----------
    sums, sums0 : array, int
        What gates are functions of: a vector for each.
    cell, cell0, state, state0 : array, int, array, int
        Cells, written over, and where the new states go.
    keeps : bool
        Whether the rest is written.
    gates, gates0, kept, kept0, n : array, int, array, int, int
        Where values of gates go, n from one gate to the next, and a copy of the new cells.
    count : int
        How many units there are, if they are fewer.
    """
    arrays = {"sums": sums, "cell": cell, "state": state, "gates": gates, "kept": kept}
    for name, ty in arrays.items():
        require_float_array(name, ty)
    i = INDEX

    def codegen(context, builder, signature, args):
        v = Vectors(context, builder, sums.dtype)
        f = _Functions(v, sums.dtype)
        s, s0, c, c0, h, h0, is_kept, a, a0, k, k0, step, left = _taken(
            context, builder, signature, args
        )
        z = [v.load(s, builder.add(s0, int64(g * v.lanes))) for g in range(4)]
        below_i, below_f, below_o = (f.below_sigmoid(z[g]) for g in (0, 1, 3))
        above_g, below_g = f.of_tanh(z[2])
        both = builder.fmul(below_i, below_f)
        over = builder.fdiv(f.one, builder.fmul(both, below_g))
        rest = builder.fmul(over, below_g)
        into, forget = builder.fmul(rest, below_f), builder.fmul(rest, below_i)
        new = f.tanh(above_g, builder.fmul(over, both))

        def units(load, store):
            now = f.fma(forget, load(c, c0), builder.fmul(into, new))
            above_c, below_c = f.of_tanh(now)
            over = builder.fdiv(f.one, builder.fmul(below_o, below_c))
            output = builder.fmul(over, below_c)
            store(now, c, c0)
            store(builder.fmul(output, f.tanh(above_c, builder.fmul(over, below_o))), h, h0)
            with builder.if_then(is_kept):
                store(now, k, k0)
                for g, value in enumerate((into, forget, new, output)):
                    store(value, a, builder.add(a0, builder.mul(int64(g), step)))

        _if_whole(v, left, units)
        return context.get_dummy_value()

    return types.void(sums, i, cell, i, state, i, types.boolean, gates, i, kept, i, i, i), codegen


@intrinsic
def lstm_step_back(typingctx, by_state, by_state0, by_next, by_next0, gates, gates0, kept, kept0,
                   before, first, first0, is_first, by_cell, by_cell0, by_sums, by_sums0, copy,
                   copy0, n):  # fmt: skip
    """Go a step back in one row of an LSTM of `n` units; positions are flat.

    Parameters
    ----------
    by_state, by_state0, by_next, by_next0 : array, int, array, int
        Gradients by the state, as a result and through the next step: their sum counts.
    gates, gates0, kept, kept0 : array, int, array, int
        Values of the gates, and cells: the one of this step.
    before, first, first0, is_first : int, array, int, bool
        Position in `kept` of the cell before, or in `first` if this step is the first one.
    by_cell, by_cell0 : array, int
        Gradient by the cell but for what comes through the state; written over with that by the
        cell before.
    by_sums, by_sums0, copy, copy0 : array, int, array, int
        Where the gradient by the 4 n sums goes, twice.
    n : int
        Number of units.
    """
    arrays = {"by_state": by_state, "by_next": by_next, "gates": gates, "kept": kept}
    written = {"by_cell": by_cell, "by_sums": by_sums, "copy": copy}
    for name, ty in (arrays | {"first": first} | written).items():
        require_float_array(name, ty)
    pairs = [kind for ty in arrays.values() for kind in (ty, INDEX)]
    pairs += [INDEX, first, INDEX, types.boolean]
    pairs += [kind for ty in written.values() for kind in (ty, INDEX)]

    def codegen(context, builder, signature, args):
        v = Vectors(context, builder, gates.dtype)
        f = _Functions(v, gates.dtype)
        d, d0, e, e0, a, a0, k, k0, before, c, c0, is_first, b, b0, s, s0, o, o0, count = _taken(
            context, builder, signature, args
        )
        c, c0 = builder.select(is_first, c, k), builder.select(is_first, c0, before)

        def units(j, load, store):
            places = [builder.add(j, builder.mul(int64(g), count)) for g in range(4)]
            into, forget, new, output = (load(a, builder.add(a0, at)) for at in places)
            now, old = load(k, builder.add(k0, j)), load(c, builder.add(c0, j))
            by_out = builder.fadd(load(d, builder.add(d0, j)), load(e, builder.add(e0, j)))
            above, below = f.of_tanh(now)
            t = f.tanh(above, builder.fdiv(f.one, below))
            through = f.tanh_slope(builder.fmul(by_out, output), t)
            by_now = builder.fadd(load(b, builder.add(b0, j)), through)
            found = (
                f.slope(builder.fmul(by_now, new), into),
                f.slope(builder.fmul(by_now, old), forget),
                f.tanh_slope(builder.fmul(by_now, into), new),
                f.slope(builder.fmul(by_out, t), output),
            )
            for value, at in zip(found, places, strict=True):
                store(value, s, builder.add(s0, at))
                store(value, o, builder.add(o0, at))
            store(builder.fmul(by_now, forget), b, builder.add(b0, j))

        _for_units(v, count, units)
        return context.get_dummy_value()

    return types.void(*pairs, INDEX), codegen
