"""The options that say where and how computations run.

Options are held per thread and per asynchronous task. What the main thread sets outside
`config_context` is the default for every thread and task that has set nothing itself. The
environment variables ``FASTML_BACKEND`` and ``FASTML_NUM_THREADS`` give the first values.
"""

import operator
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace

__all__ = ["Config", "config_context", "get_config", "set_config"]

BACKENDS = ("auto", "cpu", "cuda", "reference")
ALIASES = {"gpu": "cuda"}


@dataclass(frozen=True)
class Config:
    """The options in force.

    Parameters
    ----------
    backend : {"auto", "cpu", "cuda", "reference"}, default="auto"
        Where kernels run. "auto" follows the data: "cuda" for arrays that live on a GPU, "cpu"
        for the rest. "gpu" is another name for "cuda"; "reference" is plain NumPy.
    num_threads : int or None, default=None
        Threads of a CPU kernel. None uses all that Numba has, and one inside workers of joblib
        and Dask.
    check_finite : bool, default=True
        Whether input is searched for NaN and infinity.
    progress : bool, default=False
        Whether a fit shows its progress.
    """

    backend: str = "auto"
    num_threads: int | None = None
    check_finite: bool = True
    progress: bool = False

    def __post_init__(self) -> None:
        # The dataclass is frozen for its users; here it is still being made.
        object.__setattr__(self, "backend", _checked_backend(self.backend))
        object.__setattr__(self, "num_threads", _checked_num_threads(self.num_threads))
        for name in ("check_finite", "progress"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise TypeError(f"Option {name!r} must be True or False, got {value!r}.")


def _checked_backend(value: object, source: str = "Option 'backend'") -> str:
    name = ALIASES.get(value, value) if isinstance(value, str) else value
    if not isinstance(name, str) or name not in BACKENDS:
        expected = ", ".join(repr(known) for known in (*BACKENDS, *ALIASES))
        raise ValueError(f"{source} must be one of {expected}, got {value!r}.")
    return name


def _checked_num_threads(value: object, source: str = "Option 'num_threads'") -> int | None:
    if value is None:
        return None
    message = f"{source} must be None or an integer of at least 1, got {value!r}."
    if isinstance(value, bool):
        raise TypeError(message)
    try:
        count = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(message) from None
    if count < 1:
        raise ValueError(message)
    return count


def _from_environment() -> Config:
    backend: object = os.environ.get("FASTML_BACKEND") or "auto"
    threads: object = os.environ.get("FASTML_NUM_THREADS") or None
    if isinstance(threads, str) and threads.strip().isdecimal():
        threads = int(threads)
    try:
        num_threads = _checked_num_threads(threads, "Environment variable FASTML_NUM_THREADS")
    except TypeError as error:
        raise ValueError(str(error)) from None
    return Config(
        backend=_checked_backend(backend, "Environment variable FASTML_BACKEND"),
        num_threads=num_threads,
    )


_default: Config | None = None
# Unset where nothing was set in this thread or task: those follow the main thread's default.
_local: ContextVar[Config] = ContextVar("fastml_config")


def get_config() -> Config:
    """Return the options in force in this thread or asynchronous task.

    Returns
    -------
    Config
        Immutable; change options by `set_config` or `config_context`.

    Examples
    --------
    >>> import fastml
    >>> with fastml.config_context(num_threads=2):
    ...     fastml.get_config().num_threads
    2
    """
    global _default
    config = _local.get(None)
    if config is not None:
        return config
    if _default is None:
        # Two threads may both come here; they read the same environment.
        _default = _from_environment()
    return _default


def set_config(**options: object) -> None:
    """Change options from here on.

    In the main thread this changes the default that threads and tasks see which have set nothing
    themselves; in any other thread, in an asynchronous task or inside `config_context` only what
    runs there sees the change.

    Parameters
    ----------
    **options
        Any of ``backend``, ``num_threads``, ``check_finite``, ``progress`` (see `Config`).
        Options not named keep their value.
    """
    global _default
    config = _updated(options)
    if _local.get(None) is None and _is_main():
        _default = config
    else:
        _local.set(config)


@contextmanager
def config_context(**options: object) -> Iterator[Config]:
    """Change options for the body of a ``with`` statement, and restore all of them after it.

    Parameters
    ----------
    **options
        Any of ``backend``, ``num_threads``, ``check_finite``, ``progress`` (see `Config`).
        Options not named keep their value.

    Yields
    ------
    Config
        The options in force inside.
    """
    config = _updated(options)
    token = _local.set(config)
    try:
        yield config
    finally:
        _local.reset(token)


def _updated(options: dict[str, object]) -> Config:
    known = [field.name for field in fields(Config)]
    for name in options:
        if name not in known:
            raise TypeError(f"Unknown option {name!r}; expected one of {', '.join(known)}.")
    return replace(get_config(), **options)  # type: ignore[arg-type]


def _is_main() -> bool:
    """Whether this is the main thread outside any event loop."""
    if threading.current_thread() is not threading.main_thread():
        return False
    # A loop can only be running if asyncio has been imported; importing it here costs 50 ms.
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return True
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False
