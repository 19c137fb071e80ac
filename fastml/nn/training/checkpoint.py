"""Files that hold the state of a fit, and are whole whatever happens while they are written."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

__all__ = ["load_checkpoint", "save_checkpoint"]

KIND = "fastml checkpoint 1"


def save_checkpoint(
    path: str | os.PathLike[str], arrays: dict[str, np.ndarray], meta: dict[str, Any]
) -> None:
    """Write arrays and values to a file, which takes the place of what was there all at once.

    The data goes to a temporary file in the same folder, to the disk, and only then gets the name.
    So after a crash or a kill at any moment the file is the old one or the new one, never a part.

    Parameters
    ----------
    path : str or path-like
        The file. Its folder must exist.
    arrays : dict of str to ndarray
        Real numbers or booleans, of any layout and byte order.
    meta : dict
        What JSON can say: numbers (also infinite ones and NaN), strings, None, lists, dicts.

    Raises
    ------
    TypeError
        For an array or a value of another kind.
    OSError
        If the file cannot be written; what was there is untouched.

    Notes
    -----
    The file is in the safetensors format, with `meta` as JSON and a checksum in its header, and
    holds nothing that can be executed. A killed process may leave ``.<name>.<pid>.tmp`` behind,
    which the next call removes.

    Examples
    --------
    >>> import tempfile
    >>> from fastml.nn.training import load_checkpoint, save_checkpoint
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_checkpoint(f"{folder}/fit", {"w": np.arange(3)}, {"epoch": 7})
    ...     load_checkpoint(f"{folder}/fit")
    ({'w': array([0, 1, 2])}, {'epoch': 7})
    """
    # The file that a link stands for, not the link.
    path = Path(os.path.realpath(path))
    plain = {name: _plain(name, array) for name, array in arrays.items()}
    text = json.dumps(meta)
    header = {"kind": KIND, "meta": text, "checksum": _checksum(plain, text)}
    data = safetensors.numpy.save(plain, header)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)
    for leftover in _leftovers(path):
        leftover.unlink(missing_ok=True)


def load_checkpoint(
    path: str | os.PathLike[str],
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `save_checkpoint` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    arrays : dict of str to ndarray
        Contiguous, in the machine's byte order, and free to be written to.
    meta : dict
        The values.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a checkpoint, or damaged.
    """
    with open(path, "rb"):
        # Errors of the operating system, in its words.
        pass
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            if header.get("kind") != KIND:
                raise ValueError(f"{path} is not a checkpoint of fastml ({KIND!r}).")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is damaged, or not a checkpoint: {error}.") from error
    text = header.get("meta", "")
    if header.get("checksum") != _checksum(arrays, text):
        raise ValueError(f"{path} is damaged: its checksum is wrong.")
    return arrays, json.loads(text)


def _plain(name: str, array: np.ndarray) -> np.ndarray:
    """Return an array as the format holds it."""
    array = np.asarray(array, order="C")
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"A checkpoint holds real numbers and booleans, {name} is {array.dtype}.")
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def _checksum(arrays: dict[str, np.ndarray], text: str) -> str:
    """Return a hash of values, and of names, types, shapes and bytes of arrays."""
    hashed = hashlib.blake2b(text.encode(), digest_size=16)
    for name in sorted(arrays):
        array = arrays[name]
        hashed.update(f"{name} {array.dtype.str} {array.shape};".encode())
        hashed.update(array.reshape(-1).view(np.uint8).data)
    return hashed.hexdigest()


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk too, where folders can be opened."""
    if os.name == "posix":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _leftovers(path: Path) -> Iterator[Path]:
    """Yield the temporary files of processes that no longer run."""
    before, after = f".{path.name}.", ".tmp"
    for file in path.parent.iterdir():
        process = file.name.removeprefix(before).removesuffix(after)
        if file.name == f"{before}{process}{after}" and process.isdecimal() and _ended(process):
            yield file


def _ended(process: str) -> bool:
    """Return whether no process has this number, where that can be asked without harm."""
    if os.name != "posix":
        return False
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass
    return False
