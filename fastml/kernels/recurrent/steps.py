"""What follows a step's products on the CPU: short loops over a row, that LLVM turns to vectors.

A loop writes one stretch of memory: of more, too many would have to be shown not to overlap.
"""

from fastml._jit import njit_leaf, vecmath
from fastml._jit.lanes import fma, select, widest_vectors
from fastml.kernels.recurrent.forms import GRU, RNN_TANH


@njit_leaf
def _sigmoid_of_sum(z, product):
    widest_vectors()
    for j in range(z.size):
        z[j] = vecmath.sigmoid(z[j] + product[j])


@njit_leaf
def _tanh_of_sum(z, product):
    widest_vectors()
    for j in range(z.size):
        z[j] = vecmath.tanh(z[j] + product[j])


@njit_leaf
def _relu_of_sum(z, product):
    widest_vectors()
    zero = z.dtype.type(0)
    for j in range(z.size):
        total = z[j] + product[j]
        z[j] = select(total <= zero, zero, total)


@njit_leaf
def _mix(share, a, h):
    """Move h by a share of the way to a."""
    widest_vectors()
    rest = h.dtype.type(1) - share
    for j in range(h.size):
        h[j] = fma(rest, h[j], share * a[j])


@njit_leaf
def _mix_each(update, new, h):
    """Move h to the new, all but a share of the way that is each unit's own."""
    widest_vectors()
    for j in range(h.size):
        h[j] = fma(update[j], h[j] - new[j], new[j])


@njit_leaf
def _tanh_of_part(z, reset, product):
    widest_vectors()
    for j in range(z.size):
        z[j] = vecmath.tanh(fma(reset[j], product[j], z[j]))


@njit_leaf
def _copy(a, out):
    for j in range(out.size):
        out[j] = a[j]


@njit_leaf
def step(kind, leak, product, z, kept, h):
    """Turn input sums z into gates, and write the new state over the old one.

    Arguments are those of one row. An LSTM has `lstm_step`.
    """
    n = h.size
    if kind == GRU:
        _sigmoid_of_sum(z[: 2 * n], product[: 2 * n])
        _tanh_of_part(z[2 * n :], z[:n], product[2 * n :])
        _copy(product[2 * n :], kept)
        _mix_each(z[n : 2 * n], z[2 * n :], h)
    else:
        if kind == RNN_TANH:
            _tanh_of_sum(z, product)
        else:
            _relu_of_sum(z, product)
        _mix(leak, z, h)


@njit_leaf
def add(a, total):
    """Add a row to another."""
    widest_vectors()
    for j in range(total.size):
        total[j] += a[j]


@njit_leaf
def _product(a, b, out):
    widest_vectors()
    for j in range(out.size):
        out[j] = a[j] * b[j]


@njit_leaf
def _by_tanh(factor, d, a, out):
    """Multiply a gradient by a factor and by the slope of the tanh that a is."""
    widest_vectors()
    one = out.dtype.type(1)
    for j in range(out.size):
        out[j] = factor * d[j] * fma(-a[j], a[j], one)


@njit_leaf
def _by_relu(factor, d, a, out):
    widest_vectors()
    zero = out.dtype.type(0)
    for j in range(out.size):
        out[j] = select(a[j] > zero, factor * d[j], zero)


@njit_leaf
def _by_sigmoid(d, b, a, out):
    """Multiply gradients d b by the slope of the sigmoid that a is."""
    widest_vectors()
    one = out.dtype.type(1)
    for j in range(out.size):
        out[j] = d[j] * b[j] * (a[j] * (one - a[j]))


@njit_leaf
def _by_update(d, h, new, update, out):
    widest_vectors()
    one = out.dtype.type(1)
    for j in range(out.size):
        out[j] = d[j] * (h[j] - new[j]) * (update[j] * (one - update[j]))


@njit_leaf
def _by_new(d, update, new, out):
    widest_vectors()
    one = out.dtype.type(1)
    for j in range(out.size):
        out[j] = d[j] * (one - update[j]) * fma(-new[j], new[j], one)


@njit_leaf
def _multiply(a, out):
    widest_vectors()
    for j in range(out.size):
        out[j] *= a[j]


@njit_leaf
def step_back(kind, leak, d, a, kept, h, by_sums, by_products):
    """Write gradients by input sums and by products; make d the rest of that by the old state.

    Arguments are those of one row: d comes as the gradient by the new state, h is the old one. An
    LSTM has `lstm_step_back`.
    """
    n = h.size
    if kind == GRU:
        reset, update, new = a[:n], a[n : 2 * n], a[2 * n :]
        _by_new(d, update, new, by_sums[2 * n :])
        _by_sigmoid(by_sums[2 * n :], kept, reset, by_sums[:n])
        _by_update(d, h, new, update, by_sums[n : 2 * n])
        _copy(by_sums[: 2 * n], by_products[: 2 * n])
        _product(by_sums[2 * n :], reset, by_products[2 * n :])
        _multiply(update, d)
    else:
        if kind == RNN_TANH:
            _by_tanh(leak, d, a, by_sums)
        else:
            _by_relu(leak, d, a, by_sums)
        _copy(by_sums, by_products)
        rest = d.dtype.type(1) - leak
        for j in range(n):
            d[j] *= rest


@njit_leaf
def masked(h, mask, out):
    """Write the product of a state and its mask."""
    _product(h, mask, out)


@njit_leaf
def add_masked(product, mask, total):
    """Add the product of a row and its mask to another."""
    widest_vectors()
    for j in range(total.size):
        total[j] = fma(product[j], mask[j], total[j])
