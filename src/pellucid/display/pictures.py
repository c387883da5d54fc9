"""Single pictures of images: what a method lays over one, and which region it calls strongest."""

from __future__ import annotations

import base64

import numpy as np

from pellucid.display.pieces.overlay import blended, grey_of, png
from pellucid.display.theme import palette
from pellucid.maths.superpixels import cells

STRONGEST = 0.98
"""The part of an image's pixels below full strength: a few extreme ones pale nothing."""

ENLARGED = 200
"""Pixels of the longer side at least, of what is stored; small images keep their sharp pixels."""

CELLS = 196
"""Pieces of the grid whose strongest make a region: those that explanations are judged by."""

REGION = 0.1
"""The share of an image that is its strongest region."""

FADED = 0.22
"""What is left of the contrast outside the region."""


def address(pixels: np.ndarray) -> str:
    """Pixels (row, column, 3), bytes or between 0 and 1, as an address that holds them."""
    if pixels.dtype != np.uint8:
        pixels = np.round(255 * pixels).astype(np.uint8)
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode()


def enlarged(array: np.ndarray, least: int = ENLARGED) -> np.ndarray:
    """An image or a map, each pixel repeated until the longer side has `least` pixels or so."""
    times = max(1, least // max(array.shape[:2]))
    return np.repeat(np.repeat(array, times, axis=0), times, axis=1)


def shrunk(array: np.ndarray, most: int) -> np.ndarray:
    """An image or a map of at most `most` pixels on its longer side: means of blocks of pixels."""
    times = -(-max(array.shape[:2]) // most)
    if times == 1:
        return array
    rows, columns = (size // times for size in array.shape[:2])
    kept = array[: rows * times, : columns * times]
    blocks = kept.reshape(rows, times, columns, times, *array.shape[2:])
    return np.asarray(blocks.mean(axis=(1, 3)))


def overlaid(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (row, column) over the grey copy of an image, as bytes (row, column, 3).

    Where all values are above zero, the least of them is drawn as nothing: what stands out is
    seen, not what is everywhere.
    """
    shown = values - max(float(values.min()), 0.0)
    full = float(np.quantile(np.abs(shown), STRONGEST)) or float(np.abs(shown).max())
    return blended(grey_of(image), shown, full)


def region(values: np.ndarray, share: float = REGION) -> np.ndarray:
    """The strongest region: the cells of a grid that raise the output most, bool (row, column)."""
    cell = cells(values.shape[0], values.shape[1], CELLS)
    area = np.bincount(cell.ravel())
    mean = np.bincount(cell.ravel(), weights=values.ravel()) / area
    most = max(1, round(share * len(area)))
    first = np.argsort(-mean, kind="stable")[:most]
    kept = np.zeros(len(area), dtype=bool)
    kept[first[mean[first] > 0]] = True
    return kept[cell]


def masked(image: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """An image of which only a region stands out, the rest pale, as bytes (row, column, 3)."""
    pale = 1 - FADED * (1 - grey_of(image)[..., None] * np.ones(3))
    inside = np.where(kept[..., None], image, pale)
    edge = _edge(kept)
    colour = palette("light").raises
    paint = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.round(255 * np.where(edge[..., None], paint, inside)).astype(np.uint8)


def _edge(kept: np.ndarray) -> np.ndarray:
    """Pixels of a region that border on what is outside of it, within the picture."""
    padded = np.pad(kept, 1, mode="edge")
    around = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(kept & ~around)
