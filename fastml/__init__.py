"""Fast estimators with scikit-learn's interface, for CPU and GPU.

Everything public is loaded on first use: ``import fastml`` alone imports neither numba, numpy
nor scikit-learn.
"""

__version__ = "0.1.0"

__all__ = [
    "activations",
    "autodiff",
    "cluster",
    "config_context",
    "datasets",
    "decomposition",
    "get_config",
    "kernel_approximation",
    "linear_model",
    "losses",
    "matrix_calculus",
    "metrics",
    "neural_network",
    "nn",
    "optimize",
    "set_config",
    "show_versions",
    "svm",
    "warmup",
]

# Where a public name is defined; one that is not listed is a submodule.
_HOMES = {
    "config_context": "config",
    "get_config": "config",
    "set_config": "config",
    "show_versions": "_versions",
    "warmup": "_warmup",
}


def __getattr__(name: str) -> object:
    import importlib

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOMES.get(name, name)}")
    value = getattr(module, name) if name in _HOMES else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
