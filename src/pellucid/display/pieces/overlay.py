"""Overlay: an image with the shares of its pixels laid over it."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

from pellucid.core.errors import InvalidData
from pellucid.display.pieces.page import render
from pellucid.display.theme import palette
from pellucid.display.words import brief, percent

SMALLEST = 224
"""Pixels of the longer side; a smaller image is enlarged by a whole number."""

DEEPEST = 0.75
"""Opacity of the strongest share."""

STRIPE = 3
"""Pixels of the stripes that mark what lowers the output."""


def overlay(
    image: np.ndarray, mask: np.ndarray, *, unit: str = "the output", styled: bool = True
) -> str:
    """The image in grey; what raises the output filled, what lowers it striped.

    Parameters
    ----------
    image : array of shape (row, column) or (row, column, 3)
        Integers from 0 to 255, or floats from 0 to 1.
    mask : array of shape (row, column)
        The shares of the pixels.
    unit : str
        What the shares are measured in.
    styled : bool
        Whether the fragment brings its own style.

    Returns
    -------
    str
        An HTML fragment with the picture inside as PNG.
    """
    grey, shares = grey_of(np.asarray(image)), np.asarray(mask, dtype=np.float64)
    if shares.shape != grey.shape:
        raise InvalidData(
            "The mask does not fit the image",
            got=f"shapes {shares.shape} and {grey.shape}",
            allowed="one share for each pixel",
        )
    shares = np.where(np.isfinite(shares), shares, 0.0)
    times = max(1, -(-SMALLEST // max(grey.shape)))
    grey, large = (np.kron(a, np.ones((times, times))) for a in (grey, shares))
    pixels = blended(grey, large)
    source = "data:image/png;base64," + base64.b64encode(png(pixels)).decode()
    content = {
        "source": source,
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "alternative": _alternative(shares, unit),
        "reading": f"In {unit}. Filled vermillion: raises it; striped blue: lowers it. "
        f"The strongest pixel moves it by {brief(float(np.abs(shares).max()))}.",
    }
    return render("overlay.html.j2", content, styled)


def png(pixels: np.ndarray) -> bytes:
    """A PNG of an array of shape (row, column, 3) of bytes."""
    height, width, _ = pixels.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def grey_of(image: np.ndarray) -> np.ndarray:
    """The brightness of an image, (row, column), from 0 to 1."""
    if image.ndim not in (2, 3) or image.size == 0 or image.shape[2:] not in ((), (1,), (3,)):
        raise InvalidData(
            "This is no image",
            got=f"shape {image.shape}",
            allowed="(row, column) or (row, column, 3)",
        )
    scaled = image.astype(np.float64) / (255.0 if image.dtype.kind in "iu" else 1.0)
    if not np.all((scaled >= 0) & (scaled <= 1)):
        raise InvalidData(
            "The image has values outside its range",
            got=f"{brief(float(scaled.min()))} to {brief(float(scaled.max()))} of the full range",
            allowed="integers from 0 to 255, or floats from 0 to 1",
        )
    if scaled.ndim == 2:
        return scaled
    return scaled[..., 0] if scaled.shape[2] == 1 else scaled @ np.array([0.299, 0.587, 0.114])


def blended(grey: np.ndarray, shares: np.ndarray, full: float | None = None) -> np.ndarray:
    """Shares over a grey image, (row, column, 3) of bytes; `full` is the share of full strength."""
    colours = palette("light")
    most = full or float(np.abs(shares).max()) or 1.0
    strength = DEEPEST * np.minimum(np.abs(shares) / most, 1.0)
    row, column = np.indices(grey.shape)
    gap = ((row + column) // STRIPE) % 2 == 1
    strength = np.where((shares < 0) & gap, 0.25 * strength, strength)[..., None]
    paint = np.where(shares[..., None] > 0, _bytes(colours.raises), _bytes(colours.lowers))
    paper = 255.0 * np.repeat(0.4 + 0.6 * grey[..., None], 3, axis=2)
    return np.round(paper * (1 - strength) + paint * strength).astype(np.uint8)


def _bytes(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64)


def _alternative(shares: np.ndarray, unit: str) -> str:
    height, width = shares.shape
    if not shares.any():
        return f"Image of {height} by {width} pixels; no pixel moves {unit}."
    row, column = np.unravel_index(int(np.argmax(np.abs(shares))), shares.shape)
    down = ("top", "middle", "bottom")[min(int(3 * row / height), 2)]
    along = ("left", "centre", "right")[min(int(3 * column / width), 2)]
    verb = "raises" if shares[row, column] > 0 else "lowers"
    raising = float(shares[shares > 0].sum() / np.abs(shares).sum())
    return (
        f"Image of {height} by {width} pixels with shares in {unit}. The strongest pixel lies at "
        f"the {down} {along} and {verb} it; {percent(raising)} of all strength raises it."
    )
