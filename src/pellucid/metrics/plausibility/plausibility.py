"""Whether an explanation is where people say it should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.special import digamma

from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.core.scores import Score
from pellucid.maths.localisation import (
    attribution_localisation,
    average_precision,
    localisation_auc,
    pointing_game,
    relevance_mass,
    relevance_rank,
    top_k_intersection,
)
from pellucid.maths.rationales import agreement, span_hits, spans, token_hits
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.rows import GOLD, RANDOM, against_random

UNIFORM = "uniform values"
"""The reference row of an explanation that is the same everywhere."""

DRAWS = 20
"""Random orders whose mean stands for chance where no formula does."""

ANY = frozenset({"table", "image", "text"})


class Marks(NamedTuple):
    """Values and what is marked as gold, both as fine as they are known: (sample, …)."""

    values: np.ndarray
    gold: np.ndarray
    there: np.ndarray
    """Which units exist."""

    draw: Callable[[int], np.ndarray]
    """Random numbers (sample, unit), which put equal values in order; others for each place."""

    tolerance: float
    top: float


class Number(NamedTuple):
    """One number of plausibility; of all, more is better."""

    of: Callable[[Marks], np.ndarray]
    words: str
    kinds: frozenset[str] = ANY
    chance: Callable[[Marks], np.ndarray] | None = None
    """Its mean over random orders, where that is not the number of a uniform map."""

    limit: bool = False
    """Whether gold itself does not have 1."""

    flat: bool = False
    """Whether a map of uniform values has less than chance."""


def _pointing(marks: Marks) -> np.ndarray:
    return pointing_game(marks.values, marks.gold, marks.tolerance)


def _of_units(number: Callable[..., np.ndarray], marks: Marks) -> np.ndarray:
    return number(marks.values, marks.gold, there=marks.there)


def _top(marks: Marks) -> np.ndarray:
    k = max(1, round(marks.top * _counted(marks.there).max()))
    return top_k_intersection(marks.values, marks.gold, k, marks.there)


def _tokens(marks: Marks) -> np.ndarray:
    return _f1(marks, token_hits(_chosen(marks), _gold(marks)))


def _spans(marks: Marks) -> np.ndarray:
    return _f1(marks, span_hits(spans(_chosen(marks)), spans(_gold(marks))))


def _f1(marks: Marks, hits: np.ndarray) -> np.ndarray:
    """F1 of each sample; NaN where nothing is marked."""
    return np.where(_gold(marks).any(axis=1), agreement(hits)[2], np.nan)


def _gold(marks: Marks) -> np.ndarray:
    return np.asarray(marks.gold & marks.there)


def _counted(mask: np.ndarray) -> np.ndarray:
    return np.asarray(mask.reshape(len(mask), -1).sum(axis=1))


def _sizes(marks: Marks) -> np.ndarray:
    """How many units are chosen: the mean share that people marked, of each sample's units."""
    units, marked = _counted(marks.there), _counted(_gold(marks))
    some = marked > 0
    share = (marked[some] / units[some]).mean() if some.any() else 0.0
    return np.maximum(np.round(share * units), 1)


def _chosen(marks: Marks, place: int = 0) -> np.ndarray:
    """The largest values, as many as `_sizes` says: bool (sample, unit)."""
    falling = np.where(marks.there, -marks.values, np.inf)
    rank = np.argsort(np.lexsort((marks.draw(place), falling), axis=1), axis=1)
    return np.asarray(rank < _sizes(marks)[:, None])


def _chance_of_precision(marks: Marks) -> np.ndarray:
    """Mean average precision over all orders: its first places flatter an explanation."""
    units, marked = _counted(marks.there), _counted(_gold(marks))
    harmonic = digamma(units + 1) + np.euler_gamma
    others = (marked - 1) / np.maximum(units - 1, 1)
    found = (harmonic + others * (units - harmonic)) / units
    return np.where(marked > 0, found, np.nan)


def _chance_of_tokens(marks: Marks) -> np.ndarray:
    """Of those chosen at random, the share that is gold hits."""
    units, marked, size = _counted(marks.there), _counted(_gold(marks)), _sizes(marks)
    return np.where(marked > 0, 2 * size * marked / units / (size + marked), np.nan)


def _chance_of_spans(marks: Marks) -> np.ndarray:
    """The mean of some random orders, for which there is no formula."""
    flat, gold = marks._replace(values=np.zeros(marks.values.shape)), spans(_gold(marks))
    drawn = [span_hits(spans(_chosen(flat, place)), gold) for place in range(1, DRAWS + 1)]
    return np.asarray(np.mean([_f1(marks, hits) for hits in drawn], axis=0))


NUMBERS: dict[str, Number] = {
    "pointing_game": Number(
        _pointing, "the share whose largest value is on what is gold (pointing game)"
    ),
    "relevance_mass": Number(
        partial(_of_units, relevance_mass), "the share of positive relevance on what is gold"
    ),
    "attribution_localisation": Number(
        partial(_of_units, attribution_localisation),
        "how many times more relevance is on what is gold than a uniform map has there",
        limit=True,
    ),
    "relevance_rank": Number(
        partial(_of_units, relevance_rank), "the share of the largest values, as many as are gold, "
        "that is on what is gold",
    ),
    "top_k_intersection": Number(
        _top, "the share of the k largest values that is on what is gold", limit=True
    ),
    "localisation_auc": Number(
        partial(_of_units, localisation_auc),
        "how often what is gold has a larger value than what is not",
    ),
    "average_precision": Number(
        partial(_of_units, average_precision),
        "the area under the precision-recall curve, as average precision,",
        chance=_chance_of_precision, flat=True,
    ),
    "token_f1": Number(
        _tokens, "token-F1 of the largest values, as many as are gold in the mean,",
        frozenset({"table", "text"}), _chance_of_tokens, limit=True,
    ),
    "iou_f1": Number(
        _spans, "IOU-F1 of the runs of the largest values, as many as are gold in the mean,",
        frozenset({"text"}), _chance_of_spans, limit=True,
    ),
}  # fmt: skip
"""Every number by name."""

