"""Every fitted attribute has the same bits for any number of threads, wherever the fit runs."""

import json
import os

import pytest

from tests.fit_hashes import few_hashes
from tests.jit.toy import finish, start

LAYERS = ["omp", "workqueue"]


def begin(code, threads=4, layer="omp"):
    """Start Python on code, with pools of the given number of threads."""
    names = ("FASTML_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    # Where the tests have compiled most of the kernels already.
    cache = {k: v for k, v in os.environ.items() if k == "FASTML_CACHE_DIR"}
    return start(
        code,
        NUMBA_NUM_THREADS="4",
        NUMBA_THREADING_LAYER=layer,
        **dict.fromkeys(names, str(threads)),
        **cache,
    )


def run(code, **options):
    return json.loads(finish(begin(code, **options)))


ALL = """
import json
import numba, numpy as np
from tests.fit_hashes import all_hashes
found = all_hashes(np.{dtype})
try:
    found["layer"] = numba.threading_layer()
except ValueError:
    found["layer"] = None  # no thread was ever started
print(json.dumps(found))
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_and_layers_do_not_change_a_bit(dtype):
    code = ALL.format(dtype=dtype)
    serial = run(code, threads=1)
    assert serial.pop("layer") is None
    assert len(serial) > 100
    for threads, layer in ((2, "omp"), (4, "omp"), (4, "workqueue")):
        found = run(code, threads=threads, layer=layer)
        assert found.pop("layer") == layer
        different = [name for name in serial if found[name] != serial[name]]
        assert different == [], (threads, layer)


TOGETHER = """
import json, threading
from tests.fit_hashes import few_hashes
expected = few_hashes()
found = []
def work():
    for _ in range(4):
        found.append(few_hashes() == expected)
workers = [threading.Thread(target=work) for _ in range(2)]
for w in workers: w.start()
for w in workers: w.join()
print(json.dumps([len(found), sum(found)]))
"""


@pytest.mark.parametrize("layer", LAYERS)
def test_two_python_threads_fit_at_once(layer):
    assert run(TOGETHER, layer=layer) == [8, 8]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_inside_joblib(backend):
    code = f"""
import json, joblib
from tests.fit_hashes import few_hashes
expected = few_hashes()
tasks = [joblib.delayed(few_hashes)() for _ in range(4)]
results = joblib.Parallel(n_jobs=2, backend="{backend}")(tasks)
print(json.dumps([found == expected for found in results]))
"""
    assert run(code) == [True] * 4


FORK = """
import json, os, warnings
from tests.fit_hashes import few_hashes
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 says that fork meets threads
expected = few_hashes()
pid = os.fork()
if pid == 0:
    os._exit(7 if few_hashes() == expected else 8)
_, status = os.waitpid(pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), few_hashes() == expected]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("layer", LAYERS)
def test_a_forked_child_fits(layer):
    assert run(FORK, layer=layer) == [7, True]


def test_this_process_gives_the_same():
    code = "import json\nfrom tests.fit_hashes import few_hashes\nprint(json.dumps(few_hashes()))"
    assert run(code, threads=1) == few_hashes()
