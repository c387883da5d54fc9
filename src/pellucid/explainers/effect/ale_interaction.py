"""ALE of two columns: what they do together, from small steps within the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from pellucid.core.curve import Curve
from pellucid.core.errors import MissingValues
from pellucid.engine.work import slices
from pellucid.explainers.effect.grid import (
    Features,
    Grid,
    binned,
    chosen,
    rows_at,
    surface,
    usable,
)
from pellucid.explainers.effect.pairs import checked_together, one_or_each, pairs_of
from pellucid.explainers.effect.steps import (
    Moving,
    Steps,
    between_edges,
    between_levels,
    double_difference,
)
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number
from pellucid.maths.accumulated_pairs import Along, accumulate_pair, crossings

BAND = (
    "95 % interval over rows, point by point, for the given bins; "
    "it does not say how sure the model is"
)

NOTHING = 1e-12
"""A double difference smaller than this part of the output is rounding, and taken as zero."""

MOVES = 2**16
"""Steps over cells that are asked about at once."""


@dataclass(frozen=True, kw_only=True)
class ALEInteraction(Explainer):
    """Second-order accumulated local effects: what two columns do together.

    Parameters
    ----------
    feature : tuple of str, optional
        Two columns give one surface; more, or none for all, give a tuple with one for each pair.
    bins : int
        Most bins of a number or date, as in `ALE`; their edges are points of the surface.
        Categories, ordinals and booleans have one point for each value that occurs.
    max_background : int, optional
        Most rows to use; a random choice of more is noted.

    Notes
    -----
    Each row is moved to the four corners of its own cell, or to neighbouring categories. The mean
    double differences are summed up along both columns, and what each column does alone and the
    mean over rows are taken off: the surface is zero where the columns act independently of each
    other, and adds to their first-order effects (`ALE`). Categories without an order stand in the
    same order as there. A cell without rows has the step of the nearest cell with rows, as in the
    authors' package; a note says how many, and pictures leave points without rows blank.

    Rows: the background, or the rows to explain where none is given, that have both values. Cost:
    at most 4 × rows evaluations for each pair, 6 × with one column of categories, 8 × with two, and
    rows once; where the model is read as trees, a check of them. The band comes from the rows'
    influence on the surface (`pellucid.maths.accumulated_pairs`); it needs no resampling, and does
    not include that cells were filled.

    Raises
    ------
    UnknownName
        If there is no such column.
    InvalidSetting
        If one column, the same column twice, or (without names) too many pairs are asked for.

    References
    ----------
    Apley and Zhu (2020), doi:10.1111/rssb.12377.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).uniform(size=(500, 2))
    >>> found = ALEInteraction(bins=2).explain(lambda T: T[:, 0] * T[:, 1] + T[:, 0], X)[0]
    >>> found.dims, (found.values.round(1) + 0.0).tolist()
    (('point', 'other point'), [[0.3, 0.0, -0.3], [0.0, 0.0, 0.0], [-0.2, 0.0, 0.2]])
    """

    paper: ClassVar[str] = "doi:10.1111/rssb.12377"
    cost: ClassVar[str] = "4 × background rows for each pair of features, and background rows once"

    feature: Features = None
    bins: int = 20
    max_background: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "feature", checked_together(self.feature))
        whole_number("bins", self.bins, 1)
        whole_number("max_background", self.max_background, 2, optional=True)

    def work(self, question: Question) -> int:
        most = question.reference_size(self.max_background)
        return most * (1 + 4 * len(pairs_of(chosen(question, self.feature), self.feature)))

    def compute(self, question: Question) -> Curve | tuple[Curve, ...]:
        rows = question.reference(self.max_background, covered=True)
        pairs = pairs_of(usable(question, self.feature, rows), self.feature)
        moving = Moving(question, rows)
        found = [self._surface(question, rows, moving, pair) for pair in pairs]
        return one_or_each(self.feature, found)

    def _surface(
        self, question: Question, rows: np.ndarray, moving: Moving, pair: tuple[int, int]
    ) -> Curve:
        there = np.flatnonzero(np.isfinite(rows[:, pair]).all(axis=1))
        if not len(there):
            names = " and ".join(question.table.names[column] for column in pair)
            raise MissingValues("No row has a value of both columns", got=names)
        inside = rows[there]
        points = tuple(binned(question, inside, column, self.bins) for column in pair)
        weight = rows_at((points[0], points[1]), inside)
        notes = _lost(question, pair, len(rows) - len(there), len(rows))
        if min(len(each.codes) for each in points) == 1:
            flat = np.zeros((*weight.shape, len(question.columns)))
            return surface(question, (points[0], points[1]), flat, weight=weight, notes=notes)
        steps = [_steps(each, inside) for each in points]
        first, second = (_along(*each) for each in zip(steps, points, strict=True))
        met = crossings(first, second)
        delta = _differences(moving, pair, steps, met, there)
        values, error, votes = accumulate_pair(first, second, met, delta)
        reach = special.ndtri(0.975) * error
        return surface(
            question,
            (points[0], points[1]),
            values,
            weight=weight,
            band=np.stack([values - reach, values + reach]),
            band_meaning=BAND,
            notes=(*notes, *_filled(votes)),
        )


def _steps(points: Grid, rows: np.ndarray) -> Steps:
    between = between_levels if points.categorical else between_edges
    return between(rows[:, points.column], points.codes)


def _along(steps: Steps, points: Grid) -> Along:
    """The votes on one column; its gaps lie by distance, those of categories evenly."""
    where = np.arange(len(points.codes)) if points.categorical else points.codes
    where = where / np.abs(where).max()
    middle = (where[1:] + where[:-1]) / 2 / (where[-1] - where[0])
    return Along(row=steps.row, gap=steps.gap, place=steps.place, middle=middle)


def _differences(
    moving: Moving,
    pair: tuple[int, int],
    steps: list[Steps],
    met: tuple[np.ndarray, np.ndarray],
    there: np.ndarray,
) -> np.ndarray:
    """Double difference of the output over the cell for each crossing of votes, (vote, output)."""
    one, two = steps
    row = there[one.row[met[0]]]
    ends = [one.low[met[0]], one.high[met[0]], two.low[met[1]], two.high[met[1]]]
    corners = np.stack([*(ends[i] for i in (0, 2, 0, 3, 1, 2, 1, 3))], axis=1).reshape(-1, 4, 2)
    if moving.adds_up:
        return moving.crossed_twice(pair, row, (one.gap[met[0]], two.gap[met[1]]), corners)
    order, found = np.argsort(row, kind="stable"), []  # moves of a row together: some are the same
    for some in slices(len(row), MOVES):
        said = moving.outputs(pair, row[order[some]], corners[order[some]])
        twice = double_difference(said)
        found.append(np.where(np.abs(twice) > NOTHING * np.abs(said).max(), twice, 0.0))
    return np.concatenate(found)[np.argsort(order)]


def _lost(question: Question, pair: tuple[int, int], lost: int, rows: int) -> tuple[str, ...]:
    if not lost:
        return ()
    names = " or ".join(question.table.names[column] for column in pair)
    lack, are = ("lacks", "is") if lost == 1 else ("lack", "are")
    return (f"{lost} of {rows} rows {lack} a value of {names} and {are} left out.",)


def _filled(votes: np.ndarray) -> tuple[str, ...]:
    """A note on cells without rows."""
    empty = int((votes == 0).sum())
    if not empty:
        return ()
    return (
        f"{empty} of {votes.size} cells hold no row; each takes the step of the nearest cell that "
        "does.",
    )
