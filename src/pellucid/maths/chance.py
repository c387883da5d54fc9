"""Could it be chance? Probabilities of what was seen if nothing were there, and how they add up."""

from __future__ import annotations

import numpy as np
from scipy import stats

SAME = 1e-12
"""Below this part of their size, numbers differ by rounding alone."""


def welch(first: np.ndarray, second: np.ndarray) -> float:
    """Welch's two-sided t-test of equal means; of values that do not vary, whether they differ.

    References
    ----------
    Welch (1947), doi:10.1093/biomet/34.1-2.28.
    """
    means = float(np.mean(first)), float(np.mean(second))
    parts = [float(np.var(each, ddof=1)) / len(each) for each in (first, second)]
    error = np.sqrt(sum(parts))
    apart = abs(means[0] - means[1])
    if error <= SAME * max(map(abs, means), default=0.0):
        return float(apart <= SAME * max(map(abs, means)))
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(each) - 1) for part, each in zip(parts, (first, second), strict=True)
    )
    return float(2 * stats.t.sf(apart / error, freedom))


def beyond(value: float, chance: np.ndarray, centre: float) -> float:
    """How often chance lies as far from the centre as the value, which counts as one of its draws.

    References
    ----------
    Phipson and Smyth (2010), doi:10.2202/1544-6115.1585.
    """
    far = np.abs(chance - centre) >= abs(value - centre) - 1e-12
    return float((1 + far.sum()) / (1 + len(chance)))


def holm(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities corrected for their number, so that any false alarm is as rare as one was.

    References
    ----------
    Holm (1979), jstor.org/stable/4615733.
    """
    given = np.asarray(probabilities, dtype=float)
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(given[order] * (len(given) - np.arange(len(given))))
    found = np.empty(len(given))
    found[order] = np.minimum(stepped, 1.0)
    return found
