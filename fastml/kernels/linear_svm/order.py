"""The order in which coordinates are visited: drawn anew for every epoch, from counters."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.philox import inlined, philox4x32

_philox = inlined(philox4x32)

# Words drawn at a time: a multiple of the four of one draw.
WORDS = 1024


@njit_leaf
def shuffle(order, n_active, seed, epoch, stream, words):
    """Put the first `n_active` of `order` into a random order (Fisher-Yates).

    The place i changes with one of those from it on, which word i of (seed, epoch, stream) picks.
    `words` is room for `WORDS` of them.
    """
    for start in range(0, n_active, WORDS):
        stop = min(n_active, start + WORDS)
        first = start // 4
        for k in range((stop - start + 3) // 4):
            a, b, c, d = _philox(np.uint64(first + k), np.uint64(epoch), np.uint64(stream), seed)
            words[4 * k], words[4 * k + 1], words[4 * k + 2], words[4 * k + 3] = a, b, c, d
        for i in range(start, stop):
            j = i + np.int64((words[i - start] * np.uint64(n_active - i)) >> np.uint64(32))
            order[i], order[j] = order[j], order[i]
