"""Whether operations are recorded, and under which heading, in this thread or task."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

__all__ = ["Mode", "mode", "no_grad", "scope"]


class Mode(NamedTuple):
    """How operations run now.

    Attributes
    ----------
    recording : bool
        Whether results remember what they were made of.
    scope : str
        Names of the scopes around, outermost first, joined by "/".
    """

    recording: bool = True
    scope: str = ""


# Immutable, whatever the linter takes it for.
mode: ContextVar[Mode] = ContextVar("fastml_autodiff_mode", default=Mode())  # noqa: B039


@contextmanager
def _changed(new: Mode) -> Iterator[None]:
    token = mode.set(new)
    try:
        yield
    finally:
        mode.reset(token)


@contextmanager
def no_grad() -> Iterator[None]:
    """Run the body of a ``with`` statement without recording: results are constants.

    Examples
    --------
    >>> from fastml import autodiff as ad
    >>> x = ad.variable(2.0)
    >>> with ad.no_grad():
    ...     y = x * x
    >>> y.needs_grad
    False
    """
    with _changed(mode.get()._replace(recording=False)):
        yield


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Put what is computed in the body of a ``with`` statement under a heading.

    Drawings of large graphs show a scope as one node.

    Parameters
    ----------
    name : str
        Without "/", which separates the names of nested scopes.
    """
    if not name or "/" in name:
        raise ValueError(f"name must be a non-empty string without '/', got {name!r}.")
    now = mode.get()
    with _changed(now._replace(scope=f"{now.scope}/{name}" if now.scope else name)):
        yield
