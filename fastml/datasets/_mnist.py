"""The four files of MNIST, and of the data sets made in its likeness."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from fastml.datasets._idx import load_idx

__all__ = ["load_mnist"]

SUBSETS = {"train": ("train",), "test": ("t10k",), "all": ("train", "t10k")}


def load_mnist(
    folder: str | os.PathLike[str], *, subset: str = "train", return_X_y: bool = False
) -> Any:
    """Load MNIST, Fashion-MNIST, KMNIST or another data set in four files of MNIST's names.

    Nothing is downloaded. The files are ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
    ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, each with or without ``.gz``; a dot
    before ``idx`` is fine, too.

    Parameters
    ----------
    folder : str or path-like
        Where the files are.
    subset : {"train", "test", "all"}, default="train"
        Which images: those to learn from, those to test with, or these after those.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a bunch.

    Returns
    -------
    Bunch
        With `images` (n_images, height, width), `data` (n_images, height * width), which is the
        same memory, and `target` (n_images,). The images of files that are not compressed are
        mapped, not read, unless `subset` is "all".

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is damaged, or there are not as many labels as images.

    See Also
    --------
    load_idx : Loads one file.
    """
    if subset not in SUBSETS:
        raise ValueError(f"subset must be one of {sorted(SUBSETS)}, got {subset!r}.")
    parts = [_load_part(Path(folder), part) for part in SUBSETS[subset]]
    images, target = parts[0]
    if len(parts) > 1:
        if len({images.shape[1:] for images, _ in parts}) > 1:
            raise ValueError(
                f"The images to train and to test with in {folder} differ in size: "
                f"{' and '.join(str(images.shape[1:]) for images, _ in parts)}."
            )
        images, target = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    data = images.reshape(len(images), images.shape[1] * images.shape[2])
    if return_X_y:
        return data, target
    return Bunch(data=data, images=images, target=target)


def _load_part(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    images_path = _find(folder, f"{part}-images", "idx3-ubyte")
    labels_path = _find(folder, f"{part}-labels", "idx1-ubyte")
    images, labels = load_idx(images_path), np.array(load_idx(labels_path))
    for path, array, n_dimensions in ((images_path, images, 3), (labels_path, labels, 1)):
        if array.ndim != n_dimensions:
            raise ValueError(
                f"{path} should have {n_dimensions} dimensions, its shape is {array.shape}."
            )
    if len(images) != len(labels):
        raise ValueError(
            f"{images_path} holds {len(images)} images, and {labels_path} {len(labels)} labels."
        )
    return images, labels


def _find(folder: Path, stem: str, ending: str) -> Path:
    names = [f"{stem}{sep}{ending}{packed}" for packed in ("", ".gz") for sep in "-."]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{folder} has no file {names[0]} (nor {', '.join(names[1:])}).")
