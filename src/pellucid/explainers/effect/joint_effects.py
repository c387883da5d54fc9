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

    def mains(self, selection: np.ndarray) -> np.ndarray:
        """On each column, (column, row, output)."""

    def rests(self, selection: np.ndarray) -> np.ndarray:
        """On all columns but each one, (column, row, output)."""

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

    def mains(self, selection: np.ndarray) -> np.ndarray:
        each = [table[np.ix_(selection, selection)].mean(axis=1) for table in self._tables]
        return _centred(np.array(each), 1)

    def rests(self, selection: np.ndarray) -> np.ndarray:
        each = [table[np.ix_(selection, selection)].mean(axis=0) for table in self._tables]
        return _centred(np.array(each), 1)

    def pairs(self, selection: np.ndarray, pairs: Sequence[Pair]) -> Iterator[Both]:
        mains = self.mains(selection)
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
    plan : Plan
    points : list of int array of shape (slot, point)
        For each column, the different codes that occur.
    place : list of int array of shape (row,)
        Which of them each row has.
    codes : int array of shape (slot, row)
    """

    plan: Plan
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

    def mains(self, selection: np.ndarray) -> np.ndarray:
        seen = self._seen(selection)
        return _centred(self._surfaces(seen, [])[0], 1)

    def rests(self, selection: np.ndarray) -> np.ndarray:
        from pellucid.maths import tree_profiles

        seen = self._seen(selection)
        weights = [np.bincount(place).astype(np.float64) for place in seen.place]
        steps = tree_profiles.mean_steps(seen.plan, seen.points, weights)
        blocks = tree_profiles.curves(
            self.route.trees, seen.plan, steps, seen.codes, threads=self.route.question.threads
        )
        sums = np.concatenate([lines for _, _, lines in blocks], axis=2)
        return _centred(np.moveaxis(self.route.way(sums), 1, 2), 1)

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

    def _seen(self, selection: np.ndarray) -> Seen:
        from pellucid.maths import tree_walks

        route = self.route
        codes = np.ascontiguousarray(route.codes[:, selection])
        holder = route.origin[route.trees.coding.column]
        points, places = [], []
        for column in self.columns:
            own = _numbered(codes[holder == column])
            _, first, place = np.unique(own, return_index=True, return_inverse=True)
            points.append(codes[:, first])
            places.append(place)
        plan = tree_walks.plan(route.trees, route.origin, self.columns)
        return Seen(plan=plan, points=points, place=places, codes=codes)

    def _surfaces(self, seen: Seen, pairs: Sequence[Pair]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Effects of columns (column, row, output), and of pairs alone, each (row, output)."""
        from pellucid.maths import tree_joint, tree_profiles

        question = self.route.question
        steps = tree_profiles.curve_steps(seen.plan, seen.points)
        single, pure = tree_joint.joint(self.route.trees, seen.plan, steps, seen.codes, pairs)
        question.work.spend(0)
        single = question.shares(single[:, question.columns])
        mains = [single[steps.lines[j] + place] for j, place in enumerate(seen.place)]
        alone = [
            question.shares(surface[seen.place[j], seen.place[k]][:, question.columns])
            for (j, k), surface in zip(pairs, pure, strict=True)
        ]
        return np.array(mains), alone


def _numbered(codes: np.ndarray) -> np.ndarray:
    """One number for each row of codes (slot, row), equal where all its codes are."""
    if len(codes) < 2:
        return codes[0] if len(codes) else np.zeros(codes.shape[1], dtype=np.int64)
    return np.unique(codes, axis=1, return_inverse=True)[1].reshape(-1)


def _centred(values: np.ndarray, axis: int) -> np.ndarray:
    return values - values.mean(axis=axis, keepdims=True)
