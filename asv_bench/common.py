"""What all benchmarks share: backends, threads, and honest ratios to a peer.

Times on a shared machine mean little alone. A ratio here is the median over pairs of runs, ours and
the peer's in turn, first one first and then the other, on the same data and threads.
"""

import importlib
import multiprocessing
import os
import time

import numpy as np
from threadpoolctl import threadpool_limits

import fastml
from fastml.backends.cuda import missing

# OpenBLAS's threads, and OpenMP's, go on spinning for up to a tenth of a second after a call. On as
# many cores as threads they would slow down whoever runs next.
PAUSE = 0.15
# Runs shorter than the first use one thread. Those shorter than the second are timed when their own
# threads are awake again and on a core each, after runs for so long that are not timed.
SHORT, LONG, WAKING = 5e-4, 0.05, 0.03

# The CPU targets are for two threads; FASTML_NUM_THREADS asks for another number.
THREADS = int(os.environ.get("FASTML_NUM_THREADS", min(2, os.cpu_count() or 1)))


def backends():
    """Return the backends that can be measured here."""
    return ["cpu"] if missing() else ["cpu", "cuda"]


def optional(name):
    """Import a module of a peer, or return None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def seconds(run):
    """Return how long one call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def ratio(ours, peer, budget=4.0, least=5, most=201):
    """Return the peer's time over ours, the median over alternating pairs of runs.

    Longer runs begin after a pause, when the threads of the one before have come to rest.

    Parameters
    ----------
    ours, peer : callable
        What to time; None for a peer that is not installed, which gives NaN.
    budget : float
        Seconds after which no more pairs are begun.
    least, most : int
        Fewest and most pairs.
    """
    if peer is None:
        return float("nan")
    ours()
    peer()
    longest = max(seconds(ours), seconds(peer))

    def rested(run):
        if longest > SHORT:
            time.sleep(PAUSE)
            awake = time.perf_counter() + WAKING
            while longest < LONG and time.perf_counter() < awake:
                run()
        return seconds(run)

    ratios = []
    end = time.perf_counter() + budget
    while len(ratios) < least or (len(ratios) < most and time.perf_counter() < end):
        if len(ratios) % 2:
            mine = rested(ours)
            ratios.append(rested(peer) / mine)
        else:
            theirs = rested(peer)
            ratios.append(theirs / rested(ours))
    return float(np.median(ratios))


class Benchmark:
    """Base class: a backend and a size as parameters, the same threads for everybody.

    A subclass lists `sizes`, and its `prepare` sets `ours` and whatever its methods name. Both run
    once in `setup`, so that nothing is compiled while the clock runs. On a device `ours` has to
    end with `synchronize`.
    """

    timeout = 600.0
    param_names = ("backend", "size")
    sizes = (1000,)

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.params = (backends(), list(cls.sizes))

    def setup(self, backend, size):
        self.limits = threadpool_limits(THREADS)
        daal = optional("daal4py")
        if daal is not None:
            daal.daalinit(THREADS)
        torch = optional("torch")
        if torch is not None:
            torch.set_num_threads(THREADS)
        threads = min(THREADS, fastml_threads())
        self.config = fastml.config_context(backend=backend, num_threads=threads)
        self.config.__enter__()
        self.prepare(backend, size)
        self.ours()

    def teardown(self, backend, size):
        self.config.__exit__(None, None, None)
        self.limits.restore_original_limits()

    def prepare(self, backend, size):
        raise NotImplementedError


def fastml_threads():
    """Return the size of Numba's pool."""
    import numba

    return numba.config.NUMBA_NUM_THREADS


def peak_memory(target, *args):
    """Return by how many bytes a function's run raised the peak of a fresh process.

    Parameters
    ----------
    target : callable
        ``target(*args)`` makes its input and returns two callables: one to warm up (imports,
        compilation, buffers of libraries), and the one to measure. Defined in a module.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_measured, (target, args))


def _measured(target, args):
    warm_up, run = target(*args)
    warm_up()
    # Linux forgets the peak so far when 5 is written here.
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = _status("VmRSS")
    run()
    return max(0, _status("VmHWM") - before)


def _status(key):
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(key))
    return 1024 * int(line.split()[1])
