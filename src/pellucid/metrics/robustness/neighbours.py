"""How far does the explanation move when the input moves a little?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pellucid.core.errors import UnknownName
from pellucid.core.explanation import number
from pellucid.core.scores import Score
from pellucid.explainers.network.settings import checked_site, yes_or_no
from pellucid.explainers.settings import positive, whole_number
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.resample import ENOUGH_ROWS, mean_interval, too_few
from pellucid.metrics.robustness.neighbourhood import LEAST, Changes, Steps, Walk
from pellucid.metrics.rows import row
from pellucid.metrics.wording import percent, sentence, warned
from pellucid.models.torch import TorchModel

FRESH = "random values"
"""The reference row: values drawn anew for each neighbour, of the explanation's own size."""

OTHER_CLASS = "another class"
"""The row of neighbours that the model puts into another class."""


def _sensitivity(changes: Changes, steps: Steps) -> np.ndarray:
    size = np.broadcast_to(changes.size[:, None], changes.distance.shape)
    return np.divide(changes.distance, size, out=np.full(size.shape, np.nan), where=size > 0)


def _slope(changes: Changes, steps: Steps) -> np.ndarray:
    return changes.distance / _told(steps.distance, 0)


def _variation(changes: Changes, steps: Steps) -> np.ndarray:
    return changes.total / _told(steps.distance, 0)


def _against_input(changes: Changes, steps: Steps) -> np.ndarray:
    return changes.relative / _told(steps.relative, 0)


def _against_output(changes: Changes, steps: Steps) -> np.ndarray:
    return changes.relative / _told(steps.answer, LEAST)


def _against_inside(changes: Changes, steps: Steps) -> np.ndarray:
    return changes.relative / _told(steps.inside, LEAST)


def _told(step: np.ndarray, least: float) -> np.ndarray:
    """Steps that are more than nothing; NaN for the others."""
    return np.where(step > least, step, np.nan)


class Number(NamedTuple):
    """One number of a sample: the greatest, or the mean, of a fraction over its neighbours."""

    fraction: Callable[[Changes, Steps], np.ndarray]
    over: Callable[..., Any]
    words: str


NUMBERS: dict[str, Number] = {
    "max_sensitivity": Number(
        _sensitivity, np.max, "the largest change of the explanation, relative to its size,"
    ),
    "avg_sensitivity": Number(
        _sensitivity, np.mean, "the mean change of the explanation, relative to its size,"
    ),
    "local_lipschitz": Number(
        _slope, np.max, "the steepest change of the explanation for each {step} (local Lipschitz)"
    ),
    "continuity": Number(
        _variation, np.max, "the largest sum of changes of all values for each {step} (continuity)"
    ),
    "relative_input_stability": Number(
        _against_input, np.max,
        "the largest relative change of the explanation for each relative change of the input",
    ),
    "relative_output_stability": Number(
        _against_output, np.max,
        "the largest relative change of the explanation for each change of the outputs by 1",
    ),
    "relative_representation_stability": Number(
        _against_inside, np.max,
        "the largest relative change of the explanation for each relative change of {inside}",
    ),
}  # fmt: skip
"""Every number by name, and what it is in words. Of all of them less is better."""

INSIDE = "relative_representation_stability"

LEFT_ALONE = {
    "relative_output_stability": ("answer", "the output"), INSIDE: ("inside", "the activation"),
}  # fmt: skip
"""What neighbours may leave as it is, so that there is nothing to compare with."""

USUAL = ("max_sensitivity", "avg_sensitivity", "local_lipschitz", "relative_output_stability")


