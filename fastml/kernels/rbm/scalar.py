"""What the twins share: how draws are numbered, and their arithmetic.

A draw has the counter (row * groups + unit // 4, step, stream), of whose four words it takes the
one numbered unit % 4. It does not depend on the precision, but for what float32 cannot hold.
"""

import numpy as np

# Streams: states of hidden and of visible units, which hidden units are left out, labels.
HIDDEN, VISIBLE, MASK, LABEL = 16, 17, 18, 19

_UNIT_32 = np.float64(2.0**-32)


def uniform_word_float64(word):
    """Return a float64 in [0, 1), a multiple of 2**-32, made of one word."""
    return np.float64(word) * _UNIT_32
