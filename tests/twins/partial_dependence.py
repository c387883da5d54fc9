"""Partial dependence as Friedman (2001) writes it: one row and one point at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def partial_dependence(
    predict: Callable[[np.ndarray], np.ndarray], X: np.ndarray, column: int, grid: Sequence[float]
) -> np.ndarray:
    """The mean over rows of the output with `column` set to each point."""
    means = []
    for point in grid:
        total = 0.0
        for row in X:
            changed = row.copy()
            changed[column] = point
            total += float(predict(changed[None])[0])
        means.append(total / len(X))
    return np.array(means)
