"""Does what the model does not react to get nothing, and what it reacts to something?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pellucid.core.scores import Score
from pellucid.explainers.settings import positive, whole_number
from pellucid.metrics.evidence import Evidence
from pellucid.metrics.metric import Metric
from pellucid.metrics.rows import row
from pellucid.metrics.wording import percent, warned

SILENT = 1e-5
"""Part of the output's spread, or size, below which it has not moved: rounding of 32 bits."""

ERRORS = 4
"""Standard errors by which a value that should be 0 may differ from it."""

BLENDED = "noisy_linear"
"""The way of removal in which what replaces one unit hangs on others that are left."""

REACTS = "reacted to"
"""The group of units that do move the output."""


@dataclass(frozen=True, kw_only=True)
class NonSensitivity(Metric):
    """The share of units that the model does not react to whose value is not zero.

    Whether the model reacts is tried out: units are replaced in every way that is known for the
    data, alone, where all others are replaced, and among random halves of them, so that one of two
    units that stand in for each other is not taken for a dummy. The verdict is on the units that
    never moved the output. The share of the others whose value *is* zero is told without a verdict:
    a unit that equals the method's own reference has nothing to explain.

    Parameters
    ----------
    units : int
        Units of each sample that are tried, drawn at random where there are more.
    contexts : int
        How often each is tried: alone, with all others replaced, then with random halves of them.
    donors : int
        Background rows that each row of a table takes values from.
    samples : int
        Most samples that are looked at.
    tolerance : float
        Part of the sample's largest value up to which a value is zero: a model of steps may react
        in one case of a hundred, none of which is tried here. Values may differ from zero by four
        of the standard errors they state, too.
    budget : int
        Most model evaluations; fewer samples are taken where they would cost more.

    References
    ----------
    Nguyen and Rodríguez Martínez (2020), arXiv:2007.07584.
    """

    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    needs: ClassVar[frozenset[str]] = frozenset({"reference", "features"})
    cost: ClassVar[str] = "ways · contexts · (units + 1) per sample (× donors), up to `budget`"
    paper: ClassVar[str] = "arXiv:2007.07584"

    units: int = 16
    contexts: int = 4
    donors: int = 50
    samples: int = 30
    tolerance: float = 0.05
    budget: int = 100_000

    def __post_init__(self) -> None:
        for name in ("units", "contexts", "donors", "samples", "budget"):
            whole_number(name, getattr(self, name), 1)
        positive("tolerance", self.tolerance)

    def measure(self, evidence: Evidence) -> tuple[Score, ...]:
        """The share of silent units with a value, and of the others without."""
        few = min(self.units, len(evidence.features))
        given = [evidence.donors(self.donors, way) for way in evidence.ways if way != BLENDED]
        copies = self.donors if evidence.question.kind == "table" else len(given)
        most = self.budget // (self.contexts * (few + 1) * copies)
        rows = evidence.some(max(1, min(most, self.samples)), "units that are replaced")
        chance = evidence.rng("units tried").random(evidence.there.shape) + ~evidence.there
        units = np.argsort(chance, axis=1)[rows, :few]
        there = np.take_along_axis(evidence.there[rows], units, axis=1)
        moved = np.zeros(units.shape)
        for way in given:
            moved = np.maximum(moved, self._moved(evidence, rows, units, way))
        size = max(evidence.spread, float(np.abs(evidence.output).max()))
        silent = there & (moved <= SILENT * size)
        every = np.arange(len(evidence))
        value, error = (
            np.take_along_axis(found[rows], units, axis=1)
            for found in (np.abs(evidence.shares), evidence.pick(evidence.error, every))
        )
        largest = np.abs(evidence.shares[rows]).max(axis=1, keepdims=True)
        valued = value > self.tolerance * largest + ERRORS * error
        return self._scores(evidence, silent, there & ~silent, valued)

    def _moved(
        self, evidence: Evidence, rows: np.ndarray, units: np.ndarray, given: object
    ) -> np.ndarray:
        """The most that replacing each unit has moved the output: (row, unit)."""
        n, few = units.shape
        width = len(evidence.features)
        found = np.zeros((n, few))
        for context in range(self.contexts):
            gone = self._gone(evidence, context, (n, width))
            other = np.repeat(gone[:, None], few, axis=1)
            turned = ~np.take_along_axis(gone, units, axis=1)
            np.put_along_axis(other, units[:, :, None], turned[:, :, None], axis=2)
            before = evidence.without(rows, gone, given)[:, None]
            after = evidence.without(np.repeat(rows, few), other.reshape(-1, width), given)
            apart = np.abs(after.reshape(n, few, -1) - before).max(axis=2)
            found = np.maximum(found, apart)
        return found

    @staticmethod
    def _gone(evidence: Evidence, context: int, shape: tuple[int, int]) -> np.ndarray:
        """What else is replaced: nothing, all, then halves at random and the other halves."""
        if context < 2:
            return np.full(shape, context == 1)
        half = evidence.rng("context", context // 2).random(shape) < 0.5
        return half if context % 2 else ~half

    def _scores(
        self, evidence: Evidence, silent: np.ndarray, reacts: np.ndarray, valued: np.ndarray
    ) -> tuple[Score, ...]:
        part = f"{evidence.part}s"
        told = row(
            evidence, self.name(), _share(valued, silent),
            f"the share of {part} that the model does not react to and whose value is not zero",
        )  # fmt: skip
        missed = row(
            evidence, self.name(), _share(~valued, reacts),
            f"the share of {part} that the model reacts to and whose value is zero", group=REACTS,
        )  # fmt: skip
        if not silent.any():
            text = (
                f"The model reacts to all {int(reacts.sum()):,} {part} tried, so none is a dummy."
            )
            return replace(told, text=text), missed
        count = f"{int((valued & silent).sum()):,} of {int(silent.sum()):,}"
        if not (valued & silent).any():
            return replace(told, passed=True), missed
        text = warned(
            f"{count} {part} that the model does not react to have a value "
            f"({percent(told.value)} of those of {evidence.one} on average)"
        )
        return replace(told, passed=False, text=text), missed


def _share(found: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Which part of those `among` is `found`, (row,); NaN where there are none."""
    count = among.sum(axis=1)
    told = (found & among).sum(axis=1)
    return np.divide(told, count, out=np.full(len(count), np.nan), where=count > 0)
