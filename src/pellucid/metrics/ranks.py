"""Comparing two explanations sample by sample: rounding, and the most important units."""

from __future__ import annotations

import numpy as np

NEGLIGIBLE = 1e-9
"""Share of the spread of the output below which two values count as equal: rounding, not rank."""


def rounded(values: np.ndarray, spread: float) -> np.ndarray:
    """Values in whole steps of `NEGLIGIBLE` of the spread, so that rounding makes no ranks."""
    return np.round(values / (NEGLIGIBLE * spread)) if spread > 0 else np.zeros_like(values)


def overlap(a: np.ndarray, b: np.ndarray, k: int) -> np.ndarray:
    """Share of the `k` largest magnitudes of each row of `a` that are in those of `b`."""
    tops = [np.argsort(-np.abs(each), axis=1, kind="stable")[:, :k] for each in (a, b)]
    same = tops[0][:, :, None] == tops[1][:, None, :]
    return same.any(axis=2).mean(axis=1)
