"""The shape of one-dimensional launches."""

from fastml._jit.cuda import simulated

# More blocks than this run one after another on any device; grid-stride loops do the rest.
_MOST_BLOCKS = 16384


def grid_1d(n_items, n_threads=256):
    """Return blocks and threads to launch for items dealt out by a grid-stride loop.

    Parameters
    ----------
    n_items : int
        How many threads have something to do.
    n_threads : int
        Threads of a block.

    Returns
    -------
    tuple of int
        (blocks, threads); no blocks for no items, which launches nothing.
    """
    if simulated():
        # Each simulated thread is a thread of Python: few, and fewer than items, to test the loop.
        return (2, 8) if n_items else (0, 8)
    return min(-(-n_items // n_threads), _MOST_BLOCKS), n_threads
