"""Can the probabilities be believed, and where should the line be drawn?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pellucid import __version__
from pellucid.core.curve import Curve
from pellucid.core.errors import InvalidSetting
from pellucid.core.provenance import Provenance
from pellucid.core.scores import Score, Scores
from pellucid.core.seeds import generator, resolve_seed
from pellucid.debug.estimates import from_draws, percentage, proportion
from pellucid.debug.judged import Judged, judge
from pellucid.maths import intervals
from pellucid.maths.bootstrap import BLOCK, bootstrap
from pellucid.maths.metrics import confusion_matrix, sums_by_group

FEWEST_IN_BIN = 10
"""Rows that a bin must hold on average; with fewer rows there are fewer bins."""

CHANCE = 0.05
"""How rarely a perfectly calibrated model may show the error, for the check to fail."""

CALIBRATION = {
    "ece": "The predicted probability of {name} differs from the observed share by {value} on"
    " average{interval}; a perfectly calibrated model would show up to {chance} on as many rows"
    " by chance.",
    "calibration_bias": "On average, the predicted probability of {name} minus the observed share"
    " is {value}{interval}.",
}


def calibration(
    y: Any,
    probability: Any,
    classes: Sequence[Any],
    *,
    positive: Any = None,
    bins: int = 10,
) -> Curve:
    """How often what is predicted with a probability of, say, 70 % comes true.

    Parameters
    ----------
    y, probability, classes
        As for `classification_scores`.
    positive : label, optional
        The class whose probability is judged; needed with more than two classes.
    bins : int
        Number of groups of about equal size; fewer where a group would hold less than ten rows.

    Returns
    -------
    Curve
        Along ``"predicted probability"`` (mean of each group): the observed share of the class,
        with a Wilson interval as `band` and the rows of each group as `weight`.

    Raises
    ------
    InvalidData, InvalidSetting, UnknownName
        If labels, probabilities or settings cannot be used.

    Notes
    -----
    Rows with equal probabilities stay together, so that groups differ in size where there are
    ties. No model is evaluated.
    """
    started = time.perf_counter()
    judged = judge(y, probability, classes, positive)
    truth, score, name = judged.one("Calibration")
    place, notes = _bins(score, bins)
    rows = np.bincount(place)
    hits = np.bincount(place, weights=truth)
    return Curve(
        feature="predicted probability",
        grid=np.bincount(place, weights=score) / rows,
        values=hits / rows,
        band=np.stack(intervals.wilson(hits, rows)),
        band_meaning="95 % Wilson interval of the observed share",
        weight=rows,
        provenance=Provenance(
            method="calibration",
            params={"bins": bins},
            target=name,
            scale="probability",
            seconds=time.perf_counter() - started,
            version=__version__,
            notes=notes,
        ),
    )


def calibration_error(
    y: Any,
    probability: Any,
    classes: Sequence[Any],
    *,
    positive: Any = None,
    bins: int = 10,
    seed: int | None = None,
    resamples: int = 1000,
) -> Scores:
    """The expected calibration error, and what it would be by chance alone.

    Parameters
    ----------
    y, probability, classes, positive, bins
        As for `calibration`.
    seed : int, optional
        Seed of the resamples.
    resamples : int
        Number of bootstrap resamples, and of sets of answers drawn from the probabilities.

    Returns
    -------
    Scores
        ``ece``: the gap between mean probability and observed share in the groups of
        `calibration`, averaged over the rows. ``calibration_bias``: the gap over all rows
        (predicted − observed).
        The check of ``ece`` fails where fewer than 5 % of the sets of answers drawn from the
        probabilities themselves show as large an error; that of ``calibration_bias`` where its
        interval leaves out 0.

    Raises
    ------
    InvalidData, InvalidSetting, UnknownName
        If labels, probabilities or settings cannot be used.

    Notes
    -----
    The error of a perfectly calibrated model is above 0 on any finite number of rows, and higher
    still on resamples. Its interval is therefore the basic bootstrap interval, cut at 0. The
    groups stay as they are on all resamples. No model is evaluated.

    References
    ----------
    Bröcker and Smith (2007), doi:10.1175/WAF993.1; Vaicenavicius et al. (2019),
    arXiv:1902.06977.
    """
    started = time.perf_counter()
    judged = judge(y, probability, classes, positive)
    truth, score, name = judged.one("Calibration")
    place, notes = _bins(score, bins)
    used = resolve_seed(seed)
    gap = (score - truth) / judged.n

    def measure(weights: np.ndarray) -> dict[str, np.ndarray]:
        by_bin = sums_by_group(weights * gap, place, place.max() + 1)
        return {"ece": np.abs(by_bin).sum(axis=1), "calibration_bias": by_bin.sum(axis=1)}

    rng = generator(used, "calibration_error")
    values, draws = bootstrap(measure, judged.n, resamples=resamples, rng=rng)
    chance = _error_by_chance(score, place, resamples, generator(used, "perfect calibration"))
    rows = _calibration_rows(values, draws, chance, name, judged.n)
    return Scores(
        rows=rows,
        provenance=Provenance(
            method="calibration_error",
            params={"bins": bins, "resamples": resamples},
            target=name,
            scale="probability",
            seconds=time.perf_counter() - started,
            seed=used,
            version=__version__,
            notes=notes,
        ),
    )


def confusion(
    y: Any,
    probability: Any,
    classes: Sequence[Any],
    *,
    threshold: float = 0.5,
    positive: Any = None,
) -> Scores:
    """How many rows of each class are predicted as which class.

    Parameters
    ----------
    y, probability, classes, threshold, positive
        As for `classification_scores`.

    Returns
    -------
    Scores
        One row for each pair: ``metric="predicted <class>"``, ``group="actual <class>"``, the
        number of rows with its interval; `n` is the number of rows of the actual class.

    Raises
    ------
    InvalidData, InvalidSetting, UnknownName
        If labels, probabilities or settings cannot be used.

    Notes
    -----
    The interval is Wilson's for the share among the rows of the actual class, times their number.
    No model is evaluated.
    """
    started = time.perf_counter()
    judged = judge(y, probability, classes, positive)
    size = len(judged.classes)
    predicted = judged.predicted(threshold)
    counts = confusion_matrix(judged.actual, predicted, size, np.ones((1, judged.n)))[0]
    rows = [
        _confused(judged, actual, said, counts) for actual in range(size) for said in range(size)
    ]
    return Scores(
        rows=tuple(rows),
        provenance=Provenance(
            method="confusion",
            params={"threshold": threshold, "positive": judged.name},
            target=judged.name,
            scale="probability",
            seconds=time.perf_counter() - started,
            version=__version__,
            notes=("Each interval holds the number of rows of the actual class fixed.",),
        ),
    )


def _calibration_rows(
    values: dict[str, float],
    draws: dict[str, np.ndarray],
    chance: np.ndarray,
    name: str,
    n: int,
) -> tuple[Score, ...]:
    bias = from_draws(values, draws, n)["calibration_bias"]
    low, high = np.maximum(intervals.basic(draws["ece"], values["ece"]), 0.0)
    error = replace(bias, value=values["ece"])
    if not np.isnan(bias.low):
        error = replace(error, low=float(low), high=float(high))
    likely = bool(np.mean(chance >= values["ece"] - 1e-12) >= CHANCE)
    passed = {"ece": likely, "calibration_bias": bias.low <= 0 <= bias.high}
    words = {"name": name, "chance": percentage(float(np.quantile(chance, 1 - CHANCE)))}
    return tuple(
        estimate.score(
            metric,
            CALIBRATION[metric].format(**words, **estimate.words(percent=True)),
            passed=None if np.isnan(estimate.low) else passed[metric],
        )
        for metric, estimate in (("ece", error), ("calibration_bias", bias))
    )


def _confused(judged: Judged, actual: int, said: int, counts: np.ndarray) -> Score:
    n = counts[actual].sum()
    share = proportion(counts[actual, said], n)
    text = f"No row is of class {judged.names[actual]}."
    if n:
        words = share.words(percent=True)
        text = (
            f"Of the {n:,.0f} rows of class {judged.names[actual]}, {counts[actual, said]:,.0f} are"
            f" predicted as {judged.names[said]}: {words['value']}{words['interval']}."
        )
    return Score(
        metric=f"predicted {judged.names[said]}",
        group=f"actual {judged.names[actual]}",
        value=float(counts[actual, said]),
        low=float(share.low * n),
        high=float(share.high * n),
        n=int(n),
        text=text,
    )


def _bins(score: np.ndarray, bins: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Place of the group of each row, groups without rows left out, and notes."""
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or bins < 1:
        raise InvalidSetting("The number of bins cannot be used", got=bins, allowed="1, 2, …")
    used = max(1, min(int(bins), len(score) // FEWEST_IN_BIN))
    edges = np.quantile(score, np.linspace(0, 1, used + 1))
    place = np.unique(np.searchsorted(edges[1:-1], score), return_inverse=True)[1]
    found = int(place.max()) + 1
    notes = []
    if used < bins:
        notes.append(f"{len(score)} rows are too few for {bins} bins: {used} were asked for.")
    if found < used:
        notes.append(f"Equal probabilities stay together: {found} bins instead of {used}.")
    return place, tuple(notes)


def _error_by_chance(
    score: np.ndarray, place: np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Calibration errors on answers drawn from the probabilities: shape (draw,)."""
    step = max(1, BLOCK // len(score))
    errors = []
    for first in range(0, draws, step):
        answers = rng.random((min(step, draws - first), len(score))) < score
        by_bin = sums_by_group(score - answers, place, place.max() + 1)
        errors.append(np.abs(by_bin).sum(axis=1) / len(score))
    return np.concatenate(errors)
