"""Machine code of kernels on disk.

Numba's own cache sees edits only in the file of the cached function, cannot work where the
package is read-only and trusts what it finds. This one keeps a directory for each state of
everything that machine code depends on (all kernel sources, versions, CPU), readable by its owner
alone, with one file for each compiled signature. A file that is damaged in any way is removed and
made again.
"""

import contextlib
import hashlib
import os
import pickle
import shutil
import stat
import sys
import tempfile
import warnings
from pathlib import Path
from types import FunctionType

import llvmlite
import numba
import numpy as np
from numba.core import config, serialize
from numba.core.compiler import CompileResult

PACKAGE = Path(__file__).resolve().parent.parent
SOURCES = ("_jit", "kernels", "blocks.py")
PREFIX = "kernels-"
# Directories kept of earlier sources and versions, and of other CPUs on a shared disk.
KEEP = 8
_DIGEST_SIZE = hashlib.sha256().digest_size
_VERSIONS = (sys.version, numba.__version__, llvmlite.__version__, np.__version__)


def _source_files():
    for name in SOURCES:
        path = PACKAGE / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _stamps():
    return [
        (str(path), s.st_mtime_ns, s.st_size) for path in _source_files() for s in [path.stat()]
    ]


def _hash_sources():
    digest = hashlib.sha256()
    for path in _source_files():
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


# Taken while the package is imported: later the files may hold other code than what is running.
_IMPORTED_STAMPS = _stamps()
_IMPORTED_HASH = _hash_sources()


def cache_root():
    """Return the folder that holds the directories: FASTML_CACHE_DIR or the user's own cache."""
    chosen = os.environ.get("FASTML_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "fastml"


def directory_name(magic):
    """Return the name of the directory for code generated for a target.

    Parameters
    ----------
    magic : tuple
        Triple, name and features of the CPU, as Numba's code generator has them.
    """
    settings = (config.OPT, config.LOOP_VECTORIZE, config.SLP_VECTORIZE, config.USING_SVML)
    settings += (config.BOUNDSCHECK, config.DEBUGINFO_DEFAULT, config.ENABLE_AVX)
    state = repr((_IMPORTED_HASH, _VERSIONS, magic, settings))
    return PREFIX + hashlib.sha256(state.encode()).hexdigest()[:32]


class _Store:
    """The directory in use by this process, opened at the first kernel."""

    def __init__(self, magic):
        self.path = None
        self.readable = self.writable = self._open(magic)

    def _open(self, magic):
        try:
            self.path = cache_root() / directory_name(magic)
            new = not self.path.exists()
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_private(self.path.stat(), self.path)
            if new:
                _remove_old(self.path)
            elif os.access(self.path, os.W_OK):
                os.utime(self.path)  # the age of a directory is the time since its last use
        except (OSError, RuntimeError) as error:  # the latter where a user has no home
            self._warn(error)
            return False
        return True

    def _warn(self, error):
        warnings.warn(
            f"Compiled kernels are not kept for the next process: {error}. Set FASTML_CACHE_DIR "
            "to a folder that you can write to.",
            RuntimeWarning,
            stacklevel=2,
        )

    def read(self, name):
        """Return the content of a file, None where there is no sound one."""
        if not self.readable:
            return None
        path = self.path / name
        try:
            with open(path, "rb") as file:
                _check_private(os.fstat(file.fileno()), path)
                data = file.read()
        except OSError:
            return None
        content = data[_DIGEST_SIZE:]
        if hashlib.sha256(content).digest() == data[:_DIGEST_SIZE]:
            return content
        self.remove(name)
        return None

    def write(self, name, content):
        """Write a file so that no other process ever sees a part of it."""
        if not self.writable:
            return
        try:
            # Another process may have tidied the directory away.
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self.path, prefix="tmp-")
            try:
                with open(handle, "wb") as file:
                    file.write(hashlib.sha256(content).digest() + content)
                os.replace(temporary, self.path / name)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError as error:
            self.writable = False
            self._warn(error)

    def remove(self, name):
        # One that cannot be removed is found damaged again, and compiled again.
        with contextlib.suppress(OSError):
            (self.path / name).unlink()


