"""The compiler of the functions that kernels call.

Numba makes machine code of every function that it compiles, and wrappers for callers from Python
and C. Of a leaf nobody ever runs them: kernels take it in as LLVM code, optimise it as a part of
themselves and make machine code of the whole. A leaf ends here as that LLVM code.
"""

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering

from fastml._jit.lanes import WIDEST

__all__ = ["LeafCompiler", "keep_from_python"]


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


class LeafCompiler(CompilerBase):
    """Numba's own pipeline, but for its last step."""

    def define_pipelines(self):
        flags = self.state.flags
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        numbas = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes = type(numbas)("leaf")
        for step, description in numbas.passes:
            passes.add_pass(_LeafLowering if step is NativeLowering else step, description)
        passes.finalize()
        return [passes]


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
