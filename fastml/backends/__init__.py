"""Where computations run: compiled kernels on the CPU or a CUDA device, or plain NumPy."""

from typing import Any

from fastml.backends import cpu, reference
from fastml.backends.base import Backend, as_cupy, fetched, on_device, sparse_on_device
from fastml.config import config_context, get_config

__all__ = ["Backend", "as_cupy", "fetched", "on_device", "resolve", "sparse_on_device"]


def resolve(X: Any = None, backend: str | None = None) -> Backend:
    """Return the backend for a call.

    Parameters
    ----------
    X : array-like, optional
        The input of the call.
    backend : {"auto", "cpu", "cuda", "gpu", "reference"}, optional
        The backend's name; by default that of the configuration. "auto" is "cuda" for an `X` that
        lives on a device and "cpu" for any other.

    Returns
    -------
    Backend
        Never another one than asked for.

    Raises
    ------
    ValueError
        For a name that is none of these.
    RuntimeError
        For "cuda" where there is no device, or packages for it are missing.
    """
    name = get_config().backend
    if backend is not None and backend != name:
        # The configuration knows the names, and what to say of others.
        with config_context(backend=backend) as config:
            name = config.backend
    if name == "auto":
        name = "cuda" if X is not None and on_device(X) else "cpu"
    if name == "cuda":
        from fastml.backends import cuda

        return cuda.make()
    return cpu.BACKEND if name == "cpu" else reference.BACKEND
