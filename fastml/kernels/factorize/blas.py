"""One BLAS thread at a time, so that LAPACK gives the same bits whatever the machine's threads."""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import LibController, ThreadpoolController

__all__ = ["one_blas_thread"]

_lock = threading.Lock()
_users = 0
_before: list[tuple[LibController, int]] = []


@functools.cache
def _libraries() -> list[LibController]:
    # Finding the loaded libraries takes a millisecond, switching their threads microseconds; also
    # `ThreadpoolController.limit` takes many times as long as the switch.
    import scipy.linalg.lapack  # noqa: F401  (loads the BLAS that is to be limited)

    return ThreadpoolController().select(user_api="blas").lib_controllers


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run BLAS and LAPACK on one thread inside the block.

    OpenBLAS and MKL cut eigh, svd, qr and lu, and products of some shapes, differently for each
    number of threads, and so round differently: already eigh of a 300 x 300 matrix does. The
    setting belongs to the process, so the first Python thread to come in sets it and the last
    one to leave restores it.
    """
    global _users
    with _lock:
        if _users == 0:
            for library in _libraries():
                n_threads = library.get_num_threads()
                if n_threads != 1:
                    library.set_num_threads(1)
                    _before.append((library, n_threads))
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                for library, n_threads in _before:
                    library.set_num_threads(n_threads)
                _before.clear()
