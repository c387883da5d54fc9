"""Where a model is read as trees, they answer in its place, and are held to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pellucid.core.errors import NotAdditive
from pellucid.core.explanation import number
from pellucid.explainers.question import Question
from pellucid.models.boosted import sigmoid, softmax
from pellucid.models.scales import log_odds
from pellucid.models.trees import Trees

Way = Callable[[np.ndarray], np.ndarray]

HELD = 16
"""Rows on which trees are compared with the model before they answer for it."""

LINES = 2**17
"""Most points of curves that are followed at once; more columns take another walk."""

GAP = 1e-9
"""Least relative difference allowed between trees and model, where sums are of 64 bits."""

MISREAD = (
    "The trees as read do not give this model's own predictions, so it was asked for each of them."
)


@dataclass(kw_only=True, eq=False)
class TreeRoute:
    """The trees of a question's model, with rows in their codes.

    Parameters
    ----------
    question : Question
    rows : array of shape (row, feature)
        The coded rows.
    predict : callable
        The model itself: answers (row, output) for coded rows.
    trees : Trees
    way : callable
        From the trees' sums to the same answers; outputs are the second axis.
    adds_up : bool
        Whether differences of the sums are those of the answers but for their sign.
    """

    question: Question
    rows: np.ndarray
    predict: Way
    trees: Trees
    way: Way
    adds_up: bool

    @cached_property
    def origin(self) -> np.ndarray:
        """The user's column that each encoded column comes from, shape (encoded column,)."""
        return self.question.origins

    @cached_property
    def codes(self) -> np.ndarray:
        """The rows as the trees see them, (slot, row)."""
        return self.coded(self.rows)

    def coded(self, rows: np.ndarray) -> np.ndarray:
        """Coded rows as the trees see them, (slot, row)."""
        return self.trees.codes(self.question.encode(rows))

    @cached_property
    def sums(self) -> np.ndarray:
        """What the trees say of the rows, (row, output)."""
        return self.trees.predict_codes(self.codes)

    def curves(
        self, grids: Sequence[tuple[int | list[int], np.ndarray]]
    ) -> Iterator[tuple[slice, list[np.ndarray]]]:
        """Predictions with columns forced, block of rows after block of rows.

        Parameters
        ----------
        grids : sequence of (column, codes of its points), or of (columns, codes (point, column))
            None is in two grids.

        Yields
        ------
        rows : slice
        values : list of array of shape (point, output, row)
            For each grid.
        """
        from pellucid.maths import tree_profiles, tree_walks

        owner = np.full(len(self.question.table.names), len(grids))
        for number_, (columns, _) in enumerate(grids):
            owner[columns] = number_
        ready = tree_walks.plan(self.trees, owner[self.origin], range(len(grids)))
        points = [self.forced(columns, codes) for columns, codes in grids]
        steps = tree_profiles.curve_steps(ready, points)
        blocks = tree_profiles.curves(
            self.trees, ready, steps, self.codes, threads=self.question.threads
        )
        for rows, _, lines in blocks:
            self.question.work.spend(0)
            said = self.way(lines)
            self.question.work.advance(lines.shape[0] * lines.shape[2])
            yield rows, np.split(said, steps.lines[1:-1])

    def moved(
        self, columns: Sequence[int], row: np.ndarray, codes: np.ndarray
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """Predictions when columns take other codes together, move by move.

        Parameters
        ----------
        columns : sequence of int
        row : int array of shape (move,)
            The row that moves.
        codes : array of shape (move, repeat, column)
            What its columns take.

        Yields
        ------
        moves : slice
        values : array of shape (move, repeat, output)
        """
        from pellucid.maths import tree_moves, tree_walks

        ready = tree_walks.plan(self.trees, np.where(np.isin(self.origin, columns), 0, 1), [0])
        own = self.sums[row]
        start = self.codes if np.array_equal(row, np.arange(len(self.rows))) else self.codes[:, row]
        taken = []
        for place, column in enumerate(columns):
            different, which = np.unique(codes[:, :, place], return_inverse=True)
            slots = np.flatnonzero(self.origin[self.trees.coding.column] == column)
            taken.append(
                (slots, self.forced(column, different)[slots], which.reshape(codes.shape[:2]))
            )

        def there(moves: slice) -> np.ndarray:
            block = np.repeat(start[:, moves, None], codes.shape[1], axis=2)
            for slots, coded, which in taken:
                block[slots] = coded[:, which[moves]]
            return block

        walked = tree_moves.moves(
            self.trees, ready, start, there, codes.shape[1], 1, threads=self.question.threads
        )
        for moves, change in walked:
            self.question.work.spend(0)
            self.question.work.advance(codes.shape[1] * (moves.stop - moves.start))
            sums = np.moveaxis(change[0], 0, 1) + own[moves, :, None]
            yield moves, np.moveaxis(self.way(sums), 1, 2)

    def crossed(
        self, column: int, row: np.ndarray, gap: np.ndarray, sides: np.ndarray
    ) -> np.ndarray:
        """Changes of the prediction, (crossing, output), where it is the trees' own sum.

        Parameters
        ----------
        column : int
        row, gap : int arrays of shape (crossing,)
            Which row crosses which gap.
        sides : array of shape (2, gap)
            The column's codes before and beyond each gap.
        """
        from pellucid.maths.tree_crossings import crossings
        from pellucid.maths.tree_walks import plan

        ready = plan(self.trees, self.origin, [column])
        low, high = (self.forced(column, side) for side in sides)
        change = crossings(
            self.trees, ready, self.codes, row, gap, (low, high), threads=self.question.threads
        )
        self.question.work.advance(2 * len(row))
        return self.question.shares(change[:, self.question.columns])

    def crossed_twice(
        self,
        columns: tuple[int, int],
        row: np.ndarray,
        gaps: tuple[np.ndarray, np.ndarray],
        sides: tuple[np.ndarray, np.ndarray],
    ) -> np.ndarray:
        """Double differences of the prediction, (crossing, output), as `crossed` for two columns,
        with the codes (2, gap) on the sides of the gaps of each."""
        from pellucid.maths.tree_double_crossings import double_crossings
        from pellucid.maths.tree_walks import plan

        ready = plan(self.trees, self.origin, list(columns))
        first, second = (
            (self.forced(column, side[0]), self.forced(column, side[1]))
            for column, side in zip(columns, sides, strict=True)
        )
        change = double_crossings(
            self.trees,
            ready,
            self.codes,
            row,
            gaps,
            (first, second),
            threads=self.question.threads,
        )
        self.question.work.advance(4 * len(row))
        return self.question.shares(change[:, self.question.columns])

    def shuffled(
        self, sets: Sequence[np.ndarray], given: Sequence[np.ndarray]
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """Predictions when sets of columns, one at a time, come from other rows.

        Parameters
        ----------
        sets : sequence of int array
            Columns; none is in two sets.
        given : sequence of int array of shape (repeat, row)
            For each set, the row that gives its values.

        Yields
        ------
        rows : slice
        values : array of shape (set, output, row, repeat)
        """
        from pellucid.maths import tree_moves, tree_walks

        owner = np.full(len(self.question.table.names), len(sets))
        for number_, columns in enumerate(sets):
            owner[columns] = number_
        ready = tree_walks.plan(self.trees, owner[self.origin], range(len(sets)))
        holder = owner[self.origin[self.trees.coding.column]]
        used = [(which, np.flatnonzero(holder == which)) for which in range(len(sets))]
        repeats = len(given[0])

        def there(rows: slice) -> np.ndarray:
            block = np.empty((len(holder), rows.stop - rows.start, repeats), dtype=np.int32)
            for which, slots in used:
                block[slots] = self.codes[slots[:, None, None], given[which][:, rows].T]
            return block

        walked = tree_moves.moves(
            self.trees, ready, self.codes, there, repeats, len(sets), threads=self.question.threads
        )
        for rows, change in walked:
            self.question.work.spend(0)
            self.question.work.advance(change.size // change.shape[1])
            change += self.sums[rows].T[None, :, :, None]
            yield rows, self.way(change)

    def hold(self, asked: np.ndarray, said: np.ndarray) -> None:
        """Raise unless what was `said` of coded rows is what the model says of them.

        Raises
        ------
        NotAdditive
            Naming the difference.
        """
        own = self.predict(asked)
        self.hold_to(own, said, own)

    def hold_to(self, own: np.ndarray, said: np.ndarray, size: np.ndarray) -> None:
        """As `hold`, for what the model said; of numbers as large as `size`."""
        gap, allowed = np.abs(own - said), _allowed(self.trees, size)
        if np.all(gap <= allowed):
            return
        row, output = np.unravel_index(int(np.argmax(gap)), gap.shape)
        raise NotAdditive(
            f"The trees of {self.question.model.name} do not follow the model when a column is "
            "changed",
            got=f"{number(float(said[row, output]))} where it says "
            f"{number(float(own[row, output]))}",
            allowed=f"a difference of {allowed:.2g}",
            fix="Please report this model; given as a function, it is asked for every prediction",
        )

    def forced(self, columns: int | list[int], codes: np.ndarray) -> np.ndarray:
        """The trees' codes of points of one column or of several together, (slot, point)."""
        rows = np.repeat(self.rows[:1], len(codes), axis=0)
        rows[:, columns] = codes
        return self.coded(rows)


def tree_route(
    question: Question,
    rows: np.ndarray,
    *,
    scale: str | None = None,
    predict: Way | None = None,
    shown: Way | None = None,
) -> TreeRoute | None:
    """The way by trees, where they say the same as the model.

    Parameters
    ----------
    question : Question
    rows : array of shape (row, feature)
        Coded rows, some of which the model is asked about.
    scale : str, optional
        The scale of the answers; by default the question's, and then the next two are its own.
    predict : callable, optional
        The model's answers (row, output) for coded rows.
    shown : callable, optional
        From what the model predicts on the scale to the answers; outputs are the second axis.
    """
    model = question.model
    if "trees" not in model.can or model.encoded_from is None:
        return None
    natural, scale = model.scales[0], scale or question.scale
    trees, predict, shown = (
        model.trees(natural), predict or question.predict, shown or _explained(question),
    )  # fmt: skip
    link = as_it_is if scale == natural else WAYS.get((natural, scale, trees.link))
    if link is None:
        return None
    route = TreeRoute(
        question=question,
        rows=rows,
        predict=predict,
        trees=trees,
        way=lambda sums: shown(link(sums)),
        adds_up=scale == natural,
    )
    some = rows[np.unique(np.linspace(0, len(rows) - 1, HELD).astype(int))]
    own, said = predict(some), route.way(trees.predict_codes(route.coded(some)))
    if said.shape == own.shape and np.all(np.abs(said - own) <= _allowed(trees, own)):
        return route
    if route.adds_up:
        question.note(MISREAD)
    return None


def _explained(question: Question) -> Way:
    """From what the model predicts to the outputs that are explained."""

    def shown(raw: np.ndarray) -> np.ndarray:
        some = question.columns != list(range(raw.shape[1]))
        return question.level(raw[:, question.columns] if some else raw)

    return shown


def as_it_is(sums: np.ndarray) -> np.ndarray:
    """The sums themselves."""
    return sums


WAYS: dict[tuple[str, str, str], Way] = {
    ("logit", "probability", "logit"): sigmoid,
    ("logit", "probability", "softmax"): softmax,
    ("log", "raw", "log"): np.exp,
    ("probability", "logit", "identity"): log_odds,
}
"""From the scale of the sum to another, by the trees' link."""


def _allowed(trees: Trees, own: np.ndarray) -> float:
    """How far trees may be from the model by rounding alone."""
    size = max(1.0, float(np.abs(own).max()), float(np.abs(trees.base).max()))
    return max(trees.precision * float(np.sqrt(max(len(trees.root), 1))), GAP) * size
