"""One curve of removal, and one of bringing in, that all numbers of faithfulness are read from."""

from __future__ import annotations

from dataclasses import dataclass

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
    units : int
        How many units there are.
    """

    without: np.ndarray
    only: np.ndarray
    units: int

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
        return Curve(without=self.only[:, ::-1], only=self.without[:, ::-1], units=self.units)


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
    return Curve(
        without=_path(evidence, order, way, given, gone=True),
        only=_path(evidence, order, way, given, gone=False),
        units=order.shape[1],
    )


def random_curve(evidence: Evidence, way: str, donors: int) -> Curve:
    """The curve of a random order, asked for once for all explanations of the same samples.

    What is left when a random part is gone is itself a random part, so half the evaluations do.
    """

    def found() -> Curve:
        order = random_order(evidence)
        left = _path(evidence, order, way, evidence.donors(donors, way), gone=True)
        return Curve(without=left, only=left[:, ::-1], units=order.shape[1])

    return evidence.once(("random curve", way, donors), found)


def _falling(evidence: Evidence, values: np.ndarray) -> np.ndarray:
    chance = evidence.rng("ties").random(values.shape)
    values = np.where(evidence.there, values, -np.inf)
    chance = np.where(evidence.there, chance, -1.0)
    return np.lexsort((-chance, -values), axis=1)


def counts(units: np.ndarray) -> np.ndarray:
    """How many of so many units (sample,) each share is: (sample, share).

    A share below a half is rounded up, so that it is never nothing; its complement is the rest.
    """
    few = np.ceil(SHARES * units[:, None] - 1e-9).astype(int)
    rest = units[:, None] - few[:, ::-1]
    return np.asarray(np.where(SHARES <= 0.5, few, rest))


def _path(
    evidence: Evidence, order: np.ndarray, way: str, given: object, *, gone: bool
) -> np.ndarray:
    """Scores (sample, share) with the first units of the order gone, or with them alone."""
    n = len(order)
    full, empty = evidence.output, emptied(evidence, way, given)
    found = np.empty((n, len(SHARES)))
    found[:, 0], found[:, -1] = (full, empty) if gone else (empty, full)
    number = counts(evidence.there.sum(axis=1))
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


def emptied(evidence: Evidence, way: str, given: object) -> np.ndarray:
    """Scores with all units removed, (sample,); asked for once."""

    def found() -> np.ndarray:
        everything = np.ones((len(evidence), len(evidence.features)), dtype=bool)
        left = evidence.without(np.arange(len(evidence)), everything, given)
        return np.asarray(left.mean(axis=1))

    return evidence.once(("empty", way), found)
