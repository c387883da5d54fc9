"""95 % intervals: from resamples, for proportions, for quantiles and for means.

Of the bootstrap intervals the percentile interval is the standard: it never leaves the range of
the statistic, needs no transformation to be chosen, and no further evaluations. BCa would need
each statistic once more for every row (the jackknife), basic intervals leave the range. The basic
interval is kept for statistics that resampling itself pushes to one side, such as the calibration
error, which the percentile interval would overstate.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

LEVEL = 0.95
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
Z = float(stats.norm.ppf(TAILS[1]))

FEWEST_ROWS = 10
"""Below this many rows a bootstrap interval says nothing."""

UNDEFINED_SHARE = 0.05
"""Share of resamples on which a statistic may be undefined before there is no interval."""

NOWHERE = (float("nan"), float("nan"))


def percentile(draws: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of the draws; NaN where they are all equal or often undefined."""
    defined = draws[np.isfinite(draws)]
    if len(defined) < (1 - UNDEFINED_SHARE) * len(draws) or np.ptp(defined) <= 1e-12:
        return NOWHERE
    low, high = np.quantile(defined, TAILS)
    return float(low), float(high)


def basic(draws: np.ndarray, value: float) -> tuple[float, float]:
    """The percentile interval mirrored at `value`, widened where needed to hold `value`."""
    low, high = percentile(draws)
    return float(np.minimum(2 * value - high, value)), float(np.maximum(2 * value - low, value))


def wilson(hits: np.ndarray | float, n: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval of the proportion ``hits / n``; NaN where `n` is 0.

    References
    ----------
    Wilson (1927), doi:10.1080/01621459.1927.10502953; Brown, Cai and DasGupta (2001),
    doi:10.1214/ss/1009213286.
    """
    hits, n = np.asarray(hits, dtype=float), np.asarray(n, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = hits / n
        centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
        reach = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    low = np.where(hits == 0, np.where(n > 0, 0.0, np.nan), centre - reach)
    high = np.where(hits == n, np.where(n > 0, 1.0, np.nan), centre + reach)
    return low, high


def quantile(ordered: np.ndarray, share: float) -> tuple[float, float]:
    """The interval of a quantile between two order statistics, whatever the distribution.

    Parameters
    ----------
    ordered : array of shape (row,)
        Increasing values.
    share : float
        The quantile, strictly between 0 and 1.

    Returns
    -------
    low, high : float
        NaN where the rows do not reach far enough into the tail.
    """
    n = len(ordered)
    low, high = (int(place) for place in stats.binom.ppf(TAILS, n, share))
    return (
        float(ordered[low - 1]) if low >= 1 else float("nan"),
        float(ordered[high]) if high < n else float("nan"),
    )


def mean(values: np.ndarray) -> tuple[float, float]:
    """Student's interval of a mean; NaN for a single row."""
    n = len(values)
    if n < 2:
        return NOWHERE
    reach = float(stats.t.ppf(TAILS[1], n - 1) * values.std(ddof=1) / np.sqrt(n))
    centre = float(values.mean())
    return centre - reach, centre + reach
