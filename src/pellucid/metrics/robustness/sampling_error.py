"""How sure are the values, and their order, by the explanation's own standard errors?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.scores import Score
from pellucid.explainers.settings import positive, whole_number
from pellucid.maths.intervals import Z
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.resample import mean_interval
from pellucid.metrics.wording import between, counted, percent, sentence, warned


@dataclass(frozen=True, kw_only=True)
class SamplingError(Metric):
    """The stated standard errors, against the values and against the gaps between their ranks.

    The first score is the median over rows of the sum of standard errors relative to the sum of
    magnitudes. The second, ``certain_order``, is the share of the first `top` places of each row
    whose magnitude exceeds the next one's by more than 1.96 standard errors of the difference
    (errors taken as independent). It believes the stated errors; `Reseeding` checks them.

    Of images, errors are taken where they are stated: for segments, or for single pixels, which
    nobody puts in order.

    Parameters
    ----------
    tolerance : float
        Largest median relative error allowed: at a tenth, a typical value is known to about a
        fifth of its size either way.
    top : int
        How many places of the order are looked at.
    certain : float
        Smallest share of certain places allowed: below a half, most of the order is chance.
    """

    usual: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    cost: ClassVar[str] = "none"

    tolerance: float = 0.1
    top: int = 3
    certain: float = 0.5

    def __post_init__(self) -> None:
        whole_number("top", self.top, 1)
        positive("tolerance", self.tolerance)
        positive("certain", self.certain)

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """Two scores: the relative error, and the share of the order that is certain."""
        if not evidence.doubt.any():
            return (self._exact(evidence),)
        every = np.arange(len(evidence))
        error = evidence.in_parts(evidence.doubt, every)
        values = np.abs(evidence.in_parts(evidence.told, every))
        total = values.sum(axis=1)
        relative = np.divide(error.sum(axis=1), total, out=np.zeros_like(total), where=total > 0)
        scores = [self._relative(evidence, float(np.median(relative)))]
        if evidence.own_part is None:
            scores.append(self._no_order(evidence))
        elif values.shape[1] > 1:
            scores.append(self._order(evidence, _certain(values, error, self.top)))
        return tuple(scores)

    def _no_order(self, evidence: Evidence) -> Score:
        return Score(
            metric="certain_order",
            group=evidence.group,
            value=float("nan"),
            text=f"Not measured: errors are stated for single {evidence.number}s, and what they "
            f"make of a {evidence.part} does not follow.",
        )

    def _exact(self, evidence: Evidence) -> Score:
        sure = evidence.recipe is not None
        return Score(
            metric=self.name(),
            group=evidence.group,
            value=0.0,
            n=len(evidence),
            passed=True if sure else None,
            text=f"The values carry no sampling error: 0 in every {evidence.thing}."
            if sure
            else "The explanation states a sampling error of 0; its method is not known, so "
            "there is no verdict.",
        )

    def _relative(self, evidence: Evidence, median: float) -> Score:
        passed = median <= self.tolerance
        text = f"chance moves a typical value by {percent(median)} of its size (standard error)"
        return Score(
            metric=self.name(),
            group=evidence.group,
            value=median,
            n=len(evidence),
            passed=passed,
            text=sentence(text)
            if passed
            else warned(f"{text}; a larger budget would make the values surer"),
        )

    def _order(self, evidence: Evidence, certain: np.ndarray) -> Score:
        share = float(certain.mean())
        low, high = mean_interval(certain.mean(axis=1), evidence.rng(self.name()))
        passed = share >= self.certain
        text = (
            f"of the {counted(certain.shape[1], 'first place')} in the order of "
            f"{evidence.one}, {percent(share)} are beyond chance{between(low, high, shares=True)}"
        )
        return Score(
            metric="certain_order",
            group=evidence.group,
            value=share,
            low=low,
            high=high,
            n=len(evidence),
            passed=passed,
            text=sentence(text)
            if passed
            else warned(f"{text}; {evidence.own_part}s next to each other may trade places"),
        )


def _certain(values: np.ndarray, error: np.ndarray, top: int) -> np.ndarray:
    """Whether each of the first places (sample, place) beats the next by more than chance."""
    places = min(top, values.shape[1] - 1)
    order = np.argsort(-values, axis=1, kind="stable")[:, : places + 1]
    ranked, errors = (np.take_along_axis(each, order, axis=1) for each in (values, error))
    gap = ranked[:, :-1] - ranked[:, 1:]
    doubt = np.hypot(errors[:, :-1], errors[:, 1:])
    return (gap > Z * doubt) | (doubt == 0)
