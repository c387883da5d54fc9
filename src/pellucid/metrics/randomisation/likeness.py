"""How alike two explanations of the same samples are, and how alike unrelated ones would be."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from pellucid.core.explanation import number
from pellucid.core.scores import Score
from pellucid.maths.correlation import spearman
from pellucid.maths.structural_similarity import ssim
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.resample import ENOUGH_ROWS, mean_interval, too_few
from pellucid.metrics.rows import row
from pellucid.metrics.wording import between, warned

FLOOR = "noise floor"
"""The group of what unrelated explanations have in common."""

UNCLEAR = "the interval is too wide for a verdict"


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """How alike pairs of explanations are, each of shape (sample,); NaN where undefined.

    Parameters
    ----------
    signed, floor : array of shape (sample,)
        Rank correlations of values with their signs: of the same sample, and of one sample with
        the next.
    magnitudes, floor_of_magnitudes : array of shape (sample,)
        The same of their magnitudes.
    look, floor_of_look : array of shape (sample,)
        Structural similarity of maps of magnitudes, each scaled to its greatest; of maps only.
    """

    signed: np.ndarray
    floor: np.ndarray
    magnitudes: np.ndarray
    floor_of_magnitudes: np.ndarray
    look: np.ndarray
    floor_of_look: np.ndarray

    @classmethod
    def of(cls, own: np.ndarray, other: np.ndarray, there: np.ndarray) -> Likeness:
        """Likeness of values (sample, …) where they are `there`, not in the background."""
        n = len(own)
        look = _alike(own, other, there)
        beside = _alike(own, np.roll(other, 1, axis=0), there & np.roll(there, 1, axis=0))
        own, other, there = (each.reshape(n, -1) for each in (own, other, there))
        next_one = np.roll(other, 1, axis=0)
        both = there & np.roll(there, 1, axis=0)
        nowhere = np.full(n, np.nan)
        return cls(
            signed=spearman(own, other, there),
            floor=spearman(own, next_one, both) if n > 1 else nowhere,
            magnitudes=spearman(np.abs(own), np.abs(other), there),
            floor_of_magnitudes=spearman(np.abs(own), np.abs(next_one), both) if n > 1 else nowhere,
            look=look,
            floor_of_look=beside if n > 1 else nowhere,
        )

    @classmethod
    def mean(cls, several: list[Likeness]) -> Likeness:
        """The mean of each sample over pairs, of those that are defined."""
        return cls(
            **{
                each.name: _mean_of([getattr(one, each.name) for one in several])
                for each in fields(cls)
            }
        )


def _alike(own: np.ndarray, other: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Structural similarity of maps of magnitudes; NaN where there are no maps, or empty ones."""
    if own.ndim != 3:
        return np.full(len(own), np.nan)
    sizes = [np.where(there, np.abs(each), 0.0) for each in (own, other)]
    most = np.stack([each.max(axis=(1, 2)) for each in sizes])
    one, two = (
        each / np.where(largest > 0, largest, 1.0)[:, None, None]
        for each, largest in zip(sizes, most, strict=True)
    )
    return np.where(most.any(axis=0), ssim(one, two, there), np.nan)


def _mean_of(parts: list[np.ndarray]) -> np.ndarray:
    found = np.stack(parts)
    told = np.isfinite(found)
    total = np.where(told, found, 0.0).sum(axis=0)
    return np.divide(total, told.sum(axis=0), out=np.full(len(total), np.nan), where=told.any(0))


def too_dear(evidence: Evidence, runs: int, budget: int) -> str | None:
    """Why too few samples for a verdict can be explained `runs` times, or `None`."""
    enough = min(ENOUGH_ROWS, len(evidence))
    needed = int(runs * evidence.cost * enough)
    if needed <= budget:
        return None
    times = "once more" if runs == 1 else f"{runs} times"
    return (
        f"explaining {enough} {evidence.thing}s {times} takes {needed:,} evaluations, and the "
        f"budget is {budget:,}"
    )


def rows_of(
    evidence: Evidence, metric: str, found: Likeness, whose: str, most: float, margin: float
) -> list[Score]:
    """The verdict, the noise floor, and without a verdict the same of magnitudes and their look.

    Parameters
    ----------
    whose : str
        What the explanation was compared with, such as ``"that of a network without training"``.
    most, margin : float
        The check fails where signed likeness is beyond `most`, or beyond the floor by more than
        `margin`.
    """
    words = f"the rank correlation with {whose}"
    told = row(evidence, metric, found.signed, words)
    floor = row(evidence, metric, found.floor, f"{words} of another {evidence.thing}", group=FLOOR)
    sizes = row(
        evidence, f"{metric}_magnitudes", found.magnitudes,
        f"the rank correlation of magnitudes, which large inputs alone make alike, with {whose}",
    )  # fmt: skip
    low = row(
        evidence, f"{metric}_magnitudes", found.floor_of_magnitudes,
        f"that of magnitudes with another {evidence.thing}", group=FLOOR,
    )  # fmt: skip
    rows = [_judged(evidence, told, found, most, margin), floor, sizes, low]
    if evidence.finest.ndim == 3:
        look = "the structural similarity (SSIM) of magnitudes"
        alike = row(evidence, f"{metric}_ssim", found.look, f"{look} with {whose}")
        low = row(
            evidence, f"{metric}_ssim", found.floor_of_look,
            f"{look} with {whose} of another {evidence.thing}", group=FLOOR,
        )  # fmt: skip
        rows += [alike, low]
    return rows


def _judged(evidence: Evidence, told: Score, found: Likeness, most: float, margin: float) -> Score:
    beyond = found.signed - found.floor
    beyond = beyond[np.isfinite(beyond)]
    if len(beyond) < ENOUGH_ROWS:
        return replace(told, text=f"{told.text[:-1]}; {too_few(evidence.thing + 's')}.")
    low, high = mean_interval(beyond, evidence.rng(told.metric, "beyond the floor"))
    facts = (
        f"{told.text[0].lower()}{told.text[1:-1]}, {number(float(beyond.mean()))}"
        f"{between(low, high)} beyond the noise floor"
    )
    if low > margin or told.low > most:
        return replace(told, passed=False, text=warned(f"the explanation stays alike: {facts}"))
    if high <= margin and told.high <= most:
        return replace(told, passed=True, text=f"{facts[0].upper()}{facts[1:]}.")
    return replace(told, text=f"{facts[0].upper()}{facts[1:]}; {UNCLEAR}.")
