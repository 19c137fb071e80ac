"""The gates of an LSTM on trees as vectors: a node's own, and one for each child to forget by."""

from numba import types
from numba.extending import intrinsic

from fastml._jit.gates import _for_units, _Functions, _taken
from fastml._jit.simd import INDEX, Vectors, int64, require_float_array


def _signature(arrays):
    """Return the signature of a function of arrays with a flat position each, and of a number."""
    for name, ty in arrays.items():
        require_float_array(name, ty)
    return types.void(*(kind for ty in arrays.values() for kind in (ty, INDEX)), INDEX)


def _unit_code(function, like):
    """Return code that runs a function over vectors of units.

    Parameters
    ----------
    function : callable
        ``function(f, load, store)``: what to do, of `_Functions`; `load(i, part)` and
        `store(value, i, part)` are for array number i, a whole number of times n further on.
    like : type of array
        Of the dtype of all.
    """

    def codegen(context, builder, signature, args):
        v = Vectors(context, builder, like.dtype)
        f = _Functions(v, like.dtype)
        *operands, count = _taken(context, builder, signature, args)

        def units(j, load, store):
            def place(i, part):
                at = builder.add(operands[2 * i + 1], j)
                return builder.add(at, builder.mul(int64(part), count)) if part else at

            def load_part(i, part=0):
                return load(operands[2 * i], place(i, part))

            def store_part(value, i, part=0):
                store(value, operands[2 * i], place(i, part))

            function(f, load_part, store_part)

        _for_units(v, count, units)
        return context.get_dummy_value()

    return codegen


def _forget(f, load, store):
    sums, gate, cells, total = range(4)
    b = f.builder
    kept = b.fdiv(f.one, f.below_sigmoid(b.fadd(load(sums), load(gate))))
    store(kept, gate)
    store(f.fma(kept, load(cells), load(total)), total)


def _step(f, load, store):
    sums, products, gates, cells, states = range(5)
    b = f.builder
    into, out, new = (b.fadd(load(sums, part), load(products, part)) for part in range(3))
    below_i, below_o = f.below_sigmoid(into), f.below_sigmoid(out)
    above_u, below_u = f.of_tanh(new)
    over = b.fdiv(f.one, b.fmul(below_i, below_u))
    into, new = b.fmul(over, below_u), f.tanh(above_u, b.fmul(over, below_i))
    now = f.fma(into, new, load(cells))
    above_c, below_c = f.of_tanh(now)
    over = b.fdiv(f.one, b.fmul(below_o, below_c))
    out = b.fmul(over, below_c)
    for part, value in enumerate((into, out, new)):
        store(value, gates, part)
    store(now, cells)
    store(b.fmul(out, f.tanh(above_c, b.fmul(over, below_o))), states)


def _step_back(f, load, store):
    by_states, gates, cells, by_cells, gradient = range(5)
    b = f.builder
    into, out, new = (load(gates, part) for part in range(3))
    now, by_state = load(cells), load(by_states)
    above, below = f.of_tanh(now)
    t = f.tanh(above, b.fdiv(f.one, below))
    by_now = b.fadd(load(by_cells), f.tanh_slope(b.fmul(by_state, out), t))
    store(by_now, by_cells)
    store(f.slope(b.fmul(by_now, new), into), gradient, 0)
    store(f.slope(b.fmul(by_state, t), out), gradient, 1)
    store(f.tanh_slope(b.fmul(by_now, into), new), gradient, 2)


def _forget_back(f, load, store):
    by_total, gate, cells, by_cells, gradient = range(5)
    b = f.builder
    by_now, kept = load(by_total), load(gate)
    store(f.slope(b.fmul(by_now, load(cells)), kept), gradient)
    store(f.fma(by_now, kept, load(by_cells)), by_cells)


@intrinsic
def forget_child(typingctx, sums, sums0, gate, gate0, cells, cells0, total, total0, n):
    """Add what a node of `n` units keeps of a child's cell to its own; positions are flat.

    Parameters
    ----------
    sums, sums0 : array, int
        The node's sums over its input.
    gate, gate0 : array, int
        Products with states, which are added; written over with the value of the gate.
    cells, cells0 : array, int
        The child's.
    total, total0 : array, int
        The node's cell, which is added to.
    n : int
        Number of units.
    """
    arrays = {"sums": sums, "gate": gate, "cells": cells, "total": total}
    return _signature(arrays), _unit_code(_forget, sums)


@intrinsic
def node_step(typingctx, sums, sums0, products, products0, gates, gates0, cells, cells0, states,
              states0, n):  # fmt: skip
    """Do the step of a node of `n` units; positions are flat.

    Parameters
    ----------
    sums, sums0, products, products0 : array, int, array, int
        3 n sums over the input, and products with states, for input, output and new value.
    gates, gates0 : array, int
        Written: their values.
    cells, cells0 : array, int
        What is kept of the children's cells; written over with the node's.
    states, states0 : array, int
        Written: the state.
    n : int
        Number of units.
    """
    arrays = {"sums": sums, "products": products, "gates": gates, "cells": cells, "states": states}
    return _signature(arrays), _unit_code(_step, sums)


@intrinsic
def node_step_back(typingctx, by_states, by_states0, gates, gates0, cells, cells0, by_cells,
                   by_cells0, gradient, gradient0, n):  # fmt: skip
    """Go back through the step of a node of `n` units; positions are flat.

    Parameters
    ----------
    by_states, by_states0 : array, int
        Gradient by the state.
    gates, gates0, cells, cells0 : array, int, array, int
        As `node_step` wrote them.
    by_cells, by_cells0 : array, int
        Gradient by the cell but for what comes through the state, which is added.
    gradient, gradient0 : array, int
        Written: the gradient by the 3 n sums.
    n : int
        Number of units.
    """
    arrays = {"by_states": by_states, "gates": gates, "cells": cells, "by_cells": by_cells}
    return _signature(arrays | {"gradient": gradient}), _unit_code(_step_back, gates)


@intrinsic
def forget_child_back(typingctx, by_total, by_total0, gate, gate0, cells, cells0, by_cells,
                      by_cells0, gradient, gradient0, n):  # fmt: skip
    """Go back through what a node of `n` units keeps of a child; positions are flat.

    Parameters
    ----------
    by_total, by_total0 : array, int
        Gradient by the node's cell.
    gate, gate0, cells, cells0 : array, int, array, int
        The gate, and the child's cell.
    by_cells, by_cells0 : array, int
        Gradient by the child's cell, which is added to.
    gradient, gradient0 : array, int
        Written: the gradient by the gate's sums.
    n : int
        Number of units.
    """
    arrays = {"by_total": by_total, "gate": gate, "cells": cells, "by_cells": by_cells}
    return _signature(arrays | {"gradient": gradient}), _unit_code(_forget_back, gate)
