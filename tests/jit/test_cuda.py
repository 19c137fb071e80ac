"""CUDA kernels without a device: recorded, simulated, compiled."""

import importlib.util
import inspect
import sys
import types

import numpy as np
import pytest

from fastml._jit import cuda as jit_cuda
from fastml._jit.cuda import as_device, cuda, cuda_device, cuda_kernel, record_launches
from tests.jit.toy import run
from tests.kernels.offline import compile_report, parse_report

needs_numba_cuda = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="needs numba-cuda"
)


half_square_device = cuda_device(lambda x: x * x)


@cuda_kernel(max_registers=64)
def reverse_in_blocks(x, factor, out):
    """Square each value and reverse each block."""
    tile = cuda.shared.array(32, np.float32)
    i = cuda.grid(1)
    if i < x.shape[0]:
        tile[cuda.threadIdx.x] = half_square_device(x[i]) * factor
    cuda.syncthreads()
    if i < x.shape[0]:
        out[i] = tile[cuda.blockDim.x - 1 - cuda.threadIdx.x]


def record(x):
    with record_launches() as launches:
        reverse_in_blocks[2, 8](as_device(x), np.float32(2), np.zeros_like(x))
    return launches


def test_launches_are_recorded_with_their_types():
    x = np.zeros((4, 3), np.float32)
    x.flags.writeable = False
    with record_launches() as launches:
        reverse_in_blocks[(1, 2), 8](x, 3, np.float64(1))
        reverse_in_blocks[1, 8, 0, 64](x[:, 1], True)
    assert [kernel for kernel, _ in launches] == [reverse_in_blocks] * 2
    first, second = (list(map(str, kinds)) for _, kinds in launches)
    assert first == ["array(float32, 2d, C)", "int64", "float64"]
    assert second == ["array(float32, 1d, A)", "bool"]


def test_an_empty_grid_launches_nothing():
    with record_launches() as launches:
        reverse_in_blocks[0, 8]()
        reverse_in_blocks[(3, 0), 8]()
    assert launches == []


def test_recording_ends():
    with record_launches() as outer:
        with record_launches() as inner:
            reverse_in_blocks[1, 8]()
        reverse_in_blocks[1, 8](1)
    assert (len(inner), len(outer)) == (1, 1)
    assert jit_cuda._recorded is None


def test_a_kernel_looks_like_its_function():
    assert reverse_in_blocks.py_func.__code__.co_varnames[:3] == ("x", "factor", "out")
    assert reverse_in_blocks.__wrapped__ is reverse_in_blocks.py_func
    assert reverse_in_blocks.__doc__.startswith("Square")
    assert reverse_in_blocks.options == {"max_registers": 64}
    assert repr(reverse_in_blocks) == f"<CUDA kernel {__name__}.reverse_in_blocks>"


def test_host_arrays_are_their_own_views():
    x = np.zeros(3)
    assert as_device(x) is x
    assert as_device(3) == 3
    assert jit_cuda.array_module(x, 3) is np
    assert jit_cuda.current_stream() == 0


class FakeCupy(types.ModuleType):
    """As much of CuPy as the wrappers look at."""

    class ndarray:
        __cuda_array_interface__ = {"shape": (3,)}

    def __init__(self, stream):
        super().__init__("cupy")
        current = types.SimpleNamespace(ptr=stream)
        self.cuda = types.SimpleNamespace(get_current_stream=lambda: current)


def test_arrays_of_cupy_are_wrapped_without_waiting(monkeypatch):
    cupy = FakeCupy(0)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    calls = []
    monkeypatch.setattr(cuda, "as_cuda_array", lambda a, sync: calls.append((a, sync)) or "view")
    x = cupy.ndarray()
    assert as_device(x) == "view"
    assert calls == [(x, False)]
    assert jit_cuda.array_module(np.zeros(2), x) is cupy


@pytest.mark.parametrize("given, expected", [((), "stream 7"), ((5,), 5)])
def test_launches_follow_cupys_stream(monkeypatch, given, expected):
    monkeypatch.setitem(sys.modules, "cupy", FakeCupy(7))
    monkeypatch.setattr(jit_cuda, "_external_stream", lambda pointer: f"stream {pointer}")
    kernel = cuda_kernel(lambda x: None)
    launched = []

    class Dispatcher:
        def __getitem__(self, config):
            return lambda *args: launched.append((config, args))

    monkeypatch.setitem(kernel.__dict__, "dispatcher", Dispatcher())
    kernel[(2, (8, 2), *given)](1)
    assert launched == [((2, (8, 2), expected), (1,))]


