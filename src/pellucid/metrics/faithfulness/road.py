"""Whether images keep their class as their most, or least, relevant pixels are blended away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.core.explanation import number
from pellucid.core.scores import Score
from pellucid.engine.work import slices
from pellucid.explainers.settings import whole_number
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.image_evidence import ImageEvidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.rows import GOLD, RANDOM, REVERSE, against_random

WAY = "noisy_linear"
"""The one way of removal that this is about."""

NUMBERS = {
    "road_most_first": (-1, "most"),
    "road_least_first": (1, "least"),
}
"""For each number: which way is better, and which pixels go first."""


@dataclass(frozen=True, kw_only=True)
class ROAD(Metric):
    """Remove and debias: the accuracy that is kept as pixels go, in the explanation's order.

    Pixels are replaced by a blend of those around them with a little noise, so that the mask, which
    follows the explanation, cannot be read off the image. An image keeps its class where the model
    still answers with the class that it predicts for the whole image.

    Parameters
    ----------
    numbers : tuple of str
        Which of ``"road_most_first"`` (the share that keeps its class as the most relevant pixels
        go, mean over `shares`: less is better) and ``"road_least_first"`` (as the least relevant
        go: more is better).
    shares : tuple of float
        How many of the pixels are removed.
    images : int
        Most images that are judged; blending takes time, up to a second for half of 224² pixels.

    Notes
    -----
    Images where another class is explained than the one predicted say nothing. Cost: 2 evaluations
    for each of `shares`, and one of the random order, which is asked for once; the reverse order
    needs none. A map of uniform values is in random order.

    References
    ----------
    Rong et al. (2022), A consistent and efficient evaluation strategy for attribution methods,
    arXiv:2202.00449.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    tells: ClassVar[tuple[str, ...]] = tuple(NUMBERS)
    cost: ClassVar[str] = "27 evaluations per image, 9 of them shared, and as many blends"
    paper: ClassVar[str] = "arXiv:2202.00449"

    numbers: tuple[str, ...] = tuple(NUMBERS)
    shares: tuple[float, ...] = tuple(tenths / 10 for tenths in range(1, 10))
    images: int = 50

    def __post_init__(self) -> None:
        whole_number("images", self.images, 1)
        for name in ("numbers", "shares"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in self.numbers:
            if name not in NUMBERS:
                raise UnknownName.among("number of ROAD", name, list(NUMBERS))
        if not self.shares or not all(0 < share < 1 for share in self.shares):
            raise InvalidSetting("shares are of the pixels", got=self.shares, allowed="0 to 1")

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """A row for each number, and those of the orders beside the explanation's."""
        assert isinstance(evidence, ImageEvidence)
        rows = evidence.some(self.images, "ROAD")
        whole = evidence.once("all outputs", lambda: evidence.answers(evidence.inputs))
        if whole.shape[1] < 2:
            return (self.silent(evidence, "the model has one output, so images have no class"),)
        predicted = whole.argmax(axis=1)
        told = (predicted == evidence.question.chosen)[rows]
        kept, scores = self.kept(evidence, rows, predicted), []
        for name in self.numbers:
            better, first = NUMBERS[name]
            along = [np.where(told[:, None], each[name], np.nan) for each in kept.values()]
            values = dict(zip(kept, (each.mean(axis=1) for each in along), strict=True))
            words = f"the share that keeps its class as the {first} relevant pixels go"
            found = against_random(evidence, name, values, words, better, removal=WAY)
            scores += [self._along(one, each[told]) for one, each in zip(found, along, strict=True)]
        return tuple(scores)

    def kept(
        self, evidence: ImageEvidence, rows: np.ndarray, predicted: np.ndarray
    ) -> Mapping[str, Mapping[str, np.ndarray]]:
        """Whether images keep their class, (row, share), for each order and number."""
        flat = evidence.maps[rows].reshape(len(rows), -1)
        chance = evidence.rng("order of pixels").random((len(evidence), flat.shape[1]))[rows]

        def along(order: np.ndarray) -> np.ndarray:
            return self._along_order(evidence, rows, order, predicted)

        def both(values: np.ndarray) -> dict[str, np.ndarray]:
            order = np.lexsort((chance, -values), axis=1)
            return dict(zip(NUMBERS, (along(order), along(order[:, ::-1])), strict=True))

        own = both(flat)
        key = "road", self.shares, self.images
        at_random = evidence.once((*key, RANDOM), lambda: along(np.argsort(chance, axis=1)))
        found = {
            "": own,
            RANDOM: dict.fromkeys(NUMBERS, at_random),
            REVERSE: dict(zip(NUMBERS, reversed(own.values()), strict=True)),
        }
        if evidence.gold is not None:
            gold = evidence.gold[rows].reshape(flat.shape).astype(float)
            found[GOLD] = evidence.once((*key, GOLD), lambda: both(gold))
        return found

    def _along_order(
        self, evidence: ImageEvidence, rows: np.ndarray, order: np.ndarray, predicted: np.ndarray
    ) -> np.ndarray:
        """Whether images keep their class, (row, share), as the first pixels of an order go."""
        fill, size = evidence.donors(1, WAY), evidence.maps.shape[1:]
        rank = np.argsort(order, axis=1).reshape(len(rows), *size)
        found = np.empty((len(rows), len(self.shares)))
        for step, share in enumerate(self.shares):
            gone = rank < round(share * order.shape[1])
            for some in slices(len(rows), evidence.question.work.batch_size):
                answers = evidence.answers(fill(rows[some], gone[some]))
                found[some, step] = answers.argmax(axis=1) == predicted[rows[some]]
        return found

    def _along(self, score: Score, kept: np.ndarray) -> Score:
        """The score with the share kept at each step in its sentence."""
        if not len(kept):
            return score
        steps = ", ".join(number(float(each)) for each in kept.mean(axis=0))
        first, last = (number(100 * self.shares[at]) for at in (0, -1))
        return replace(score, text=f"{score.text[:-1]}; from {first} to {last} % it is {steps}.")
