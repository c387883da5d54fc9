"""ALE: the effect of a column from small steps within the data, right where columns hang together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse, stats

from pellucid.core.curve import Curve
from pellucid.explainers.effect.grid import (
    LABELLED,
    Features,
    Grid,
    checked_features,
    chosen,
    curve,
    grid,
    one_or_all,
    usable,
)
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number
from pellucid.maths.accumulated_effects import accumulate
from pellucid.maths.grids import bin_edges
from pellucid.maths.level_order import order_levels

BAND = (
    "95 % interval over rows, point by point, for the given bins; "
    "it does not say how sure the model is"
)


@dataclass(frozen=True, kw_only=True)
class ALE(Explainer):
    """First-order accumulated local effects of a column.

    Parameters
    ----------
    feature : str or tuple of str, optional
        The column, or columns; by default all. One name gives one curve, otherwise a tuple.
    bins : int
        Most bins of a number or date; their edges are observed quantiles and the points of the
        curve. Categories, ordinals and booleans have one point for each value that occurs.
    max_background : int, optional
        Most rows to use; a random choice of more is noted.

    Notes
    -----
    Each row is moved only to the two edges of its own bin, or to the neighbouring categories. The
    mean differences are summed up along the column, and the curve is shifted so that its mean over
    rows is zero: it says how far the output lies from its mean, in the unit of the scale.
    Categories without an order stand in the order of their similarity in the other columns, as in
    the paper; a note says so. Ordinals and booleans keep their order.

    Rows: the background, or the rows to explain where none is given. Cost: at most 2 × rows
    evaluations for each column, and rows once. The band comes from the rows' influence on
    the curve (`pellucid.maths.accumulated_effects`); it needs no resampling.

    Raises
    ------
    UnknownName
        If there is no such column.

    References
    ----------
    Apley and Zhu (2020), doi:10.1111/rssb.12377.
    """

    paper: ClassVar[str] = "doi:10.1111/rssb.12377"
    cost: ClassVar[str] = "2 × background rows for each feature, and background rows once"

    feature: Features = None
    bins: int = 20
    max_background: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "feature", checked_features(self.feature))
        whole_number("bins", self.bins, 1)
        whole_number("max_background", self.max_background, 2, optional=True)

    def work(self, question: Question) -> int:
        rows = question.table if question.background is None else question.background
        most = min(len(rows), self.max_background or len(rows))
        return most * (1 + 2 * len(chosen(question, self.feature)))

    def compute(self, question: Question) -> Curve | tuple[Curve, ...]:
        rows = question.reference(self.max_background)
        columns = usable(question, self.feature, rows)
        own = question.predict(rows)
        curves = [self._curve(question, rows, own, column) for column in columns]
        return one_or_all(self.feature, curves)

    def _curve(
        self, question: Question, rows: np.ndarray, own: np.ndarray, column: int
    ) -> Curve:
        there = np.isfinite(rows[:, column])
        rows, own = rows[there], own[there]
        points, steps = self._steps(question, rows, column)
        if len(points.codes) == 1:
            return curve(question, points, np.zeros((1, own.shape[1])))
        delta = _differences(question, rows, own, column, steps)
        values, error = accumulate(steps.row, steps.gap, delta, steps.place)
        reach = stats.norm.ppf(0.975) * error
        band = np.stack([values - reach, values + reach]) if len(rows) > 1 else None
        return curve(question, points, values, band=band, band_meaning=BAND)

    def _steps(self, question: Question, rows: np.ndarray, column: int) -> tuple[Grid, Steps]:
        values = rows[:, column]
        schema = question.table.schema
        kind = schema[question.table.names[column]].kind
        if kind not in LABELLED:
            edges = bin_edges(values, self.bins)
            return grid(question, column, edges, values), _between_edges(values, edges)
        codes = np.unique(values)
        if kind == "categorical" and len(codes) > 2:
            others = np.delete(rows, column, axis=1)
            kinds = [meaning.kind for meaning in schema.values()]
            named = np.delete([each == "categorical" for each in kinds], column)
            codes = codes[order_levels(np.searchsorted(codes, values), others, named)]
            question.note(
                f"The categories of {question.table.names[column]} have no order of their own and "
                "stand in the order of their similarity in the other columns."
            )
        return grid(question, column, codes, values), _between_levels(values, codes)


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


def _between_edges(values: np.ndarray, edges: np.ndarray) -> Steps:
    """Each row crosses its own bin, and lies half at either edge."""
    row = np.arange(len(values))
    gap = np.maximum(np.searchsorted(edges, values, side="left") - 1, 0)
    if len(edges) == 1:
        place = sparse.csr_array(np.ones((len(values), 1)))
        return Steps(row=row[:0], gap=gap[:0], low=edges[:0], high=edges[:0], place=place)
    half = np.full(2 * len(values), 0.5)
    ends = (np.tile(row, 2), np.concatenate([gap, gap + 1]))
    place = sparse.csr_array((half, ends), shape=(len(values), len(edges)))
    return Steps(row=row, gap=gap, low=edges[gap], high=edges[gap + 1], place=place)


def _between_levels(values: np.ndarray, codes: np.ndarray) -> Steps:
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


def _differences(
    question: Question, rows: np.ndarray, own: np.ndarray, column: int, steps: Steps
) -> np.ndarray:
    """Output across the gap for each step, (step, output); no row is asked about itself again."""
    row = np.tile(steps.row, 2)
    codes = np.concatenate([steps.low, steps.high])
    moved = rows[row, column] != codes
    outputs = own[row]
    if moved.any():
        asked = rows[row[moved]]
        asked[:, column] = codes[moved]
        outputs[moved] = question.predict(asked)
    return outputs[len(steps.row) :] - outputs[: len(steps.row)]
