"""Comparing two explanations row by row: rank correlation and the most important features."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

NEGLIGIBLE = 1e-9
"""Share of the spread of the output below which two values count as equal: rounding, not rank."""


def rounded(values: np.ndarray, spread: float) -> np.ndarray:
    """Values in whole steps of `NEGLIGIBLE` of the spread, so that rounding makes no ranks."""
    return np.round(values / (NEGLIGIBLE * spread)) if spread > 0 else np.zeros_like(values)


def spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Rank correlation of each row of `a` with the same row of `b`, shape (row,).

    Ties share their mean rank. Where one of the two is constant and the other is not, the
    correlation is 0: a flat list agrees with no order. Where both are, it is NaN.
    """
    x, y = (rankdata(each, axis=1) - (each.shape[1] + 1) / 2 for each in (a, b))
    sizes = np.sqrt((x**2).sum(axis=1)), np.sqrt((y**2).sum(axis=1))
    flat = (sizes[0] == 0).astype(int) + (sizes[1] == 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (x * y).sum(axis=1) / (sizes[0] * sizes[1])
    return np.where(flat == 2, np.nan, np.where(flat == 1, 0.0, found))


def overlap(a: np.ndarray, b: np.ndarray, k: int) -> np.ndarray:
    """Share of the `k` largest magnitudes of each row of `a` that are in those of `b`."""
    tops = [np.argsort(-np.abs(each), axis=1, kind="stable")[:, :k] for each in (a, b)]
    same = tops[0][:, :, None] == tops[1][:, None, :]
    return same.any(axis=2).mean(axis=1)
