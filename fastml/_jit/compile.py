"""The decorators that make kernels of Python functions.

Each kernel is compiled when first called, in up to two variants: one whose `prange` loops run on
Numba's threads, and a serial one for small inputs and for places where threads must not be
started. Both give the same bits, so the choice between them is one of speed alone.
"""

import functools
import inspect
import warnings

import numba
import numpy as np
from numba import prange
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaPerformanceWarning

from fastml._jit.cache import attach_cache
from fastml._jit.launch import launch_parallel, thread_count
from fastml._jit.leaf import LeafCompiler, ParallelCompiler, keep_from_python
from fastml._jit.notice import notice_if_slow

__all__ = ["FASTMATH", "SERIAL_WORK", "Kernel", "njit_exact", "njit_leaf", "njit_parallel"]
__all__ += ["njit_serial", "prange"]

# Fused multiply-add, no care for the sign of zero, approximations of libm functions. Not "nnan"
# and "ninf", which delete NaN checks. Not "reassoc" and "arcp": LLVM then reorders sums, and
# replaces divisions by products with a reciprocal (float32: of a 1/sqrt estimate), only where it
# happens to vectorise, so that bits would change from one variant or thread count to another.
FASTMATH = frozenset({"contract", "nsz", "afn"})

# Below this much work, in operations or bytes, starting threads costs more than they save.
SERIAL_WORK = 100_000

# A name of the module is found faster, many times for every launch.
_ndarray = np.ndarray

# Of the transformations under parallel=True only prange: Numba would also turn array expressions
# and reductions into parallel loops, whose sums depend on the number of threads. The price is
# that Numba refuses array expressions in the body of a prange loop: they go into a leaf.
_PARALLEL = {
    "comprehension": False,
    "fusion": False,
    "inplace_binop": False,
    "numpy": False,
    "prange": True,
    "reduction": False,
    "setitem": False,
    "stencil": False,
}


def _jit(func, fastmath=FASTMATH, **options):
    return numba.njit(
        func,
        fastmath=set(fastmath),
        error_model="numpy",
        nogil=True,
        boundscheck=False,
        **options,
    )


def _leaf(func, fastmath):
    dispatcher = _jit(func, fastmath, pipeline_class=LeafCompiler)
    if isinstance(dispatcher, Dispatcher):
        keep_from_python(dispatcher)
    return dispatcher


def _kernel_variant(func, parallel):
    options = {"parallel": dict(_PARALLEL), "pipeline_class": ParallelCompiler}
    dispatcher = _jit(func, **(options if parallel else {}))
    if not isinstance(dispatcher, Dispatcher):  # with NUMBA_DISABLE_JIT it is the function itself
        return dispatcher
    compile_now = dispatcher._compiler.compile

    def compile_for(args, return_type):
        with warnings.catch_warnings(), notice_if_slow():
            # Said of array expressions before a prange loop, which are serial on purpose.
            warnings.simplefilter("ignore", NumbaPerformanceWarning)
            return compile_now(args, return_type)

    dispatcher._compiler.compile = compile_for
    return attach_cache(dispatcher, "parallel" if parallel else "serial")


class Kernel:
    """A function compiled when first called; made by `njit_parallel` and `njit_serial`.

    Parameters
    ----------
    func : callable
        The Python function.
    threaded : bool
        Whether there is a parallel variant.
    work : callable or None
        ``work(*args)`` estimates the operations of a call, or its bytes. Calls below
        `SERIAL_WORK` run serially.

    Attributes
    ----------
    py_func : callable
        The Python function.
    """

    def __init__(self, func, threaded, work=None):
        functools.update_wrapper(self, func)
        self.py_func = func
        self._signature = inspect.signature(func)
        self._n_params = len(self._signature.parameters)
        self._threaded = threaded
        self._work = work

    @functools.cached_property
    def serial(self):
        """The variant that runs in the calling thread."""
        return _kernel_variant(self.py_func, parallel=False)

    @functools.cached_property
    def parallel(self):
        """The variant whose `prange` loops run on several threads."""
        if not self._threaded:
            raise AttributeError(f"{self.__qualname__} is a serial kernel.")
        return _kernel_variant(self.py_func, parallel=True)

    def __call__(self, *args, **kwargs):
        if kwargs or len(args) != self._n_params:
            bound = self._signature.bind(*args, **kwargs)
            bound.apply_defaults()
            args = bound.args
        for a in args:
            if isinstance(a, _ndarray) and not a.flags.writeable:
                args = tuple(map(_mutable_type, args))
                break
        if not self._threaded or (self._work is not None and self._work(*args) < SERIAL_WORK):
            return self.serial(*args)
        n_threads = thread_count()
        if n_threads == 1:
            return self.serial(*args)
        return launch_parallel(self.parallel, n_threads, args)

    def __repr__(self):
        return f"<kernel {self.__module__}.{self.__qualname__}>"


class _Memory:
    """Describes a read-only array's memory as writeable, and keeps the array alive."""

    def __init__(self, array):
        self.array = array
        self.__array_interface__ = {
            **array.__array_interface__,
            "data": (array.__array_interface__["data"][0], False),
        }


def _mutable_type(a):
    # To Numba a read-only array is another type: every kernel would be compiled again for it.
    # Kernels write to their outputs only, so the view is never written through.
    if isinstance(a, np.ndarray) and not a.flags.writeable:
        return np.asarray(_Memory(a))
    return a


def njit_parallel(func=None, *, work=None):
    """Make a kernel of a function that loops over `prange`.

    Parameters
    ----------
    func : callable
        The function; None when options are given.
    work : callable or None
        ``work(*args)`` estimates the operations of a call, or its bytes. Small calls run
        serially.

    Returns
    -------
    Kernel
        Iterations of `prange` must be independent: each writes a slot of its own. A sum over
        iterations (``+=`` on a variable from outside) would depend on the number of threads.
    """
    if func is None:
        return functools.partial(njit_parallel, work=work)
    return Kernel(func, True, work)


def njit_serial(func):
    """Make a kernel of a function that runs in the calling thread only."""
    return Kernel(func, False)


def njit_leaf(func):
    """Compile a function that kernels call; it is cached as a part of them."""
    return _leaf(func, FASTMATH)


def njit_exact(func):
    """Compile such a function whose every operation is rounded as NumPy rounds it."""
    return _leaf(func, ())
