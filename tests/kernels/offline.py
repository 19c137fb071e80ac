"""Compile a CUDA kernel for any architecture on a machine without a GPU or a driver.

numba-cuda asks the current device for its compute capability in two places; a stand-in answers.
The linker inside (nvJitLink) is then run as a launch would run it, with the assembler's report on.
"""

import contextlib
import dataclasses
import re

_REPORT = re.compile(
    r"(?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads"
    r"|Used (?P<regs>\d+) registers(?P<rest>.*)"
)


def compile_report(kernel, argtypes, cc=(9, 0)):
    """Compile a kernel and say what it needs of the device.

    Parameters
    ----------
    kernel : fastml._jit.cuda.CudaKernel
    argtypes : tuple of numba types
        As `fastml._jit.cuda.record_launches` gives them.
    cc : tuple of int
        Compute capability, such as (9, 0).

    Returns
    -------
    dict
        ``regs`` a thread; ``spill_stores``, ``spill_loads`` in bytes; ``smem``, static shared
        memory in bytes; ``ptx``, the text.
    """
    from numba.cuda.dispatcher import _Kernel

    log = []
    with _device(cc), _assembler_report(log):
        compiled = _Kernel(kernel.py_func, tuple(argtypes), **kernel.dispatcher.targetoptions)
        library = compiled._codelibrary
        ptx = library.get_asm_str(cc=cc)
        library.get_cubin(cc=(*cc, "a" if cc >= (9, 0) else ""))
    return {**parse_report("\n".join(log)), "ptx": ptx}


def parse_report(text):
    """Read registers, spills and shared memory of the one kernel in an assembler's report."""
    report = {}
    for match in _REPORT.finditer(text):
        if match["regs"]:
            if "regs" in report:
                raise ValueError(f"more than one kernel in:\n{text}")
            smem = re.search(r"(\d+) bytes smem", match["rest"])
            report["regs"] = int(match["regs"])
            report["smem"] = int(smem[1]) if smem else 0
        else:
            report["spill_stores"] = report.get("spill_stores", 0) + int(match["stores"])
            report["spill_loads"] = report.get("spill_loads", 0) + int(match["loads"])
    if report.keys() != {"regs", "smem", "spill_stores", "spill_loads"}:
        raise ValueError(f"no kernel in:\n{text}")
    return report


@contextlib.contextmanager
def _replaced(owner, name, value):
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield before
    finally:
        setattr(owner, name, before)


@contextlib.contextmanager
def _device(cc):
    import numba.cuda.codegen as codegen
    import numba.cuda.dispatcher as dispatcher

    class Device:
        id = 0
        compute_capability = cc

    class Context:
        device = Device()

    with (
        _replaced(dispatcher, "get_current_device", Device),
        _replaced(codegen.devices, "get_context", lambda *args: Context()),
    ):
        yield


@contextlib.contextmanager
def _assembler_report(log):
    from numba.cuda.cudadrv.driver import _Linker

    options, close = _Linker._get_linker_options, _Linker.close

    def verbose(self, ptx):
        return dataclasses.replace(options(self, ptx), verbose=True, ptxas_options="-v")

    def close_and_keep(self):
        close(self)
        log.append(self._info_log)

    with (
        _replaced(_Linker, "_get_linker_options", verbose),
        _replaced(_Linker, "close", close_and_keep),
    ):
        yield
