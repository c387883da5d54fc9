"""Images from files: a folder, with a folder for each class or without, one image, or an array."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.errors import EmptyData, InvalidSetting, UnreadableFile
from pellucid.core.seeds import generator, resolve_seed
from pellucid.data.images import SUFFIXES, Images

ARRAYS = (".npy", ".npz")
"""Files that hold a batch of images as numbers."""

LABELS = ("labels", "label", "y", "target", "targets")
"""What the true answers are called in an .npz file."""


@dataclass(frozen=True, kw_only=True)
class ImageFiles:
    """Images that were read, and what is known of them.

    Parameters
    ----------
    images : Images
    answers : array of shape (sample,) or None
        The true answers: the folder of each image, or the labels of an .npz file.
    found : int
        How many images there were, read or not.
    """

    images: Images
    answers: np.ndarray | None
    found: int


def holds_images(path: str | Path) -> bool:
    """Whether a path is an image, an array, or a folder with images in it or in its folders."""
    where = Path(path)
    if where.is_dir():
        return bool(_pictures(where) or any(_pictures(each) for each in _folders(where)))
    return where.suffix.lower() in (*SUFFIXES, *ARRAYS)


def read_images(
    path: str | Path,
    *,
    size: int | tuple[int, int] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    most: int | None = None,
    seed: int | None = 0,
) -> ImageFiles:
    """Read a folder of images, one image, or an .npy or .npz file.

    Parameters
    ----------
    path : path
        A folder of image files is a batch in the order of their names. A folder of such folders
        has a class in each, whose name is the true answer. An .npy file holds an array of shape
        (sample, channel, row, column) or with the channels last; an .npz file one such array, and
        ``labels`` where they are known.
    size, mean, std
        As for `Images.of`; `size` is for image files.
    most : int, optional
        How many images are read at most; of more, that many are drawn at random.
    seed : int, optional
        Which are drawn.

    Raises
    ------
    UnreadableFile
        If there is no such file, or it cannot be read.
    EmptyData, InvalidData, InvalidSetting, MissingExtra
        As `Images.of`; Pillow reads image files.
    """
    where = Path(path)
    if not where.exists():
        raise UnreadableFile(f"{where} cannot be read", got="nothing there", fix="Check the path")
    if where.suffix.lower() in ARRAYS and not where.is_dir():
        return _from_arrays(where, size, mean, std, most, seed)
    files, answers = _listed(where)
    kept = _drawn(len(files), most, seed)
    images = Images.of([files[i] for i in kept], size=size, mean=mean, std=std)
    if answers is not None:
        images = replace(images, names=tuple(f"{files[i].parent.name}/{files[i].name}"
                                             for i in kept))  # fmt: skip
    told = None if answers is None else np.array([answers[i] for i in kept], dtype=object)
    return ImageFiles(images=images, answers=told, found=len(files))


def _listed(where: Path) -> tuple[list[Path], list[str] | None]:
    """The image files, and the folder of each where there are folders of images."""
    if not where.is_dir():
        return [where], None
    flat, folders = _pictures(where), [each for each in _folders(where) if _pictures(each)]
    if flat and folders:
        raise InvalidSetting(
            f"{where} holds images, and folders with images",
            got=[flat[0].name, f"{folders[0].name}/"],
            allowed="images of one folder, or a folder for each class",
        )
    if not flat and not folders:
        raise EmptyData("There are no images in this folder", got=str(where), allowed=SUFFIXES)
    files = flat or [file for each in folders for file in _pictures(each)]
    return files, None if flat else [file.parent.name for file in files]


def _pictures(folder: Path) -> list[Path]:
    return [each for each in sorted(folder.iterdir()) if each.suffix.lower() in SUFFIXES]


def _folders(folder: Path) -> list[Path]:
    return [each for each in sorted(folder.iterdir()) if each.is_dir()]


def _drawn(found: int, most: int | None, seed: int | None) -> np.ndarray:
    if most is None or found <= most:
        return np.arange(found)
    rng = generator(resolve_seed(seed), "images read")
    return np.sort(rng.choice(found, most, replace=False))


def _from_arrays(
    where: Path,
    size: Any,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    most: int | None,
    seed: int | None,
) -> ImageFiles:
    array, answers = _arrays(where)
    if answers is not None and answers.shape != array.shape[:1]:
        raise UnreadableFile(
            f"{where.name} does not hold one label for each image",
            got=f"images of shape {array.shape} and labels of shape {answers.shape}",
        )
    kept = _drawn(len(array) if array.ndim else 0, most, seed)
    images = Images.of(array[kept] if array.ndim else array, size=size, mean=mean, std=std)
    images = replace(images, names=tuple(int(i) for i in kept))
    return ImageFiles(
        images=images, answers=None if answers is None else answers[kept], found=len(array)
    )


def _arrays(where: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """The images in a file of arrays, and their labels where there are any."""
    try:
        held = np.load(where, allow_pickle=False)
        if isinstance(held, np.ndarray):
            return held, None
        with held:
            arrays = {name: held[name] for name in held.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UnreadableFile(
            f"{where} cannot be read as arrays of numbers", got=str(error).split("\n")[0]
        ) from error
    batches = [name for name, array in arrays.items() if array.ndim == 4]
    if len(batches) != 1:
        raise UnreadableFile(
            f"{where.name} does not hold one batch of images",
            got={name: array.shape for name, array in arrays.items()},
            allowed="one array of shape (sample, channel, row, column), and labels (sample,)",
        )
    labels = [name for name in LABELS if name in arrays]
    return arrays[batches[0]], arrays[labels[0]] if labels else None
