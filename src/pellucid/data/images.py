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

GREY = ("1", "L", "LA", "I", "F")
"""Modes of PIL images without colour; those of 16 bits begin with ``"I;16"``."""

BYTES = (
    "The images hold whole numbers from 0 to 255, and the model was given them as they are. If it "
    "takes values between 0 and 1, give X / 255."
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
    grey : bool
        Whether these are grey files, whose three channels are alike; see `single`.
    notes : tuple of str
        What every explanation of these images says of them.
    """

    values: np.ndarray
    names: tuple[str | int, ...]
    mean: np.ndarray | None = None
    std: np.ndarray | None = None
    kind: str = "numpy"
    last: bool = False
    grey: bool = False
    notes: tuple[str, ...] = ()

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
            list of such images, of PIL images or of paths, one PIL image or file, a folder, or
            what an image processor of Hugging Face returns: its ``"pixel_values"``. Arrays are
            taken as they are; files and PIL images become values between 0 and 1, with three
            channels; grey ones with one where the model takes one.
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
        if isinstance(X, (str, Path)) or _is_pil(X) or _is_list_of_files(X):
            return _read(X, size, mean, std)
        if size is not None:
            raise InvalidSetting("size is for files and PIL images; arrays are taken as they are")
        kind, array = _array(X)
        if array.ndim != 4:
            raise WrongType(
                "This is not a batch of images",
                got=array.shape,
                allowed=TAKEN,
                fix=_to_four_axes(X, array.shape),
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
        scaled = array.dtype != np.uint8 or values.max() <= 1 or mean is not None or std is not None
        return cls(
            values=values, names=tuple(range(len(values))), mean=norms[0], std=norms[1], kind=kind,
            last=last, notes=() if scaled else (BYTES,),
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

    def single(self) -> Images:
        """Grey images with one channel in place of three, if they were normalised alike."""
        norms = [each for each in (self.mean, self.std) if each is not None]
        if not self.grey or any((each != each[0]).any() for each in norms):
            return self
        mean, std = (None if each is None else each[:1] for each in (self.mean, self.std))
        return replace(self, values=self.values[:, :1].copy(), mean=mean, std=std, grey=False)

    def take(self, index: Any) -> Images:
        """Some of the images, by place, mask or slice."""
        places = np.atleast_1d(np.arange(len(self))[index])
        return replace(self, values=self.values[places], names=tuple(self.names[i] for i in places))

    def with_values(self, values: np.ndarray) -> Images:
        """The same images, by name, with other values."""
        return replace(self, values=np.asarray(values, dtype=np.float32), grey=False)

    def fingerprint(self) -> str:
        """``"sha256:"`` and 16 hex digits of the shape and the values."""
        digest = hashlib.sha256(repr(self.values.shape).encode())
        digest.update(np.ascontiguousarray(self.values).data)
        return f"sha256:{digest.hexdigest()[:16]}"


def are_images(X: Any) -> bool:
    """Whether this is a batch of images, and not a table; reads no file."""
    if isinstance(X, Images) or _is_processed(X) or _is_pil(X):
        return True
    if isinstance(X, (str, Path)):
        path = Path(X)
        return path.suffix.lower() in SUFFIXES or (path.is_dir() and any(_files(path)))
    shape = getattr(X, "shape", None)
    if shape is not None and not hasattr(X, "columns"):
        return len(shape) == 4
    return _is_list_of_files(X) or (
        isinstance(X, (list, tuple))
        and len(X) > 0
        and not hasattr(X[0], "columns")
        and len(getattr(X[0], "shape", ())) in (2, 3)
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
    return _is_pil(first)


def _is_pil(X: Any) -> bool:
    return any(kind.__module__.startswith("PIL.") for kind in type(X).__mro__)


def _to_four_axes(X: Any, shape: tuple[int, ...]) -> str | None:
    """How an array of three axes becomes a batch: it is one image, or many grey ones."""
    if len(shape) == 2:
        return "Give one grey image as a batch of one with one channel: X[None, None]"
    if len(shape) != 3:
        return None
    if isinstance(X, (list, tuple)):
        return "Give grey images a channel: [image[None] for image in X]"
    one, many = "one image as a batch of one: X[None]", "grey images a channel: X[:, None]"
    if shape[0] in CHANNELS or shape[2] in CHANNELS:
        return f"Give {one}; {many}"
    return f"Give {many}"


def _array(X: Any) -> tuple[str, np.ndarray]:
    """What was given, and its numbers."""
    if isinstance(X, (list, tuple)) and X and hasattr(X[0], "shape"):
        parts = [_array(part) for part in X]
        shapes = {part.shape for _, part in parts}
        if len(shapes) > 1:
            raise InvalidData("Images of one batch have one size", got=sorted(map(str, shapes)))
        return parts[0][0], np.stack([part for _, part in parts])
    if hasattr(X, "detach") and hasattr(X, "cpu"):
        given = X.detach().cpu()
        return "torch", (given if str(given.dtype) == "torch.uint8" else given.float()).numpy()
    if not isinstance(X, np.ndarray):
        raise WrongType("This is not a batch of images", got=type(X).__name__, allowed=TAKEN)
    return "numpy", X


def _channels_last(shape: tuple[int, ...]) -> bool:
    first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
    squares = shape[2] == shape[3], shape[1] == shape[2]
    if (first and last) or (last and squares == (True, False)):
        first, last = squares  # a square image is likelier than a narrow one
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
    given = list(X) if isinstance(X, (list, tuple)) else [X]
    if len(given) == 1 and isinstance(given[0], (str, Path)) and Path(given[0]).is_dir():
        given = list(_files(Path(given[0])))
        if not given:
            raise EmptyData("There are no images in this folder", got=str(X), allowed=SUFFIXES)
    found, names, grey = [], [], True
    for place, each in enumerate(given):
        named = isinstance(each, (str, Path))
        names.append(Path(each).name if named else place)
        try:
            image: Any = Image.open(each) if named else each
            grey = grey and _is_grey(image)
            found.append(_sized(_brightness(image, names[-1]), size))
        except (FileNotFoundError, UnidentifiedImageError) as error:
            raise InvalidData("This is no image that can be read", got=str(each)) from error
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
        std=norms[1], grey=grey,
    )  # fmt: skip


def _is_grey(image: Any) -> bool:
    return image.mode in GREY or image.mode.startswith("I;16")


def _brightness(image: Any, name: str | int) -> Any:
    """An image of 8 bits as colours; of more, as one channel of floats between 0 and 1."""
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return image.convert("RGB")
    from PIL import Image

    values = np.asarray(image, dtype=np.float32)
    low, high = float(values.min()), float(values.max())
    bits16 = image.mode != "F" and (image.mode != "I" or image.format == "PNG" or high > 255)
    full = 65535 if bits16 else 1 if image.mode == "F" and high <= 1 else 255
    if not (low >= 0 and high <= full):
        raise InvalidData(
            "It cannot be told what black and white are in this image",
            got=f"values from {low:.4g} to {high:.4g} in {name}",
            allowed="0 to 255, 0 to 65535 in whole numbers, or 0 to 1",
            fix="Scale it, and give an array of shape (sample, channel, row, column)",
        )
    return Image.fromarray(values / full)


def _sized(image: Any, size: int | tuple[int, int] | None) -> np.ndarray:
    """The middle of an image whose shorter side was brought to `size`: (row, column, 3)."""
    if size is not None:
        rows, columns = (size, size) if isinstance(size, int) else size
        scale = max(rows / image.height, columns / image.width)
        image = image.resize(
            (max(round(image.width * scale), columns), max(round(image.height * scale), rows))
        )
        left, top = (image.width - columns) // 2, (image.height - rows) // 2
        image = image.crop((left, top, left + columns, top + rows))
    values = np.asarray(image, dtype=np.float32)
    if values.ndim == 3:
        return values / 255
    return np.repeat(np.clip(values, 0, 1)[:, :, None], 3, axis=2)
