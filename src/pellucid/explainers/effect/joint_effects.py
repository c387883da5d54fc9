"""Partial dependence on one and two columns at the rows themselves, for measures of interaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from pellucid.engine.work import slices
from pellucid.explainers.effect.tree_route import TreeRoute
from pellucid.explainers.question import Question
from pellucid.maths.tree_walks import Plan

CELLS = 2**24
"""Most cells of surfaces that are held at once."""

Pair = tuple[int, int]
Both = tuple[np.ndarray, np.ndarray]


class Effects(Protocol):
    """Partial dependence at rows, averaged over the same rows; all of it less its mean over them.

    A selection is an int array (row,) of places among the rows, which may repeat.
    """

    def mixed(self, selection: np.ndarray) -> np.ndarray:
        """The prediction, less those on each column and on all others, (column, row, output)."""

    def pairs(self, selection: np.ndarray, pairs: Sequence[Pair]) -> Iterator[Both]:
        """For each pair: on both together, and that less the effects of each; (row, output)."""

    def output(self, selection: np.ndarray) -> np.ndarray:
        """The prediction, (row, output)."""


@dataclass(kw_only=True, eq=False)
class AskedEffects:
    """From the model's own predictions.

    Parameters
    ----------
    question : Question
    rows : array of shape (row, feature)
    columns : sequence of int

    Notes
    -----
    Cost: rows² evaluations for each column, and rows² for each pair; each is asked once, however
    many selections follow.
    """

    question: Question
    rows: np.ndarray
    columns: Sequence[int]

    @cached_property
    def _own(self) -> np.ndarray:
        return self.question.predict(self.rows)

    @cached_property
    def _tables(self) -> list[np.ndarray]:
        return [self._table([column]) for column in self.columns]

    @cached_property
    def _kept(self) -> dict[Pair, np.ndarray]:
        return {}

    def _table(self, columns: list[int]) -> np.ndarray:
        """The prediction (from, row, output) of a row whose columns come from another."""
        n = len(self.rows)
        several = max(1, self.question.work.batch_size // n)
        found = []
        for some in slices(n, several):
            block = np.tile(self.rows, (some.stop - some.start, 1, 1))
            block[:, :, columns] = self.rows[some][:, None, columns]
            found.append(self.question.predict(block.reshape(-1, self.rows.shape[1])))
        return np.concatenate(found).reshape(n, n, -1)

    def _effects(self, selection: np.ndarray, axis: int) -> np.ndarray:
        """On each column, averaged over the other rows' columns (axis 1), or on all others (0)."""
        each = [table[np.ix_(selection, selection)].mean(axis=axis) for table in self._tables]
        return _centred(np.array(each), 1)

    def mixed(self, selection: np.ndarray) -> np.ndarray:
        mains, rests = self._effects(selection, 1), self._effects(selection, 0)
        return self.output(selection) - mains - rests

    def pairs(self, selection: np.ndarray, pairs: Sequence[Pair]) -> Iterator[Both]:
        mains = self._effects(selection, 1)
        for j, k in pairs:
            if (j, k) not in self._kept:
                self._kept[j, k] = self._table([self.columns[j], self.columns[k]])
            both = _centred(self._kept[j, k][np.ix_(selection, selection)].mean(axis=1), 0)
            yield both, both - mains[j] - mains[k]

    def output(self, selection: np.ndarray) -> np.ndarray:
        return _centred(self._own[selection], 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """A selection of rows as the trees see it.

    Parameters
    ----------
    points : list of int array of shape (slot, point)
        For each column, the different codes that occur.
    place : list of int array of shape (row,)
        Which of them each row has.
    codes : int array of shape (slot, row)
    """

    points: list[np.ndarray]
    place: list[np.ndarray]
    codes: np.ndarray


@dataclass(kw_only=True, eq=False)
class TreeEffects:
    """From the trees, exactly; the model is asked for nothing.

    Parameters
    ----------
    route : TreeRoute
    columns : sequence of int
    """

    route: TreeRoute
    columns: Sequence[int]

    def mixed(self, selection: np.ndarray) -> np.ndarray:
        from pellucid.maths import tree_margins, tree_profiles

        question, seen = self.route.question, self._seen(selection)
        steps = tree_profiles.curve_steps(self._plan, seen.points)
        weights = [np.bincount(place).astype(np.float64) for place in seen.place]
        single, sums = tree_margins.margins(
            self.route.trees, self._plan, steps, weights, seen.codes, threads=question.threads
        )
        mains = self._at_rows(single, steps.lines, seen)
        rests = np.moveaxis(self.route.way(sums), 1, 2)
        return self.output(selection) - _centred(mains, 1) - _centred(rests, 1)

    def pairs(self, selection: np.ndarray, pairs: Sequence[Pair]) -> Iterator[Both]:
        seen = self._seen(selection)
        sizes = [points.shape[1] for points in seen.points]
        cells = np.array([sizes[j] * sizes[k] for j, k in pairs]) * len(self.route.trees.base)
        turn = np.cumsum(cells) // CELLS
        for number in np.unique(turn):
            some = [pairs[place] for place in np.flatnonzero(turn == number).tolist()]
            mains, surfaces = self._surfaces(seen, some)
            for (j, k), alone in zip(some, surfaces, strict=True):
                yield _centred(mains[j] + mains[k] + alone, 0), _centred(alone, 0)

    def output(self, selection: np.ndarray) -> np.ndarray:
        return _centred(self.route.way(self.route.sums[selection]), 0)

    @cached_property
    def _plan(self) -> Plan:
        from pellucid.maths import tree_walks

        return tree_walks.plan(self.route.trees, self.route.origin, self.columns)

    @cached_property
    def _numbers(self) -> list[np.ndarray]:
        """Which of the different codes of each column the rows have, (row,) for each."""
        holder = self.route.origin[self.route.trees.coding.column]
        return [_numbered(self.route.codes[holder == column]) for column in self.columns]

    def _seen(self, selection: np.ndarray) -> Seen:
        codes = np.ascontiguousarray(self.route.codes[:, selection])
        points, places = [], []
        for numbers in self._numbers:
            own = numbers[selection]
            row = np.full(own.max() + 1, -1)
            row[own] = np.arange(len(own))
            occurs = np.flatnonzero(row >= 0)
            points.append(codes[:, row[occurs]])
            places.append(np.searchsorted(occurs, own))
        return Seen(points=points, place=places, codes=codes)

    def _surfaces(self, seen: Seen, pairs: Sequence[Pair]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Effects of columns (column, row, output), and of pairs alone, each (row, output)."""
        from pellucid.maths import tree_joint, tree_profiles

        question = self.route.question
        steps = tree_profiles.curve_steps(self._plan, seen.points)
        single, pure = tree_joint.joint(self.route.trees, self._plan, steps, seen.codes, pairs)
        alone = [
            question.shares(surface[seen.place[j], seen.place[k]][:, question.columns])
            for (j, k), surface in zip(pairs, pure, strict=True)
        ]
        return self._at_rows(single, steps.lines, seen), alone

    def _at_rows(self, single: np.ndarray, lines: np.ndarray, seen: Seen) -> np.ndarray:
        """Effects (line, output) of each column at the rows, (column, row, output)."""
        question = self.route.question
        question.work.spend(0)
        shown = question.shares(single[:, question.columns])
        return np.array([shown[lines[j] + place] for j, place in enumerate(seen.place)])


def _numbered(codes: np.ndarray) -> np.ndarray:
    """One number for each row of codes (slot, row), equal where all its codes are, in order."""
    if not len(codes):
        return np.zeros(codes.shape[1], dtype=np.int64)
    several = codes[0] if len(codes) == 1 else codes
    return np.unique(several, axis=-1, return_inverse=True)[1].reshape(-1)


def _centred(values: np.ndarray, axis: int) -> np.ndarray:
    return values - values.mean(axis=axis, keepdims=True)
