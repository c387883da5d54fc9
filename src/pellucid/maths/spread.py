"""How far the numbers of a column lie apart, whatever else it holds."""

from __future__ import annotations

import numpy as np


def deviations(rows: np.ndarray) -> np.ndarray:
    """Standard deviation of each column without its missing and infinite values; 0 for none.

    Parameters
    ----------
    rows : array of shape (row, column)

    Returns
    -------
    array of shape (column,)
    """
    finite = np.isfinite(rows)
    count = np.maximum(finite.sum(axis=0), 1)
    numbers = np.where(finite, rows, 0.0)
    largest = np.abs(numbers).max(axis=0, initial=0.0)
    scaled = numbers / np.where(largest > 0, largest, 1.0)  # squares of 1e300 do not exist
    away = np.where(finite, scaled - scaled.sum(axis=0) / count, 0.0)
    return np.asarray(np.sqrt(np.square(away).sum(axis=0) / count) * largest)
