"""How many threads a kernel may use, and launching it so that no threading layer breaks.

Numba's workqueue layer ends the process when two Python threads launch at once, and GNU OpenMP
does so in a forked child. Hence one lock around every parallel launch, and serial kernels in a
child of a process whose thread pool had started.
"""

import os
import sys
import threading

import numba

from fastml.config import get_config

_lock = threading.Lock()
_serial_only = False


def thread_count() -> int:
    """Return how many threads a kernel launched here and now may use.

    Returns
    -------
    int
        ``num_threads`` of the configuration where it is set, 1 inside a worker of joblib or
        Dask, else the size of Numba's pool. Always 1 in a forked child that inherited a thread
        pool, because the pool's threads do not exist there.
    """
    wanted = get_config().num_threads
    available = numba.config.NUMBA_NUM_THREADS
    if wanted is not None and wanted > available:
        # joblib starts its workers with small pools and the parent's environment.
        if _in_worker():
            return 1 if _serial_only else available
        raise ValueError(
            f"num_threads={wanted} is more than the {available} threads that Numba started with. "
            "Set the environment variable FASTML_NUM_THREADS (or NUMBA_NUM_THREADS) before "
            "numba is first imported to have more."
        )
    if _serial_only or wanted == 1 or available == 1:
        return 1
    if wanted is None:
        return 1 if _in_worker() else available
    return wanted


def launch_parallel(kernel, n_threads, args):
    """Run a kernel compiled with ``parallel=True`` on `n_threads` threads, one launch at a time."""
    with _lock:
        before = numba.get_num_threads()
        if before == n_threads:
            return kernel(*args)
        numba.set_num_threads(n_threads)
        try:
            return kernel(*args)
        finally:
            numba.set_num_threads(before)


def _in_worker():
    """Whether this thread runs a task of joblib or Dask, which use the other cores themselves."""
    # Nobody is inside a worker of a library that is not imported.
    joblib = sys.modules.get("joblib.parallel")
    if joblib is not None and joblib.get_active_backend()[0].nesting_level:
        return True
    dask = sys.modules.get("distributed.threadpoolexecutor")
    return dask is not None and hasattr(dask.thread_state, "executor")


def _after_fork_in_child():
    global _lock, _serial_only
    # Another thread of the parent may have held the lock; it does not exist here to release it.
    _lock = threading.Lock()
    try:
        numba.threading_layer()
    except ValueError:
        return  # no pool was started: this process starts its own
    _serial_only = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
