"""SIMD vectors in LLVM IR: shapes of the register tile per CPU, and operations on its lanes."""

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError

INDEX = types.int64

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


_NAMED = {
    **dict.fromkeys(("haswell", "broadwell", "skylake", "znver1", "znver2", "znver3"), "avx2"),
    **dict.fromkeys(("skylake-avx512", "icelake-server", "sapphirerapids", "znver4"), "avx512"),
}


def _cpu_features() -> dict[str, bool]:
    """Return the features Numba compiles for: the host's, or those asked for by NUMBA_CPU_*."""
    from numba.core import config

    if config.CPU_NAME is None or llvm.get_host_cpu_name() == config.CPU_NAME:
        features = dict(llvm.get_host_cpu_features())
    else:
        # Named but not described: what every CPU of that name can do, if we know the name.
        level = _NAMED.get(config.CPU_NAME, "generic")
        has_avx2 = level in ("avx2", "avx512")
        features = {"avx512f": level == "avx512", "avx2": has_avx2, "fma": has_avx2}
    for change in (config.CPU_FEATURES or "").split(","):
        features[change[1:]] = change.startswith("+")
    return features


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


def require_float_array(name, ty):
    if not (isinstance(ty, types.Array) and ty.layout == "C" and isinstance(ty.dtype, types.Float)):
        raise TypingError(f"{name} must be a C-contiguous array of float32 or float64, got {ty}.")


class Vectors:
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


def data_of(context, builder, ty, value):
    return context.make_array(ty)(context, builder, value).data


def int64(value):
    return ir.Constant(ir.IntType(64), value)


def lane_mask(v, conditions):
    """Return the conditions of all lanes as the bits of one integer, lane 0 lowest."""
    builder = v.builder
    mask = ir.Constant(ir.IntType(TILE_COLS), 0)
    for j, condition in enumerate(conditions):
        bits = builder.zext(builder.bitcast(condition, ir.IntType(v.lanes)), mask.type)
        mask = builder.or_(mask, builder.shl(bits, mask.type(j * v.lanes)))
    return mask


def reduce_max(v, vectors):
    builder = v.builder
    top = vectors[0]
    for other in vectors[1:]:
        top = builder.select(builder.fcmp_ordered(">", other, top), other, top)
    reduce = v.overloaded("llvm.vector.reduce.fmax", v.scalar, [v.vector])
    # Without nnan x86 adds a NaN repair to every step; scores are finite or -inf here.
    return builder.call(reduce, [top], fastmath=("nnan", "nsz"))
