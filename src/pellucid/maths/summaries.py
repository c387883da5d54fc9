"""Summaries that grow: parts are counted apart, in any cut, and merged into the whole.

Each is a commutative monoid with a state of bytes. Merging floats in the order of the parts makes
the result the same to the last bit, whoever counted which part.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIXERS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


@dataclass
class Moments:
    """Count, mean and squared deviations of each cell of an array.

    Attributes
    ----------
    count, mean, squares : ndarray of float
        All of one shape; `squares` is the sum of squared deviations from the mean.

    References
    ----------
    Chan, Golub, LeVeque (1983), doi:10.1080/00031305.1983.10483115: merging without cancellation.
    """

    count: Floats
    mean: Floats
    squares: Floats

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> Moments:
        """Of no values."""
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(shape))

    @classmethod
    def of(cls, values: Floats) -> Moments:
        """Of values (sample, …), cell by cell."""
        if not len(values):
            return cls.none(values.shape[1:])
        mean = values.mean(axis=0)
        return cls(
            np.full(mean.shape, float(len(values))), mean, ((values - mean) ** 2).sum(axis=0)
        )

    @classmethod
    def by_place(cls, values: Floats, place: NDArray[np.integer], places: int) -> Moments:
        """Of values (sample, cell), each in its place: of shape (place, cell)."""
        found = cls.none((places, values.shape[1]))
        found.count += np.bincount(place, minlength=places)[:, None]
        some = np.maximum(found.count, 1.0)
        for cell, column in enumerate(values.T):
            sums = np.bincount(place, weights=column, minlength=places)
            found.mean[:, cell] = sums / some[:, cell]
            apart = (column - found.mean[place, cell]) ** 2
            found.squares[:, cell] = np.bincount(place, weights=apart, minlength=places)
        return found

    def merge(self, other: Moments) -> None:
        """Take in what others have counted."""
        count = self.count + other.count
        share = np.divide(other.count, count, out=np.zeros_like(count), where=count > 0)
        apart = other.mean - self.mean
        self.squares += other.squares + apart**2 * self.count * share
        self.mean += apart * share
        self.count = count

    @property
    def variance(self) -> Floats:
        """Of the values, unbiased; 0 where there are fewer than two."""
        return self.squares / np.maximum(self.count - 1.0, 1.0)

    @property
    def error(self) -> Floats:
        """The standard error of the mean over draws of rows; 0 where there is no row."""
        return np.sqrt(self.variance / np.maximum(self.count, 1.0))

    def state(self) -> bytes:
        """As bytes."""
        return np.stack([self.count, self.mean, self.squares]).tobytes()

    @classmethod
    def from_state(cls, state: bytes, shape: tuple[int, ...]) -> Moments:
        """The inverse of `state`."""
        count, mean, squares = np.frombuffer(state).reshape(3, *shape).copy()
        return cls(count, mean, squares)


@dataclass
class Counts:
    """Whole numbers by name, such as the cells of a confusion matrix of each group."""

    cells: dict[str, NDArray[np.int64]]

    def merge(self, other: Counts) -> None:
        """Take in what others have counted."""
        for name, cell in other.cells.items():
            self.cells[name] = self.cells.get(name, np.zeros_like(cell)) + cell

    def state(self) -> bytes:
        """As bytes."""
        return json.dumps({name: cell.tolist() for name, cell in self.cells.items()}).encode()

    @classmethod
    def from_state(cls, state: bytes) -> Counts:
        """The inverse of `state`."""
        return cls({name: np.array(cell, np.int64) for name, cell in json.loads(state).items()})


def folded(parts: Iterable[Moments]) -> Moments:
    """All parts, of which there is at least one, merged in their order."""
    waiting = iter(parts)
    whole = next(waiting)
    for part in waiting:
        whole.merge(part)
    return whole


def dice(rows: NDArray[np.integer], seed: int, *purpose: int) -> NDArray[np.uint64]:
    """64 random bits for each row number: the same bits for a row in whatever part it stands."""
    with np.errstate(over="ignore"):
        state = np.asarray(rows).astype(np.uint64)
        for word in (seed, *purpose):
            state = _mixed(state * GOLDEN + np.uint64(word) + GOLDEN)
    return state


def chosen(rows: NDArray[np.integer], share: float, seed: int, *purpose: int) -> NDArray[np.bool_]:
    """Which rows are among a random share of all."""
    return (dice(rows, seed, *purpose) >> np.uint64(11)).astype(np.float64) < share * 2.0**53


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64 (Steele, Lea, Flood, 2014, doi:10.1145/2660193.2660195)."""
    for shift, factor in MIXERS:
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    return bits ^ (bits >> np.uint64(31))


def accumulated(gaps: Moments) -> tuple[Floats, Floats]:
    """The centred ALE curve of a number at every edge, and its standard error over rows.

    Parameters
    ----------
    gaps : Moments of shape (gap, output)
        Of the differences across each bin, one from each row in it.

    Returns
    -------
    values, error : ndarray (gap + 1, output)
        Equal to `pellucid.maths.accumulated_effects.accumulate` over all the rows at once, where
        each row lies half at either edge of its bin. A bin without rows counts as flat.
    """
    bins, outputs = gaps.mean.shape
    votes = gaps.count[:, 0]
    rows = max(votes.sum(), 1.0)
    uncentred = np.concatenate([np.zeros((1, outputs)), np.cumsum(gaps.mean, axis=0)])
    ends = np.zeros((bins, bins + 1))
    ends[np.arange(bins), np.arange(bins)] = ends[np.arange(bins), np.arange(bins) + 1] = 0.5
    mass = votes @ ends / rows
    centre = mass @ uncentred
    steps = np.tril(np.ones((bins + 1, bins)), -1)
    steps -= mass @ steps
    several = votes > 1
    spread = gaps.squares / np.maximum(votes * (votes - 1.0), 1.0)[:, None]
    if several.any() and not several.all():
        spread[~several] = gaps.squares.sum(axis=0) / np.sum(votes[several] - 1.0)
    shift = (ends @ uncentred - centre) / rows
    variance = steps**2 @ spread + (votes[:, None] * shift**2).sum(axis=0)
    return uncentred - centre, np.sqrt(variance)
