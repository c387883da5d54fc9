"""Do the shares add up to the model's own prediction?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.scores import Score
from pellucid.explainers.settings import positive
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.wording import amount, counted, percent, warned

FLOAT32 = 1e-6
"""Rounding of a sum of float32 numbers, relative to its size: models that answer in float32."""


@dataclass(frozen=True, kw_only=True)
class Additivity(Metric):
    """The gap between the prediction and the base value plus all shares.

    The prediction is asked of the model again; what the explanation says it was is not trusted.
    The value is the largest gap over all rows and outputs, as a share of the spread of the
    predictions.

    Parameters
    ----------
    tolerance : float
        Largest gap allowed, as a share of the spread of the predictions. 1e-5 is a hundred times
        the rounding of float32 and a hundredth of what a picture shows. Rounding of predictions
        that are large against their spread is allowed on top.
    """

    usual: ClassVar[frozenset[str]] = frozenset({"table"})
    needs: ClassVar[frozenset[str]] = frozenset({"efficiency"})
    cost: ClassVar[str] = "one evaluation per row, and 100 for the spread"
    paper: ClassVar[str] = "doi:10.1515/9781400881970-018"

    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        positive("tolerance", self.tolerance)

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """One score: the largest gap."""
        assert evidence.base is not None
        output = evidence.outputs
        gaps = np.abs(output - evidence.base - evidence.values.sum(axis=1))
        spread = evidence.spread or float(np.abs(output).max()) or 1.0
        worst, mean = float(gaps.max()), float(gaps.mean())
        allowed = self.tolerance * spread + FLOAT32 * float(np.abs(output).max())
        passed = None if evidence.recipe is None else worst <= allowed
        return (
            Score(
                metric=self.name(),
                group=evidence.group,
                value=worst / spread,
                n=len(evidence),
                passed=passed,
                text=_sentence(evidence, passed, worst, mean, spread, int(gaps.max(1).argmax())),
            ),
        )


def _sentence(
    evidence: Evidence, passed: bool | None, worst: float, mean: float, spread: float, at: int
) -> str:
    size = f"{amount(worst, evidence.scale)} ({percent(worst / spread)} of the spread)"
    if passed is None:
        return (
            f"The shares miss the prediction by up to {size}; it is not known whether the "
            "method promises more, so there is no verdict."
        )
    if passed:
        return (
            f"The shares add up to the model's prediction to {amount(worst, evidence.scale)} "
            f"in all of {counted(len(evidence), evidence.thing)}."
        )
    return warned(
        f"the shares do not add up to the model's prediction: they miss it by up to {size}, in "
        f"{evidence.thing} {evidence.names[at]}, and by {amount(mean, evidence.scale)} on average"
    )
