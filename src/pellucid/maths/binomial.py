"""Bounds of a probability from counts: exact ones, and the ones that best-arm search uses."""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import special

STEPS = 30
"""Halvings of an interval of length 1: far below any sampling error."""


def clopper_pearson(hits: np.ndarray | int, n: np.ndarray | int, level: float) -> np.ndarray:
    """The exact interval of a probability, of shape ``(2, *hits.shape)``.

    Parameters
    ----------
    hits, n : int or arrays of int
        Successes and trials; where there is no trial the interval is 0 to 1.
    level : float
        It holds the probability at least this often.

    References
    ----------
    Clopper and Pearson (1934), doi:10.1093/biomet/26.4.404.
    """
    hits, n = np.broadcast_arrays(np.asarray(hits, dtype=float), np.asarray(n, dtype=float))
    tail = (1.0 - level) / 2
    low = special.betaincinv(np.maximum(hits, 0.5), n - hits + 1, tail)
    high = special.betaincinv(hits + 1, np.maximum(n - hits, 0.5), 1 - tail)
    return np.stack([np.where(hits == 0, 0.0, low), np.where(hits == n, 1.0, high)])


@njit(cache=True, nogil=True)
def kl_bounds(hits: np.ndarray, n: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where ``n · KL(hits / n, q)`` reaches `level`, below and above the observed share.

    Parameters
    ----------
    hits, n : arrays of float64 of shape (arm,)
        Successes and trials; an arm without trials may be anything from 0 to 1.
    level : array of float64 of shape (arm,)
        ``log(1 / error)`` for a one-sided bound (Chernoff).

    References
    ----------
    Kaufmann and Kalyanakrishnan (2013), proceedings.mlr.press/v30/Kaufmann13.html.
    """
    low, high = np.zeros(len(n)), np.ones(len(n))
    for arm in range(len(n)):
        if n[arm] == 0:
            continue
        share, reach = hits[arm] / n[arm], level[arm] / n[arm]
        below, above = 0.0, share
        for _ in range(STEPS):
            middle = (below + above) / 2
            if _kl(share, middle) > reach:
                below = middle
            else:
                above = middle
        low[arm] = below
        below, above = share, 1.0
        for _ in range(STEPS):
            middle = (below + above) / 2
            if _kl(share, middle) > reach:
                above = middle
            else:
                below = middle
        high[arm] = above
    return low, high


@njit(cache=True, nogil=True)
def _kl(p: float, q: float) -> float:
    """The divergence of two coins, infinite where `q` rules out what `p` allows."""
    total = 0.0
    if p > 0.0:
        if q <= 0.0:
            return np.inf
        total += p * np.log(p / q)
    if p < 1.0:
        if q >= 1.0:
            return np.inf
        total += (1.0 - p) * np.log((1.0 - p) / (1.0 - q))
    return total
