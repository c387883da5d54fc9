"""ICE: how the output of each row moves when one of its columns is changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from pellucid.core.axes import Label
from pellucid.core.curve import Curve
from pellucid.core.errors import CannotExplain, InvalidSetting, UnknownName
from pellucid.data.schema import Column
from pellucid.explainers.effect.forced import forced
from pellucid.explainers.effect.grid import (
    Features,
    Grid,
    checked_features,
    chosen,
    curve,
    grid,
    grids,
    one_or_all,
)
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number


@dataclass(frozen=True, kw_only=True)
class ICE(Explainer):
    """Individual conditional expectation: one curve for each row along a column.

    Parameters
    ----------
    feature : str or tuple of str, optional
        The column, or columns; by default all. One name gives one curve, otherwise a tuple.
    points : int
        Most points of the grid, as in `PartialDependence`; it comes from the background, or from
        the rows to explain where none is given.
    centred : bool
        Whether each row's curve is measured from its first point, so that shapes can be compared
        (c-ICE).
    anchor : label, optional
        With `centred` and one `feature`: the value to measure from instead, which becomes a point
        of the grid. A number, a category that occurs, or a day such as ``"2024-02-29"``.
    derivative : bool
        Whether to give the slope of each row's curve in place of it, in units of the output for
        each unit of the column, by differences of neighbouring points, of second order inside
        (d-ICE). Columns of categories have none. Slopes that differ between rows are interaction.

    Notes
    -----
    Values have the axes ``("sample", "point")``, with the output last where there are several.
    The mean over ``"sample"`` is the partial dependence. Cost: points × rows evaluations for each
    column; where the model is read as trees, a check of them on a few rows. Exact: there is nothing
    to sample. The paper smooths before it takes slopes; here nothing is smoothed, so the slopes of
    trees are those of steps.

    `Curve.extrapolated` tells where a row is given a value that rows like it do not have, as found
    by `pellucid.maths.subgroups`.

    Raises
    ------
    UnknownName
        If there is no such column, or no row has the category of the anchor.
    CannotExplain
        If slopes are asked for along categories or a single point.

    References
    ----------
    Goldstein et al. (2015), doi:10.1080/10618600.2014.907095.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = LinearRegression().fit(X, y)
    >>> curve = ICE(feature="sex", centred=True).explain(model, X.head(3), background=X)
    >>> curve.dims, curve.values.round().tolist()
    (('sample', 'point'), [[0.0, -23.0], [0.0, -23.0], [0.0, -23.0]])
    """

    exact: ClassVar[bool] = True
    paper: ClassVar[str] = "doi:10.1080/10618600.2014.907095"
    cost: ClassVar[str] = "points × rows to explain for each feature"

    feature: Features = None
    points: int = 30
    centred: bool = False
    anchor: Label | None = None
    derivative: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "feature", checked_features(self.feature))
        whole_number("points", self.points, 2)
        for name in ("centred", "derivative"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidSetting(
                    f"{name} is a choice", got=repr(getattr(self, name)), allowed="True or False"
                )
        if self.anchor is not None and not (self.centred and isinstance(self.feature, str)):
            raise InvalidSetting(
                "An anchor is a value of one column, from which centred curves are measured",
                got=f"anchor={self.anchor!r}, feature={self.feature!r}, centred={self.centred}",
                fix="Give feature='name' and centred=True with it",
            )
        if self.centred and self.derivative:
            raise InvalidSetting(
                "A slope has no level to be centred", got="centred=True and derivative=True"
            )

    def work(self, question: Question) -> int:
        return len(question.table) * self.points * len(chosen(question, self.feature))

    def compute(self, question: Question) -> Curve | tuple[Curve, ...]:
        rows = question.reference(None)
        found = grids(question, self.feature, rows, self.points)
        if self.derivative:
            found = _sloping(question, found, self.feature is None)
        start = 0
        if self.anchor is not None:
            found, start = _anchored(question, found[0], rows[:, found[0].column], self.anchor)
        outputs = forced(question, question.table.codes, [(g.column, g.codes) for g in found])
        curves = []
        for each, values in zip(found, outputs, strict=True):
            if self.derivative:
                values = np.gradient(values, each.codes, axis=1)
            elif self.centred:
                values = values - values[:, start : start + 1]
            curves.append(curve(question, each, values, samples=True))
        return one_or_all(self.feature, curves)


def _sloping(question: Question, found: list[Grid], all_columns: bool) -> list[Grid]:
    """The grids along which there are slopes; notes those that have none."""
    flat = [each.name for each in found if each.categorical or len(each.codes) < 2]
    if flat and (not all_columns or len(flat) == len(found)):
        raise CannotExplain(
            "There is no slope along categories or a single point",
            got=", ".join(flat),
            fix="Use centred=True to compare shapes",
        )
    if flat:
        question.note(f"Categories and single points have no slope: {', '.join(flat)}.")
    return [each for each in found if each.name not in flat]


def _anchored(
    question: Question, points: Grid, values: np.ndarray, anchor: Any
) -> tuple[list[Grid], int]:
    """The grid with the anchor among its points, and its place there."""
    meaning = question.table.schema[points.name]
    code = _code(meaning, anchor)
    if points.categorical:
        known = np.flatnonzero(points.codes == code)
        if not len(known):
            raise UnknownName.among("category", str(anchor), [str(p) for p in points.labels])
        return [points], int(known[0])
    codes = np.union1d(points.codes, [code])
    made = grid(question, points.column, codes, values)
    return [replace(made, subgroups=points.subgroups)], int(np.searchsorted(codes, code))


def _code(column: Column, value: Any) -> float:
    """What the table codes a value as; NaN for a category that there is not."""
    if column.kind == "boolean":
        return float(value) if isinstance(value, (bool, np.bool_)) else np.nan
    if column.categories:
        return column.categories.index(value) if value in column.categories else np.nan
    try:
        if column.kind == "date":
            return float(np.datetime64(value, "D").astype(int))
        code = float(value)
    except (TypeError, ValueError):
        code = np.nan
    if not np.isfinite(code):
        raise InvalidSetting(
            f"The anchor is no value of {column.name}", got=repr(value), allowed=column.kind
        )
    return code
