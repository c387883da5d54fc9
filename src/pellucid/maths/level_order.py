"""An order for categories that have none: levels whose rows look alike stand next to each other."""

from __future__ import annotations

import numpy as np


def order_levels(level: np.ndarray, others: np.ndarray, named: np.ndarray) -> np.ndarray:
    """Levels in the order of their similarity in the other columns.

    Parameters
    ----------
    level : int array of shape (row,)
        The level of each row, 0 … L − 1, each of which occurs.
    others : array of shape (row, column)
        The other columns; NaN where missing.
    named : bool array of shape (column,)
        Which of them hold codes of categories rather than numbers.

    Returns
    -------
    int array of shape (level,)
        The levels in order. Of the two directions, the one nearer to the given order.

    Notes
    -----
    The distance of two levels is summed over columns: the greatest difference of the two
    distribution functions for numbers, half the sum of differences of shares for categories.
    The order is that of classical multidimensional scaling to one dimension.

    References
    ----------
    Apley and Zhu (2020), doi:10.1111/rssb.12377, and their R package ALEPlot.
    """
    count = int(level.max()) + 1
    if count < 3:
        return np.arange(count)
    distance = np.zeros((count, count))
    for column, is_named in zip(others.T, named, strict=True):
        there = ~np.isnan(column)
        distance += _distances(level[there], column[there], count, bool(is_named))
    squared = distance**2
    squared -= squared.mean(axis=0)
    squared -= squared.mean(axis=1, keepdims=True)
    _, axes = np.linalg.eigh(-squared / 2)
    along = np.round(axes[:, -1], 12)
    if not np.any(distance):
        return np.arange(count)
    forwards = np.sum(along * (np.arange(count) - (count - 1) / 2)) >= 0
    return np.argsort(along if forwards else -along, kind="stable")


def _distances(level: np.ndarray, column: np.ndarray, count: int, named: bool) -> np.ndarray:
    """Distances between levels in one column; zero to a level that has no value there."""
    different, place = np.unique(column, return_inverse=True)
    cells = np.zeros((count, len(different)))
    np.add.at(cells, (level, place), 1.0)
    sizes = cells.sum(axis=1)
    shares = cells / np.maximum(sizes, 1.0)[:, None]
    profile = shares if named else np.cumsum(shares, axis=1)
    found = np.zeros((count, count))
    for one in range(count):
        apart = np.abs(profile - profile[one])
        found[one] = (apart.sum(axis=1) / 2 if named else apart.max(axis=1, initial=0.0)) * (
            sizes * sizes[one] > 0
        )
    return found
