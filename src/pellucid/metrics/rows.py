"""Scores from one number for each sample: means, intervals, and verdicts against random order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pellucid.core.explanation import number
from pellucid.core.scores import Score
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.resample import ENOUGH_ROWS, mean_interval, too_few
from pellucid.metrics.wording import between, sentence, warned

RANDOM, REVERSE, GOLD = "random order", "reverse order", "gold order"
"""Reference rows, which stand beside the explanation's own."""


def row(
    evidence: Evidence,
    metric: str,
    values: np.ndarray,
    words: str,
    *,
    group: str | None = None,
    removal: str = "",
    label: str = "",
) -> Score:
    """The mean of a number over samples with its interval.

    Parameters
    ----------
    values : array of shape (sample,)
        NaN where a sample says nothing; such samples are left out, and counted in the text.
    words : str
        What was measured, which the number follows.
    """
    group = evidence.group if group is None else group
    told = values[np.isfinite(values)]
    if not len(told):
        text = f"Not measured: {words} is not defined for any {evidence.thing}."
        return Score(
            metric=metric, group=group, value=float("nan"), text=text, removal=removal, label=label
        )
    low, high = mean_interval(told, evidence.rng(metric, group, removal, label, "interval"))
    out = len(values) - len(told)
    missing = f"; {out} of {len(values)} {evidence.thing}s say nothing" if out else ""
    text = sentence(f"{words} is {number(float(told.mean()))}{between(low, high)}{missing}")
    return Score(
        metric=metric, group=group, value=float(told.mean()), low=low, high=high, n=len(told),
        text=text, removal=removal, label=label,
    )  # fmt: skip


def against_random(
    evidence: Evidence,
    metric: str,
    values: Mapping[str, np.ndarray],
    words: str,
    better: int,
    *,
    removal: str = "",
) -> list[Score]:
    """Rows of an explanation and of its references; the first is a check against random order.

    Parameters
    ----------
    values : mapping of str to arrays of shape (sample,)
        The explanation's own under ``""``, and those of the reference rows.
    better : int
        1 where more is better, -1 where less is, 0 where neither proves anything: no check.
    """
    rows = []
    for group, each in values.items():
        told = row(evidence, metric, each, words, group=group or None, removal=removal)
        if not group and better:
            told = _judged(evidence, told, each, values.get(RANDOM), better)
        rows.append(told)
    return rows


def _judged(
    evidence: Evidence, told: Score, own: np.ndarray, chance: np.ndarray | None, better: int
) -> Score:
    """The score with its verdict: whether it is ahead of random order in the same samples."""
    if chance is None:
        return told
    ahead = better * (own - chance)
    ahead = ahead[np.isfinite(ahead)]
    if len(ahead) < ENOUGH_ROWS:
        return replace(told, text=f"{told.text[:-1]}; {too_few(evidence.thing + 's')}.")
    low, high = mean_interval(ahead, evidence.rng(told.metric, told.removal, "against random"))
    passed = bool(low > 0)
    said = f"{told.text[0].lower()}{told.text[1:-1]}"
    facts = f"{said}; in random order it is {number(float(np.nanmean(chance)))}"
    if passed:
        return replace(told, passed=True, text=sentence(facts))
    verdict = "is worse than" if high < 0 else "cannot be told from"
    return replace(told, passed=False, text=warned(f"it {verdict} random order: {facts}"))
