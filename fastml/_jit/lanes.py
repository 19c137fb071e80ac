"""Primitives of branch-free code, each an LLVM instruction that exists for SIMD vectors too."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_INT_OF = {types.float32: types.int32, types.float64: types.int64}
_FLOAT_OF = {integer: real for real, integer in _INT_OF.items()}

# The attribute of a function whose loops `widest_vectors` is to widen.
WIDEST = '"prefer-vector-width"="512"'


def _declare_fma(builder, kind):
    # fmuladd, not fma: without the hardware instruction llvm.fma is a slow call to libm.
    name = "llvm.fmuladd." + ("f32" if isinstance(kind, ir.FloatType) else "f64")
    return builder.module.declare_intrinsic(name, (), ir.FunctionType(kind, (kind,) * 3))


def _bitcast(context, builder, signature, args):
    return builder.bitcast(args[0], context.get_value_type(signature.return_type))


@intrinsic
def fma(typingctx, a, b, c):
    """Return ``a * b + c``, rounded once wherever the CPU can."""

    def codegen(context, builder, signature, args):
        return builder.call(_declare_fma(builder, args[0].type), args)

    return a(a, a, a), codegen


@intrinsic
def horner(typingctx, x, coefficients):
    """Return the polynomial with the given tuple of coefficients, lowest degree first, at `x`."""

    def codegen(context, builder, signature, args):
        point, values = args
        step = _declare_fma(builder, point.type)
        terms = [builder.extract_value(values, i) for i in range(len(signature.args[1]))]
        total = terms.pop()
        while terms:
            total = builder.call(step, (total, point, terms.pop()))
        return total

    return x(x, coefficients), codegen


@intrinsic
def to_bits(typingctx, x):
    """Return the bits of a float as the signed integer of its width."""
    return _INT_OF[x](x), _bitcast


@intrinsic
def from_bits(typingctx, bits):
    """Return the float that has the bits of a signed integer of its width."""
    return _FLOAT_OF[bits](bits), _bitcast


@intrinsic
def select(typingctx, condition, a, b):
    """Return `a` where the condition holds, else `b`, without a branch."""

    def codegen(context, builder, signature, args):
        return builder.select(*args)

    return a(condition, a, a), codegen


@intrinsic
def widest_vectors(typingctx):
    """Have LLVM make the loops of the calling function of the widest vectors that the CPU has.

    By itself it takes 256 bits on CPUs with 512, as code that uses the wide ones now and then slows
    the clock for what is around it; loops over whole arrays of polynomials gain a third or more.
    """

    def codegen(context, builder, signature, args):
        # The set knows no attributes that are strings, and would refuse them.
        set.add(builder.function.attributes, WIDEST)
        return context.get_dummy_value()

    return types.void(), codegen
