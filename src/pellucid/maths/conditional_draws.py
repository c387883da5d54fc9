"""Rows drawn so that a rule holds: whole background rows, and new values only where it fails.

The draws of every rule start from one shared sequence of background rows and uniform numbers. A
draw that meets a rule as it is, or that breaks two rules in the same places, is the same row for
both, so that its prediction is asked for once; see `DrawKeys`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numba import njit

Limit = tuple[int, int, int]
"""A column and the first and last of the bins that it may lie in."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reservoir:
    """Background rows and, for each column, its values in the order of their bins.

    Parameters
    ----------
    codes : array of shape (row, column)
        The background.
    bins : array of int32 of shape (row, column)
        The bin that each value lies in, from 0.
    """

    codes: np.ndarray
    bins: np.ndarray
    ordered: np.ndarray = field(init=False)
    ordered_bins: np.ndarray = field(init=False)
    starts: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        order = np.argsort(self.bins, axis=0, kind="stable")
        most = int(self.bins.max(initial=0)) + 1
        counts = [np.bincount(column, minlength=most) for column in self.bins.T]
        starts = np.concatenate(
            [np.zeros((len(counts), 1), np.int64), np.cumsum(counts, axis=1)], axis=1
        )
        object.__setattr__(self, "ordered", np.take_along_axis(self.codes, order, axis=0))
        object.__setattr__(self, "ordered_bins", np.take_along_axis(self.bins, order, axis=0))
        object.__setattr__(self, "starts", starts)

    def holds_any(self, limit: Limit) -> bool:
        """Whether some background row lies within the limit."""
        column, first, last = limit
        ends = self.starts.shape[1] - 1
        return bool(
            first < ends and self.starts[column, min(last + 1, ends)] > self.starts[column, first]
        )


def pack(rules: Sequence[Sequence[Limit]]) -> np.ndarray:
    """Rules as one array of shape (rule, limit, 3); places without a limit hold −1."""
    longest = max(map(len, rules), default=0)
    packed = np.full((len(rules), longest, 3), -1, dtype=np.int64)
    for i, rule in enumerate(rules):
        if rule:
            packed[i, : len(rule)] = rule
    return packed


@njit(cache=True, nogil=True)
def draw_keys(
    rules: np.ndarray, which: np.ndarray, draw: np.ndarray, start: np.ndarray, bins: np.ndarray
) -> np.ndarray:
    """A 64-bit name for each draw of each rule: equal names are equal rows.

    Parameters
    ----------
    rules : array of shape (rule, limit, 3)
        As `pack` makes them.
    which, draw : arrays of shape (request,)
        The rule and the number of the draw.
    start : array of shape (draw,)
        The background row that each draw starts from.
    bins : array of shape (row, column)
        Bins of the background.

    Notes
    -----
    Two different rows share a name with a probability of about n² / 2⁶⁵ for n rows: less than
    10⁻⁶ for five million.
    """
    keys = np.empty(len(which), dtype=np.uint64)
    for r in range(len(which)):
        row = start[draw[r]]
        changed = np.uint64(0)
        for place in range(rules.shape[1]):
            column, first, last = rules[which[r], place]
            if column >= 0 and not first <= bins[row, column] <= last:
                word = (np.uint64(column) << np.uint64(40)) ^ (np.uint64(first) << np.uint64(20))
                changed += _mixed(word ^ np.uint64(last))
        if changed == 0:
            keys[r] = _mixed(np.uint64(row) ^ np.uint64(0x5555555555555555))
        else:
            keys[r] = _mixed(changed + _mixed(np.uint64(draw[r])))
    return keys


@njit(cache=True, nogil=True)
def compose(
    rules: np.ndarray,
    which: np.ndarray,
    draw: np.ndarray,
    start: np.ndarray,
    uniform: np.ndarray,
    bins: np.ndarray,
    codes: np.ndarray,
    ordered: np.ndarray,
    starts: np.ndarray,
) -> np.ndarray:
    """The drawn rows, shape (request, column); `uniform` is of shape (draw, column)."""
    drawn = np.empty((len(which), codes.shape[1]), dtype=codes.dtype)
    ends = starts.shape[1] - 1
    for r in range(len(which)):
        row = start[draw[r]]
        drawn[r] = codes[row]
        for place in range(rules.shape[1]):
            column, first, last = rules[which[r], place]
            if column >= 0 and not first <= bins[row, column] <= last:
                begin = starts[column, min(first, ends)]
                size = starts[column, min(last + 1, ends)] - begin
                if size > 0:
                    chosen = begin + int(uniform[draw[r], column] * size)
                    drawn[r, column] = ordered[chosen, column]
    return drawn


@dataclass(kw_only=True)
class DrawKeys:
    """Numbers 0, 1, 2 … for names in the order in which they were first seen."""

    table: np.ndarray = field(default_factory=lambda: np.zeros(1 << 12, dtype=np.uint64))
    places: np.ndarray = field(default_factory=lambda: np.zeros(1 << 12, dtype=np.int64))
    known: int = 0

    def number(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The number of each name, and where in `keys` the new ones stand, in their order."""
        while 2 * (self.known + len(keys)) > len(self.table):
            table = np.zeros(2 * len(self.table), dtype=np.uint64)
            places = np.zeros(len(table), dtype=np.int64)
            _moved(self.table, self.places, table, places)
            self.table, self.places = table, places
        numbers, fresh = _numbered(self.table, self.places, keys, self.known)
        self.known += len(fresh)
        return numbers, fresh


@njit(cache=True, nogil=True)
def _mixed(word: np.uint64) -> np.uint64:
    """The finaliser of SplitMix64: every bit of the answer depends on every bit of the word."""
    word = word + np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@njit(cache=True, nogil=True)
def _numbered(
    table: np.ndarray, places: np.ndarray, keys: np.ndarray, known: int
) -> tuple[np.ndarray, np.ndarray]:
    mask = np.uint64(len(table) - 1)
    numbers = np.empty(len(keys), dtype=np.int64)
    fresh = np.empty(len(keys), dtype=np.int64)
    found = 0
    for r in range(len(keys)):
        key = keys[r] | np.uint64(1)  # an empty place holds zero
        at = (key >> np.uint64(20)) & mask
        while table[at] != 0 and table[at] != key:
            at = (at + np.uint64(1)) & mask
        if table[at] == 0:
            table[at], places[at] = key, known + found
            fresh[found] = r
            found += 1
        numbers[r] = places[at]
    return numbers, fresh[:found]


@njit(cache=True, nogil=True)
def _moved(table: np.ndarray, places: np.ndarray, wider: np.ndarray, numbers: np.ndarray) -> None:
    mask = np.uint64(len(wider) - 1)
    for i in range(len(table)):
        if table[i] != 0:
            at = (table[i] >> np.uint64(20)) & mask
            while wider[at] != 0:
                at = (at + np.uint64(1)) & mask
            wider[at], numbers[at] = table[i], places[i]
