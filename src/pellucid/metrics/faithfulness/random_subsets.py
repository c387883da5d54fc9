"""What random parts of an input do together, against what the explanation says of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.core.scores import Score
from pellucid.explainers.settings import whole_number
from pellucid.maths.faithfulness import faithfulness_correlation, falls, infidelity
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.faithfulness.removal_curve import ways
from pellucid.metrics.metric import Metric
from pellucid.metrics.rows import RANDOM, against_random, row

WORDS = {
    "faithfulness_correlation": "the correlation of summed values with the falls of random subsets",
    "sensitivity_n": "the mean correlation over subset sizes (sensitivity-n)",
    "infidelity": "the mean squared gap between what the values of random subsets add up to and "
    "what happens",
    "infidelity_scaled": "the same gap once values are multiplied by the factor that suits best, "
    "as a part of the mean squared fall,",
}
"""Every number by name, and what it is called in words."""

DRAWS = 20
"""Random values whose mean stands for chance; that of correlations is 0."""


@dataclass(frozen=True, kw_only=True)
class RandomSubsets(Metric):
    """Whether the values of random subsets, summed, say how far the output falls without them.

    Parameters
    ----------
    numbers : tuple of str
        Which of ``"faithfulness_correlation"`` (Bhatt et al., subsets of the first size),
        ``"sensitivity_n"`` (Ancona et al., mean over `sizes`), ``"infidelity"`` (Yeh et al., where
        perturbations remove units) and ``"infidelity_scaled"`` (with the one factor for each sample
        that suits best, as a share of what is to be explained: 0 is perfect, 1 says nothing).
    subsets : int
        Subsets of each size; the same for all explanations.
    sizes : tuple of float
        Their sizes, as shares of the units.
    removals : tuple of str
        How units are removed; by default the usual way of the data.
    donors : int
        Background rows that each row of a table takes values from.

    Notes
    -----
    Only methods whose values are shares of the output can have a small infidelity; gradients and
    heat maps have another unit, for which the scaled one is.

    References
    ----------
    Bhatt, Weller and Moura (2020), arXiv:2005.00631. Ancona et al. (2018), arXiv:1711.06104. Yeh et
    al. (2019), arXiv:1901.09392.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"reference", "features"})
    usual: ClassVar[frozenset[str]] = frozenset({"image"})
    tells: ClassVar[tuple[str, ...]] = tuple(WORDS)
    cost: ClassVar[str] = "`subsets` × sizes evaluations per sample (× donors), shared"
    paper: ClassVar[str] = "arXiv:1901.09392"

    numbers: tuple[str, ...] = ("faithfulness_correlation", "infidelity_scaled")
    subsets: int = 10
    sizes: tuple[float, ...] = (0.2,)
    removals: tuple[str, ...] | None = None
    donors: int = 10

    def __post_init__(self) -> None:
        whole_number("subsets", self.subsets, 3)
        whole_number("donors", self.donors, 1)
        object.__setattr__(self, "numbers", tuple(self.numbers))
        object.__setattr__(self, "sizes", tuple(self.sizes))
        if not self.sizes or not all(0 < size < 1 for size in self.sizes):
            raise InvalidSetting("sizes are shares of the units", got=self.sizes, allowed="0 to 1")
        for name in self.numbers:
            if name not in WORDS:
                raise UnknownName.among("number of random subsets", name, list(WORDS))

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """A row for each number and way of removal, and one for random values."""
        rows: list[Score] = []
        for way in ways(evidence, self.removals, usual=1):
            subsets, answers = self.drawn(evidence, way)
            for name in self.numbers:
                number = partial(self._number, name, subsets, evidence.output, answers)
                told = number(evidence.shares)
                if name == "infidelity":  # random values have no unit
                    rows.append(row(evidence, name, told, WORDS[name], removal=way))
                    continue
                scaled = name == "infidelity_scaled"
                chance = self._chance(evidence, number) if scaled else 0 * told
                values, better = {"": told, RANDOM: chance}, -1 if scaled else 1
                rows += against_random(evidence, name, values, WORDS[name], better, removal=way)
        return tuple(rows)

    def drawn(self, evidence: Evidence, way: str) -> tuple[np.ndarray, np.ndarray]:
        """Subsets (sample, subset, unit) and scores without them (sample, subset)."""

        def found() -> tuple[np.ndarray, np.ndarray]:
            n, width = len(evidence), len(evidence.features)
            size = np.repeat(self.sizes, self.subsets)
            chance = evidence.rng("random subsets").random((n, len(size), width))
            chance += ~evidence.there[:, None]
            rank = np.argsort(np.argsort(chance, axis=2), axis=2)
            most = np.maximum(np.round(size * evidence.there.sum(axis=1)[:, None]), 1)
            subsets = rank < most[:, :, None]
            left = evidence.without(
                np.repeat(np.arange(n), len(size)),
                subsets.reshape(-1, width),
                evidence.donors(self.donors, way),
            )
            return subsets, left.mean(axis=1).reshape(n, -1)

        return evidence.once(("subsets", way, self.subsets, self.sizes, self.donors), found)

    def _chance(self, evidence: Evidence, number: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The mean over values drawn at random, for which the model is not asked."""
        rng, shape = evidence.rng("random values"), evidence.shares.shape
        return np.asarray(np.mean([number(rng.normal(size=shape)) for _ in range(DRAWS)], axis=0))

    def _number(
        self,
        name: str,
        subsets: np.ndarray,
        full: np.ndarray,
        answers: np.ndarray,
        values: np.ndarray,
    ) -> np.ndarray:
        """One number for each sample."""
        if name == "infidelity":
            return infidelity(values, subsets, full, answers)
        if name == "infidelity_scaled":
            size = np.square(falls(full, answers)).mean(axis=1)
            gap = infidelity(values, subsets, full, answers, scaled=True)
            return np.asarray(np.divide(gap, size, out=np.full_like(gap, np.nan), where=size > 0))
        starts = range(0, subsets.shape[1], self.subsets)
        parts = [slice(at, at + self.subsets) for at in starts]
        found = [
            faithfulness_correlation(values, subsets[:, part], full, answers[:, part])
            for part in (parts if name == "sensitivity_n" else parts[:1])
        ]
        return np.asarray(np.mean(found, axis=0))
