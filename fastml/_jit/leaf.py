"""Compilers that leave the pieces of a kernel to the kernel.

Numba optimises every function that it compiles and makes machine code of it, with wrappers for
callers from Python and C. Of a leaf, and of the body of a `prange` loop, nobody ever runs them:
kernels take them in as LLVM code and optimise the whole. Here they end as that LLVM code.
"""

import contextlib

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering, NativeParforLowering

from fastml._jit.lanes import WIDEST

__all__ = ["LeafCompiler", "ParallelCompiler", "keep_from_python"]

# Names that Numba gives to what it makes of a `prange` loop: the body, what calls the body for a
# share of the iterations, and what hands out the shares.
_PIECES = (
    "__numba_parfor_gufunc", "<numba.np.ufunc.wrappers._GufuncWrapper", "parallelgufuncwrapper",
)  # fmt: skip


class _LinkedLibrary(JITCodeLibrary):
    """LLVM code to be linked into that of a kernel, which optimises it there."""

    _finished = False

    def add_ir_module(self, ir_module):
        # What a function asks of its vectors is forgotten where it is inlined: its loops become
        # vectors before.
        self._finished |= any(WIDEST in function.attributes for function in ir_module.functions)
        super().add_ir_module(ir_module)

    def _optimize_final_module(self):
        if self._finished:
            super()._optimize_final_module()

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


class _EntryPoint:
    """What Numba knows a compiled leaf by; machine code to run there is none."""

    def __init__(self, func):
        self.func = func

    def __call__(self, *args):
        raise TypeError(
            f"{self.func.__qualname__} is compiled into the kernels that call it. From Python call "
            "such a kernel, or the .py_func."
        )


@register_pass(mutates_CFG=True, analysis_only=False)
class _LeafLowering(NativeLowering):
    _name = "fastml_leaf_lowering"

    def run_pass(self, state):
        context = state.targetctx
        state.library = _LinkedLibrary(context.codegen(), state.func_id.func_qualname)
        super().run_pass(state)
        lowered = state["cr"]
        entry = _EntryPoint(state.func_id.func)
        context.insert_user_function(entry, lowered.fndesc, [state.library])
        state["cr"] = lowered._replace(cfunc=entry)
        return True


@contextlib.contextmanager
def _linked_pieces(codegen):
    create = codegen.create_library

    def create_library(name, **kwargs):
        if name.startswith(_PIECES):
            return _LinkedLibrary(codegen, name, **kwargs)
        return create(name, **kwargs)

    codegen.create_library = create_library
    try:
        yield
    finally:
        del codegen.create_library


@register_pass(mutates_CFG=True, analysis_only=False)
class _ParallelLowering(NativeParforLowering):
    _name = "fastml_parallel_lowering"

    def run_pass(self, state):
        context = state.targetctx
        with _linked_pieces(context.codegen()):
            super().run_pass(state)
        lowered, library = state["cr"], state.library
        entry = context.get_executable(library, lowered.fndesc, lowered.env)
        context.insert_user_function(entry, lowered.fndesc, [library])
        # Earlier versions of Numba keep these in the state alone.
        state.reload_init.extend(getattr(library, "_reload_init", ()))
        state["cr"] = lowered._replace(cfunc=entry)
        return True


def _pipeline(state, replacements):
    numbas = DefaultPassBuilder.define_nopython_pipeline(state)
    passes = type(numbas)("fastml")
    for step, description in numbas.passes:
        passes.add_pass(replacements.get(step, step), description)
    passes.finalize()
    return [passes]


class LeafCompiler(CompilerBase):
    """Numba's own pipeline without machine code."""

    def define_pipelines(self):
        flags = self.state.flags
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        return _pipeline(self.state, {NativeLowering: _LeafLowering})


class ParallelCompiler(CompilerBase):
    """Numba's own pipeline, with machine code of the whole only, not of the loops in it."""

    def define_pipelines(self):
        # The loops inherit the flags.
        self.state.flags.no_compile = True
        return _pipeline(self.state, {NativeParforLowering: _ParallelLowering})


def keep_from_python(dispatcher):
    """Keep the signatures of a leaf's dispatcher from the part of it that Python calls.

    Parameters
    ----------
    dispatcher : numba.core.dispatcher.Dispatcher
        Made with `LeafCompiler`. That part takes machine code only.
    """
    overloads = dispatcher.overloads

    def add_overload(compiled):
        overloads[tuple(compiled.signature.args)] = compiled

    dispatcher.add_overload = add_overload
