"""How much must a reader take in: a few values that count, or many that are alike?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.core.scores import Score
from pellucid.maths.complexity import effective_complexity, entropy, gini
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.rows import row
from pellucid.metrics.wording import percent

EVEN, RANDOM = "equal values", "random values"
"""Reference rows: all values alike, and values drawn from a normal distribution."""

ROUNDING = 12
"""Digits that are not rounding."""


class Number(NamedTuple):
    """One number of the values of each sample."""

    of: Callable[[np.ndarray, np.ndarray, float], np.ndarray]
    words: str


NUMBERS: dict[str, Number] = {
    "gini": Number(
        lambda values, there, share: gini(values, there),
        "the Gini index of the magnitudes of {many}, 0 where all are alike and 1 where one holds "
        "all,",
    ),
    "entropy": Number(
        lambda values, there, share: entropy(values, there),
        "the entropy of the magnitudes of {many}, in nats, {most:.4g} where all are alike,",
    ),
    "effective_complexity": Number(
        lambda values, there, share: effective_complexity(values, share, there),
        "the number of values of {many} that exceed {share} of the largest (effective complexity)",
    ),
}
"""Every number by name, and what it is in words."""


@dataclass(frozen=True, kw_only=True)
class Complexity(Metric):
    """How concentrated the explanation of a sample is.

    Beside it stand what values that are all alike would have, and what random ones would. There is
    no verdict: a small explanation is easier to read, and not for that a better one.

    Parameters
    ----------
    numbers : tuple of str
        Which of ``"gini"`` (Chalasani et al.), ``"entropy"`` (Bhatt et al.) and
        ``"effective_complexity"`` (after Nguyen and Rodríguez Martínez).
    share : float
        Of the largest magnitude: values above it count as there, for the effective complexity.

    Notes
    -----
    Values are taken as fine as they are told, of images pixel by pixel and summed over channels, as
    in the papers. A heat map that is coarse by nature, as that of a CAM or of segments, then counts
    each of the pixels it was spread over: compare methods of like grain, and read the number of
    pixels as area.

    References
    ----------
    Chalasani et al. (2020), arXiv:1810.06583. Bhatt, Weller and Moura (2020), arXiv:2005.00631.
    Nguyen and Rodríguez Martínez (2020), arXiv:2007.07584.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    usual: ClassVar[frozenset[str]] = frozenset({"image"})
    tells: ClassVar[tuple[str, ...]] = tuple(NUMBERS)
    cost: ClassVar[str] = "none"
    paper: ClassVar[str] = "arXiv:2005.00631"

    numbers: tuple[str, ...] = tuple(NUMBERS)
    share: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", tuple(self.numbers))
        for name in self.numbers:
            if name not in NUMBERS:
                raise UnknownName.among("number of complexity", name, list(NUMBERS))
        number = isinstance(self.share, (int, float)) and not isinstance(self.share, bool)
        if not number or not 0 <= self.share < 1:
            raise InvalidSetting(
                "share cannot be used", got=repr(self.share), allowed="0 ≤ share < 1"
            )

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """A row for each number, and two for its references."""
        own = evidence.finest.reshape(len(evidence), -1)
        there = evidence.there if evidence.there.shape == own.shape else np.ones(own.shape, bool)
        count = int(there.sum(axis=1).max())
        compared = {
            None: own,
            EVEN: np.ones(own.shape),
            RANDOM: evidence.rng(RANDOM).normal(size=own.shape),
        }
        part = evidence.part if evidence.finest.ndim == 2 else evidence.number
        said = {
            "many": f"{count:,} {part}s", "most": np.log(count), "share": percent(self.share),
        }  # fmt: skip
        return tuple(
            row(
                evidence, name, NUMBERS[name].of(values, there, self.share).round(ROUNDING),
                NUMBERS[name].words.format(**said), group=group,
            )
            for name in self.numbers
            for group, values in compared.items()
        )  # fmt: skip
