"""IDX, the format of MNIST's files: a type, a shape, and the numbers in big-endian order."""

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

__all__ = ["load_idx", "save_idx"]

# The third byte of a file, and the numbers that follow.
TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
CODES = {dtype.newbyteorder("="): code for code, dtype in TYPES.items()}
GZIP = b"\x1f\x8b"
# NumPy's own limit.
MAX_DIMENSIONS = 64
# Bytes unpacked at a time: a damaged header can claim any size.
PIECE = 1 << 20


def load_idx(path: str | os.PathLike[str], *, mmap_mode: str | None = "r") -> np.ndarray:
    """Load an array from a file in the IDX format, compressed by gzip or not.

    Parameters
    ----------
    path : str or path-like
        The file. Whether it is compressed is seen from what it holds, not from its name.
    mmap_mode : {"r", "c", None}, default="r"
        How a file that is not compressed is mapped into memory, as in `numpy.load`: "r" gives an
        array that cannot be written to, "c" one whose changes never reach the file. Numbers of
        several bytes stay big-endian then. With None, and for compressed files, the array is read
        into memory in the machine's own byte order.

    Returns
    -------
    ndarray or memmap
        Of the shape that the file states; uint8, int8, int16, int32, float32 or float64.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not in this format, is cut short, or holds more than it should.

    See Also
    --------
    save_idx : Writes such a file.
    load_mnist : Loads the four files of MNIST and of data sets shaped like it.

    References
    ----------
    Y. LeCun, C. Cortes, C. Burges: The MNIST database of handwritten digits; "The IDX file format".

    Examples
    --------
    >>> import tempfile
    >>> from fastml.datasets import load_idx, save_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_idx(f"{folder}/labels.gz", np.array([5, 0, 4], np.uint8))
    ...     load_idx(f"{folder}/labels.gz")
    array([5, 0, 4], dtype=uint8)
    """
    if mmap_mode not in ("r", "c", None):
        raise ValueError(f"mmap_mode must be 'r', 'c' or None, got {mmap_mode!r}.")
    path = Path(path)
    with open(path, "rb") as file:
        compressed = file.read(2) == GZIP
        file.seek(0)
        if not compressed:
            dtype, shape, offset = _read_header(file, path)
            size = os.fstat(file.fileno()).st_size - offset
            _check_size(size, dtype, shape, path)
            if mmap_mode is not None and size > 0:
                return np.memmap(file, dtype, cast(Any, mmap_mode), offset, shape)
            return _native(np.fromfile(file, dtype), shape)
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                dtype, shape, _ = _read_header(cast(BinaryIO, unpacked), path)
                data = _read(cast(BinaryIO, unpacked), _n_bytes(dtype, shape) + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} is damaged, gzip cannot unpack it: {error}.") from error
    _check_size(len(data), dtype, shape, path)
    return _native(np.frombuffer(data, dtype), shape)


def save_idx(path: str | os.PathLike[str], array: np.ndarray) -> None:
    """Write an array to a file in the IDX format.

    Parameters
    ----------
    path : str or path-like
        The file; compressed by gzip if its name ends in ``.gz``.
    array : ndarray
        Of type uint8, int8, int16, int32, float32 or float64, in either byte order.

    Raises
    ------
    ValueError
        If the format has no name for the array's type, or no room for its shape.

    See Also
    --------
    load_idx : Reads such a file.
    """
    array = np.asarray(array)
    native = array.dtype.newbyteorder("=")
    if native not in CODES:
        names = ", ".join(str(dtype) for dtype in CODES)
        raise ValueError(f"An IDX file holds numbers of type {names}, got {array.dtype}.")
    if max(array.shape, default=0) >= 2**32:
        raise ValueError(f"An IDX file holds no more than 2**32 - 1 a side, got {array.shape}.")
    code = CODES[native]
    header = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    # A fixed time stamp, so that the same array makes the same file.
    data = header + array.astype(TYPES[code], copy=False).tobytes()
    Path(path).write_bytes(gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data)


def _read_header(file: BinaryIO, path: Path) -> tuple[np.dtype, tuple[int, ...], int]:
    """Return type, shape, and how many bytes said so."""
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES or start[3] > MAX_DIMENSIONS:
        raise ValueError(
            f"{path} is not an IDX file: it begins with the bytes '{start.hex(' ')}' instead of "
            "00 00, the code of a type and the number of dimensions."
        )
    sides = file.read(4 * start[3])
    if len(sides) < 4 * start[3]:
        raise ValueError(
            f"{path} is cut short: it ends before the sizes of its {start[3]} dimensions."
        )
    shape = tuple(int(side) for side in np.frombuffer(sides, ">u4"))
    return TYPES[start[2]], shape, 4 + len(sides)


def _read(file: BinaryIO, most: int) -> bytearray:
    """Read to the end, or a little more than `most` bytes: as long as there is something."""
    data = bytearray()
    while len(data) < most and (piece := file.read(PIECE)):
        data += piece
    return data


def _n_bytes(dtype: np.dtype, shape: tuple[int, ...]) -> int:
    return dtype.itemsize * math.prod(shape)


def _check_size(size: int, dtype: np.dtype, shape: tuple[int, ...], path: Path) -> None:
    expected = _n_bytes(dtype, shape)
    if size != expected:
        what = "is cut short" if size < expected else "is damaged"
        found = f"only {size}" if size < expected else "more"
        raise ValueError(
            f"{path} {what}: an array of shape {shape} and type {dtype.newbyteorder('=')} takes "
            f"{expected} bytes, and the file holds {found}."
        )


def _native(numbers: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the numbers in the machine's byte order."""
    return numbers.reshape(shape).astype(numbers.dtype.newbyteorder("="), copy=False)
