"""How strongly columns go together, between 0 (independent) and 1, whatever their kinds.

Two numbers are compared by their rank or linear correlation, two categories by Cramér's V, a
number with a category by the correlation ratio of its ranks. The latter two are corrected for
what chance alone gives, so that many categories in few rows do not look related.
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import average, fcluster
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

FEWEST = 3
"""Rows with both values, below which nothing can be said of two columns."""


def association(codes: np.ndarray, named: np.ndarray, *, ranks: bool = True) -> np.ndarray:
    """Strength of association of every pair of columns.

    Parameters
    ----------
    codes : array of shape (row, feature)
        Numbers, and categories as whole numbers; NaN where missing. A pair is compared on the rows
        that have both.
    named : array of bool of shape (feature,)
        Which columns hold categories without order.
    ranks : bool
        Whether numbers are compared by ranks (Spearman) or as they are (Pearson).

    Returns
    -------
    array of shape (feature, feature)
        Symmetric, 1 on the diagonal; 0 where a column does not vary.

    References
    ----------
    Spearman (1904), doi:10.2307/1412159. Bergsma (2013), A bias-correction for Cramér's V,
    doi:10.1016/j.jkss.2012.10.002. Kelley (1935), An unbiased correlation ratio measure,
    doi:10.1073/pnas.21.9.554.
    """
    columns = codes.shape[1]
    strength = np.eye(columns)
    numeric = np.flatnonzero(~named)
    strength[np.ix_(numeric, numeric)] = _numbers(codes[:, numeric], ranks)
    for i in np.flatnonzero(named):
        for j in range(columns):
            if i == j or (named[j] and j < i):
                continue
            both = ~np.isnan(codes[:, i]) & ~np.isnan(codes[:, j])
            first, second = codes[both, i], codes[both, j]
            measure = _cramer if named[j] else _ratio
            strength[i, j] = strength[j, i] = measure(first, second)
    return strength


def clustered(strength: np.ndarray, least: float) -> np.ndarray:
    """Groups of columns whose mean association is at least `least`.

    Parameters
    ----------
    strength : array of shape (feature, feature)
    least : float
        Between 0 and 1.

    Returns
    -------
    array of int of shape (feature,)
        The group of each column, numbered in the order of first columns. Clusters are merged by
        average linkage: two join while the mean association between their columns is enough.
    """
    if len(strength) < 2:
        return np.zeros(len(strength), dtype=int)
    apart = np.clip(1 - strength, 0, None)
    np.fill_diagonal(apart, 0)
    cluster = fcluster(average(squareform(apart, checks=False)), 1 - least, "distance")
    _, first, group = np.unique(cluster, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[group])


def _numbers(codes: np.ndarray, ranks: bool) -> np.ndarray:
    """|Correlation| of all pairs, on the rows that have both."""
    if not np.isnan(codes).any():
        return _correlation(rankdata(codes, axis=0) if ranks and len(codes) else codes)
    columns = codes.shape[1]
    strength = np.eye(columns)
    for i in range(columns):
        for j in range(i):
            both = codes[~np.isnan(codes[:, [i, j]]).any(axis=1)][:, [i, j]]
            pair = rankdata(both, axis=0) if ranks and len(both) else both
            strength[i, j] = strength[j, i] = _correlation(pair)[0, 1]
    return strength


def _correlation(values: np.ndarray) -> np.ndarray:
    if len(values) < FEWEST:
        return np.eye(values.shape[1])
    largest = np.abs(values).max(axis=0, initial=0)
    scaled = values / np.where(largest > 0, largest, 1.0)  # squares of 1e300 do not exist
    centred = scaled - scaled.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    varies = size > 1e-12
    unit = np.where(varies, centred / np.where(varies, size, 1.0), 0.0)
    strength = np.clip(np.abs(unit.T @ unit), 0, 1)
    np.fill_diagonal(strength, 1.0)
    return strength


def _cramer(first: np.ndarray, second: np.ndarray) -> float:
    """Cramér's V, corrected for chance."""
    n = len(first)
    if n < FEWEST:
        return 0.0
    _, row = np.unique(first, return_inverse=True)
    _, column = np.unique(second, return_inverse=True)
    rows, columns = int(row.max()) + 1, int(column.max()) + 1
    seen = np.bincount(row * columns + column, minlength=rows * columns).reshape(rows, columns)
    expected = seen.sum(axis=1, keepdims=True) * seen.sum(axis=0) / n
    phi = ((seen - expected) ** 2 / expected).sum() / n
    phi = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1))
    least = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(min(1.0, np.sqrt(phi / least))) if least > 0 else 0.0


def _ratio(category: np.ndarray, number: np.ndarray) -> float:
    """Correlation ratio of a number's ranks between categories, corrected for chance."""
    n = len(number)
    if n < FEWEST:
        return 0.0
    _, group, size = np.unique(category, return_inverse=True, return_counts=True)
    ranks = rankdata(number) - (n + 1) / 2
    total = float((ranks**2).sum())
    if total == 0 or n <= len(size):
        return 0.0
    between = float((np.bincount(group, ranks) ** 2 / size).sum())
    unbiased = 1 - (1 - between / total) * (n - 1) / (n - len(size))
    return float(np.sqrt(max(0.0, unbiased)))
