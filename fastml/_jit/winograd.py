"""Squares of vectors between numbers and points: the transforms of Winograd's convolutions.

Along one axis n results of a kernel of 7 - n taps take the products of two polynomials at six
points, in place of n (7 - n) products (Lavin & Gray, Fast Algorithms for Convolutional Neural
Networks, 2016). Over two axes the points are 36, and each transform is applied to the rows of a
square of vectors, then to its columns.

The points are 0, infinity, and two pairs of opposites that float32 holds exactly, as are their
products. They are chosen for small errors: with the textbook's 1 and 2 the errors of 4 x 4 results
are 2.5 times as large.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fastml._jit.simd import INDEX, Vectors, data_of, int64, require_float_array

SIDE = 6
_PAIRS = (0.625, 1.5)
_FINITE = (0.0, _PAIRS[0], -_PAIRS[0], _PAIRS[1], -_PAIRS[1])


def _weights():
    """Return the factor of Lagrange's interpolation at each point."""
    factors = []
    for p in _FINITE:
        product = 1.0
        for other in _FINITE:
            product *= p - other if other != p else 1.0
        factors.append(1.0 / product)
    return (*factors, 1.0)


_WEIGHTS = _weights()


class _Lines:
    """Operations on vectors, with numbers known at compile time."""

    def __init__(self, v):
        self.v = v
        self.add, self.sub = v.builder.fadd, v.builder.fsub

    def _constant(self, value):
        return ir.Constant(self.v.vector, [value] * self.v.lanes)

    def plus(self, a, factor, b):
        return self.v.builder.call(self.v.fmuladd, [self._constant(factor), b, a])

    def times(self, factor, b):
        return self.v.builder.fmul(self._constant(factor), b)


def _sources(q, x):
    """Transform six adjacent sources: the transpose of interpolation."""
    squares = [p * p for p in _PAIRS]

    def end(x0, x2, x4):
        return q.plus(q.plus(x4, -sum(squares), x2), squares[0] * squares[1], x0)

    found = [end(*x[0:5:2])]
    for p, other in zip(_PAIRS, reversed(squares), strict=True):
        even, odd = q.plus(x[4], -other, x[2]), q.plus(x[3], -other, x[1])
        found += [q.plus(even, p, odd), q.plus(even, -p, odd)]
    return [*found, end(*x[1:6:2])]


def _values(q, coefficients):
    """Evaluate the polynomial with some coefficients, lowest first, at all points."""
    found = [coefficients[0]]
    for p in _PAIRS:
        even, odd = coefficients[0], q.times(p, coefficients[1])
        for i, each in enumerate(coefficients[2:], 2):
            if i % 2:
                odd = q.plus(odd, p**i, each)
            else:
                even = q.plus(even, p**i, each)
        found += [q.add(even, odd), q.sub(even, odd)]
    return [*found, coefficients[-1]]


def _sums(q, m, n):
    """Weight numbers at all points by powers 0 ... n - 1 of them: the transpose of `_values`."""
    pairs = [(q.add(m[i], m[i + 1]), q.sub(m[i], m[i + 1])) for i in (1, 3)]
    found = [q.add(q.add(m[0], pairs[0][0]), pairs[1][0])]
    for i in range(1, n):
        first = q.times(_PAIRS[0] ** i, pairs[0][i % 2])
        found.append(q.plus(first, _PAIRS[1] ** i, pairs[1][i % 2]))
    found[-1] = q.add(found[-1], m[5])
    return found


def _weighted(q, at_points):
    return [q.times(factor, each) for factor, each in zip(_WEIGHTS, at_points, strict=True)]


def _square(builder, v, line, n_in, load, store):
    """Emit a transform of the columns of a square, then of its rows."""
    q = _Lines(v)
    columns = [line(q, [load(i, j) for i in range(n_in)]) for j in range(n_in)]
    for i, row in enumerate(zip(*columns, strict=True)):
        for j, value in enumerate(line(q, list(row))):
            store(i, j, value)


def _transform(lines, bias=False):
    """Return a transform as an intrinsic: of the size `n`, one of those that `lines` has.

    `lines` gives for each size the function of one line and how many numbers that takes.
    """

    def emit(context, builder, t, args):
        v = Vectors(context, builder, t[1].dtype)
        target, source = (data_of(context, builder, t[k], args[k]) for k in (1, 5))
        start = v.load(data_of(context, builder, t[9], args[9]), args[10]) if bias else None

        def place(k, i, j):
            row = builder.add(args[k], builder.mul(int64(i), args[k + 1]))
            return builder.add(row, builder.mul(int64(j), args[k + 2]))

        def load(i, j):
            return v.load(source, place(6, i, j))

        def store(i, j, value):
            v.store(builder.fadd(value, start) if bias else value, target, place(2, i, j))

        done = builder.append_basic_block("square.done")
        switch = builder.switch(args[0], done)
        for n, (line, n_in) in lines.items():
            block = builder.append_basic_block("square.size")
            switch.add_case(int64(n), block)
            builder.position_at_end(block)
            _square(builder, v, line, n_in, load, store)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    i = INDEX
    if bias:

        @intrinsic
        def transform(
            typingctx, n, out, out0, out_row, out_column, a, a0, a_row, a_column, start, start0
        ):
            for name, ty in (("out", out), ("a", a), ("start", start)):
                require_float_array(name, ty)
            return types.void(i, out, i, i, i, a, i, i, i, start, i), _codegen(emit)

    else:

        @intrinsic
        def transform(typingctx, n, out, out0, out_row, out_column, a, a0, a_row, a_column):
            for name, ty in (("out", out), ("a", a)):
                require_float_array(name, ty)
            return types.void(i, out, i, i, i, a, i, i, i), _codegen(emit)

    return transform


def _codegen(emit):
    return lambda context, builder, signature, args: emit(context, builder, signature.args, args)


# Sources, and gradients by n x n results, to points.
sources_to_points = _transform({SIDE: (_sources, SIDE)})
gradient_to_points = _transform({n: (_values, n) for n in (2, 4)})
# Kernels of n x n taps to points.
kernel_to_points = _transform({
    n: (lambda q, x: _weighted(q, _values(q, x)), n) for n in (3, 5)
})  # fmt: skip
# Points to n x n results, which begin with `start`, and to gradients by kernels.
points_to_results = _transform(
    {n: (lambda q, m, n=n: _sums(q, m, n), SIDE) for n in (2, 4)}, bias=True
)
points_to_kernel = _transform(
    {n: (lambda q, m, n=n: _sums(q, _weighted(q, m), n), SIDE) for n in (3, 5)}
)
