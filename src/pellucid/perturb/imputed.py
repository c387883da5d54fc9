"""Filling removed pixels from those around them, so that a mask leaves no edge to be seen."""

from __future__ import annotations

import numpy as np

AROUND = (
    (-1, 0, 1 / 6), (1, 0, 1 / 6), (0, -1, 1 / 6), (0, 1, 1 / 6),
    (-1, -1, 1 / 12), (-1, 1, 1 / 12), (1, -1, 1 / 12), (1, 1, 1 / 12),
)  # fmt: skip
"""Steps down and across to the eight pixels around, and what each weighs in their mean."""


def noisy_linear(images: np.ndarray, gone: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Images whose removed pixels are the weighted mean of the pixels around them, and noise.

    Parameters
    ----------
    images : array of shape (sample, channel, row, column)
    gone : array of bool of shape (sample, row, column)
        The removed pixels.
    noise : array that broadcasts to `images`
        What is added to removed pixels, so that a network cannot read the mask off the blend.

    Returns
    -------
    array like `images`
        Every removed pixel fulfils the equation, removed neighbours included. Where nothing is
        left, the mean of each channel.

    Notes
    -----
    One sparse linear system for each image, in the number of its removed pixels; pixels on the
    border have fewer neighbours, whose weights are made to add up to 1.

    References
    ----------
    Rong et al. (2022), A consistent and efficient evaluation strategy for attribution methods,
    arXiv:2202.00449.
    """
    found = np.array(images)
    for image, mask, given in zip(found, gone, images, strict=True):
        if mask.all():
            image[:] = given.mean(axis=(1, 2), keepdims=True)
        elif mask.any():
            image[:, mask] = _blended(given, mask)
    return np.where(gone[:, None], found + noise, found).astype(images.dtype)


def _blended(image: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """The removed pixels of one image: (channel, removed)."""
    from scipy.sparse import csc_matrix
    from scipy.sparse.linalg import splu

    rows, columns = gone.shape
    number = np.full((rows + 2, columns + 2), -1)  # -1 is known or outside
    number[1:-1, 1:-1][gone] = np.arange(gone.sum())
    inside = np.zeros((rows + 2, columns + 2), dtype=bool)
    inside[1:-1, 1:-1] = True
    padded = np.pad(image.astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    down, across = (each + 1 for each in np.nonzero(gone))
    own = np.arange(len(down))
    total, known = np.zeros(len(down)), np.zeros((len(down), len(image)))
    at: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for step, side, weight in AROUND:
        here = down + step, across + side
        there = inside[here]
        other = number[here]
        total += weight * there
        known += weight * (there & (other < 0))[:, None] * padded[:, here[0], here[1]].T
        also = other >= 0
        at.append((own[also], other[also], np.full(also.sum(), -weight)))
    at.append((own, own, total))
    i, j, weights = (np.concatenate(part) for part in zip(*at, strict=True))
    matrix = csc_matrix((weights, (i, j)), shape=(len(own), len(own)))
    return np.asarray(splu(matrix).solve(known).T)
