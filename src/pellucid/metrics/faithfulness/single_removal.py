"""What each unit alone does, against what the explanation says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from pellucid.core.errors import UnknownName
from pellucid.core.scores import Score
from pellucid.explainers.settings import whole_number
from pellucid.maths.correlation import kendall
from pellucid.maths.faithfulness import faithfulness_estimate, falls, monotonicity_correlation
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.faithfulness.removal_curve import ways
from pellucid.metrics.metric import Metric
from pellucid.metrics.rows import RANDOM, against_random


class Singles(NamedTuple):
    """Units of each sample that were removed, each alone."""

    units: np.ndarray
    """Which, (sample, single)."""

    there: np.ndarray
    """Whether they are units of the sample, (sample, single)."""

    answers: np.ndarray
    """Scores without them, (sample, single, donor)."""


Number = Callable[[np.ndarray, np.ndarray, Singles], np.ndarray]
"""From values (sample, single), scores of whole inputs, and singles, to one number a sample."""


def _tau(values: np.ndarray, full: np.ndarray, found: Singles) -> np.ndarray:
    return kendall(values, falls(full, found.answers.mean(axis=2)), found.there)


def _estimate(values: np.ndarray, full: np.ndarray, found: Singles) -> np.ndarray:
    return faithfulness_estimate(values, full, found.answers.mean(axis=2), found.there)


def _monotone(values: np.ndarray, full: np.ndarray, found: Singles) -> np.ndarray:
    return monotonicity_correlation(values, full, found.answers, found.there)


NUMBERS: dict[str, tuple[Number, str]] = {
    "tau_loo": (_tau, "Kendall's τ with leaving one out"),
    "faithfulness_estimate": (_estimate, "the correlation with leaving one out"),
    "monotonicity_correlation": (
        _monotone,
        "the rank correlation of magnitudes with the squared change when one is replaced",
    ),
}
"""Every number by name: how it is read, and what it is called in words."""


@dataclass(frozen=True, kw_only=True)
class SingleRemoval(Metric):
    """Correlation of an explanation with what happens when one unit is removed.

    Parameters
    ----------
    numbers : tuple of str
        Which of ``"tau_loo"`` (Kendall's τ; Attanasio et al.), ``"faithfulness_estimate"``
        (Pearson's correlation; Alvarez-Melis and Jaakkola) and ``"monotonicity_correlation"``
        (Spearman's, of magnitudes; Nguyen and Rodríguez Martínez).
    singles : int
        Units that are removed of each sample, drawn at random where there are more; the same for
        all explanations.
    removals : tuple of str
        How units are removed; by default the usual way of the data.
    donors : int
        Background rows that each row of a table takes values from.

    Notes
    -----
    Methods that remove single units have 1 by construction, so this rewards likeness to them. In
    the mean over all orders of values every correlation is 0, which is the row beside.
    Where few of many units are drawn a sample's number is rough; its mean over samples is not.

    References
    ----------
    Attanasio et al. (2023), arXiv:2208.01575. Alvarez-Melis and Jaakkola (2018), arXiv:1806.07538.
    Nguyen and Rodríguez Martínez (2020), arXiv:2007.07584.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"reference", "features"})
    usual: ClassVar[frozenset[str]] = frozenset({"image"})
    tells: ClassVar[tuple[str, ...]] = tuple(NUMBERS)
    cost: ClassVar[str] = "`singles` evaluations per sample (× donors), shared by all methods"
    paper: ClassVar[str] = "arXiv:2208.01575"

    numbers: tuple[str, ...] = ("tau_loo", "faithfulness_estimate")
    singles: int = 8
    removals: tuple[str, ...] | None = None
    donors: int = 10

    def __post_init__(self) -> None:
        whole_number("singles", self.singles, 2)
        whole_number("donors", self.donors, 1)
        object.__setattr__(self, "numbers", tuple(self.numbers))
        for name in self.numbers:
            if name not in NUMBERS:
                raise UnknownName.among("number of single removals", name, list(NUMBERS))

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """A row for each number and way of removal, and one for values in random order."""
        rows: list[Score] = []
        for way in ways(evidence, self.removals, usual=1):
            found = self.removed(evidence, way)
            own = np.take_along_axis(evidence.shares, found.units, axis=1)
            for name in self.numbers:
                number, words = NUMBERS[name]
                told = number(own, evidence.output, found)
                values = {"": told, RANDOM: 0 * told}
                rows += against_random(evidence, name, values, words, 1, removal=way)
        return tuple(rows)

    def removed(self, evidence: Evidence, way: str) -> Singles:
        """Units drawn at random, and the scores without each; asked for once."""

        def found() -> Singles:
            n, width = len(evidence), len(evidence.features)
            few = min(self.singles, width)
            chance = evidence.rng("single units").random((n, width)) + ~evidence.there
            units = np.argsort(chance, axis=1)[:, :few]
            gone = np.zeros((n, few, width), dtype=bool)
            np.put_along_axis(gone, units[:, :, None], True, axis=2)
            left = evidence.without(
                np.repeat(np.arange(n), few),
                gone.reshape(-1, width),
                evidence.donors(self.donors, way),
            )
            there = np.take_along_axis(evidence.there, units, axis=1)
            return Singles(units, there, left.reshape(n, few, -1))

        return evidence.once(("singles", way, self.singles, self.donors), found)
