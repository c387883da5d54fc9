"""Conditional inference trees for several responses at once.

A node splits on the column that the responses depend on most, if a permutation test says that they
do. So there is no pruning, and columns with many values are not preferred.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.special import chdtri

LEVEL = 0.05
"""A node is split if the chance of so much dependence, over all columns, is below this."""

SPLIT, BUCKET = 20, 7
"""Least rows of a node that is split, and by default of a leaf."""

RIDGE = 1e-9
"""Added to the variance of each response, which are standardised, so that equal ones do no harm."""


class ConditionalTree(NamedTuple):
    """Nodes of a tree, the root first.

    Parameters
    ----------
    column : array of int of shape (node,)
        The column a node splits on, -1 for a leaf.
    threshold : array of shape (node,)
        Rows with at most this go left.
    left : array of int of shape (node,)
        The left child; the right one comes next.
    leaf : array of int of shape (row,)
        The leaf of each row that the tree was grown on.
    """

    column: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    leaf: np.ndarray


def grow(known: np.ndarray, hidden: np.ndarray, *, bucket: int = BUCKET) -> ConditionalTree:
    """A tree that tells hidden columns from known ones.

    Parameters
    ----------
    known : array of shape (row, column)
    hidden : array of shape (row, response)
        Standardised.
    bucket : int
        Least rows of a leaf.

    References
    ----------
    Hothorn, Hornik and Zeileis (2006), Unbiased recursive partitioning,
    doi:10.1198/106186006X133933.
    """
    least = chdtri(hidden.shape[1], LEVEL / known.shape[1])
    return ConditionalTree(*_grow(known, hidden, least, bucket))


@njit(cache=True, nogil=True)
def leaves(
    column: np.ndarray, threshold: np.ndarray, left: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """The leaf that each row (row, column) comes to."""
    found = np.zeros(len(rows), dtype=np.int64)
    for i in range(len(rows)):
        node = 0
        while column[node] >= 0:
            node = left[node] + (0 if rows[i, column[node]] <= threshold[node] else 1)
        found[i] = node
    return found


@njit(cache=True, nogil=True)
def _grow(
    known: np.ndarray, hidden: np.ndarray, least: float, bucket: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    most = 2 * (len(known) // bucket + 1) + 1
    column = np.full(most, -1)
    threshold = np.zeros(most)
    left = np.zeros(most, dtype=np.int64)
    leaf = np.zeros(len(known), dtype=np.int64)
    nodes, done = 1, 0
    while done < nodes:
        rows = np.flatnonzero(leaf == done)
        if len(rows) >= max(SPLIT, 2 * bucket):
            white = _whitened(hidden, rows)
            best = _column(known, rows, white, least)
            if best >= 0:
                cut = _cut(known[:, best][rows], white, bucket)
                if not np.isnan(cut):
                    column[done], threshold[done], left[done] = best, cut, nodes
                    for row in rows:
                        leaf[row] = nodes if known[row, best] <= cut else nodes + 1
                    nodes += 2
        done += 1
    return column[:nodes], threshold[:nodes], left[:nodes], leaf


@njit(cache=True, nogil=True)
def _whitened(hidden: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Responses (response, row) of some rows, centred, uncorrelated and of variance 1."""
    count = len(rows)
    white = np.empty((hidden.shape[1], count))
    for j in range(len(white)):
        for i in range(count):
            white[j, i] = hidden[rows[i], j]
        white[j] -= white[j].mean()
        for k in range(j):
            white[j] -= np.dot(white[j], white[k]) / count * white[k]
        size = np.dot(white[j], white[j]) / count
        white[j] *= 1 / np.sqrt(size) if size > RIDGE else 0.0
    return white


@njit(cache=True, nogil=True)
def _column(known: np.ndarray, rows: np.ndarray, white: np.ndarray, least: float) -> int:
    """The column that the responses depend on most, or -1 if no dependence is certain."""
    count, best = len(rows), -1
    centred = np.empty(count)
    for j in range(known.shape[1]):
        for i in range(count):
            centred[i] = known[rows[i], j]
        centred -= centred.mean()
        variance = np.dot(centred, centred) / count
        if variance <= 0:
            continue
        shared = 0.0
        for k in range(len(white)):
            shared += (np.dot(white[k], centred) / count) ** 2
        statistic = (count - 1) * shared / variance
        if statistic > least:
            best, least = j, statistic
    return best


@njit(cache=True, nogil=True)
def _cut(values: np.ndarray, white: np.ndarray, bucket: int) -> float:
    """Where to cut a column so that the responses on both sides differ most; NaN for nowhere."""
    order = np.argsort(values)
    count = len(values)
    total = np.zeros(len(white))
    cut, greatest = np.nan, 0.0
    for i in range(count - bucket):
        apart = 0.0
        for k in range(len(white)):
            total[k] += white[k, order[i]]
            apart += total[k] ** 2
        apart /= (i + 1) * (count - i - 1)
        here, after = values[order[i]], values[order[i + 1]]
        if i + 1 < bucket or here == after or apart <= greatest:
            continue
        middle = (here + after) / 2
        cut, greatest = (middle if middle < after else here), apart
    return cut
