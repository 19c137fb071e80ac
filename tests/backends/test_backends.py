"""Choice of a backend, and arrays as kernels take them."""

import builtins
import sys
import types

import numpy as np
import pytest

from fastml import config_context
from fastml.backends import cuda, on_device, resolve
from fastml.backends.base import Backend
from tests.jit.toy import run


@pytest.fixture(autouse=True)
def no_simulator(monkeypatch):
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    cuda.make.cache_clear()
    yield
    cuda.make.cache_clear()


class OnDevice:
    """What libraries for CUDA give their arrays."""

    __cuda_array_interface__ = {"shape": (2,)}


class WithDLPack:
    def __init__(self, device):
        self.device = device

    def __dlpack_device__(self):
        if isinstance(self.device, Exception):
            raise self.device
        return (self.device, 0)


def sparse_of_cupy():
    return type("csr_matrix", (), {"__module__": "cupyx.scipy.sparse._csr"})()


@pytest.mark.parametrize(
    "a, expected",
    [
        (np.ones(2), False),
        ([1, 2], False),
        (None, False),
        (OnDevice(), True),
        (WithDLPack(1), False),
        (WithDLPack(2), True),
        (WithDLPack(13), True),
        (WithDLPack(BufferError("exported")), False),
        (sparse_of_cupy(), True),
    ],
)
def test_on_device(a, expected):
    assert on_device(a) is expected


def test_the_configuration_and_the_argument_choose():
    assert resolve().name == "cpu"
    assert resolve(np.ones(2)).name == "cpu"
    assert resolve(backend="reference").name == "reference"
    with config_context(backend="reference"):
        assert resolve().name == "reference"
        assert resolve(backend="cpu").name == "cpu"
        assert resolve(backend="auto").name == "cpu"
        assert resolve(OnDevice()).name == "reference"
    assert resolve().xp is np
    assert resolve() is resolve()
    assert repr(resolve()) == "<backend cpu>"


@pytest.mark.parametrize("name", ["numpy", "", "CPU", 3])
def test_unknown_names(name):
    with pytest.raises(ValueError, match=r"must be one of 'auto', 'cpu', 'cuda', 'reference'"):
        resolve(backend=name)


@pytest.mark.parametrize("name", ["cuda", "gpu", "auto"])
@pytest.mark.parametrize(
    "devices, packages, words",
    [
        (0, (), "needs an NVIDIA GPU with its driver and the package CuPy and the package numba-c"),
        (0, ("cupy", "numba_cuda"), "needs an NVIDIA GPU with its driver, not found"),
        (1, ("numba_cuda",), "needs the package CuPy, not found"),
        (1, ("cupy",), "needs the package numba-cuda, not found"),
    ],
)
def test_cuda_says_what_is_missing(monkeypatch, name, devices, packages, words):
    monkeypatch.setattr(cuda, "device_count", lambda: devices)
    monkeypatch.setattr(cuda.importlib.util, "find_spec", lambda m: m if m in packages else None)
    with pytest.raises(RuntimeError, match=r"pip install 'fastml\[cuda13\]'") as error:
        resolve(OnDevice(), backend=name)
    assert words in str(error.value)


def test_no_driver_no_device(monkeypatch):
    def no_library(name):
        raise OSError(name)

    monkeypatch.setattr(cuda.ctypes, "CDLL", no_library)
    assert cuda.device_count.__wrapped__() == 0


@pytest.mark.parametrize(
    "init, count, expected", [(0, 2, 2), (100, 2, 0), (0, None, 0)], ids=["two", "init", "count"]
)
def test_the_driver_is_asked(monkeypatch, init, count, expected):
    def get_count(reference):
        if count is None:
            return 3
        reference._obj.value = count
        return 0

    driver = types.SimpleNamespace(cuInit=lambda flags: init, cuDeviceGetCount=get_count)
    monkeypatch.setattr(cuda.ctypes, "CDLL", lambda name: driver)
    assert cuda.device_count.__wrapped__() == expected


def test_auto_imports_nothing():
    code = """
import sys
import numpy as np
from fastml.backends import resolve
resolve(np.ones(2)), resolve(backend="reference")
print(sorted({"numba", "cupy", "sklearn", "ctypes.util"} & sys.modules.keys()))
"""
    assert run(code) == "[]"


@pytest.fixture(params=["cpu", "reference"])
def host(request):
    return resolve(backend=request.param)


def assert_normal(a, dtype):
    assert type(a) is np.ndarray
    assert a.dtype == dtype
    assert a.dtype.isnative
    assert a.flags.c_contiguous
    assert a.flags.aligned


VALUES = np.arange(12.0).reshape(3, 4)


def unaligned(dtype):
    raw = np.empty(VALUES.size * np.dtype(dtype).itemsize + 1, np.uint8)
    a = raw[1:].view(dtype).reshape(VALUES.shape)
    a[:] = VALUES
    return a


