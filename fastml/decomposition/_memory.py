"""How much memory a decomposition of a kernel matrix may take."""

import re
from numbers import Integral
from typing import Any, NamedTuple

from fastml.backends import Backend

__all__ = ["Budget", "make_budget", "readable"]

_PREFIXES = ("", "K", "M", "G", "T")
_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?)\s*([KMGT]?)(I?)B\s*")


class Budget(NamedTuple):
    """Bytes that may be taken, and in words, where that number is from."""

    size: float
    words: str


def make_budget(memory_limit: Any, backend: Backend) -> Budget:
    """Return how much memory a fit may take.

    Parameters
    ----------
    memory_limit : int, str or None
        Bytes, or a number with a unit: "B", "kB", "MB", "GB", "TB" (powers of 1000), "KiB", "MiB",
        "GiB", "TiB" (powers of 1024), in upper or lower case. None stands for what is free.
    backend : Backend
        Where the memory is.

    Raises
    ------
    ValueError
        For any other limit.
    """
    if memory_limit is None:
        free = backend.free_memory()
        return Budget(free, f"{readable(free)} are free")
    size = 0
    if isinstance(memory_limit, str):
        match = _SIZE.fullmatch(memory_limit.upper())
        if match is not None:
            number, prefix, binary = match.groups()
            base = 1024 if binary else 1000
            size = int(float(number) * base ** _PREFIXES.index(prefix))
    elif isinstance(memory_limit, Integral) and memory_limit is not True:
        size = int(memory_limit)
    if size < 1:
        raise ValueError(
            "memory_limit must be a positive number of bytes, a string such as '500MB' or "
            f"'2GiB', or None, got {memory_limit!r}."
        )
    return Budget(size, f"memory_limit={memory_limit!r} allows {readable(size)}")


def readable(size: float) -> str:
    """Return a number of bytes as a person would write it."""
    units = ["bytes", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        del units[0]
    return f"{size:.3g} {units[0]}"
