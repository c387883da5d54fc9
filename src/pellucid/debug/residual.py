"""Where a regression model is off, and by how much."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from pellucid import __version__
from pellucid.core.errors import InvalidSetting
from pellucid.core.explanation import number
from pellucid.core.provenance import Provenance
from pellucid.core.scores import Score, Scores
from pellucid.debug.judged import numbers
from pellucid.maths import intervals

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)


def residuals(y: Any, prediction: Any, *, worst: int = 5) -> Scores:
    """Truth minus prediction: its quantiles, and the rows with the largest errors.

    Parameters
    ----------
    y, prediction : array of shape (sample,)
        Truth and prediction, in the unit of the target.
    worst : int
        How many of the rows with the largest errors to name.

    Returns
    -------
    Scores
        ``residual`` with ``group="quantile 0.05"`` and so on, then ``residual`` with
        ``group="row <place>"`` for the worst rows, largest error first.

    Raises
    ------
    InvalidData, InvalidSetting
        If truth, prediction or settings cannot be used.

    Notes
    -----
    The interval of a quantile lies between two order statistics and assumes nothing about the
    distribution; a limit is missing where the rows do not reach far enough into the tail, and
    then both are. No model is evaluated.
    """
    started = time.perf_counter()
    truth = numbers("true answers", y)
    said = numbers("predictions", prediction, len(truth))
    if isinstance(worst, bool) or not isinstance(worst, (int, np.integer)) or worst < 0:
        raise InvalidSetting("The number of worst rows cannot be used", got=worst, allowed="0, 1…")
    residual = truth - said
    ordered = np.sort(residual)
    first = np.argsort(-np.abs(residual), kind="stable")[:worst]
    return Scores(
        rows=(
            *(_quantile(ordered, share) for share in SHARES),
            *(_bad_row(int(place), truth, said) for place in first),
        ),
        provenance=Provenance(
            method="residuals",
            params={"worst": int(worst)},
            seconds=time.perf_counter() - started,
            version=__version__,
            notes=("A residual is truth minus prediction; rows are counted from 0.",),
        ),
    )


def _quantile(ordered: np.ndarray, share: float) -> Score:
    value = float(np.quantile(ordered, share))
    limits = intervals.quantile(ordered, share)
    low, high = limits if np.isfinite(limits).all() else intervals.NOWHERE
    between = "" if np.isnan(low) else f" (95 % interval {number(low)} to {number(high)})"
    return Score(
        metric="residual",
        group=f"quantile {share}",
        value=value,
        low=low,
        high=high,
        n=len(ordered),
        text=f"For {100 * share:.0f} % of the rows, truth minus prediction is at most"
        f" {number(value)}{between}.",
    )


def _bad_row(place: int, truth: np.ndarray, said: np.ndarray) -> Score:
    gap = float(truth[place] - said[place])
    side = "too low" if gap > 0 else "too high"
    return Score(
        metric="residual",
        group=f"row {place}",
        value=gap,
        n=1,
        text=f"Row {place}: predicted {number(float(said[place]))}, true"
        f" {number(float(truth[place]))}, {number(abs(gap))} {side}.",
    )
