"""Do the values add up to the change of the output from where they start?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pellucid.core.scores import Score
from pellucid.explainers.settings import positive
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.rows import row
from pellucid.metrics.wording import amount, percent, sentence, warned

FLOAT32 = 1e-5
"""Rounding of sums in networks of 32 bits, as a part of the output."""


@dataclass(frozen=True, kw_only=True)
class Completeness(Metric):
    """The gap between the values' sum and the output less the base, of methods that go from a base.

    The value is the mean gap over samples, as a part of the spread of the predictions; the verdict
    is on the largest. Unlike `Additivity` it judges methods that add up only as well as they
    integrate or sample, such as integrated gradients, by what they can keep.

    Parameters
    ----------
    tolerance : float
        Largest gap allowed, as a part of the spread of the predictions; of a method that states
        standard errors, beyond their sum.

    Notes
    -----
    There is no verdict on methods that start from a base and promise no sum: LRP, whose relevance
    biases absorb, and LIME, whose fit has a misfit. The output is asked of the model again.

    References
    ----------
    Sundararajan, Taly and Yan (2017), arXiv:1703.01365.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    usual: ClassVar[frozenset[str]] = frozenset({"image"})
    needs: ClassVar[frozenset[str]] = frozenset({"base"})
    cost: ClassVar[str] = "one evaluation per sample"
    paper: ClassVar[str] = "arXiv:1703.01365"

    tolerance: float = 0.05

    def __post_init__(self) -> None:
        positive("tolerance", self.tolerance)

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """One score: the gap."""
        assert evidence.base is not None
        output = evidence.outputs
        gaps = np.abs(output - evidence.base - evidence.values.sum(axis=1))
        size = float(np.abs(output).max())
        spread = evidence.spread or size or 1.0
        stated = evidence.error.sum(axis=1)
        allowed = self.tolerance * spread + stated + FLOAT32 * size
        told = row(
            evidence, self.name(), gaps.max(axis=1) / spread,
            "what values miss of the change of the output, as a part of its spread,",
        )  # fmt: skip
        worst = int(gaps.max(axis=1).argmax())
        facts = (
            f"{told.text[0].lower()}{told.text[1:-1]}, and at most "
            f"{amount(float(gaps.max()), evidence.scale)}, in {evidence.thing} "
            f"{evidence.names[worst]}"
        )
        laws = frozenset() if evidence.recipe is None else evidence.recipe.laws
        if not laws & {"efficiency", "completeness"}:
            return (replace(told, text=sentence(f"{facts}; the method promises no sum")),)
        if (gaps > allowed).any():
            over = percent(float((gaps > allowed).any(axis=1).mean()))
            text = warned(f"the values of {over} of the {evidence.thing}s do not add up: {facts}")
            return (replace(told, passed=False, text=text),)
        within = " and of the errors it states" if stated.any() else ""
        facts += f"; within {percent(self.tolerance)}{within}"
        return (replace(told, passed=True, text=sentence(facts)),)
