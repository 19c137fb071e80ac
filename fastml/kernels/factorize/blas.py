"""One BLAS thread at a time, so that LAPACK gives the same bits whatever the machine's threads."""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

__all__ = ["one_blas_thread"]

_lock = threading.Lock()
_users = 0
_limiter = None


@functools.cache
def _controller() -> ThreadpoolController:
    # Finding the loaded libraries takes a millisecond, switching their threads microseconds.
    import scipy.linalg.lapack  # noqa: F401  (loads the BLAS that is to be limited)

    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run BLAS and LAPACK on one thread inside the block.

    OpenBLAS and MKL cut eigh, svd, qr and lu, and products of some shapes, differently for each
    number of threads, and so round differently: already eigh of a 300 x 300 matrix does. The
    setting belongs to the process, so the first Python thread to come in sets it and the last
    one to leave restores it.
    """
    global _users, _limiter
    with _lock:
        if _users == 0:
            _limiter = _controller().limit(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limiter.restore_original_limits()
                _limiter = None
