"""Clenshaw-Curtis rules on [0, 1], each of which holds the nodes of the one before."""

from __future__ import annotations

from functools import cache

import numpy as np


def levels(most: int, first: int) -> tuple[int, ...]:
    """Numbers of intervals, each twice the one before, whose rules take at most `most` nodes."""
    found = [first]
    while 2 * found[-1] + 1 <= most:
        found.append(2 * found[-1])
    return tuple(found)


@cache
def rule(intervals: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights, (node,), from 0 to 1; an even number of intervals.

    References
    ----------
    Clenshaw and Curtis (1960), doi:10.1007/BF01386223. Waldvogel (2006),
    doi:10.1007/s10543-006-0045-4.
    """
    place = np.arange(intervals + 1)
    nodes = (1 - np.cos(np.pi * place / intervals)) / 2
    order = np.arange(1, intervals // 2 + 1)
    factor = np.where(order == intervals // 2, 1.0, 2.0) / (4 * order**2 - 1)
    ends = np.where((place == 0) | (place == intervals), 1.0, 2.0)
    series = 1 - np.cos(2 * np.pi * np.outer(place, order) / intervals) @ factor
    return nodes, ends * series / intervals / 2


def fresh(intervals: int, first: int) -> np.ndarray:
    """Places of the nodes that the rule before does not hold; all of them for the first rule."""
    return np.arange(intervals + 1) if intervals == first else np.arange(1, intervals, 2)