USUAL = (
    "pointing_game",
    "relevance_mass",
    "relevance_rank",
    "localisation_auc",
    "average_precision",
)
"""What is told where no numbers are named."""


@dataclass(frozen=True, kw_only=True)
class Plausibility(Metric):
    """How well an explanation agrees with what people hold responsible: `gold`.

    On the finest grid that the explanation has: pixels of images, features of tables, tokens.

    Parameters
    ----------
    numbers : tuple of str
        Which of `NUMBERS`: ``"pointing_game"`` (Zhang et al.), ``"relevance_mass"``,
        ``"relevance_rank"`` (Arras et al.), ``"attribution_localisation"`` (Kohlbrenner et al.),
        ``"top_k_intersection"`` (Theiner et al.), ``"localisation_auc"``, ``"average_precision"``
        (AUPRC); ``"token_f1"`` for features and tokens, ``"iou_f1"`` for tokens, which stand in a
        line (both DeYoung et al.).
    tolerance : float
        How far beside the object the largest value of an image may lie in the pointing game, in
        pixels. Zhang et al. allow 15 on photos.
    top : float
        For the top-k intersection: k as a share of the units.
    magnitudes : bool, optional
        Whether the size of values counts, whatever their sign. By default for tables, where what
        is responsible may lower a number as well as raise it, and not for images, where what is
        marked is what speaks for the class.

    Notes
    -----
    Costs no evaluations. The row of the random order is no single draw but the mean over all
    orders, exactly (of ``"iou_f1"`` over 20). That is the number of a map of uniform values too,
    but for the average precision, for which uniform values have a row. Gold itself has 1, or a row
    where it has not. ERASER takes its IOU-F1 from mean precision and mean recall; here it is the
    mean of the F1 of samples, as its token-F1 is, so that it has an interval and a verdict.

    Plausible is not faithful: a model may be right for reasons that nobody would give, and what
    people expect to see is not what it has seen.

    References
    ----------
    Zhang et al. (2018), arXiv:1608.00507. Arras, Osman and Samek (2022),
    doi:10.1016/j.inffus.2021.11.008. Kohlbrenner et al. (2020), arXiv:1910.09840. Theiner et al.
    (2022), arXiv:2104.14995. DeYoung et al. (2020), arXiv:1911.03429.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gold", "features"})
    takes: ClassVar[frozenset[str]] = ANY
    usual: ClassVar[frozenset[str]] = frozenset({"image"})
    tells: ClassVar[tuple[str, ...]] = tuple(NUMBERS)
    cost: ClassVar[str] = "none"
    paper: ClassVar[str] = "doi:10.1016/j.inffus.2021.11.008"

    numbers: tuple[str, ...] = USUAL
    tolerance: float = 0.0
    top: float = 0.05
    magnitudes: bool | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", tuple(self.numbers))
        for name in self.numbers:
            if name not in NUMBERS:
                raise UnknownName.among("number of plausibility", name, list(NUMBERS))
        if not self.tolerance >= 0:
            raise InvalidSetting(
                "A tolerance is a distance", got=self.tolerance, allowed="0 pixels or more"
            )
        if not 0 < self.top <= 1:
            raise InvalidSetting("top is a share of the units", got=self.top, allowed="0 to 1")

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """A row for each number, and those of the references beside it."""
        marks, rows = self.marks(evidence), []
        for name in self.numbers:
            number = NUMBERS[name]
            if evidence.question.kind not in number.kinds:
                reason = f"{name} does not judge explanations of {evidence.thing}s"
                rows.append(replace(self.silent(evidence, reason), metric=name))
                continue
            rows += against_random(evidence, name, _beside(number, marks), number.words, 1)
        return tuple(rows)

    def marks(self, evidence: Evidence) -> Marks:
        """The values and the gold of all samples."""
        assert evidence.gold is not None
        kind, values = evidence.question.kind, evidence.finest
        sizes = kind == "table" if self.magnitudes is None else self.magnitudes
        there, width = evidence.there, int(np.prod(values.shape[1:]))
        return Marks(
            values=np.abs(values) if sizes else values,
            gold=np.asarray(evidence.gold, dtype=bool),
            there=there if there.shape == values.shape else np.ones(values.shape, dtype=bool),
            draw=lambda place: evidence.rng("ties of gold", place).random((len(values), width)),
            tolerance=self.tolerance if kind == "image" else 0.0,
            top=self.top,
        )


def _beside(number: Number, marks: Marks) -> dict[str, np.ndarray]:
    """The number of the explanation, under ``""``, and of what stands beside it."""
    uniform = number.of(marks._replace(values=np.ones(marks.values.shape)))
    found = {"": number.of(marks), RANDOM: uniform}
    if number.chance is not None:
        found[RANDOM] = number.chance(marks)
    if number.flat:
        found[UNIFORM] = uniform
    if number.limit:
        found[GOLD] = number.of(marks._replace(values=marks.gold.astype(float)))
    return found
