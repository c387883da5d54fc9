"""Do models that never see what is called important learn less?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain, InvalidSetting
from pellucid.core.scores import Score
from pellucid.explainers.settings import positive, whole_number
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.faithfulness.curves import random_order
from pellucid.metrics.gather import gather
from pellucid.metrics.gather_images import gather_images
from pellucid.metrics.image_evidence import ImageEvidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.rows import RANDOM, against_random, row
from pellucid.metrics.table_evidence import TableEvidence
from pellucid.models.refit import refitted

WORDS = {
    "roar": "the accuracy of models trained without the most important {} (ROAR)",
    "kar": "the accuracy of models trained without the least important {} (KAR)",
}

HIDDEN = {"image": "noisy_linear", "table": "background"}
"""How units are replaced so that it shows least where they were."""

WHOLE = "all units"
"""The group of models that are trained on whole inputs."""


@dataclass(frozen=True, kw_only=True)
class ROAR(Metric):
    """Remove and retrain: the accuracy of models trained, and judged, without important units.

    The explanation is made for all of `X`. For each share the most important units of every sample,
    by magnitude, are replaced, a model is trained on these inputs and judged on held-out ones that
    lack theirs as well. It passes where the mean accuracy is below that of random removal. ``kar``
    removes the least important units first instead: it passes where the mean accuracy is above.

    Parameters
    ----------
    fit : callable or estimator, optional
        From inputs (sample, …) and labels (sample,) to a trained model of any kind that `explain`
        takes; or an estimator with scikit-learn's interface, which is cloned.
    X : images or table of shape (sample, …), optional
        What is explained and trained on, of the kind that was explained; `fit` gets images as
        arrays, in their own layout.
    y : array of shape (sample,), optional
        The true classes.
    shares : tuple of float
        Parts of the units that are removed.
    repeats : int
        Trainings for each share; `fit` is to draw its own start.
    held_out : float
        The part of `X` that models are judged on.
    removal : str, optional
        How units are replaced (`Evidence.ways`); by default so that it shows least where they were:
        ``"noisy_linear"`` for images, ``"background"`` for tables.

    Notes
    -----
    A model that is trained anew has got used to what removal makes of inputs, so accuracy falls
    only for lost information. But where removed units lie is information, too (Rong et al. 2022),
    and explanations of a class tell the class: on small digits, removal by the mean or by zeros,
    as in the paper, made integrated gradients, saliency and occlusion look no better than random
    order or worse, as the paper found for its methods; filled in by what surrounds the units, all
    three are far ahead of it.
    Units that say the same as others may go without loss. Intervals are over the samples held
    out, and hold for the models trained. Cost: an explanation of each of `X`, and 3 · shares ·
    repeats + 1 trainings.

    References
    ----------
    Hooker et al. (2019), arXiv:1806.10758. Rong et al. (2022), arXiv:2202.00449.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    needs: ClassVar[frozenset[str]] = frozenset({"repeat", "features", "reference"})
    cost: ClassVar[str] = "an explanation of each of X, and 3 · shares · repeats + 1 trainings"
    paper: ClassVar[str] = "arXiv:1806.10758"

    fit: Callable[..., Any] | Any = field(default=None, repr=False, compare=False)
    X: Any = field(default=None, repr=False, compare=False)
    y: Any = field(default=None, repr=False, compare=False)
    shares: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 0.9)
    repeats: int = 1
    held_out: float = 0.25
    removal: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shares", tuple(self.shares))
        whole_number("repeats", self.repeats, 1)
        for name, each in (("held_out", self.held_out), *(("shares", s) for s in self.shares)):
            positive(name, each)
            if each >= 1:
                raise InvalidSetting(f"{name} cannot be used", got=each, allowed="below 1")
        if not self.shares:
            raise InvalidSetting("shares names parts of the units", got="none")
        given = [each is not None for each in (self.fit, self.X, self.y)]
        if any(given) and not all(given):
            raise InvalidSetting(
                "Training again needs fit=, X= and y=", got=f"{sum(given)} of them"
            )
        if all(given) and len(self.X) != len(self.y):
            raise InvalidSetting(
                "X and y go together", got=f"{len(self.X)} inputs and {len(self.y)} labels"
            )

    def obstacle(self, evidence: Evidence) -> str | None:
        """Why nothing can be said: nothing to train on, or no classes."""
        if self.fit is None:
            return "models are trained again: give fit=, X= and y="
        if evidence.question.model.task != "classification":
            return "accuracy is counted in classes, and the model has none"
        return super().obstacle(evidence)

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """Accuracy without the most, and without the least important units; and by share."""
        every = self._explained(evidence)
        order = evidence.rng(self.name(), "held out").permutation(len(every))
        cut = max(1, round(self.held_out * len(every)))
        test, train = np.sort(order[:cut]), np.sort(order[cut:])
        own, random = _by_size(every), random_order(every)
        whole = self._right(every, np.zeros(own.shape, dtype=bool), train, test)
        found: dict[str, list[np.ndarray]] = {"roar": [], "kar": [], RANDOM: []}
        for share in self.shares:
            for name, each in (("roar", own), ("kar", own[:, ::-1]), (RANDOM, random)):
                removed = _first(every, each, share)
                found[name].append(self._right(every, removed, train, test))
        rows = [row(evidence, self.name(), whole, "the accuracy with all units", group=WHOLE)]
        part = f"{evidence.part}s"
        for name, better in (("roar", -1), ("kar", 1)):
            means = {"": np.mean(found[name], axis=0), RANDOM: np.mean(found[RANDOM], axis=0)}
            rows += against_random(evidence, name, means, WORDS[name].format(part), better)
        for name, right in found.items():
            group, metric = (RANDOM, "roar") if name == RANDOM else (None, name)
            for share, each in zip(self.shares, right, strict=True):
                words = f"the accuracy with {share:.0%} of the {part} removed"
                rows.append(
                    row(evidence, metric, each, words, group=group, label=f"{share:.0%} removed")
                )
        return tuple(rows[1:] + rows[:1])

    def _explained(self, evidence: Evidence) -> Evidence:
        """The evidence about all of `X`."""
        recipe, asked = evidence.recipe, evidence.first
        assert recipe is not None
        assert isinstance(evidence, (ImageEvidence, TableEvidence))
        made = recipe.explain(
            asked.model, self.X, background=evidence.first.background, scale=asked.scale,
            seed=asked.seed, batch_size=asked.work.batch_size, progress=False,
        )  # fmt: skip
        if not isinstance(made, Attribution):
            raise CannotExplain(f"{recipe.name()} gave no attribution of the samples to train on")
        evidence.question.work.spend(made.evaluations)
        common: dict[str, Any] = {
            "background": evidence.first.background, "method": recipe, "target": None,
            "rows": len(self.X), "seed": evidence.seed, "threads": asked.threads,
        }  # fmt: skip
        if isinstance(evidence, ImageEvidence):
            return gather_images(made, asked.model, self.X, **common)[0]
        size = asked.work.batch_size
        return gather(made, asked.model, self.X, schema=None, batch_size=size, **common)[0]

    def _right(
        self, every: Evidence, removed: np.ndarray, train: np.ndarray, test: np.ndarray
    ) -> np.ndarray:
        """How often models trained without these units are right on each held-out sample."""
        way = HIDDEN[every.question.kind] if self.removal is None else self.removal
        changed, labels = every.blanked(removed, way), np.asarray(self.y)
        found = np.zeros(len(test))
        for _ in range(self.repeats):
            inputs = every.native(changed[train])
            if hasattr(self.fit, "fit"):
                made = refitted(self.fit, inputs, labels[train])
            else:
                made = self.fit(inputs, labels[train])
            model = every.adapted(made)
            found += every.classified(model, changed[test]) == labels[test].astype(str)
        return found / self.repeats


def _by_size(evidence: Evidence) -> np.ndarray:
    """Units from the greatest magnitude to the least, ties at random: (sample, unit)."""
    size = np.where(evidence.there, np.abs(evidence.importance), -1.0)
    chance = evidence.rng("ties").random(size.shape)
    return np.lexsort((chance, -size), axis=1)


def _first(evidence: Evidence, order: np.ndarray, share: float) -> np.ndarray:
    """The first units of an order, such a share of those that are there: (sample, unit)."""
    there = np.take_along_axis(evidence.there, order, axis=1)
    most = np.maximum(np.round(share * there.sum(axis=1)), 1)
    found = np.zeros(order.shape, dtype=bool)
    np.put_along_axis(found, order, there & (there.cumsum(axis=1) <= most[:, None]), axis=1)
    return found
