"""Images in a folder for each class."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

__all__ = ["load_image_folder"]

CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}


def load_image_folder(
    path: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] | None = None,
    mode: str = "RGB",
) -> Bunch:
    """Load images that lie in one folder for each class.

    Folders and files are taken by their names in order, so that the same folder gives the same
    arrays everywhere. Files of a kind that Pillow does not know, and hidden ones, are passed over.

    Parameters
    ----------
    path : str or path-like
        The folder that holds the folders of the classes. These may have folders in them.
    size : int, (int, int) or None, default=None
        Height and width that images are resampled to (one number for both); None, if they have one
        size already.
    mode : {"L", "RGB", "RGBA"}, default="RGB"
        The channels: grey, colour, or colour and opacity.

    Returns
    -------
    Bunch
        With `images` of type uint8, (n_images, height, width, n_channels) or for "L"
        (n_images, height, width); `target` (n_images,), the number of the class; `target_names`, a
        list of the folders' names; `filenames`, a list.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    FileNotFoundError
        If there is no such folder, there are no folders in it, or one of them has no images.
    ValueError
        If a file is damaged, or images differ in size and `size` is None.

    Notes
    -----
    An image is turned as its Exif tag says. 16 bits of grey are rounded down to 8.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "load_image_folder needs Pillow: python -m pip install pillow (or fastml[viz])."
        ) from error
    if mode not in CHANNELS:
        raise ValueError(f"mode must be one of {sorted(CHANNELS)}, got {mode!r}.")
    height_width = _check_size(size)
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"There is no folder {path}.")
    names = sorted(p.name for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not names:
        raise FileNotFoundError(f"{path} has no folders in it, one for each class.")
    endings = frozenset(Image.registered_extensions())
    files, target = [], []
    for label, name in enumerate(names):
        found = sorted(_images_below(path / name, endings))
        if not found:
            raise FileNotFoundError(f"{path / name} has no images in it.")
        files += found
        target += [label] * len(found)

    images: np.ndarray | None = None
    for i, file in enumerate(files):
        pixels = _load(file, mode, height_width)
        if images is None:
            images = np.empty((len(files), *pixels.shape), np.uint8)
        if pixels.shape != images.shape[1:]:
            raise ValueError(
                f"Images differ in size: {file} has {_readable(pixels)} pixels, and {files[0]} "
                f"{_readable(images[0])}. Give size=(height, width)."
            )
        images[i] = pixels
    return Bunch(
        images=images,
        target=np.array(target),
        target_names=names,
        filenames=[str(file) for file in files],
    )


def _check_size(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    pair = tuple(np.ravel(size).tolist())
    if len(pair) == 1:
        pair *= 2
    if len(pair) != 2 or not all(type(side) is int and side > 0 for side in pair):
        raise ValueError(f"size must be a positive integer, a pair of them or None, got {size!r}.")
    return pair


def _images_below(folder: Path, endings: frozenset[str]) -> Iterator[Path]:
    for file in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.suffix.lower() in endings and not hidden and file.is_file():
            yield file


def _load(file: Path, mode: str, height_width: tuple[int, int] | None) -> np.ndarray:
    """Return the pixels of one file as bytes."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            image: Image.Image = ImageOps.exif_transpose(opened)
            if image.mode.startswith("I"):
                # Pillow would clip what does not fit in 8 bits.
                high = np.minimum(np.asarray(image).astype(np.int64) >> 8, 255)
                image = Image.fromarray(high.astype(np.uint8))
            image = image.convert(mode)
            if height_width is not None and image.size != height_width[::-1]:
                image = image.resize(height_width[::-1], Image.Resampling.LANCZOS)
            return np.asarray(image)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"{file} cannot be read as an image: {error}.") from error


def _readable(pixels: np.ndarray) -> str:
    return f"{pixels.shape[0]} x {pixels.shape[1]}"
