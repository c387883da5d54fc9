"""Where a column's values do not occur together with the other columns.

Rows are put into subgroups in which the column hardly depends on the others any more, so that a
value nobody in a subgroup has is one that rows like these do not take.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pellucid.maths.conditional_tree import ConditionalTree

MOST_ROWS = 2000
"""Rows that subgroups are found from, spread evenly; more say hardly more."""

FEWEST = 50
"""Rows of a subgroup at least: a tenth of all rows is then expected five times in it."""

NEAR = 0.1
"""A row is near a value if it is among this share of the rows, nearest in rank."""

RARE = 0.1
"""A value does not belong to a subgroup in which rows near it are rarer than this, by a factor."""

TOLD = 5
"""Where fewer rows near a value are expected in a subgroup, their absence says nothing."""

SPELLED = 8
"""Most categories of a column that are told apart, the most frequent ones."""


class Ranks:
    """Tables as their ranks among the rows of one, for the subgroups of all its columns.

    Parameters
    ----------
    rows : array of shape (row, column)
        Numbers and codes; NaN where missing.
    named : bool array of shape (column,)
        Which columns hold codes of categories rather than numbers.
    """

    def __init__(self, rows: np.ndarray, named: np.ndarray) -> None:
        spread = np.unique(np.linspace(0, len(rows) - 1, MOST_ROWS).round().astype(int))
        self.rows = rows[spread] if len(rows) > MOST_ROWS else rows
        self.named = named
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    @cached_property
    def own(self) -> list[np.ndarray]:
        """Each column of the rows themselves, spelled: (row, told)."""
        return [self._spelled(values, j) for j, values in enumerate(self.rows.T)]

    def told(self, rows: np.ndarray) -> np.ndarray:
        """All columns of `rows` spelled, (row, told); kept until other rows are asked for."""
        if self._last is None or self._last[0] is not rows:
            spelled = [self._spelled(values, j) for j, values in enumerate(rows.T)]
            self._last = rows, np.concatenate(spelled, axis=1)
        return self._last[1]

    def _spelled(self, values: np.ndarray, column: int) -> np.ndarray:
        """A column as its rank and distance from the middle, or as its most frequent categories."""
        own = self.rows[:, column]
        own = np.sort(own[np.isfinite(own)])
        if self.named[column]:
            codes, counts = np.unique(own, return_counts=True)
            frequent = codes[np.argsort(-counts, kind="stable")[:SPELLED]]
            return (values[:, None] == frequent).astype(np.float64)
        if not len(own):
            return np.zeros((len(values), 2))
        before = np.searchsorted(own, values, side="left")
        upto, met = before.copy(), own[np.minimum(before, len(own) - 1)] == values
        upto[met] = np.searchsorted(own, values[met], side="right")
        rank = np.where(np.isfinite(values), (before + upto) / (2 * len(own)), 0.5)
        return np.stack([rank, np.abs(rank - 0.5)], axis=1)


class Subgroups:
    """Subgroups of rows that are alike in what tells one column.

    Parameters
    ----------
    ranks : Ranks
        Of the rows that have a value of the column.
    column : int
        The column in question.

    Notes
    -----
    The subgroups are the leaves, of at least 50 rows, of a conditional inference tree that tells
    the column's rank, and how far it lies from the middle, from the ranks of the others. A value is
    outside a subgroup if among its rows those near the value (the 10 % of all rows that are nearest
    in rank; of categories the same one) are less than a tenth as frequent as among all rows, and
    five or more were to be expected. Of columns that do not depend on each other, less than 1 % is
    called outside by chance.

    References
    ----------
    Subgroups for effects of dependent columns: Molnar, König, Bischl and Casalicchio (2023),
    doi:10.1007/s10618-022-00901-9.
    """

    def __init__(self, ranks: Ranks, column: int) -> None:
        self._ranks, self._column = ranks, column
        self._rows = ranks.rows

    @classmethod
    def of(cls, rows: np.ndarray, columns: Sequence[int], named: np.ndarray) -> list[Subgroups]:
        """The subgroups of each of some `columns` of rows; those that miss the same share ranks."""
        there = np.isfinite(rows)
        ranks: dict[bytes, Ranks] = {}
        found = []
        for column in columns:
            key = there[:, column].tobytes()
            if key not in ranks:
                ranks[key] = Ranks(rows[there[:, column]], named)
            found.append(cls(ranks[key], column))
        return found

    @property
    def known(self) -> bool:
        """Whether there are rows enough to tell."""
        return len(self._rows) >= 2 * FEWEST and self._rows.shape[1] > 1

    def share(self, values: np.ndarray) -> np.ndarray:
        """The share of rows that are taken outside by each of `values`, (value,)."""
        return self._absent(values)[self._tree.leaf].mean(axis=0)

    def outside(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Which `rows` (row, column) each value takes outside of their subgroup, (row, value)."""
        from pellucid.maths import conditional_tree

        grown = self._tree
        width = [each.shape[1] for each in self._ranks.own]
        told_of = np.repeat(np.arange(len(width)), width)
        place = np.flatnonzero(told_of != self._column)  # of what the tree was told, among all
        column = np.where(grown.column < 0, -1, place[grown.column])
        told = self._ranks.told(rows)
        return self._absent(values)[
            conditional_tree.leaves(column, grown.threshold, grown.left, told)
        ]

    @cached_property
    def _tree(self) -> ConditionalTree:
        from pellucid.maths import conditional_tree

        hidden = self._ranks.own[self._column]
        spread = hidden.std(axis=0)
        hidden = ((hidden - hidden.mean(axis=0)) / np.where(spread > 0, spread, 1.0))[:, spread > 0]
        if not hidden.shape[1]:
            hidden = np.zeros((len(self._rows), 1))
        others = [each for j, each in enumerate(self._ranks.own) if j != self._column]
        return conditional_tree.grow(np.concatenate(others, axis=1), hidden, bucket=FEWEST)

    def _absent(self, values: np.ndarray) -> np.ndarray:
        """Which values lie outside which leaf, (node, value)."""
        near = self._near(values)
        size = np.bincount(self._tree.leaf)
        seen = np.zeros((len(size), len(values)))
        np.add.at(seen, self._tree.leaf, near)
        expected = size[:, None] * near.mean(axis=0)
        return (expected >= TOLD) & (seen < RARE * expected)

    def _near(self, values: np.ndarray) -> np.ndarray:
        """Which rows lie near which value, (row, value)."""
        own = self._rows[:, self._column]
        same = own[:, None] == values
        if self._ranks.named[self._column]:
            return same.astype(np.float64)
        rank = np.empty(len(own))
        order = np.argsort(own, kind="stable")
        rank[order] = np.arange(len(own))
        wide = NEAR * len(own)
        middle = (
            np.searchsorted(own[order], values, side="left")
            + np.searchsorted(own[order], values, side="right")
        ) / 2
        start = np.clip(middle - wide / 2, 0, len(own) - wide)
        within = (rank[:, None] >= start) & (rank[:, None] < start + wide)
        return (within | same).astype(np.float64)
