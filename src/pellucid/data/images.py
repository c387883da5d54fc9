"""Batches of images: what a network is given, and the pixels that a person is shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.errors import EmptyData, InvalidData, InvalidSetting, MissingExtra, WrongType

CHANNELS = (1, 3, 4)
"""Numbers of channels by which a layout is recognised: grey, colour, colour with opacity."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
"""Files that are read as images from a folder."""

PROCESSED = "pixel_values"
"""Where an image processor puts the images that it has made ready."""

TAKEN = (
    "an array or tensor of shape (sample, channel, row, column) or (sample, row, column, channel), "
    "a list of such images, PIL images or paths, or a folder of image files"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """A batch of images of one size, channels first.

    Parameters
    ----------
    values : array of float32 (sample, channel, row, column)
        What the model is given, after any normalisation.
    names : tuple of str or int
        One for each image.
    mean, std : array of shape (channel,), optional
        What the pixels were normalised with; ``values * std + mean`` is a pixel between 0 and 1.
        Without them, pictures stretch each image from its least to its greatest value.
    kind : {"numpy", "torch"}
        What the user gave, and a function is given again.
    last : bool
        Whether the user's channels come last.
    """

    values: np.ndarray
    names: tuple[str | int, ...]
    mean: np.ndarray | None = None
    std: np.ndarray | None = None
    kind: str = "numpy"
    last: bool = False

    @classmethod
    def of(
        cls,
        X: Any,
        *,
        size: int | tuple[int, int] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> Images:
        """Read a batch of images.

        Parameters
        ----------
        X : object
            An array or tensor of shape (sample, channel, row, column) or with the channels last, a
            list of such images, of PIL images or of paths, a folder, or what an image processor of
            Hugging Face returns: its ``"pixel_values"``. Arrays are taken as they are; files and
            PIL images become values between 0 and 1.
        size : int or (row, column), optional
            What files and PIL images are resized to: the shorter side is brought to it and the
            middle is cut out.
        mean, std : sequence of float, one for each channel, optional
            What files and PIL images are normalised with: ``(pixel - mean) / std``. Of arrays:
            what they have been normalised with, for pictures.

        Raises
        ------
        EmptyData, WrongType, InvalidData
            If there are no images, they are none, differ in size, hold values that are missing or
            infinite, or it cannot be told which axis holds the channels.
        MissingExtra
            If files are to be read and Pillow is not installed.
        """
        if isinstance(X, Images):
            return X
        X = X[PROCESSED] if _is_processed(X) else X
        if isinstance(X, (str, Path)) or _is_list_of_files(X):
            return _read(X, size, mean, std)
        if size is not None:
            raise InvalidSetting("size is for files and PIL images; arrays are taken as they are")
        kind, array = _array(X)
        if array.ndim != 4:
            fix = "Give one image as a batch of one: X[None]" if array.ndim == 3 else None
            raise WrongType(
                "This is not a batch of images", got=array.shape, allowed=TAKEN, fix=fix
            )
        if not array.size:
            raise EmptyData("There are no images", got=f"shape {array.shape}")
        if array.dtype.kind not in "biuf":
            raise WrongType("Images hold numbers", got=str(array.dtype))
        last = _channels_last(array.shape)
        values = np.moveaxis(array, 3, 1) if last else array
        values = np.ascontiguousarray(values, dtype=np.float32)
        _refuse_gaps(values)
        norms = (_norm("mean", mean, values.shape[1]), _norm("std", std, values.shape[1]))
        return cls(
            values=values, names=tuple(range(len(values))), mean=norms[0], std=norms[1], kind=kind,
            last=last,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.values)

    @property
    def pixels(self) -> np.ndarray:
        """The images as they look: float32 (sample, row, column, 3), between 0 and 1."""
        shown = self.values
        if self.mean is not None or self.std is not None:
            std = 1.0 if self.std is None else self.std[:, None, None]
            mean = 0.0 if self.mean is None else self.mean[:, None, None]
            shown = shown * std + mean
        elif shown.min() < 0 or shown.max() > 1:
            low = shown.min(axis=(1, 2, 3), keepdims=True)
            span = shown.max(axis=(1, 2, 3), keepdims=True) - low
            shown = (shown - low) / np.where(span > 0, span, 1)
        channels = shown.shape[1]
        picked = shown[:, :3] if channels in (3, 4) else shown.mean(axis=1, keepdims=True)
        colour = np.broadcast_to(picked, (len(shown), 3, *shown.shape[2:]))
        return np.clip(np.moveaxis(colour, 1, 3), 0, 1).astype(np.float32)

    def laid(self, values: np.ndarray) -> np.ndarray:
        """Images (sample, channel, row, column) in the user's own layout."""
        return np.ascontiguousarray(np.moveaxis(values, 1, 3)) if self.last else values

    def take(self, index: Any) -> Images:
        """Some of the images, by place, mask or slice."""
        places = np.atleast_1d(np.arange(len(self))[index])
        return replace(self, values=self.values[places], names=tuple(self.names[i] for i in places))

    def with_values(self, values: np.ndarray) -> Images:
        """The same images, by name, with other values."""
        return replace(self, values=np.asarray(values, dtype=np.float32))

    def fingerprint(self) -> str:
        """``"sha256:"`` and 16 hex digits of the shape and the values."""
        digest = hashlib.sha256(repr(self.values.shape).encode())
        digest.update(np.ascontiguousarray(self.values).data)
        return f"sha256:{digest.hexdigest()[:16]}"


def are_images(X: Any) -> bool:
    """Whether this is a batch of images, and not a table; reads no file."""
    if isinstance(X, Images) or _is_processed(X):
        return True
    if isinstance(X, (str, Path)):
        path = Path(X)
        return path.suffix.lower() in SUFFIXES or (path.is_dir() and any(_files(path)))
    shape = getattr(X, "shape", None)
    if shape is not None and not hasattr(X, "columns"):
        return len(shape) == 4
    return _is_list_of_files(X) or (
        isinstance(X, (list, tuple)) and len(X) > 0 and len(getattr(X[0], "shape", ())) == 3
    )


def _is_processed(X: Any) -> bool:
    """Whether this is what an image processor returns, and not a table with such a column."""
    return isinstance(X, Mapping) and len(getattr(X.get(PROCESSED), "shape", ())) == 4


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES)


def _is_list_of_files(X: Any) -> bool:
    if not isinstance(X, (list, tuple)) or not X:
        return False
    first = X[0]
    if isinstance(first, (str, Path)):
        return Path(first).suffix.lower() in SUFFIXES
    return any(kind.__module__.startswith("PIL.") for kind in type(first).__mro__)


def _array(X: Any) -> tuple[str, np.ndarray]:
    """What was given, and its numbers."""
    if isinstance(X, (list, tuple)) and X and hasattr(X[0], "shape"):
        parts = [_array(part) for part in X]
        shapes = {part.shape for _, part in parts}
        if len(shapes) > 1:
            raise InvalidData("Images of one batch have one size", got=sorted(map(str, shapes)))
        return parts[0][0], np.stack([part for _, part in parts])
    if hasattr(X, "detach") and hasattr(X, "cpu"):
        return "torch", X.detach().cpu().float().numpy()
    if not isinstance(X, np.ndarray):
        raise WrongType("This is not a batch of images", got=type(X).__name__, allowed=TAKEN)
    return "numpy", X


def _channels_last(shape: tuple[int, ...]) -> bool:
    first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
    if first and last:  # then a square image is likelier than a narrow one
        first, last = shape[2] == shape[3], shape[1] == shape[2]
    if first == last and shape[1] in CHANNELS:
        raise InvalidData(
            "It cannot be told which axis holds the channels",
            got=f"shape {shape}",
            fix="Give pellucid.data.images.Images(values=…, names=…), channels first",
        )
    return last and not first


def _refuse_gaps(values: np.ndarray) -> None:
    bad = ~np.isfinite(values).all(axis=(1, 2, 3))
    if bad.any():
        first = ", ".join(map(str, np.flatnonzero(bad)[:5]))
        raise InvalidData(
            "Images hold finite numbers", got=f"missing or infinite values in image {first}"
        )


def _norm(name: str, given: Sequence[float] | None, channels: int) -> np.ndarray | None:
    if given is None:
        return None
    found = np.asarray(given, dtype=np.float32).ravel()
    if len(found) not in (1, channels) or not np.isfinite(found).all():
        raise InvalidSetting(f"{name} has a number for each channel", got=given, allowed=channels)
    if name == "std" and (found <= 0).any():
        raise InvalidSetting("std is greater than 0", got=given)
    return np.broadcast_to(found, (channels,)).copy()


def _read(
    X: Any,
    size: int | tuple[int, int] | None,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> Images:
    """Files and PIL images, as values between 0 and 1, then normalised."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise MissingExtra.of("pillow", "images", "Reading image files") from error
    given = [X] if isinstance(X, (str, Path)) else list(X)
    if len(given) == 1 and isinstance(given[0], (str, Path)) and Path(given[0]).is_dir():
        given = list(_files(Path(given[0])))
        if not given:
            raise EmptyData("There are no images in this folder", got=str(X), allowed=SUFFIXES)
    found, names = [], []
    for place, each in enumerate(given):
        named = isinstance(each, (str, Path))
        try:
            image: Any = Image.open(each) if named else each
            found.append(_resized(image.convert("RGB"), size))
        except (FileNotFoundError, UnidentifiedImageError) as error:
            raise InvalidData("This is no image that can be read", got=str(each)) from error
        names.append(Path(each).name if named else place)
    shapes = {each.shape for each in found}
    if len(shapes) > 1:
        raise InvalidData(
            "Images of one batch have one size", got=sorted(map(str, shapes)), fix="Give size="
        )
    norms = _norm("mean", mean, 3), _norm("std", std, 3)
    values = np.moveaxis(np.stack(found), 3, 1)
    values = values - (0.0 if norms[0] is None else norms[0][:, None, None])
    values = values / (1.0 if norms[1] is None else norms[1][:, None, None])
    return Images(
        values=np.ascontiguousarray(values, dtype=np.float32), names=tuple(names), mean=norms[0],
        std=norms[1],
    )  # fmt: skip


def _resized(image: Any, size: int | tuple[int, int] | None) -> np.ndarray:
    """The middle of an image whose shorter side was brought to `size`: (row, column, channel)."""
    if size is not None:
        rows, columns = (size, size) if isinstance(size, int) else size
        scale = max(rows / image.height, columns / image.width)
        image = image.resize(
            (max(round(image.width * scale), columns), max(round(image.height * scale), rows))
        )
        left, top = (image.width - columns) // 2, (image.height - rows) // 2
        image = image.crop((left, top, left + columns, top + rows))
    return np.asarray(image, dtype=np.float32) / 255
