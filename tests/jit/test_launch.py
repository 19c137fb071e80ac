"""Threads: how many, one launch at a time, none in forked children and workers."""

import os
import sys
import threading
import types

import numba
import numpy as np
import pytest

from fastml import config_context
from fastml._jit import launch, njit_parallel, prange
from fastml._jit.pool import grow_pool
from tests.jit.toy import copy_package, run

POOL = numba.config.NUMBA_NUM_THREADS
threads = pytest.mark.skipif(POOL < 2, reason="Numba's pool has one thread")


@njit_parallel
def threads_seen(out):
    for i in prange(out.shape[0]):
        out[i] = numba.get_num_threads()


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package with a toy kernel, and its cache filled."""
    package = copy_package(tmp_path_factory.mktemp("package"))
    run(f"{TOY}\nkernel(x, out)\nkernel.serial(x, out)", package, **store(package))
    return package


def store(package):
    return {"FASTML_CACHE_DIR": str(package.parent / "cache")}


TOY = """
import numpy as np
from fastml.kernels.toy.cpu import row_squares as kernel
x = np.arange(12.0).reshape(4, 3)
out = np.zeros(4)
expected = (x * x).sum(axis=1)
"""


def test_default_is_the_whole_pool():
    assert launch.thread_count() == POOL


@threads
def test_num_threads_is_followed_and_the_mask_restored():
    out = np.zeros(4)
    before = numba.get_num_threads()
    for n in (POOL, POOL - 1):
        with config_context(num_threads=n):
            launch.launch_parallel(threads_seen.parallel, launch.thread_count(), (out,))
        assert (out == n).all()
        assert numba.get_num_threads() == before


@threads
def test_the_mask_is_restored_after_an_error():
    before = numba.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        launch.launch_parallel(lambda: 1 / 0, before - 1, ())
    assert numba.get_num_threads() == before
    assert not launch._lock.locked()


def test_more_threads_than_the_pool_has():
    with (
        config_context(num_threads=POOL + 1),
        pytest.raises(ValueError, match=f"num_threads={POOL + 1} is more than the {POOL} threads"),
    ):
        threads_seen(np.zeros(2))


@pytest.fixture
def worker(monkeypatch):
    """Be in a worker of joblib or of Dask."""

    def pretend(library):
        if library == "joblib":
            backend = types.SimpleNamespace(nesting_level=1)
            fake = types.SimpleNamespace(get_active_backend=lambda: (backend, None))
            monkeypatch.setitem(sys.modules, "joblib.parallel", fake)
        else:
            state = threading.local()
            state.executor = object()
            fake = types.SimpleNamespace(thread_state=state)
            monkeypatch.setitem(sys.modules, "distributed.threadpoolexecutor", fake)

    return pretend


@threads
@pytest.mark.parametrize("library", ["joblib", "dask"])
def test_workers_use_one_thread_unless_told(worker, library):
    worker(library)
    assert launch.thread_count() == 1
    with config_context(num_threads=2):
        assert launch.thread_count() == 2
    # joblib starts workers with a small pool and the parent's FASTML_NUM_THREADS.
    with config_context(num_threads=POOL + 1):
        assert launch.thread_count() == POOL


@threads
def test_a_dask_worker_is_one_in_its_own_threads_only(worker):
    worker("dask")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(launch.thread_count()))
    thread.start()
    thread.join()
    assert seen == [POOL]


@threads
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_inside_joblib(package, backend):
    code = f"""
import joblib
from fastml._jit.launch import thread_count
def task(i):
    {TOY.replace(chr(10), chr(10) + "    ")}
    kernel(x, out)
    return thread_count(), bool((out == expected).all())
result = joblib.Parallel(n_jobs=2, backend="{backend}")(joblib.delayed(task)(i) for i in range(4))
print(set(result), thread_count() > 1)
"""
    assert run(code, package, **store(package)) == "{(1, True)} True"


@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_two_python_threads_at_once(package, layer):
    code = f"""
import threading
import numba
{TOY}
wrong = []
def work():
    mine = np.zeros(4)
    for _ in range(300):
        mine[:] = 0
        kernel(x, mine)
        wrong.append((mine != expected).any())
workers = [threading.Thread(target=work) for _ in range(2)]
for w in workers: w.start()
for w in workers: w.join()
print(numba.threading_layer(), len(wrong), sum(wrong))
"""
    environment = {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2", **store(package)}
    assert run(code, package, **environment) == f"{layer} 600 0"


FORK = """
import os
import warnings
from fastml._jit import launch
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 says that fork meets threads
{parent}
pid = os.fork()
if pid == 0:
    kernel(x, out)
    os._exit(10 * launch.thread_count() + int((out == expected).all()))
_, status = os.waitpid(pid, 0)
print(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize(
    "layer, parent, n_threads",
    [
        ("omp", "kernel(x, out)", 1),
        ("workqueue", "kernel(x, out)", 1),
        # Another thread was launching when the process forked.
        ("omp", "kernel(x, out); launch._lock.acquire()", 1),
        # No pool was started: the child starts one of its own.
        ("omp", "launch._lock.acquire()", 2),
    ],
)
def test_a_forked_child(package, layer, parent, n_threads):
    code = TOY + FORK.format(parent=parent)
    environment = {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2", **store(package)}
    assert run(code, package, **environment) == f"{n_threads}1"


def test_the_environment_can_ask_for_more_threads_than_cores():
    wanted = (os.cpu_count() or 1) + 3
    code = """
from fastml._jit import launch
import numba
print(launch.thread_count(), numba.config.NUMBA_NUM_THREADS)
"""
    assert run(code, FASTML_NUM_THREADS=str(wanted)) == f"{wanted} {wanted}"


def test_but_not_once_numba_is_imported():
    code = """
import numba
from fastml._jit import launch
try:
    launch.thread_count()
except ValueError as error:
    print(error)
"""
    wanted = (os.cpu_count() or 1) + 3
    assert "before numba is first imported" in run(code, FASTML_NUM_THREADS=str(wanted))


@pytest.mark.parametrize(
    "environ, expected",
    [
        ({"FASTML_NUM_THREADS": "100000"}, "100000"),
        ({"FASTML_NUM_THREADS": "1"}, None),
        ({"FASTML_NUM_THREADS": "many"}, None),
        ({"FASTML_NUM_THREADS": "100000", "NUMBA_NUM_THREADS": "2"}, "2"),
        ({}, None),
    ],
)
def test_grow_pool(environ, expected):
    grow_pool(environ)
    assert environ.get("NUMBA_NUM_THREADS") == expected


@pytest.mark.parametrize("wanted, expected", [("4", None), ("5", "5")])
def test_grow_pool_where_processes_have_no_affinity(monkeypatch, wanted, expected):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    environ = {"FASTML_NUM_THREADS": wanted}
    grow_pool(environ)
    assert environ.get("NUMBA_NUM_THREADS") == expected
