"""Does the explanation hold still when the row hardly changes?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.scores import Score
from pellucid.explainers.settings import positive, whole_number
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.ranks import overlap
from pellucid.metrics.resample import interval
from pellucid.metrics.wording import between, counted, percent, sentence, warned


@dataclass(frozen=True, kw_only=True)
class Stability(Metric):
    """How much the explanation changes when each number moves by 1 % of its spread.

    The rows are moved, explained with the same method and seed, and compared with the explanation
    that is judged. The value is the sum of changes of all shares relative to the sum of their
    magnitudes. Part of it may be called for: where the prediction itself moves, shares of it must.
    The verdict is on the rest, the change of the shares minus that of the prediction. Gradients and
    heat maps are no shares of the prediction, and nothing is deducted.

    Parameters
    ----------
    noise : float
        Standard deviation of the noise, as a share of that of the column, or of the image.
    tolerance : float
        Largest relative change allowed beyond what the prediction calls for. A fifth is small
        against what separates the first places of an order, and more than split points cause.
    top : int
        How many features, or cells, count as most important, for the sentence.
    budget : int, optional
        Most evaluations for explanations, by default 5 million for tables and 100 000 for images;
        fewer samples are taken where the method costs more.

    Notes
    -----
    Normal noise; whole-number columns and dates are rounded back to whole numbers, so counts
    hardly ever change; values are kept inside the range of the schema; missing values stay.

    References
    ----------
    Alvarez-Melis and Jaakkola (2018), arXiv:1806.08049; Agarwal et al. (2022), arXiv:2203.06877.
    """

    usual: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    needs: ClassVar[frozenset[str]] = frozenset({"repeat"})
    cost: ClassVar[str] = "the cost of the explanation once more, up to `budget`"
    paper: ClassVar[str] = "arXiv:2203.06877"

    noise: float = 0.01
    tolerance: float = 0.2
    top: int = 3
    budget: int | None = None

    def __post_init__(self) -> None:
        whole_number("top", self.top, 1)
        whole_number("budget", self.budget, 1, optional=True)
        positive("noise", self.noise)
        positive("tolerance", self.tolerance)

    def obstacle(self, evidence: Evidence) -> str | None:
        """Why nothing can be said: no re-run, or no column that can be changed a little."""
        return evidence.immovable or super().obstacle(evidence)

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """One score: the relative change."""
        rows = evidence.affordable(1, self.budget)
        own = evidence.inputs[rows]
        moved = evidence.nudged(rows, self.noise)
        if np.array_equal(own, moved, equal_nan=True):
            return (self.silent(evidence, evidence.unmoved),)
        before, after = evidence.shares[rows], evidence.again(rows, changed=moved)
        change = np.abs(after - before).sum(axis=1)
        size = (np.abs(before).sum(axis=1) + np.abs(after).sum(axis=1)) / 2
        if not size.any():
            return (self._nothing(evidence, len(rows)),)
        called_for = np.abs(evidence.predict(moved, rows) - evidence.output[rows])
        kept = float(overlap(before, after, self.top).mean())
        return (self._verdict(evidence, change, called_for, size, kept),)

    def _nothing(self, evidence: Evidence, n: int) -> Score:
        return Score(
            metric=self.name(),
            group=evidence.group,
            value=float("nan"),
            n=n,
            text="All values are zero, before and after the samples are changed a little, so "
            "there is nothing to compare.",
        )

    def _verdict(
        self,
        evidence: Evidence,
        change: np.ndarray,
        called_for: np.ndarray,
        size: np.ndarray,
        kept: float,
    ) -> Score:
        value = float(change.sum() / size.sum())
        shares = evidence.base is not None
        needed = float(called_for.sum() / size.sum()) if shares else 0.0
        low, high = interval(
            lambda w: (w @ change) / (w @ size + np.finfo(float).tiny),
            len(change),
            evidence.rng(self.name(), "interval"),
        )
        passed = value - needed <= self.tolerance
        top = counted(min(self.top, len(evidence.features)), f"most important {evidence.part}")
        beside = f" and the prediction by {percent(needed)}" if shares else ""
        text = (
            f"when each {evidence.number} moves by {percent(self.noise)} of its spread, the "
            f"{'shares' if shares else 'values'} change by {percent(value)}"
            f"{between(low, high, shares=True)}{beside} of their size; {percent(kept)} of "
            f"the {top} stay"
        )
        return Score(
            metric=self.name(),
            group=evidence.group,
            value=value,
            low=low,
            high=high,
            n=len(change),
            passed=passed,
            text=sentence(text) if passed else warned(text),
        )
