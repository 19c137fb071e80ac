"""Copies of a few adjacent items, as whole vectors; arrays that vectors do not straddle."""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from fastml._jit.compile import njit_leaf

# Bytes of a cache line, and of the widest vector.
_LINE = 64


@intrinsic
def copy_items(typingctx, out, out0, a, a0, n):
    """Copy `n` adjacent items of `a` from flat index `a0` to `out` from flat index `out0`.

    Both are C-contiguous, of one dtype, and the ranges do not overlap. For an `n` that is known at
    compile time this becomes a few vector moves; the loop it stands for would be preceded, each
    time, by checks that the two arrays do not overlap.
    """
    for name, ty in (("out", out), ("a", a)):
        if not (isinstance(ty, types.Array) and ty.layout == "C"):
            raise TypingError(f"{name} must be a C-contiguous array, got {ty}.")
    if out.dtype != a.dtype:
        raise TypingError(f"out and a must have one dtype, got {out.dtype} and {a.dtype}.")
    size = out.dtype.bitwidth // 8

    def codegen(context, builder, signature, args):
        out_t, _, a_t, _, _ = signature.args
        target, first, source, start, count = args
        pointers = []
        for ty, array, index in ((out_t, target, first), (a_t, source, start)):
            data = context.make_array(ty)(context, builder, array).data
            pointers.append(builder.bitcast(builder.gep(data, [index]), cgutils.voidptr_t))
        length = builder.mul(count, ir.Constant(ir.IntType(64), size))
        cgutils.raw_memcpy(builder, *pointers, length, 1)
        return context.get_dummy_value()

    return types.void(out, types.int64, a, types.int64, types.int64), codegen


@njit_leaf
def aligned(n, like):
    """Return `n` items of any content, of the dtype of `like`, from an address that suits vectors.

    A vector that straddles two cache lines takes two accesses. NumPy's and Numba's arrays begin
    anywhere.
    """
    spare = _LINE // like.itemsize
    items = np.empty(n + spare, like.dtype)
    first = (-items.ctypes.data % _LINE) // like.itemsize
    return items[first : first + n]
