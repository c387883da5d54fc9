"""Is a sample explained alone as it is among others?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pellucid.core.scores import Score
from pellucid.explainers.settings import positive, whole_number
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.rows import row
from pellucid.metrics.wording import percent, warned

ERRORS = 4
"""Standard errors that two runs of a method that draws may be apart."""


@dataclass(frozen=True, kw_only=True)
class BatchInvariance(Metric):
    """Samples explained one at a time, against the same samples explained together.

    The value is the sum of differences relative to the sum of magnitudes. It is not 0 where a
    method, or the network, mixes the samples of a batch: normalisation in training mode, or a rule
    that divides by what the batch has in common.

    Parameters
    ----------
    samples : int
        Most samples that are explained, drawn at random.
    tolerance : float
        Largest difference allowed in any sample: rounding of 32 bits, which a ReLU near 0 enlarges.
        Where a method draws, values may differ by four of the standard errors it states, too.

    Notes
    -----
    Cost: the explanation of `samples` samples, twice.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    needs: ClassVar[frozenset[str]] = frozenset({"repeat"})
    cost: ClassVar[str] = "`samples` explanations, twice"

    samples: int = 10
    tolerance: float = 1e-3

    def __post_init__(self) -> None:
        whole_number("samples", self.samples, 2)
        positive("tolerance", self.tolerance)

    def obstacle(self, evidence: Evidence) -> str | None:
        """Why nothing can be said: no re-run, or nothing to be among."""
        if len(evidence) < 2:
            return f"there is only one {evidence.thing}"
        return super().obstacle(evidence)

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """One score: the relative difference."""
        rows = evidence.some(self.samples, "explanations one at a time")
        n = len(rows)
        together = evidence.told_again(rows).reshape(n, -1)
        alone = np.concatenate([evidence.told_again(rows[i : i + 1]) for i in range(n)])
        apart = np.abs(alone.reshape(n, -1) - together)
        size = np.abs(together).sum(axis=1)
        part = np.divide(apart.sum(axis=1), size, out=apart.sum(axis=1), where=size > 0)
        slack = ERRORS * evidence.doubt[rows].reshape(n, -1)
        beyond = np.maximum(apart - slack, 0).sum(axis=1)
        wrong = (part > self.tolerance) & (beyond > self.tolerance * size)
        told = row(
            evidence, self.name(), part,
            f"what changes when {evidence.one} is explained alone, as a part of its magnitudes,",
        )  # fmt: skip
        if not wrong.any():
            return (replace(told, passed=True),)
        facts = f"{told.text[0].lower()}{told.text[1:-1]}, at most {percent(float(part.max()))}"
        text = warned(f"the explanation of {evidence.one} depends on those beside it: {facts}")
        return (replace(told, passed=False, text=text),)
