"""The pieces of images that are removed together, and share an explanation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.core.errors import InvalidSetting, WrongType
from pellucid.data.images import Images
from pellucid.maths.superpixels import cells, slic

KINDS = ("slic", "grid")
"""Superpixels that follow edges, or regular cells."""


@dataclass(frozen=True, kw_only=True)
class Segments:
    """How images are cut into segments.

    Parameters
    ----------
    kind : {"slic", "grid"}
        Superpixels by SLIC, each image for itself, or a regular grid of cells.
    number : int
        Most segments of an image.
    compactness : float
        For SLIC: larger for squarer superpixels that follow colour less.
    """

    kind: str = "slic"
    number: int = 50
    compactness: float = 10.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidSetting("Images are cut otherwise", got=repr(self.kind), allowed=KINDS)
        whole = isinstance(self.number, (int, np.integer)) and not isinstance(self.number, bool)
        if not whole or self.number < 1:
            raise InvalidSetting(
                "number is a number of segments", got=repr(self.number), allowed="≥ 1"
            )
        if not 0 < self.compactness < np.inf:
            raise InvalidSetting(
                "compactness cannot be used", got=repr(self.compactness), allowed="a number > 0"
            )

    def of(self, images: Images) -> np.ndarray:
        """The segment of each pixel, numbered from 0 in each image: int32 (sample, row, column)."""
        samples, _, rows, columns = images.values.shape
        if self.kind == "grid":
            return np.tile(cells(rows, columns, self.number), (samples, 1, 1))
        alone = (images.take([i]).pixels[0] for i in range(samples))
        return np.stack([slic(pixels, self.number, self.compactness) for pixels in alone])


def cut(images: Images, wanted: Any) -> np.ndarray:
    """The segment of each pixel as the user wants it: int32 (sample, row, column).

    Parameters
    ----------
    images : Images
    wanted : Segments, {"slic", "grid"}, int or array of int
        An array holds labels (row, column) for all images, or (sample, row, column).

    Raises
    ------
    InvalidSetting, WrongType
    """
    if wanted is None:
        return Segments().of(images)
    if isinstance(wanted, Segments):
        return wanted.of(images)
    if isinstance(wanted, str):
        return Segments(kind=wanted).of(images)
    if isinstance(wanted, (int, np.integer)) and not isinstance(wanted, bool):
        return Segments(number=int(wanted)).of(images)
    labels = np.asarray(wanted)
    samples, _, rows, columns = images.values.shape
    if labels.dtype.kind not in "biu":
        raise WrongType(
            "segments says how images are cut",
            got=type(wanted).__name__ if labels.ndim == 0 else f"an array of {labels.dtype}",
            allowed="a number, 'slic', 'grid', Segments(…), or an array of whole numbers",
        )
    if labels.shape not in ((rows, columns), (samples, rows, columns)):
        raise InvalidSetting(
            "segments has a label for each pixel",
            got=f"shape {labels.shape}",
            allowed=[(rows, columns), (samples, rows, columns)],
        )
    each = np.broadcast_to(labels, (samples, rows, columns))
    numbered = [np.unique(one, return_inverse=True)[1].reshape(rows, columns) for one in each]
    return np.stack(numbered).astype(np.int32)
