"""Explanations from elsewhere, to be judged: any numbers, as an attribution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import pellucid as pel
from pellucid.core.provenance import Provenance

Scored = Callable[[np.ndarray], np.ndarray]


def of_rows(values: np.ndarray) -> pel.Attribution:
    """Values (sample, feature) of features x0, x1, …"""
    return pel.Attribution(
        values=values,
        dims=("sample", "feature"),
        coords={
            "sample": range(len(values)),
            "feature": [f"x{j}" for j in range(values.shape[1])],
        },
        provenance=Provenance(method="theirs"),
    )


def of_images(values: np.ndarray) -> pel.Attribution:
    """Values (sample, row, column) or (sample, channel, row, column)."""
    dims = ("sample", "channel", "row", "column") if values.ndim == 4 else _FLAT
    return pel.Attribution(
        values=values,
        dims=dims,
        coords={dim: range(size) for dim, size in zip(dims, values.shape, strict=True)},
        provenance=Provenance(method="theirs"),
    )


_FLAT = ("sample", "row", "column")


class Linear:
    """Scores of images that are weighted sums of pixels, and how many images were asked about."""

    def __init__(self, weights: np.ndarray, bias: float = 0.0) -> None:
        self.weights, self.bias, self.asked = weights, bias, 0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.asked += len(images)
        images = np.asarray(images, dtype=float)
        first = (images * self.weights).sum(axis=(1, 2, 3)) + self.bias
        return np.stack([first, np.full(len(images), -1e3)], axis=1)

    def shares(self, images: np.ndarray) -> np.ndarray:
        """What each pixel adds to the first score above an image of zeros: as `images`."""
        return np.asarray(images, dtype=float) * self.weights