@pytest.mark.parametrize(
    "a, dtype",
    [
        (VALUES.tolist(), np.float64),
        (VALUES.T, np.float64),
        (np.asfortranarray(VALUES), np.float64),
        (VALUES[:, ::2], np.float64),
        (VALUES.astype(">f8"), np.float64),
        (VALUES.astype(">f4"), np.float32),
        (VALUES.astype(">f2"), np.float32),
        (VALUES.astype(np.float16), np.float32),
        (VALUES.astype(np.longdouble), np.float64),
        (VALUES.astype(">i4"), np.int32),
        (VALUES > 3, np.bool_),
        (unaligned(np.float32), np.float32),
        (np.float32(3), np.float32),
        (np.ma.masked_array(VALUES), np.float64),
    ],
)
def test_asarray_gives_what_kernels_take(host, a, dtype):
    got = host.asarray(a)
    assert_normal(got, dtype)
    np.testing.assert_array_equal(got, a)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, ">f8", "<f4"])
def test_asarray_gives_the_dtype_asked_for(host, dtype):
    assert_normal(host.asarray(VALUES.astype(np.int8), dtype), np.dtype(dtype).newbyteorder("="))
    assert_normal(host.asarray(VALUES, np.float16), np.float32)


def test_asarray_does_not_copy_what_is_in_order(host):
    assert host.asarray(VALUES) is VALUES
    assert host.asarray(VALUES, np.float64) is VALUES
    read_only = VALUES.view()
    read_only.flags.writeable = False
    assert host.asarray(read_only) is read_only
    assert host.asarray(np.empty((0, 3))).shape == (0, 3)


def test_allocation_and_transfer(host):
    assert_normal(host.empty((2, 3), np.float32), np.float32)
    zeros = host.zeros(4, np.int64)
    assert_normal(zeros, np.int64)
    assert not zeros.any()
    assert host.to_host(zeros) is zeros
    assert host.synchronize() is None


def test_kernels_are_found_by_name(monkeypatch):
    module = types.ModuleType("cpu")
    monkeypatch.setitem(sys.modules, "fastml.kernels.toy", types.ModuleType("toy"))
    monkeypatch.setitem(sys.modules, "fastml.kernels.toy.cpu", module)
    assert resolve(backend="cpu").kernels("toy") is module
    with pytest.raises(ModuleNotFoundError, match=r"fastml\.kernels\.toy"):
        resolve(backend="reference").kernels("toy")


class FakeArray:
    """An array of CuPy, held on the host."""

    __cuda_array_interface__ = {}

    def __init__(self, values):
        self.values = np.asarray(values)
        self.dtype, self.shape = self.values.dtype, self.values.shape

    def get(self):
        return self.values

    def reshape(self, shape):
        return FakeArray(self.values.reshape(shape))


def fake_cupy():
    """As much of CuPy as the backend calls."""
    cupy = types.ModuleType("cupy")

    def asarray(a):
        return a if isinstance(a, FakeArray) else FakeArray(a)

    cupy.asarray = asarray
    cupy.from_dlpack = lambda a: FakeArray(np.full(2, 7.0))
    cupy.ascontiguousarray = lambda a, dtype: FakeArray(np.ascontiguousarray(a.values, dtype))
    cupy.asnumpy = lambda a: a.values
    cupy.waits = []
    stream = types.SimpleNamespace(synchronize=lambda: cupy.waits.append(1))
    cupy.cuda = types.SimpleNamespace(get_current_stream=lambda: stream)
    return cupy


def test_device_input_reaches_the_cpu_by_cupy(monkeypatch, host):
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy())
    np.testing.assert_array_equal(host.asarray(FakeArray([1, 2]), np.float32), [1, 2])
    np.testing.assert_array_equal(host.asarray(WithDLPack(2)), [7, 7])


def test_device_input_on_the_cpu_without_cupy(monkeypatch, host):
    imported = builtins.__import__

    def without_cupy(name, *args, **kwargs):
        if name == "cupy":
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_cupy)
    with pytest.raises(RuntimeError, match="OnDevice lives on a CUDA device, and reading it needs"):
        host.asarray(OnDevice())


def test_arrays_of_the_device(monkeypatch):
    cupy = fake_cupy()
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(cuda, "missing", list)
    for chosen in (resolve(OnDevice()), resolve(backend="cuda")):
        assert (chosen.name, chosen.xp) == ("cuda", cupy)
    device = resolve(backend="gpu")
    half = device.asarray(np.array([[1, 2]], ">f2").T)
    assert half.dtype == np.float32
    assert device.asarray(FakeArray(np.float16(3))).shape == ()
    assert device.asarray(FakeArray(np.arange(3)), np.float32).dtype == np.float32
    np.testing.assert_array_equal(device.to_host(device.asarray(WithDLPack(2))), [7, 7])
    device.synchronize()
    assert cupy.waits == [1]


def test_simulator_puts_numpy_in_cupys_place(monkeypatch):
    monkeypatch.setenv("NUMBA_ENABLE_CUDASIM", "1")
    simulated = resolve(backend="cuda")
    assert (simulated.name, simulated.xp) == ("cuda", np)
    assert_normal(simulated.asarray(VALUES.T.astype(">f2")), np.float32)
    assert simulated.to_host(VALUES) is VALUES
    simulated.synchronize()
    assert resolve(VALUES).name == "cpu"
    assert isinstance(simulated, Backend)


@pytest.mark.parametrize("value", ["0", ""])
def test_simulator_switched_off(monkeypatch, value):
    monkeypatch.setenv("NUMBA_ENABLE_CUDASIM", value)
    monkeypatch.setattr(cuda, "missing", lambda: ["a GPU"])
    with pytest.raises(RuntimeError, match="needs a GPU"):
        resolve(backend="cuda")
