"""Steps of rows to the points next to them, from which accumulated local effects are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from pellucid.explainers.effect.tree_route import tree_route
from pellucid.explainers.question import Question


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Which rows step across which gap: `low` and `high` are the codes on its sides.

    `place` of shape (row, point) says where each row lies along the curve.
    """

    row: np.ndarray
    gap: np.ndarray
    low: np.ndarray
    high: np.ndarray
    place: sparse.csr_array


def between_edges(values: np.ndarray, edges: np.ndarray) -> Steps:
    """Each row crosses its own bin, and lies half at either edge."""
    row = np.arange(len(values))
    gap = np.maximum(np.searchsorted(edges, values, side="left") - 1, 0)
    half = np.full(2 * len(values), 0.5)
    ends = (np.tile(row, 2), np.concatenate([gap, gap + 1]))
    place = sparse.csr_array((half, ends), shape=(len(values), len(edges)))
    return Steps(row=row, gap=gap, low=edges[gap], high=edges[gap + 1], place=place)


def between_levels(values: np.ndarray, codes: np.ndarray) -> Steps:
    """Each row steps to the level before and to the level after its own."""
    level = np.argsort(codes)[np.searchsorted(np.sort(codes), values)]
    row = np.arange(len(values))
    down, up = row[level > 0], row[level < len(codes) - 1]
    gap = np.concatenate([level[down] - 1, level[up]])
    place = sparse.csr_array((np.ones(len(values)), (row, level)), shape=(len(row), len(codes)))
    return Steps(
        row=np.concatenate([down, up]),
        gap=gap,
        low=codes[:-1][gap],
        high=codes[1:][gap],
        place=place,
    )


class Moving:
    """Rows some of whose columns are moved, and what the model says of them then.

    Parameters
    ----------
    question : Question
    rows : array of shape (row, feature)
        The coded rows.
    """

    def __init__(self, question: Question, rows: np.ndarray) -> None:
        self._question, self._rows = question, rows
        self._route = tree_route(question, rows)

    @cached_property
    def own(self) -> np.ndarray:
        """The model's output for the rows as they are, (row, output)."""
        return self._question.predict(self._rows)

    @property
    def adds_up(self) -> bool:
        """Whether the output is a sum of trees, so that those without a test in a gap cancel."""
        return self._route is not None and self._route.adds_up

    def crossed(
        self, column: int, row: np.ndarray, gap: np.ndarray, codes: np.ndarray
    ) -> np.ndarray:
        """Difference of the output, (step, output), between the two `codes` (step, 2) of a column.

        Only where the output `adds_up`; all steps across a gap have the same codes.
        """
        assert self._route is not None
        gaps, first = np.unique(gap, return_index=True)
        sides = codes[first].T
        found = self._route.crossed(column, row, np.searchsorted(gaps, gap), sides)
        asked = self._moved([column], row[:1], codes[:1, :, None])
        own = self._question.predict(asked)
        self._route.hold_to(own[1:] - own[:1], found[:1], own)
        return found

    def crossed_twice(
        self,
        columns: tuple[int, int],
        row: np.ndarray,
        gaps: tuple[np.ndarray, np.ndarray],
        codes: np.ndarray,
    ) -> np.ndarray:
        """Double difference of the output, (step, output), over the corners `codes` (step, 4, 2) of
        a cell of two columns, in the order of `double_difference`; where the output `adds_up`."""
        assert self._route is not None
        sides, places = [], []
        for gap, corners in zip(gaps, (codes[:, ::2, 0], codes[:, :2, 1]), strict=True):
            different, first = np.unique(gap, return_index=True)
            sides.append(corners[first].T)
            places.append(np.searchsorted(different, gap))
        found = self._route.crossed_twice(
            columns, row, (places[0], places[1]), (sides[0], sides[1])
        )
        own = self._question.predict(self._moved(columns, row[:1], codes[:1]))
        self._route.hold_to(double_difference(own[None]), found[:1], own)
        return found

    def outputs(self, columns: Sequence[int], row: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """The output when `columns` of a row take other codes together.

        Parameters
        ----------
        columns : sequence of int
        row : int array of shape (move,)
        codes : array of shape (move, repeat, column)

        Returns
        -------
        array of shape (move, repeat, output)

        Notes
        -----
        Cost: moves × repeats evaluations, and rows once, for no row is asked about itself again,
        nor twice with the same codes; where the model is read as trees, a check on one move.
        """
        if self._route is not None:
            said = np.concatenate([said for _, said in self._route.moved(columns, row, codes)])
            self._route.hold(self._moved(columns, row[:1], codes[:1]), said[0])
            return said
        asked = self._moved(columns, row, codes)
        which = np.repeat(row, codes.shape[1])
        outputs = self.own[which]
        changed = np.any(asked[:, list(columns)] != self._rows[which][:, list(columns)], axis=1)
        if changed.any():
            first, place = _different(which[changed], asked[changed][:, list(columns)])
            outputs[changed] = self._question.predict(asked[changed][first])[place]
        return outputs.reshape(*codes.shape[:2], -1)

    def _moved(self, columns: Sequence[int], row: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Coded rows (move · repeat, feature)."""
        found = np.repeat(self._rows[row], codes.shape[1], axis=0)
        found[:, list(columns)] = codes.reshape(len(found), -1)
        return found


def _different(row: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray | slice, np.ndarray | slice]:
    """One of each moves (move, column) of a row that are the same, and the place of all moves."""
    if np.bincount(row).max() <= 4:  # the corners of one cell
        return slice(None), slice(None)
    number = row
    for column in codes.T:
        known, code = np.unique(column, return_inverse=True)
        number = number * len(known) + code
    _, first, place = np.unique(number, return_index=True, return_inverse=True)
    return first, place


def double_difference(outputs: np.ndarray) -> np.ndarray:
    """From the corners (step, 4, output) before and beyond the second gap, first with the first
    column before its own, then beyond it."""
    return (outputs[:, 3] - outputs[:, 2]) - (outputs[:, 1] - outputs[:, 0])


def differences(moving: Moving, column: int, steps: Steps, there: np.ndarray) -> np.ndarray:
    """Output across the gap for each step, (step, output).

    Parameters
    ----------
    moving : Moving
    column : int
    steps : Steps
        Of the rows at the places `there`.
    there : int array of shape (row,)
    """
    row, codes = there[steps.row], np.stack([steps.low, steps.high], axis=1)
    if moving.adds_up:
        return moving.crossed(column, row, steps.gap, codes)
    outputs = moving.outputs([column], row, codes[:, :, None])
    return outputs[:, 1] - outputs[:, 0]
