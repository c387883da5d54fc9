"""Does a shift of all inputs that the network takes away again change the explanation?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from pellucid.core.scores import Score
from pellucid.explainers.settings import positive, whole_number
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.image_evidence import ImageEvidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.rows import row
from pellucid.metrics.wording import percent, warned
from pellucid.models.redrawn import shifted
from pellucid.models.torch import TorchModel


@dataclass(frozen=True, kw_only=True)
class InputInvariance(Metric):
    """The explanation of shifted images by a network that takes the shift away, against its own.

    Both networks are the same function of the same pictures: a constant is added to every pixel, as
    in another normalisation, and to the background images. The value is the sum of differences
    relative to the sum of magnitudes. It is large for methods that compare with a fixed number,
    such as integrated gradients from zero, or multiply by the input.

    Parameters
    ----------
    shift : float
        What is added, in standard deviations of the pixels; rounded to a power of two, so that
        adding it loses as little as can be.
    tolerance : float
        Largest mean difference allowed: rounding of 32 bits, which a ReLU near 0 enlarges.
    samples : int
        Most images that are explained again.

    Notes
    -----
    In the paper the bias of the first layer absorbs the shift. Where that layer pads with zeros no
    bias can at the border, so here the network subtracts the shift before anything else, which is
    exact for every network; LRP counts that among normalisations. Cost: one more explanation.

    References
    ----------
    Kindermans et al. (2017), The (un)reliability of saliency methods, arXiv:1711.00867.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    needs: ClassVar[frozenset[str]] = frozenset({"repeat", "network"})
    cost: ClassVar[str] = "one more explanation of `samples` images"
    paper: ClassVar[str] = "arXiv:1711.00867"

    shift: float = 1.0
    tolerance: float = 0.01
    samples: int = 30

    def __post_init__(self) -> None:
        positive("shift", self.shift)
        positive("tolerance", self.tolerance)
        whole_number("samples", self.samples, 1)

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """One score: the relative difference."""
        assert isinstance(evidence, ImageEvidence)
        model = evidence.question.model
        assert isinstance(model, TorchModel)
        rows = evidence.some(self.samples, "explanations of shifted images")
        by = self.shift * (float(evidence.inputs.std()) or 1.0)
        by = float(2.0 ** np.round(np.log2(by)))
        own = evidence.told_again(rows).reshape(len(rows), -1)
        now = _shifted(evidence, model, rows, by).reshape(len(rows), -1)
        size = np.abs(own).sum(axis=1)
        apart = np.abs(now - own).sum(axis=1)
        part = np.divide(apart, size, out=apart.copy(), where=size > 0)
        told = row(
            evidence, self.name(), part,
            f"what changes when all pixels are greater by {by:g} and the network takes that away "
            "first, as a part of the explanation,",
        )  # fmt: skip
        if float(part.mean()) <= self.tolerance:
            return (replace(told, passed=True),)
        facts = f"{told.text[0].lower()}{told.text[1:-1]}, where {percent(self.tolerance)} is "
        text = warned(
            "the explanation depends on where the scale of the inputs begins, so that its "
            f"reference has to be chosen with care: {facts}rounding"
        )
        return (replace(told, passed=False, text=text),)


def _shifted(evidence: ImageEvidence, model: TorchModel, rows: np.ndarray, by: float) -> np.ndarray:
    """Values, as `told`, of shifted images by the network that takes the shift away."""
    asked = evidence.asked(rows, evidence.inputs[rows] + np.float32(by))
    behind = asked.background
    asked.background = None if behind is None else behind.with_values(behind.values + by)
    asked.model = shifted(model, by)
    recipe: Any = evidence.recipe
    if getattr(recipe, "site", None) is not None:
        recipe = replace(recipe, site=f"network.{recipe.site}")
    return replace(evidence, recipe=recipe).answered(asked)
