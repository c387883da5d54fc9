"""Grids along one column: made of values that occur, so that no point is a value nobody has."""

from __future__ import annotations

import numpy as np

EDGES = (0.01, 0.99)
"""Quantiles where a grid begins and ends: beyond them a handful of rows would draw the curve."""


def quantile_grid(values: np.ndarray, points: int) -> np.ndarray:
    """At most `points` observed values, increasing, with about equally many rows between them.

    Parameters
    ----------
    values : array of shape (row,)
        Finite numbers.
    points : int
        Most points. Where fewer different values occur, each of them is a point.

    Returns
    -------
    array of shape (point,)
        Observed values from the 1 % to the 99 % quantile.
    """
    different = np.unique(values)
    if len(different) <= points:
        return different
    return np.unique(np.quantile(values, np.linspace(*EDGES, points), method="inverted_cdf"))


def bin_edges(values: np.ndarray, bins: int) -> np.ndarray:
    """Edges of at most `bins` bins of about equally many rows, from the least to the greatest.

    Every edge is an observed value, so that no bin ``(edge before, edge]`` is empty. A constant
    has one edge and no bin.
    """
    inner = np.quantile(values, np.arange(1, bins + 1) / bins, method="inverted_cdf")
    return np.unique(np.concatenate([[values.min()], inner]))


def nearest(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The point of an increasing `grid` that each of `values` lies nearest to: shape (row,)."""
    middles = grid[1:] / 2 + grid[:-1] / 2
    return np.searchsorted(middles, values, side="left")


def support(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """How many of `values` lie nearest to each point of an increasing `grid`: shape (point,)."""
    return np.bincount(nearest(values, grid), minlength=len(grid)).astype(np.float64)
