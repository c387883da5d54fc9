"""ALE: the effect of a column from small steps within the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from pellucid.core.curve import Curve
from pellucid.explainers.effect.grid import (
    Features,
    binned,
    checked_features,
    chosen,
    curve,
    one_or_all,
    usable,
)
from pellucid.explainers.effect.steps import Moving, between_edges, between_levels, differences
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number
from pellucid.maths.accumulated_effects import accumulate

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
    evaluations for each column, and rows once; where the model is read as trees, a check of them on
    a few rows. The band comes from the rows' influence on
    the curve (`pellucid.maths.accumulated_effects`); it needs no resampling.

    Raises
    ------
    UnknownName
        If there is no such column.

    References
    ----------
    Apley and Zhu (2020), doi:10.1111/rssb.12377.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = LinearRegression().fit(X, y)
    >>> curve = ALE(feature="bmi", bins=4).explain(model, X)
    >>> curve.grid.round(2).tolist(), curve.values.round().tolist()
    ([-0.09, -0.03, -0.01, 0.03, 0.17], [-51.0, -21.0, -7.0, 13.0, 85.0])
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
        most = question.reference_size(self.max_background)
        return most * (1 + 2 * len(chosen(question, self.feature)))

    def compute(self, question: Question) -> Curve | tuple[Curve, ...]:
        rows = question.reference(self.max_background, covered=True)
        columns = usable(question, self.feature, rows)
        moving = Moving(question, rows)
        curves = [self._curve(question, rows, moving, column) for column in columns]
        return one_or_all(self.feature, curves)

    def _curve(self, question: Question, rows: np.ndarray, moving: Moving, column: int) -> Curve:
        points = binned(question, rows, column, self.bins)
        codes = points.codes
        if len(codes) == 1:
            return curve(question, points, np.zeros((1, len(question.columns))))
        there = np.flatnonzero(np.isfinite(rows[:, column]))
        between = between_levels if points.categorical else between_edges
        steps = between(rows[there, column], codes)
        delta = differences(moving, column, steps, there)
        values, error = accumulate(steps.row, steps.gap, delta, steps.place)
        reach = special.ndtri(0.975) * error
        band = np.stack([values - reach, values + reach])
        return curve(question, points, values, band=band, band_meaning=BAND)