@dataclass(frozen=True, kw_only=True)
class Neighbours(Metric):
    """The explanations of samples and of neighbours that differ by a little noise, compared.

    Each neighbour is explained once, for the same output and with the same seed; all numbers are
    read from that. The verdict is whether the explanation moves by less than a share of what values
    drawn anew for every neighbour would, of the same size. Neighbours that the model puts into
    another class are left out, and stand in a row of their own: there the explanation may change.

    Parameters
    ----------
    numbers : tuple of str
        Which of ``"max_sensitivity"``, ``"avg_sensitivity"`` (Yeh et al.), ``"local_lipschitz"``
        (Alvarez-Melis and Jaakkola), ``"continuity"`` (Montavon et al.),
        ``"relative_input_stability"``, ``"relative_output_stability"`` and
        ``"relative_representation_stability"`` (Agarwal et al.; of networks).
    neighbours : int
        How many of each sample.
    noise : float
        Standard deviation of the noise, as a share of that of the column, or of the image.
    tolerance : float
        Largest share allowed of what random values do. Two explanations that move by half of it
        have a cosine of 0.75.
    elementwise : bool
        Whether relative changes divide number by number, as Agarwal et al. do, and not as a whole.
    site : str, optional
        Whose output is the representation; by default it is what the last part with weights is
        given (the penultimate layer).
    budget : int, optional
        Most evaluations for explanations, by default 5 million for tables and 100 000 for images;
        fewer samples are taken where the method costs more.

    Notes
    -----
    Values are compared as fine as they are told: of images, pixel by pixel. Sensitivities are
    relative to the size of the explanation, as in the authors' program; the paper does not divide.
    Inputs of tables are measured in standard deviations, of images as the model is given them, and
    outputs on the scale of the explanation, all of them together. A Lipschitz number and a
    continuity have the unit of the explanation, so they can be compared between methods only by the
    reference row.

    Where relative changes divide number by number, one pixel that happens to be near 0 decides
    alone, and a black one has no answer (it counts as 0.000001); the whole is divided by the
    whole unless asked for. Neighbours that change the outputs, or the activation, by less than
    0.000001 are left out of these numbers and counted: the paper divides by a small number instead,
    which then decides alone.

    The largest of a few random neighbours is a lower bound: the worst one may be worse. Montavon et
    al. mean the whole space of inputs, Yeh et al. a ball; here it is normal noise, and numbers that
    are whole stay so. A map that does not look at its input does not move: read these numbers
    beside faithfulness.

    References
    ----------
    Yeh et al. (2019), arXiv:1901.09392. Alvarez-Melis and Jaakkola (2018), arXiv:1806.08049.
    Montavon, Samek and Müller (2018), arXiv:1706.07979. Agarwal et al. (2022), arXiv:2203.06877.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"repeat"})
    tells: ClassVar[tuple[str, ...]] = tuple(NUMBERS)
    cost: ClassVar[str] = "`neighbours` times the explanation, and an evaluation of each, shared"
    paper: ClassVar[str] = "arXiv:1901.09392"

    numbers: tuple[str, ...] = USUAL
    neighbours: int = 10
    noise: float = 0.02
    tolerance: float = 0.5
    elementwise: bool = False
    site: str | None = None
    budget: int | None = None

    def __post_init__(self) -> None:
        whole_number("neighbours", self.neighbours, 1)
        whole_number("budget", self.budget, 1, optional=True)
        positive("noise", self.noise)
        positive("tolerance", self.tolerance)
        yes_or_no("elementwise", self.elementwise)
        checked_site(self.site)
        object.__setattr__(self, "numbers", tuple(self.numbers))
        for name in self.numbers:
            if name not in NUMBERS:
                raise UnknownName.among("number of neighbours", name, list(NUMBERS))

    def obstacle(self, evidence: Evidence) -> str | None:
        """Why nothing can be said: no re-run, or no column that can be changed a little."""
        return evidence.immovable or super().obstacle(evidence)

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """For each number the explanation's own, that of random values, and of other classes."""
        rows = evidence.affordable(self.neighbours, self.budget)
        walk = Walk(
            noise=self.noise, neighbours=self.neighbours, elementwise=self.elementwise,
            site=self.site,
        )  # fmt: skip
        inside = INSIDE in self.numbers and isinstance(evidence.question.model, TorchModel)
        steps = walk.steps(evidence, rows, inside=inside)
        if not steps.distance.any():
            return (self.silent(evidence, evidence.unmoved),)
        own, random = walk.changes(evidence, rows)
        scores: list[Score] = []
        for name in self.numbers:
            if name == INSIDE and not inside:
                why = f"Not measured: {evidence.question.model.name} is no network to look into."
                told = Score(metric=name, group=evidence.group, value=float("nan"), text=why)
                scores.append(told)
                continue
            scores += self._rows(evidence, name, steps, own, random)
        return tuple(scores)

    def _rows(
        self, evidence: Evidence, name: str, steps: Steps, own: Changes, random: Changes
    ) -> list[Score]:
        of, words = NUMBERS[name], self._words(evidence, name)
        stays = steps.same & (steps.distance > 0)
        leaves = ~steps.same
        values = _over(of, own, steps, stays)
        chance = _over(of, random, steps, stays)
        told = row(evidence, name, values, words)
        told = _left_out(told, leaves, "are of another class")
        if name in LEFT_ALONE:
            step, what = LEFT_ALONE[name]
            alone = stays & (getattr(steps, step) <= LEAST)
            told = _left_out(told, alone, f"leave {what} as it is")
        scores = [
            self._judged(evidence, told, values, chance),
            row(evidence, name, chance, words, group=FRESH),
        ]
        if leaves.any():
            other = _over(of, own, steps, leaves)
            scores.append(row(evidence, name, other, words, group=OTHER_CLASS))
        return scores

    def _words(self, evidence: Evidence, name: str) -> str:
        inside = "the penultimate layer" if self.site is None else f"{self.site!r}"
        what = NUMBERS[name].words.format(step=evidence.step, inside=inside)
        return (
            f"when each {evidence.number} moves by {percent(self.noise)} of its spread, {what} "
            f"among {self.neighbours} neighbours of {evidence.one}"
        )

    def _judged(
        self, evidence: Evidence, told: Score, own: np.ndarray, chance: np.ndarray
    ) -> Score:
        """The score with its verdict: whether it is clearly below a share of random values'."""
        below = self.tolerance * chance - own
        below = below[np.isfinite(below)]
        facts = told.text[:-1]
        if not len(below):
            return told
        if len(below) < ENOUGH_ROWS:
            return replace(told, text=f"{facts}; {too_few(evidence.thing + 's')}.")
        low, high = mean_interval(below, evidence.rng(told.metric, "against random values"))
        facts = f"{facts}; values drawn afresh would have {number(float(np.nanmean(chance)))}"
        if low > 0:
            return replace(told, passed=True, text=sentence(facts))
        part = f"{percent(self.tolerance)} of what random values do"
        if high < 0:
            text = warned(f"it moves by more than {part}: {facts[0].lower()}{facts[1:]}")
            return replace(told, passed=False, text=text)
        return replace(
            told, text=sentence(f"{facts}; it cannot be told whether it is below {part}")
        )


def _left_out(told: Score, some: np.ndarray, why: str) -> Score:
    """The score, with how many neighbours (sample, neighbour) were left out and why."""
    if not some.any():
        return told
    facts = f"{told.text[:-1]}; {int(some.sum()):,} of {some.size:,} neighbours {why}, and"
    return replace(told, text=f"{facts} are not counted.")


def _over(of: Number, changes: Changes, steps: Steps, some: np.ndarray) -> np.ndarray:
    """The number of each sample over some of its neighbours, (sample,); NaN where it has none."""
    fraction = of.fraction(changes, steps)
    some = some & np.isfinite(fraction)
    found = np.full(len(some), np.nan)
    for sample in np.flatnonzero(some.any(axis=1)):
        found[sample] = of.over(fraction[sample, some[sample]])
    return found