def _check_private(status, path):
    # What is loaded is run: nobody else may have been able to write it.
    if not hasattr(os, "getuid"):
        return
    if status.st_uid != os.getuid():
        raise PermissionError(f"{path} belongs to another user")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(f"{path} is writable by other users")


def _remove_old(current):
    def last_use(path):
        try:
            return path.stat().st_mtime
        except OSError:
            return 0.0  # another process was faster

    others = [path for path in current.parent.glob(PREFIX + "*") if path != current]
    others.sort(key=last_use, reverse=True)
    for path in others[KEEP:]:
        shutil.rmtree(path, ignore_errors=True)


_stores = {}


def _store(codegen):
    magic = codegen.magic_tuple()
    key = (os.environ.get("FASTML_CACHE_DIR"), magic)
    if key not in _stores:
        _stores[key] = _Store(magic)
    return _stores[key]


class KernelCache:
    """What a Numba dispatcher asks for compiled code, and hands new code to.

    Parameters
    ----------
    func : callable
        The Python function.
    variant : str
        Tells apart compilations of one function with different options.
    """

    def __init__(self, func, variant):
        self._name = f"{func.__module__}.{func.__qualname__}"
        self._variant = variant
        self._closure = _closure_key(func)
        self._enabled = True
        self._last = None

    @property
    def cache_path(self):
        return None if self._last is None else str(self._last.path)

    def enable(self):
        self._enabled = True

    def disable(self):
        self._enabled = False

    def flush(self):
        """Nothing to do: files of other code have other names."""

    def load_overload(self, sig, target_context):
        target_context.refresh()
        store = self._ready(target_context.codegen())
        if store is None:
            return None
        key = self._key(sig)
        content = store.read(_file_name(key))
        if content is None:
            return None
        try:
            stored_key, payload = pickle.loads(content)
            if stored_key == key:
                return CompileResult._rebuild(target_context, *payload)
        except Exception:
            # Whatever is wrong with it, the kernel can be compiled again.
            pass
        store.remove(_file_name(key))
        return None

    def save_overload(self, sig, cres):
        if cres.library.has_dynamic_globals or any(not part.can_cache for part in cres.lifted):
            return
        store = self._ready(cres.codegen)
        if store is not None:
            key = self._key(sig)
            # Numba's pickler is needed for the functions and types inside.
            store.write(_file_name(key), serialize.dumps((key, cres._reduce())))

    def _ready(self, codegen):
        if not self._enabled or self._closure is None or _stamps() != _IMPORTED_STAMPS:
            return None
        self._last = _store(codegen)
        return self._last

    def _key(self, sig):
        return repr((self._name, self._variant, self._closure, sig))


def _file_name(key):
    return hashlib.sha256(key.encode()).hexdigest()[:40]


def _closure_key(func):
    """Describe what a function made inside another one captured; None where that has no name."""
    parts = []
    for cell in func.__closure__ or ():
        value = cell.cell_contents
        inner = getattr(value, "py_func", value)
        if isinstance(value, bool | int | float | str | None):
            parts.append(repr(value))
        elif isinstance(inner, FunctionType) and (captured := _closure_key(inner)) is not None:
            parts.append(f"{inner.__module__}.{inner.__qualname__}{captured}")
        else:
            return None
    return tuple(parts)


def attach_cache(dispatcher, variant):
    """Give a dispatcher the cache, and return it.

    A function from outside the kernel sources is left without, because an edit of it would not
    be seen.
    """
    file = Path(dispatcher.py_func.__code__.co_filename).resolve()
    if any(file.is_relative_to(PACKAGE / name) for name in SOURCES):
        dispatcher._cache = KernelCache(dispatcher.py_func, variant)
    return dispatcher
