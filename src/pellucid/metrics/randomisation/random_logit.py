"""Is the explanation one of this class, or the same for all of them?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pellucid.core.explanation import number
from pellucid.core.scores import Score
from pellucid.explainers.settings import positive, whole_number
from pellucid.maths.correlation import spearman
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.randomisation.likeness import FLOOR, UNCLEAR, Likeness, too_dear
from pellucid.metrics.resample import ENOUGH_ROWS, mean_interval, too_few
from pellucid.metrics.rows import row
from pellucid.metrics.wording import warned

EFFECTS = "effects of removal"
"""The group of what the model itself does when single units are removed."""


@dataclass(frozen=True, kw_only=True)
class RandomLogit(Metric):
    """The explanation of the class judged against that of another class, drawn at random.

    The value is their rank correlation, signs included, over the samples' foreground. A method may
    find the same for two classes because the model does: where the correlation is too high, single
    units are removed, and what that does to the two classes is correlated in the same way. The
    check fails only where the explanation is more alike than these effects.

    Parameters
    ----------
    most : float
        Largest mean correlation allowed. On two small networks, guided backpropagation gave 0.6
        to 0.8, methods that keep signs -0.3 to 0.2; saliency, which has none, 0.3 to 0.9.
    singles : int
        Units that are removed of each sample, where it comes to that.
    budget : int
        Most model evaluations; fewer samples are taken where the method costs more, and none where
        they would be too few for a verdict.

    Notes
    -----
    Two classes whose outputs are each other's negative cannot be told apart this way; three or
    more are needed.

    References
    ----------
    Sixt, Granz and Landgraf (2020), arXiv:1912.09818.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    usual: ClassVar[frozenset[str]] = frozenset({"image"})
    needs: ClassVar[frozenset[str]] = frozenset({"repeat", "features", "classes"})
    cost: ClassVar[str] = "one more explanation, and `singles` evaluations where it looks alike"
    paper: ClassVar[str] = "arXiv:1912.09818"

    most: float = 0.5
    singles: int = 16
    budget: int = 20_000

    def __post_init__(self) -> None:
        whole_number("singles", self.singles, 3)
        whole_number("budget", self.budget, 1)
        positive("most", self.most)

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """The verdict, the noise floor, and the effects of removal where they were needed."""
        dear = too_dear(evidence, 1, self.budget)
        if dear is not None:
            return (self.silent(evidence, dear),)
        rows = evidence.affordable(1, self.budget)
        step = evidence.rng(self.name()).integers(1, evidence.class_count, len(evidence))
        others = (evidence.picked + step) % evidence.class_count
        now = evidence.in_finest(evidence.otherwise(rows, classes=others[rows]))
        found = Likeness.of(evidence.finest[rows], now, evidence.foreground[rows])
        words = "the rank correlation of the explanations of two classes"
        told = row(evidence, self.name(), found.signed, words)
        floor = row(
            evidence, self.name(), found.floor, f"{words}, of different {evidence.thing}s,",
            group=FLOOR,
        )  # fmt: skip
        if np.isfinite(found.signed).sum() < ENOUGH_ROWS:
            return replace(told, text=f"{told.text[:-1]}; {too_few(evidence.thing + 's')}."), floor
        if told.high <= self.most:
            return replace(told, passed=True), floor
        effects = _effects(evidence, rows, others, self.singles)
        beside = row(
            evidence, self.name(), effects,
            "that of what removing single units does to the two classes", group=EFFECTS,
        )  # fmt: skip
        return self._judged(evidence, told, found.signed - effects, beside), floor, beside

    def _judged(self, evidence: Evidence, told: Score, more: np.ndarray, beside: Score) -> Score:
        """The verdict on an explanation that looks alike for two classes."""
        more = more[np.isfinite(more)]
        low, high = mean_interval(more, evidence.rng(self.name(), "more than effects"))
        facts = (
            f"{told.text[0].lower()}{told.text[1:-1]}; what single units do to them correlates "
            f"by {number(beside.value)}"
        )
        if told.low > self.most and low > 0:
            return replace(
                told, passed=False,
                text=warned(f"the explanation hardly changes with the class explained: {facts}"),
            )  # fmt: skip
        text = f"{facts[0].upper()}{facts[1:]}"
        if high <= 0:
            return replace(told, passed=True, text=f"{text}, so the classes are alike.")
        return replace(told, text=f"{text}; {UNCLEAR}.")


def _effects(evidence: Evidence, rows: np.ndarray, others: np.ndarray, singles: int) -> np.ndarray:
    """Correlation of what removing single units does to two classes: (row,)."""
    few, way = min(singles, len(evidence.features)), next(iter(evidence.ways))
    chance = evidence.rng("units removed").random(evidence.there.shape) + ~evidence.there
    units = np.argsort(chance, axis=1)[:, :few]
    whole = evidence.answers(evidence.inputs[rows])
    own, other = np.empty((2, len(rows), few))
    for place in range(few):
        removed = np.zeros(evidence.there.shape, dtype=bool)
        np.put_along_axis(removed, units[:, place, None], True, axis=1)
        falls = whole - evidence.answers(evidence.blanked(removed, way)[rows])
        for found, of in ((own, evidence.picked), (other, others)):
            found[:, place] = np.take_along_axis(falls, of[rows, None], axis=1)[:, 0]
    there = np.take_along_axis(evidence.there, units, axis=1)[rows]
    return spearman(own, other, there)
