"""Does another seed give the same answer, within the error that is stated?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.scores import Score
from pellucid.explainers.settings import positive, whole_number
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.ranks import NEGLIGIBLE, overlap
from pellucid.metrics.resample import mean_interval
from pellucid.metrics.wording import between, counted, percent, sentence, warned


@dataclass(frozen=True, kw_only=True)
class Reseeding(Metric):
    """The explanation made again with other seeds, against the same background rows.

    The first score is the share of the `top` most important features of a row that stay, over
    rows and seeds; of images, segments that the method works with, or else cells. The second,
    ``stated_error``, is the scatter between seeds (the explanation itself among them) divided by
    the standard error it states: 1 where that is honest. It is taken where errors are stated, of
    images at each pixel: the error of a cell does not follow from those of its pixels.

    Parameters
    ----------
    seeds : int
        How many other seeds are tried.
    top : int
        How many features count as most important.
    stay : float
        Smallest share of them that must stay.
    understated : float
        Largest scatter allowed, in stated standard errors. With four runs and errors that are
        the same in all rows, an honest error stays below 2 in all but a few cases in a
        thousand per feature; at 2 a stated 95 % interval holds 67 %.
    budget : int, optional
        Most evaluations for explanations, by default 5 million for tables and 100 000 for images;
        fewer samples are taken where the method costs more.

    Notes
    -----
    A method that draws background rows at random does not count that draw in its error, so the
    draw is held fixed here.
    """

    usual: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    needs: ClassVar[frozenset[str]] = frozenset({"repeat", "draws", "features"})
    cost: ClassVar[str] = "`seeds` times the cost of the explanation, up to `budget`"

    seeds: int = 3
    top: int = 3
    stay: float = 0.8
    understated: float = 2.0
    budget: int | None = None

    def __post_init__(self) -> None:
        whole_number("seeds", self.seeds, 1)
        whole_number("top", self.top, 1)
        whole_number("budget", self.budget, 1, optional=True)
        positive("stay", self.stay)
        positive("understated", self.understated)

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """Two scores: what stays of the order, and whether the stated error is honest."""
        rows = evidence.affordable(self.seeds, self.budget)
        drawn = evidence.rng(self.name()).integers(0, 2**31, self.seeds)
        told = [evidence.told_again(rows, seed=int(seed)) for seed in drawn]
        told = [evidence.told[rows], *told]
        error = evidence.in_parts(evidence.doubt[rows], rows)
        runs = np.stack([evidence.in_parts(each, rows) for each in told])
        ordered = evidence.in_units if evidence.own_part is None else evidence.in_parts
        given, *others = [ordered(each, rows) for each in told]
        return self._order(evidence, given, others), self._error(evidence, runs, error)

    def _order(self, evidence: Evidence, given: np.ndarray, others: list[np.ndarray]) -> Score:
        part = evidence.own_part or evidence.part
        top = min(self.top, given.shape[1] - 1)
        kept = np.mean([overlap(given, other, top) for other in others], axis=0)
        share = float(kept.mean())
        low, high = mean_interval(kept, evidence.rng(self.name(), "interval"))
        moves = bool(given.any() or np.any(others))
        passed = share >= self.stay if moves else None
        text = (
            f"with another seed, {percent(share)} of the "
            f"{counted(top, f'most important {part}')} of {evidence.one} "
            f"stay{between(low, high, shares=True)}"
        )
        return Score(
            metric=self.name(),
            group=evidence.group,
            value=share,
            low=low,
            high=high,
            n=len(given),
            passed=passed,
            text=warned(f"{text}; a larger budget would settle the order")
            if passed is False
            else sentence(text)
            if moves
            else "All values are zero with every seed, so there is no order to compare.",
        )

    def _error(self, evidence: Evidence, runs: np.ndarray, error: np.ndarray) -> Score:
        scatter = float(np.sqrt(runs.var(axis=0, ddof=1).mean()))
        stated = float(np.sqrt((error**2).mean()))
        size = np.abs(runs).max() if evidence.base is None else evidence.spread
        still = scatter <= NEGLIGIBLE * size
        ratio = 0.0 if still else scatter / stated if stated > 0 else float("inf")
        passed = ratio <= self.understated
        if still:
            text = "Other seeds give the same values: 0 scatter."
        elif passed:
            text = (
                f"Other seeds scatter by {ratio:.2f} times the standard error that the "
                "explanation states, so the stated error can be relied on."
            )
        else:
            times = f"{ratio:.2g} times" if stated > 0 else "without bound against"
            text = warned(
                f"other seeds scatter by {times} the standard error that the explanation "
                "states, so its values are less sure than they look"
            )
        return Score(
            metric="stated_error",
            group=evidence.group,
            value=ratio,
            n=runs.shape[1],
            passed=passed,
            text=text,
        )
