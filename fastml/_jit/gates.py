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

    def one_and_exp(self, x):
        """Return ``1 + exp(x)`` of numbers that are far from the ends of the exponents."""
        b, c = self.builder, self.c
        # Low bits of the sum are the exponent with its bias.
        magic = self.real(c.magic + c.real(c.bias))
        rounded = self.fma(x, self.real(c.log2_e), magic)
        n = b.fsub(rounded, magic)
        r = self.fma(n, self.real(-c.ln2_low), self.fma(n, self.real(-c.ln2_high), x))
        y = b.fadd(self.one, self.fma(b.fmul(r, r), self.horner(r, c.exp_poly), r))
        power = b.bitcast(b.shl(self.bits(rounded), self.integer(c.mantissa)), self.v.vector)
        return self.fma(y, power, self.one)

    def below_sigmoid(self, x):
        """Return ``1 + exp(-x)``, which the sigmoid of x is one over."""
        return self.one_and_exp(self.builder.fneg(self.limited(x, self.farthest)))

    def below_tanh(self, x):
        """Return ``1 + exp(2 x)``: the hyperbolic tangent is 1 less two over that."""
        x = self.limited(x, self.c.tanh_max)
        return self.one_and_exp(self.builder.fadd(x, x))

    def tanh(self, x, over):
        """Return the hyperbolic tangent of x, where one over `below_tanh` is known."""
        b = self.builder
        square = b.fmul(x, x)
        near = self.fma(b.fmul(x, square), self.horner(square, self.c.tanh_poly), x)
        far = self.fma(self.real(-2.0), over, self.one)
        fabs = self.v.overloaded("llvm.fabs", self.v.vector, [self.v.vector])
        is_near = b.fcmp_ordered("<", b.call(fabs, [x]), self.real(0.625))
        return b.select(is_near, near, far)

    def slope(self, factor, sigmoid):
        """Return a factor times the slope of a sigmoid of known value."""
        return self.times(factor, sigmoid, self.builder.fsub(self.one, sigmoid))

    def tanh_slope(self, factor, t):
        """Return a factor times the slope of a hyperbolic tangent of known value."""
        return self.builder.fmul(factor, self.fma(self.builder.fneg(t), t, self.one))


def _for_units(v, count, body):
    """Run ``body(j, load, store)`` over vectors of units, the last with those that are left."""
    builder = v.builder
    whole = builder.sdiv(count, int64(v.lanes))
    with cgutils.for_range(builder, whole) as loop:
        body(builder.mul(loop.index, int64(v.lanes)), v.load, v.store)
    done = builder.mul(whole, int64(v.lanes))
    left = builder.sub(count, done)
    with builder.if_then(builder.icmp_signed(">", left, int64(0))):
        i32 = ir.IntType(32)
        numbers = ir.Constant(ir.VectorType(i32, v.lanes), list(range(v.lanes)))
        mask = builder.icmp_signed("<", numbers, v.broadcast(builder.trunc(left, i32)))
        nothing = ir.Constant(v.vector, [0.0] * v.lanes)
        pointer, align = v.vector.as_pointer(), i32(v.itemsize)
        kind = f"v{v.lanes}f{8 * v.itemsize}.p0"

        def function(name, result, operands):
            kinds = ir.FunctionType(result, operands)
            return cgutils.get_or_insert_function(
                builder.module, kinds, f"llvm.masked.{name}.{kind}"
            )

        def at(data, offset):
            return builder.bitcast(builder.gep(data, [offset]), pointer)

        def load(data, offset):
            operands = [pointer, i32, mask.type, v.vector]
            masked = function("load", v.vector, operands)
            return builder.call(masked, [at(data, offset), align, mask, nothing])

        def store(value, data, offset):
            masked = function("store", ir.VoidType(), [v.vector, pointer, i32, mask.type])
            builder.call(masked, [value, at(data, offset), align, mask])

        body(done, load, store)


def _taken(context, builder, signature, args):
    """Return the operands with data pointers in place of arrays."""
    return [
        data_of(context, builder, ty, a) if isinstance(ty, types.Array) else a
        for ty, a in zip(signature.args, args, strict=True)
    ]


@intrinsic
def lstm_step(typingctx, gates, gates0, products, products0, kept, kept0, cell, cell0, state,
              state0, n):  # fmt: skip
    """Do a step of one row of an LSTM of `n` units; positions are flat.

    Parameters
    ----------
    gates, gates0 : array, int
        4 n sums over inputs; written over with the values of the gates.
    products, products0 : array, int
        4 n products with the state, which are added to them.
    kept, kept0 : array, int
        Where a copy of the new cell goes.
    cell, cell0, state, state0 : array, int, array, int
        Cell, written over, and where the new state goes.
    n : int
        Number of units.
    """
    arrays = {"gates": gates, "products": products, "kept": kept, "cell": cell, "state": state}
    for name, ty in arrays.items():
        require_float_array(name, ty)
    pairs = [kind for ty in arrays.values() for kind in (ty, INDEX)]

    def codegen(context, builder, signature, args):
        v = Vectors(context, builder, gates.dtype)
        f = _Functions(v, gates.dtype)
        a, a0, s, s0, k, k0, c, c0, h, h0, count = _taken(context, builder, signature, args)

        def units(j, load, store):
            places = [builder.add(j, builder.mul(int64(g), count)) for g in range(4)]
            sums = [
                builder.fadd(load(a, builder.add(a0, at)), load(s, builder.add(s0, at)))
                for at in places
            ]
            below_i, below_f, below_o = (f.below_sigmoid(sums[g]) for g in (0, 1, 3))
            below_g = f.below_tanh(sums[2])
            both = builder.fmul(below_i, below_f)
            over = builder.fdiv(f.one, builder.fmul(both, below_g))
            rest = builder.fmul(over, below_g)
            into, forget = builder.fmul(rest, below_f), builder.fmul(rest, below_i)
            new = f.tanh(sums[2], builder.fmul(over, both))
            old = load(c, builder.add(c0, j))
            now = f.fma(forget, old, builder.fmul(into, new))
            below_c = f.below_tanh(now)
            over = builder.fdiv(f.one, builder.fmul(below_o, below_c))
            output = builder.fmul(over, below_c)
            out = builder.fmul(output, f.tanh(now, builder.fmul(over, below_o)))
            for value, at in zip((into, forget, new, output), places, strict=True):
                store(value, a, builder.add(a0, at))
            store(now, c, builder.add(c0, j))
            store(now, k, builder.add(k0, j))
            store(out, h, builder.add(h0, j))

        _for_units(v, count, units)
        return context.get_dummy_value()

    return types.void(*pairs, INDEX), codegen


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
            t = f.tanh(now, builder.fdiv(f.one, f.below_tanh(now)))
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
