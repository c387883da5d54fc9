"""The base of all metrics: one verb that says whether an explanation holds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from pellucid.core.recipe import Recipe
from pellucid.core.scores import Score
from pellucid.metrics.evidence import Evidence
from pellucid.models.torch import TorchModel


def _no_efficiency(evidence: Evidence) -> str | None:
    if evidence.base is None:
        return "the explanation has no base value to add up from"
    if evidence.recipe is not None and "efficiency" not in evidence.recipe.laws:
        return f"{evidence.recipe.name()} does not promise that its values add up exactly"
    return None


def _no_base(evidence: Evidence) -> str | None:
    return None if evidence.base is not None else "the values start from no base"


def _no_repeat(evidence: Evidence) -> str | None:
    return evidence.unrepeatable or None


def _no_draws(evidence: Evidence) -> str | None:
    if not evidence.drawn or (evidence.recipe is not None and evidence.recipe.exact):
        name = "the method" if evidence.recipe is None else evidence.recipe.name()
        return f"{name} draws no random numbers"
    return None


def _no_reference(evidence: Evidence) -> str | None:
    if not evidence.has_reference:
        return "there is nothing to take the place of a feature from: no background rows"
    return None


def _one_feature(evidence: Evidence) -> str | None:
    return "there is only one feature" if len(evidence.features) < 2 else None


def _no_gold(evidence: Evidence) -> str | None:
    return "nothing is known to be responsible: give gold=" if evidence.gold is None else None


def _no_network(evidence: Evidence) -> str | None:
    if isinstance(evidence.question.model, TorchModel):
        return None
    return f"{evidence.question.model.name} is no network whose weights can be reached"


def _one_class(evidence: Evidence) -> str | None:
    return None if evidence.class_count > 1 else "there are no other classes to explain"


LACKING: dict[str, Callable[[Evidence], str | None]] = {
    "efficiency": _no_efficiency,
    "base": _no_base,
    "draws": _no_draws,
    "repeat": _no_repeat,
    "reference": _no_reference,
    "features": _one_feature,
    "gold": _no_gold,
    "network": _no_network,
    "classes": _one_class,
}
"""For each need, the reason why some evidence does not meet it."""


class Metric(Recipe, ABC):
    """A recipe that judges an explanation.

    A subclass is a frozen, keyword-only dataclass with its settings as fields, and one method,
    `measure`.

    Attributes
    ----------
    needs : frozenset of str
        What the evidence must bring: ``"efficiency"`` (a method whose values add up),
        ``"base"`` (values that start from an output),
        ``"repeat"`` (a method that can be run again), ``"draws"`` (a method that samples),
        ``"reference"`` (background rows), ``"features"`` (more than one), ``"gold"`` (what people
        hold responsible), ``"network"`` (a `torch.nn.Module`), ``"classes"`` (with outputs of their
        own).
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    """Of what explanations can be judged: ``"table"``, ``"image"``, or both."""

    usual: ClassVar[frozenset[str]] = frozenset()
    """Of which of these it is measured where no metrics are named."""

    tells: ClassVar[tuple[str, ...]] = ()
    """Numbers that can be asked for by name where one measurement serves several: the recipe then
    has a field ``numbers``."""

    @abstractmethod
    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """The scores of evidence that brings what the metric needs."""

    def obstacle(self, evidence: Evidence) -> str | None:
        """Why this metric says nothing about this evidence, or `None` if it does."""
        if evidence.question.kind not in self.takes:
            return f"{self.name()} does not judge explanations of {evidence.thing}s"
        reasons = (LACKING[need](evidence) for need in LACKING if need in self.needs)
        return next((reason for reason in reasons if reason is not None), None)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """Judge the explanation.

        Returns
        -------
        tuple of Score
            Each with its number, its interval, its verdict where it is a check, and a sentence.
            Where the metric does not apply, one score without a number that says why.
        """
        reason = self.obstacle(evidence)
        if reason is not None:
            return (self.silent(evidence, reason),)
        return self.measure(evidence)

    def silent(self, evidence: Evidence, reason: str) -> Score:
        """The score of what could not be measured."""
        return Score(
            metric=self.name(),
            group=evidence.group,
            value=float("nan"),
            text=f"Not measured: {reason}.",
        )
