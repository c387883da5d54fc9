"""One curve of removal, and one of bringing in, that all numbers of faithfulness are read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.metrics.evidence import Evidence

SHARES = np.array([0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100]) / 100
"""Shares of units that are gone, or in: the bins of ERASER and of ferret, and their complements,
so that the curve of the reverse order needs no evaluation."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Scores along one order of units.

    Parameters
    ----------
    without, only : arrays of shape (sample, share)
        Scores with the first units of the order removed, and with only them left, for each of
        `SHARES`.
    gone : int array of shape (sample, share)
        How many units are removed (`counts`). As many as are not removed at the complement of a
        share are left there, so that half of an odd number is rounded up in `without` and down in
        `only`, in every order alike.
    """

    without: np.ndarray
    only: np.ndarray
    gone: np.ndarray

    @property
    def units(self) -> np.ndarray:
        """How many units each sample has: (sample,)."""
        return self.gone[:, -1]

    @property
    def removed(self) -> np.ndarray:
        """Shares of the units that are in fact removed: (sample, share)."""
        return np.asarray(self.gone / self.units[:, None])

    @property
    def left(self) -> np.ndarray:
        """Shares of the units that are in fact left in `only`: (sample, share)."""
        return 1 - self.removed[:, ::-1]

    @property
    def full(self) -> np.ndarray:
        """Scores of the whole inputs: (sample,)."""
        return self.without[:, 0]

    @property
    def empty(self) -> np.ndarray:
        """Scores of the inputs with everything removed: (sample,)."""
        return self.without[:, -1]

    @property
    def reverse(self) -> Curve:
        """The curve of the order turned round: what was left is now what goes first."""
        return Curve(without=self.only[:, ::-1], only=self.without[:, ::-1], gone=self.gone)


def own_order(evidence: Evidence) -> np.ndarray:
    """Units from the most important to the least, ties at random: (sample, unit)."""
    return _falling(evidence, evidence.importance)


def gold_order(evidence: Evidence) -> np.ndarray | None:
    """Units from those that are gold to those that are not."""
    golden = evidence.golden
    return None if golden is None else _falling(evidence, golden)


def random_order(evidence: Evidence) -> np.ndarray:
    """Units at random, the same for all explanations of these samples."""
    return _falling(evidence, np.zeros((len(evidence), len(evidence.features))))


def curve(evidence: Evidence, order: np.ndarray, way: str, donors: int) -> Curve:
    """The curve of an order of units.

    Notes
    -----
    Cost: 26 evaluations for each sample (× donors), fewer where there are fewer units, and one
    for the empty input, which is asked for once.
    """
    given = evidence.donors(donors, way)
    number = counts(evidence.there.sum(axis=1))
    left = number[:, -1:] - number[:, ::-1]
    return Curve(
        without=_path(evidence, order, number, way, given, gone=True),
        only=_path(evidence, order, left, way, given, gone=False),
        gone=number,
    )


def random_curve(evidence: Evidence, way: str, donors: int) -> Curve:
    """The curve of a random order, asked for once for all explanations of the same samples.

    What is left when a random part is gone is itself a random part, so half the evaluations do.
    """

    def asked() -> Curve:
        order, number = random_order(evidence), counts(evidence.there.sum(axis=1))
        found = _path(evidence, order, number, way, evidence.donors(donors, way), gone=True)
        return Curve(without=found, only=found[:, ::-1], gone=number)

    return evidence.once(("random curve", way, donors), asked)


def _falling(evidence: Evidence, values: np.ndarray) -> np.ndarray:
    chance = evidence.rng("ties").random(values.shape)
    values = np.where(evidence.there, values, -np.inf)
    chance = np.where(evidence.there, chance, -1.0)
    return np.lexsort((-chance, -values), axis=1)


def counts(units: np.ndarray) -> np.ndarray:
    """How many of so many units (sample,) each share is: (sample, share).

    A share below a half is rounded up, so that it is never nothing, but not beyond a half; its
    complement is the rest, so that counts never fall along the shares.
    """
    few = np.ceil(SHARES * units[:, None] - 1e-9).astype(int)
    few = np.where(SHARES < 0.5, np.minimum(few, units[:, None] // 2), few)
    return np.asarray(np.where(SHARES <= 0.5, few, units[:, None] - few[:, ::-1]))


def _path(
    evidence: Evidence,
    order: np.ndarray,
    number: np.ndarray,
    way: str,
    given: Any,
    *,
    gone: bool,
) -> np.ndarray:
    """Scores with so many units (sample, share), the first of the order, gone or left alone."""
    n = len(order)
    full, empty = evidence.output, emptied(evidence, way, given)
    found = np.empty(number.shape)
    found[:, 0], found[:, -1] = (full, empty) if gone else (empty, full)
    rank = np.argsort(order, axis=1)
    done: dict[bytes, int] = {}
    for step in range(1, len(SHARES) - 1):
        same = done.get(number[:, step].tobytes())
        if same is not None:
            found[:, step] = found[:, same]
            continue
        first = rank < number[:, step, None]
        removed = first if gone else ~first
        found[:, step] = evidence.without(np.arange(n), removed, given).mean(axis=1)
        done[number[:, step].tobytes()] = step
    return found


def emptied(evidence: Evidence, way: str, given: Any) -> np.ndarray:
    """Scores with all units removed, (sample,); asked for once."""

    def found() -> np.ndarray:
        everything = np.ones((len(evidence), len(evidence.features)), dtype=bool)
        left = evidence.without(np.arange(len(evidence)), everything, given)
        return np.asarray(left.mean(axis=1))

    return evidence.once(("empty", way, np.shape(given)), found)  # as many donors
