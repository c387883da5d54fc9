"""Explanations of images that are not ones, and one of a linear network that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion


@dataclass(frozen=True, kw_only=True)
class EdgeDetector(Explainer):
    """Where the image changes; the model is not asked."""

    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    exact: ClassVar[bool] = True

    def compute(self, question: ImageQuestion) -> Attribution:
        grey = question.images.values.mean(axis=1, dtype=float)
        down, across = np.gradient(grey, axis=(1, 2))
        return question.attribution(np.hypot(down, across))


@dataclass(frozen=True, kw_only=True)
class SameMap(Explainer):
    """One map, whatever the image, the class and the model."""

    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    exact: ClassVar[bool] = True

    def compute(self, question: ImageQuestion) -> Attribution:
        shape = question.images.values.shape
        drawn = np.random.default_rng(5).normal(size=shape[2:])
        return question.attribution(np.broadcast_to(drawn, (shape[0], *shape[2:])))


@dataclass(frozen=True, kw_only=True)
class WeightsTimesInput(Explainer):
    """The shares of a linear network, read from its weights; scaled, it no longer adds up."""

    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    laws: ClassVar[frozenset[str]] = frozenset({"completeness", "dummy"})
    exact: ClassVar[bool] = True

    scale: float = 1.0

    def compute(self, question: ImageQuestion) -> Attribution:
        head = question.model.module[1]
        weights = head.weight.detach().numpy()[question.chosen]
        values = weights.reshape(question.images.values.shape) * question.images.values
        base = head.bias.detach().numpy()[question.chosen]
        return question.attribution(self.scale * values.astype(float), base=base.astype(float))


@dataclass(frozen=True, kw_only=True)
class SharedScale(Explainer):
    """Values divided by the largest of the batch, as a mistake of normalisation does."""

    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    exact: ClassVar[bool] = True

    def compute(self, question: ImageQuestion) -> Attribution:
        values = question.images.values.astype(float)
        return question.attribution(values / np.abs(values).max())
