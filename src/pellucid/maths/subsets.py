"""Is the mean over a subset of rows higher than a random subset of its size would show?

Under the null hypothesis that the subset has nothing to do with the values, it is a simple random
sample without replacement of the rows, so that the exact moments of its sum are known and no model
of the values is needed.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

WORTH_TESTING = 1.0
"""Standard errors above the mean below which a p-value is given as 1, which is never too small."""


def excess_p(sums: np.ndarray, counts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """One-sided p-values of sums over subsets of `values`.

    Parameters
    ----------
    sums, counts : array of shape (subset,)
        Sum of the values in each subset, and its number of rows.
    values : array of shape (row,)
        All values, those of the subsets among them.

    Returns
    -------
    array of shape (subset,)
        Probability of as large a sum in a random subset of the same size; 1 for sums that are not
        at least one standard error above their expectation.

    Notes
    -----
    Exact (hypergeometric) for values that are all 0 or 1. Otherwise a Pearson type III
    distribution with the exact mean, variance and skewness, because a normal distribution
    promises too much for skewed losses and small subsets.

    References
    ----------
    Mielke and Berry (2007), Permutation Methods, doi:10.1007/978-0-387-69813-7.
    """
    n = len(values)
    sums, counts = np.asarray(sums, dtype=float), np.asarray(counts)
    p = np.ones(len(sums))
    spread = values.std()
    if n < 3 or spread == 0:
        return p
    inside = (counts > 0) & (counts < n)
    deviation = np.full(len(sums), -np.inf)
    variance = counts * (n - counts) / (n - 1) * spread**2
    deviation[inside] = (sums - counts * values.mean())[inside] / np.sqrt(variance[inside])
    tested = np.flatnonzero(deviation >= WORTH_TESTING)
    if np.isin(values, (0.0, 1.0)).all():
        hits = np.rint(sums[tested])
        p[tested] = stats.hypergeom.sf(hits - 1, n, int(values.sum()), counts[tested])
        return p
    skewness = np.mean(((values - values.mean()) / spread) ** 3)
    part = counts[tested]
    skew = skewness * (n - 2 * part) / (n - 2) * np.sqrt((n - 1) / (part * (n - part)))
    p[tested] = stats.pearson3.sf(deviation[tested], skew)
    return p
