"""The size of Numba's thread pool, which can only be chosen before numba is imported."""

import os


def grow_pool(environ=os.environ):
    """Let FASTML_NUM_THREADS ask for more threads than there are cores.

    Numba sizes its pool once, from NUMBA_NUM_THREADS. The variable stays set: Numba compares the
    environment with what it started with whenever it compiles.
    """
    wanted = environ.get("FASTML_NUM_THREADS", "").strip()
    if "NUMBA_NUM_THREADS" in environ or not wanted.isdecimal():
        return
    # Where a process has no affinity (macOS, Windows), Numba counts all cores.
    affinity = hasattr(os, "sched_getaffinity")
    cores = os.sched_getaffinity(0) if affinity else range(os.cpu_count() or 1)
    if int(wanted) > len(cores):
        environ["NUMBA_NUM_THREADS"] = wanted
