"""How much of the output goes as superpixels are removed one by one, the most relevant first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pellucid.core.scores import Score
from pellucid.explainers.settings import whole_number
from pellucid.maths.faithfulness import area
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.faithfulness.curves import emptied, gold_order, own_order, random_order
from pellucid.metrics.faithfulness.removal_curve import ways
from pellucid.metrics.image_evidence import ImageEvidence, summed
from pellucid.metrics.metric import Metric
from pellucid.metrics.rows import GOLD, RANDOM, REVERSE, against_random
from pellucid.perturb.segments import Segments, cut

WORDS = "the area over the curve of removed superpixels, as a share of the output (IROF),"


@dataclass(frozen=True, kw_only=True)
class IROF(Metric):
    """Iterative removal of features: superpixels go one by one, in the explanation's order.

    An image is cut by SLIC. Superpixels are put in order by the mean value of their pixels and
    replaced one after another, and the output is told as a share of that for the whole image. The
    number is the area over that curve: 1 where everything goes at once, more where the output
    turns negative, less than 0 where it rises.

    Parameters
    ----------
    segments : int
        Most superpixels of an image.
    removals : tuple of str
        What takes their place; in the paper the mean colour.

    Notes
    -----
    Shares mean most for probabilities. An image whose whole output is not positive has none, and
    says nothing. Cost: for each superpixel one evaluation for the explanation and one for the
    reverse order, and one for the random order, which is asked for once.

    References
    ----------
    Rieger and Hansen (2020), IROF: a low resource evaluation metric for explanation methods,
    arXiv:2003.08747.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"reference", "features"})
    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    cost: ClassVar[str] = "3 × `segments` evaluations per image and removal, a third of them shared"
    paper: ClassVar[str] = "arXiv:2003.08747"

    segments: int = 40
    removals: tuple[str, ...] = ("mean",)

    def __post_init__(self) -> None:
        whole_number("segments", self.segments, 2)
        object.__setattr__(self, "removals", tuple(self.removals))

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """A row for each way of removal, and those of the orders beside the explanation's."""
        assert isinstance(evidence, ImageEvidence)
        pieces, rows = self.superpixels(evidence), []
        for way in ways(evidence, self.removals):
            values = {group: self.over(found) for group, found in self.curves(pieces, way).items()}
            rows += against_random(evidence, "irof", values, WORDS, 1, removal=way)
        return tuple(rows)

    def superpixels(self, evidence: ImageEvidence) -> ImageEvidence:
        """The same evidence with superpixels for units."""
        key = "superpixels", self.segments
        wanted = Segments(kind="slic", number=self.segments)
        cell = evidence.once(key, lambda: cut(evidence.question.images, wanted))
        return replace(
            evidence,
            cell=cell,
            values=summed(evidence.maps, cell)[:, :, None],
            error=np.zeros((len(cell), int(cell.max()) + 1, 1)),
            known=evidence.once((*key, "known"), dict),
        )

    def curves(self, pieces: ImageEvidence, way: str) -> Mapping[str, np.ndarray]:
        """Outputs as superpixels go one by one, (sample, step), for each order."""
        own, gold = own_order(pieces), gold_order(pieces)
        there = pieces.there.sum(axis=1)
        place = np.arange(own.shape[1])
        turned = np.where(place < there[:, None], there[:, None] - 1 - place, place)
        found = {
            "": _removed(pieces, own, way),
            RANDOM: pieces.once(("irof", way), lambda: _removed(pieces, random_order(pieces), way)),
            REVERSE: _removed(pieces, np.take_along_axis(own, turned, axis=1), way),
        }
        if gold is not None:
            found[GOLD] = pieces.once(("irof of gold", way), lambda: _removed(pieces, gold, way))
        return found

    def over(self, curve: np.ndarray) -> np.ndarray:
        """The area over a curve of outputs, as shares of the first: (sample,)."""
        full = np.where(curve[:, :1] > 0, curve[:, :1], np.nan)
        shares = curve / full
        steps = np.isfinite(curve).sum(axis=1, keepdims=True) - 1
        at = np.minimum(np.arange(curve.shape[1]) / steps, 1.0)
        return 1 - area(np.where(np.isfinite(curve), shares, 0.0), at)


def _removed(pieces: ImageEvidence, order: np.ndarray, way: str) -> np.ndarray:
    """Outputs with no, one, … and all superpixels of an order removed: (sample, 1 + unit).

    NaN beyond the superpixels that an image has.
    """
    there, given = pieces.there.sum(axis=1), pieces.donors(1, way)
    found = np.full((len(order), order.shape[1] + 1), np.nan)
    found[:, 0] = pieces.output
    found[np.arange(len(order)), there] = emptied(pieces, way, given)
    rank = np.argsort(order, axis=1)
    for step in range(1, order.shape[1]):
        rows = np.flatnonzero(there > step)
        if len(rows):
            found[rows, step] = pieces.without(rows, rank[rows] < step, given)[:, 0]
    return found