def test_the_default_stream_of_cupy_is_numbas(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", FakeCupy(0))
    assert jit_cuda.current_stream() == 0


SIMULATED = f"""
import numpy as np
from fastml._jit.cuda import as_device, cuda, cuda_device, cuda_kernel, current_stream, simulated
assert simulated() and current_stream() == 0
half_square_device = cuda_device(lambda x: x * x)
{inspect.getsource(reverse_in_blocks.py_func).replace("@cuda_kernel(", "@cuda_kernel(lto=True, ")}
x = np.arange(16, dtype=np.float32)
out = np.zeros_like(x)
reverse_in_blocks[2, 8](as_device(x), np.float32(2), out)
np.testing.assert_array_equal(out, (2 * x**2).reshape(2, 8)[:, ::-1].ravel())
reverse_in_blocks[0, 8](x, 1, out)
print(cuda.implementation)
"""

WITHOUT_NUMBA_CUDA = """
import sys
sys.meta_path = [f for f in sys.meta_path if type(f).__name__ != "NumbaCudaFinder"]
"""


@needs_numba_cuda
def test_simulator():
    assert run(SIMULATED, NUMBA_ENABLE_CUDASIM="1") == "NVIDIA"


def test_simulator_inside_numba():
    assert run(WITHOUT_NUMBA_CUDA + SIMULATED, NUMBA_ENABLE_CUDASIM="1") == "Built-in"


def test_kernels_import_without_numba_cuda():
    code = "from fastml._jit.cuda import cuda, cuda_kernel\n@cuda_kernel\ndef f(x): pass\nprint(f)"
    assert run(WITHOUT_NUMBA_CUDA + code) == "<CUDA kernel __main__.f>"


@needs_numba_cuda
@pytest.mark.cudacompile
@pytest.mark.parametrize("cc", [(7, 5), (8, 0), (9, 0)])
def test_compiled_without_a_driver(cc):
    ((kernel, argtypes),) = record(np.zeros(16, np.float32))
    report = compile_report(kernel, argtypes, cc)
    assert 8 <= report["regs"] <= 64
    assert report["smem"] == 32 * 4
    assert (report["spill_stores"], report["spill_loads"]) == (0, 0)
    assert ".f64" not in report["ptx"]
    assert "st.shared.f32" in report["ptx"] or "st.shared.b32" in report["ptx"]


@needs_numba_cuda
@pytest.mark.cudacompile
def test_float64_arithmetic_and_spills_are_reported():
    @cuda_kernel(max_registers=24)
    def greedy(x):
        local = cuda.local.array(64, np.float32)
        for i in range(64):
            local[i] = x[i] * 0.1
        for i in range(x.shape[0]):
            for j in range(64):
                local[j] += local[63 - j] * x[i]
        for i in range(64):
            x[i] = local[i]

    with record_launches() as launches:
        greedy[1, 1](np.zeros(64, np.float32))
    report = compile_report(*launches[0])
    assert report["spill_stores"] > 0
    assert ".f64" in report["ptx"]


def test_reports_that_are_not_of_one_kernel():
    with pytest.raises(ValueError, match="no kernel"):
        parse_report("nothing")
    with pytest.raises(ValueError, match="more than one"):
        parse_report("Used 8 registers\nUsed 9 registers")


@needs_numba_cuda
def test_the_shim_for_numpy_2_5_is_still_needed():
    """Fails once numba-cuda no longer registers np.row_stack: then the shim can go."""
    spec = importlib.util.find_spec("numba_cuda")
    root = spec.submodule_search_locations[0]
    with open(f"{root}/numba/cuda/np/arrayobj.py") as file:
        assert "overload(np.row_stack)" in file.read()


@needs_numba_cuda
def test_the_shim_for_numpy_2_5_works():
    code = """
import numpy as np
if hasattr(np, "row_stack"):
    del np.row_stack
    np.__version__ = "2.5.0"
from fastml._jit.cuda import cuda
import numba.cuda.np.arrayobj
print(hasattr(np, "row_stack"))
"""
    assert run(code) == "False"


def test_no_warnings_about_small_grids():
    assert jit_cuda.numba.config.CUDA_LOW_OCCUPANCY_WARNINGS == 0
