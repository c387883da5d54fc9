"""95 % intervals over the rows judged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.maths import intervals
from pellucid.maths.bootstrap import bootstrap

RESAMPLES = 2_000
ENOUGH_ROWS = intervals.FEWEST_ROWS


def too_few(things: str) -> str:
    """Why there is no verdict on so few ``"rows"``, or ``"images"``."""
    return f"fewer than {ENOUGH_ROWS} {things} give no interval, so there is no verdict"


def interval(
    statistic: Callable[[np.ndarray], np.ndarray], n: int, rng: np.random.Generator
) -> tuple[float, float]:
    """The bootstrap interval of a statistic of weighted rows; NaN from fewer than 10 rows.

    Parameters
    ----------
    statistic : callable
        From weights (resample, row) to the statistic (resample,).
    n : int
        Rows.
    rng : numpy Generator
        The random stream.
    """
    if n < ENOUGH_ROWS:
        return intervals.NOWHERE
    _, draws = bootstrap(lambda w: {"": statistic(w)}, n, resamples=RESAMPLES, rng=rng)
    low, high = intervals.percentile(draws[""])
    if low != low and np.isfinite(draws[""]).all():  # the same on every resample
        low = high = float(draws[""].mean())
    return low, high


def mean_interval(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """The bootstrap interval of the mean of `values` (row,)."""
    return interval(lambda w: w @ values / len(values), len(values), rng)
