"""How two lists of numbers go together, one pair of lists for each sample.

Lists have shape ``(sample, unit)``. `there`, of the same shape, says which units a sample has,
where lists of unequal lengths were filled up; all, when it is left out. A NaN in a unit that is
there makes the result of its sample NaN.

Ranks see differences of any size: round answers that differ by no more than rounding before.

A list that does not vary agrees with no order: where one of the two is flat and the other is not,
the result is 0; where both are, it is NaN. Peers give NaN in both cases, so that a method with the
same value everywhere would be left out of a mean rather than judged.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

FLAT = 1e-12
"""A list that moves less than this part of its largest magnitude does not vary: rounding."""


def pearson(a: np.ndarray, b: np.ndarray, there: np.ndarray | None = None) -> np.ndarray:
    """Linear correlation of each sample of `a` with the same sample of `b`: (sample,), −1 to 1.

    Parameters
    ----------
    a, b : array of shape (sample, unit)
    there : array of bool of shape (sample, unit), optional
        Which units exist.

    References
    ----------
    Pearson (1895), doi:10.1098/rspl.1895.0041.
    """
    there = np.ones(a.shape, dtype=bool) if there is None else there
    x, y = _unit_length(a, there), _unit_length(b, there)
    return _judged(np.einsum("ij,ij->i", x, y), x, y)


def spearman(a: np.ndarray, b: np.ndarray, there: np.ndarray | None = None) -> np.ndarray:
    """Correlation of ranks, equal values sharing their mean rank: (sample,), −1 to 1.

    Parameters
    ----------
    a, b : array of shape (sample, unit)
    there : array of bool of shape (sample, unit), optional
        Which units exist.

    References
    ----------
    Spearman (1904), doi:10.2307/1412159.
    """
    if there is not None:  # units that are not there rank above all others
        a, b = (np.where(there, each, np.inf) for each in (a, b))
    return pearson(rankdata(a, axis=1), rankdata(b, axis=1), there)


def kendall(a: np.ndarray, b: np.ndarray, there: np.ndarray | None = None) -> np.ndarray:
    """Kendall's τ-b, concordant less discordant pairs and corrected for ties: (sample,), −1 to 1.

    Parameters
    ----------
    a, b : array of shape (sample, unit)
    there : array of bool of shape (sample, unit), optional
        Which units exist.

    Notes
    -----
    All pairs are compared: time grows with the square of the units, memory does not.

    References
    ----------
    Kendall (1945), The treatment of ties in ranking problems, doi:10.1093/biomet/33.3.239.
    """
    if there is not None:
        a, b = (np.where(there, each, 0.0) for each in (a, b))
    agree, moves, others = np.zeros((3, len(a)))
    for apart in range(1, a.shape[1]):
        x = np.sign(a[:, apart:] - a[:, :-apart])
        y = np.sign(b[:, apart:] - b[:, :-apart])
        if there is not None:
            both = there[:, apart:] & there[:, :-apart]
            x, y = x * both, y * both
        agree += np.einsum("ij,ij->i", x, y)
        moves += np.einsum("ij,ij->i", x, x)
        others += np.einsum("ij,ij->i", y, y)
    varied = np.sqrt(moves) * np.sqrt(others)
    found = np.divide(agree, varied, out=np.zeros(len(a)), where=varied != 0)
    return np.where((moves == 0) & (others == 0), np.nan, np.clip(found, -1.0, 1.0))


def _unit_length(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Deviations from the mean of the units that are there, of length 1; 0 where they are flat."""
    held = np.where(there, values, 0.0)
    largest = np.abs(held).max(axis=1, initial=0.0, keepdims=True)
    held = np.divide(held, largest, out=held, where=largest > 0)  # squares of 1e300 do not exist
    count = np.maximum(there.sum(axis=1, keepdims=True), 1)
    away = np.where(there, held - held.sum(axis=1, keepdims=True) / count, 0.0)
    away[np.abs(away).max(axis=1, initial=0.0) <= FLAT] = 0.0
    length = np.sqrt(np.square(away).sum(axis=1, keepdims=True))
    return np.divide(away, length, out=away, where=length != 0)


def _judged(found: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The correlation within its range, and NaN where neither list varies."""
    flat = ~(x.any(axis=1) | y.any(axis=1))
    return np.where(flat, np.nan, np.clip(found, -1.0, 1.0))
