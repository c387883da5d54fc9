"""Ceteris paribus profiles: how the prediction of a row moves from where the row stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pellucid.core.curve import Curve
from pellucid.explainers.effect.forced import forced
from pellucid.explainers.effect.grid import (
    Features,
    Grid,
    checked_features,
    chosen,
    curve,
    grids,
    one_or_all,
)
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number


@dataclass(frozen=True, kw_only=True)
class CeterisParibus(Explainer):
    """What-if profiles of rows: one curve for each row, through the row's own value.

    Parameters
    ----------
    feature : str or tuple of str, optional
        The column, or columns; by default all. One name gives one curve, otherwise a tuple.
    points : int
        Most points of the grid, as in `PartialDependence`; it comes from the background, or from
        the rows to explain where none is given.

    Notes
    -----
    Values have the axes ``("sample", "point")``, with the output last where there are several, and
    are those of `ICE`. `Curve.own` says where each row itself stands along the grid, and
    `Curve.own_values` its own prediction; a picture draws the line through it. Cost: points + 1
    evaluations of each row for each column; where the model is read as trees, a check of them on a
    few rows. Exact: there is nothing to sample.

    `Curve.extrapolated` tells where a row is given a value that rows like it do not have, as found
    by `pellucid.maths.subgroups`.

    References
    ----------
    Biecek and Burzykowski (2021), Explanatory Model Analysis, chapter 10,
    doi:10.1201/9780429027192.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = LinearRegression().fit(X, y)
    >>> curve = CeterisParibus(feature="bmi", points=3).explain(model, X.head(1), background=X)
    >>> curve.values.round().tolist(), curve.own.round(2).tolist(), curve.own_values.round()
    ([[132.0, 170.0, 240.0]], [0.06], array([206.]))
    """

    exact: ClassVar[bool] = True
    paper: ClassVar[str] = "doi:10.1201/9780429027192"
    cost: ClassVar[str] = "points + 1 × rows to explain for each feature"

    feature: Features = None
    points: int = 30

    def __post_init__(self) -> None:
        object.__setattr__(self, "feature", checked_features(self.feature))
        whole_number("points", self.points, 2)

    def work(self, question: Question) -> int:
        return len(question.table) * (1 + self.points * len(chosen(question, self.feature)))

    def compute(self, question: Question) -> Curve | tuple[Curve, ...]:
        found = grids(question, self.feature, question.reference(None), self.points)
        outputs = forced(question, question.table.codes, [(g.column, g.codes) for g in found])
        own = question.output if question.many else question.output[:, 0]
        curves = [
            replace(
                curve(question, each, values, samples=True),
                own=_standing(each, question.table.codes[:, each.column]),
                own_values=own,
            )
            for each, values in zip(found, outputs, strict=True)
        ]
        return one_or_all(self.feature, curves)


def _standing(points: Grid, values: np.ndarray) -> np.ndarray:
    """Where each row stands along the grid: its number, or the place of its category; or NaN."""
    if not points.categorical:
        return np.where(np.isfinite(values), values, np.nan)
    same = values[:, None] == points.codes
    return np.where(same.any(axis=1), same.argmax(axis=1), np.nan)
