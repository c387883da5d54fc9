"""How strongly columns go together, between 0 (independent) and 1, whatever their kinds.

Two numbers are compared by their rank or linear correlation, two categories by Cramér's V, a
number with a category by the correlation ratio of its ranks. The latter two are corrected for
what chance alone gives, so that many categories in few rows do not look related.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy.cluster.hierarchy import average, fcluster
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

FEWEST = 3
"""Rows with both values, below which nothing can be said of two columns."""

FLAT = 1e-12
"""A column that moves less than this part of its largest value does not vary."""

compiled = njit(cache=True, nogil=True)


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
    if len(codes) < FEWEST:
        return np.eye(codes.shape[1])
    there = np.ascontiguousarray(~np.isnan(codes.T))
    lines = np.ascontiguousarray(codes.T, dtype=np.float64)
    whole = ~named & there.all(axis=1)
    strength = np.eye(len(lines))
    together = codes[:, whole]
    if ranks and together.size:
        together = rankdata(together, axis=0)
    strength[np.ix_(whole, whole)] = _correlation(together)
    group = np.full(lines.shape, -1)
    for i in np.flatnonzero(named):
        group[i, there[i]] = np.unique(lines[i, there[i]], return_inverse=True)[1]
    order = np.argsort(lines, axis=1, kind="stable")
    _others(lines, order, there, group, named, whole, ranks, strength)
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


def _correlation(values: np.ndarray) -> np.ndarray:
    """|Correlation| of all pairs of columns without gaps."""
    if len(values) < FEWEST:
        return np.eye(values.shape[1])
    largest = np.abs(values).max(axis=0, initial=0)
    scaled = values / np.where(largest > 0, largest, 1.0)  # squares of 1e300 do not exist
    centred = scaled - scaled.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    varies = size > FLAT
    unit = np.where(varies, centred / np.where(varies, size, 1.0), 0.0)
    strength = np.clip(np.abs(unit.T @ unit), 0, 1)
    np.fill_diagonal(strength, 1.0)
    return strength


@compiled
def _others(lines, order, there, group, named, whole, ranks, strength):  # type: ignore[no-untyped-def]
    """Fill in the pairs that are not of two numbers without gaps."""
    first, second = np.empty(lines.shape[1]), np.empty(lines.shape[1])
    for i in range(len(lines)):
        for j in range(i):
            if whole[i] and whole[j]:
                continue
            if named[i] and named[j]:
                found = _cramer(group[i], group[j])
            elif named[i] or named[j]:
                name, number = (i, j) if named[i] else (j, i)
                both = _read(lines[number], order[number], there[name], True, first)
                found = _ratio(group[name], there[number], first, both)
            else:
                both = _read(lines[i], order[i], there[j], ranks, first)
                _read(lines[j], order[j], there[i], ranks, second)
                found = _linear(there[i], there[j], first, second, both)
            strength[i, j] = strength[j, i] = found


@compiled
def _read(line, order, other, ranks, found):  # type: ignore[no-untyped-def]
    """The values of a column on the rows that the other has too, or their middle ranks; their
    number."""
    count, place = 0, 0
    while place < len(order) and not np.isnan(line[order[place]]):
        value, start, end = line[order[place]], count, place
        while end < len(order) and line[order[end]] == value:
            count += other[order[end]]
            end += 1
        here = (start + count + 1) / 2 if ranks else value
        for row in order[place:end]:
            found[row] = here
        place = end
    return count


@compiled
def _linear(there, other, first, second, both):  # type: ignore[no-untyped-def]
    """|Correlation| of two columns on the rows that have both."""
    if both < FEWEST:
        return 0.0
    most, beyond, middle, centre = 0.0, 0.0, 0.0, 0.0
    for row in range(len(there)):
        if there[row] and other[row]:
            most, beyond = max(most, abs(first[row])), max(beyond, abs(second[row]))
    most, beyond = most if most > 0 else 1.0, beyond if beyond > 0 else 1.0
    for row in range(len(there)):
        if there[row] and other[row]:
            middle, centre = middle + first[row] / most, centre + second[row] / beyond
    middle, centre = middle / both, centre / both
    size, extent, shared = 0.0, 0.0, 0.0
    for row in range(len(there)):
        if there[row] and other[row]:
            a, b = first[row] / most - middle, second[row] / beyond - centre
            size, extent, shared = size + a * a, extent + b * b, shared + a * b
    if np.sqrt(size) <= FLAT or np.sqrt(extent) <= FLAT:
        return 0.0
    return min(1.0, abs(shared) / (np.sqrt(size) * np.sqrt(extent)))


@compiled
def _cramer(first, second):  # type: ignore[no-untyped-def]
    """Cramér's V of two columns of group numbers, corrected for chance."""
    seen = np.zeros((first.max() + 1, second.max() + 1))
    for row in range(len(first)):
        if first[row] >= 0 and second[row] >= 0:
            seen[first[row], second[row]] += 1
    n, down, across = seen.sum(), seen.sum(axis=1), seen.sum(axis=0)
    if n < FEWEST:
        return 0.0
    rows, columns, phi = (down > 0).sum(), (across > 0).sum(), 0.0
    for i in range(len(down)):
        for j in range(len(across)):
            expected = down[i] * across[j] / n
            if expected > 0:
                phi += (seen[i, j] - expected) ** 2 / expected
    phi = max(0.0, phi / n - (rows - 1) * (columns - 1) / (n - 1))
    least = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return min(1.0, np.sqrt(phi / least)) if least > 0 else 0.0


@compiled
def _ratio(group, there, ranks, both):  # type: ignore[no-untyped-def]
    """Correlation ratio of a number's ranks between categories, corrected for chance."""
    if both < FEWEST:
        return 0.0
    total, size = 0.0, np.zeros(group.max() + 1)
    sums = np.zeros(len(size))
    for row in range(len(group)):
        if group[row] >= 0 and there[row]:
            away = ranks[row] - (both + 1) / 2
            total += away * away
            size[group[row]] += 1
            sums[group[row]] += away
    groups, between = (size > 0).sum(), 0.0
    if total == 0 or both <= groups:
        return 0.0
    for each in range(len(size)):
        if size[each] > 0:
            between += sums[each] ** 2 / size[each]
    return np.sqrt(max(0.0, 1 - (1 - between / total) * (both - 1) / (both - groups)))
