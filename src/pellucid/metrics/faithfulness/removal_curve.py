"""Comprehensiveness, sufficiency, deletion, insertion and their kin, from one pair of curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple

import numpy as np

from pellucid.core.errors import UnknownName
from pellucid.core.scores import Score
from pellucid.explainers.settings import whole_number
from pellucid.maths.faithfulness import (
    ERASER_SHARES,
    FERRET_SHARES,
    aopc,
    area,
    falls,
    monotonicity,
    normalised_comprehensiveness,
    normalised_sufficiency,
)
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.faithfulness.curves import (
    SHARES,
    Curve,
    curve,
    gold_order,
    own_order,
    random_curve,
)
from pellucid.metrics.metric import Metric
from pellucid.metrics.rows import GOLD, RANDOM, REVERSE, against_random, row


class Number(NamedTuple):
    """One number that is read from a curve."""

    of: Callable[[Curve], np.ndarray]
    better: int
    words: str


def _bins(shares: tuple[float, ...]) -> np.ndarray:
    return np.searchsorted(SHARES, np.array(shares) - 1e-9)


ERASER, FERRET = _bins(ERASER_SHARES), _bins(FERRET_SHARES)


def _comprehensiveness(found: Curve, bins: np.ndarray, from_start: bool = False) -> np.ndarray:
    return aopc(falls(found.full, found.without[:, bins]), from_start=from_start)


def _sufficiency(found: Curve, bins: np.ndarray) -> np.ndarray:
    return aopc(falls(found.full, found.only[:, bins]))


def _whole(found: Curve) -> np.ndarray:
    left = normalised_comprehensiveness(found.full, found.without[:, ERASER], found.empty)
    return np.asarray(left.mean(axis=1))


def _enough(found: Curve) -> np.ndarray:
    kept = normalised_sufficiency(found.full, found.only[:, ERASER], found.empty)
    return np.asarray(kept.mean(axis=1))


NUMBERS: dict[str, Number] = {
    "comprehensiveness": Number(
        partial(_comprehensiveness, bins=ERASER), 1,
        "comprehensiveness, the mean fall over ERASER's five bins as the most important go,",
    ),
    "sufficiency": Number(
        partial(_sufficiency, bins=ERASER), -1,
        "sufficiency, the mean fall over ERASER's five bins with only the most important left,",
    ),
    "comprehensiveness_ferret": Number(
        partial(_comprehensiveness, bins=FERRET), 1, "comprehensiveness over ferret's ten bins",
    ),
    "sufficiency_ferret": Number(
        partial(_sufficiency, bins=FERRET), -1, "sufficiency over ferret's ten bins",
    ),
    "normalised_comprehensiveness": Number(
        _whole, 1, "the share that is lost of what the whole input adds to the empty one",
    ),
    "normalised_sufficiency": Number(
        _enough, 1, "the share that is kept of what the whole input adds to the empty one",
    ),
    "deletion_area": Number(
        lambda found: area(found.without, found.removed), -1, "the area under the deletion curve",
    ),
    "insertion_area": Number(
        lambda found: area(found.only, found.left), 1, "the area under the insertion curve",
    ),
    "pixel_flipping": Number(
        lambda found: area(found.without, found.removed), -1, "the area under the flipping curve",
    ),
    "selectivity": Number(
        lambda found: area(found.without, found.removed) * found.units, -1,
        "the area under the curve that counts units (selectivity)",
    ),
    "region_perturbation": Number(
        partial(_comprehensiveness, bins=FERRET, from_start=True), 1,
        "the area over the perturbation curve, the step before the first change counted,",
    ),
    "monotonicity": Number(
        lambda found: monotonicity(found.without[:, ::-1], 1e-6 * np.abs(found.full).max()), 0,
        "the share in which the output never falls as units come in, least important first,",
    ),
}  # fmt: skip
"""Every number by name: how it is read, which way is better, and what it is called in words."""

USUAL = (
    "comprehensiveness",
    "sufficiency",
    "normalised_comprehensiveness",
    "normalised_sufficiency",
    "deletion_area",
    "insertion_area",
)
"""What is told where no numbers are named; others are the same curves read in another way."""

PER_CLASS = "comprehensiveness", "sufficiency"
"""What is told for each class, where there are several."""


@dataclass(frozen=True, kw_only=True)
class RemovalCurve(Metric):
    """How the output goes as units are removed, and brought in, in the explanation's order.

    Units are removed the most important first, by signed value: those that speak for the output
    come first. One curve of removal and one of bringing in, at 13 shares between nothing and
    everything, are read in every way that the literature has.

    Parameters
    ----------
    numbers : tuple of str
        Which of `NUMBERS`: ``"comprehensiveness"``, ``"sufficiency"`` (ERASER's five bins), both
        with ``"_ferret"`` (ten bins), both with ``"normalised_"`` in front (Carton et al.),
        ``"deletion_area"``, ``"insertion_area"`` (Petsiuk et al.), ``"pixel_flipping"`` (Bach et
        al.; of whatever the units are), ``"selectivity"`` (Montavon et al.),
        ``"region_perturbation"`` (Samek et al.), ``"monotonicity"`` (Arya et al.).
    removals : tuple of str
        How units are removed; by default the two usual ways of the data (`Evidence.ways`):
        ``"background"`` and ``"typical"`` for tables, ``"mean"`` and ``"blur"`` for images, which
        know ``"zero"`` and ``"noisy_linear"`` too.
    donors : int
        Background rows that each row of a table takes values from.

    Notes
    -----
    A share that is no whole number of units is rounded up below a half, and down above, in every
    order alike (ferret rounds down, and drops bins that repeat one before, which a grid of cells
    does not have; its option to leave out negative values is not taken). The scale is that of the
    explanation: the papers' is ``explain(…, scale="probability")``.

    Beside the explanation stand a random order, the reverse order and, where `gold` was given, the
    gold order. An explanation passes where it is ahead of the random order, in the same samples,
    with its 95 % interval. Monotonicity is told without a verdict: where units speak for and
    against the output no order has it, and where all speak for it every order has. What removal
    makes of an input may be like nothing the model has seen: where two ways of removal disagree,
    neither is to be believed alone.

    References
    ----------
    DeYoung et al. (2020), arXiv:1911.03429. Attanasio et al. (2023), arXiv:2208.01575. Carton,
    Rathore and Tan (2020), arXiv:2010.04736. Samek et al. (2017), arXiv:1509.06321. Petsiuk, Das
    and Saenko (2018), arXiv:1806.07421.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"reference", "features"})
    usual: ClassVar[frozenset[str]] = frozenset({"image"})
    tells: ClassVar[tuple[str, ...]] = tuple(NUMBERS)
    cost: ClassVar[str] = "40 evaluations per sample and removal (× donors), 14 of them shared"
    paper: ClassVar[str] = "arXiv:1911.03429"

    numbers: tuple[str, ...] = USUAL
    removals: tuple[str, ...] | None = None
    donors: int = 10

    def __post_init__(self) -> None:
        whole_number("donors", self.donors, 1)
        object.__setattr__(self, "numbers", tuple(self.numbers))
        for name in self.numbers:
            if name not in NUMBERS:
                raise UnknownName.among("number of a removal curve", name, list(NUMBERS))

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """A row for each number, way of removal and reference, and for each class."""
        rows: list[Score] = []
        for way in ways(evidence, self.removals):
            curves = self.curves(evidence, way)
            for name in self.numbers:
                of, better, words = NUMBERS[name]
                values = {group: of(found) for group, found in curves.items()}
                rows += against_random(evidence, name, values, words, better, removal=way)
                if name in PER_CLASS:
                    rows += _classes(evidence, name, values[""], words, way)
        return tuple(rows)

    def curves(self, evidence: Evidence, way: str) -> dict[str, Curve]:
        """The curves of the explanation, under ``""``, and of the orders beside it."""
        own = evidence.once(
            ("own curve", id(evidence.values), way, self.donors),
            lambda: curve(evidence, own_order(evidence), way, self.donors),
        )
        found = {"": own, RANDOM: random_curve(evidence, way, self.donors), REVERSE: own.reverse}
        gold = gold_order(evidence)
        if gold is not None:
            found[GOLD] = evidence.once(
                ("gold curve", way, self.donors), lambda: curve(evidence, gold, way, self.donors)
            )
        return found


def ways(evidence: Evidence, wanted: tuple[str, ...] | None, *, usual: int = 2) -> tuple[str, ...]:
    """The ways of removal that are asked for, or the first ones that are usual.

    Raises
    ------
    UnknownName
        If one of them is not known for these data.
    """
    if wanted is None:
        return tuple(evidence.ways)[:usual]
    for way in wanted:
        if way not in evidence.ways:
            raise UnknownName.among("way of removal", way, list(evidence.ways))
    return tuple(wanted)


def _classes(
    evidence: Evidence, metric: str, values: np.ndarray, words: str, way: str
) -> list[Score]:
    """A row for each class, where there are several."""
    labels = evidence.classes
    names = list(dict.fromkeys(labels.tolist()))
    if len(names) < 2:
        return []
    return [
        row(evidence, metric, values[labels == name], words, removal=way, label=str(name))
        for name in names
    ]
