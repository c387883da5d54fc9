"""Importance of a column as the spread of its partial dependence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.provenance import Provenance
from pellucid.explainers.effect.forced import forced
from pellucid.explainers.effect.grid import Features, checked_features, chosen, grids
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number

NO_CURVE = "A column without a value, or with a single one, has no curve and gets 0."


@dataclass(frozen=True, kw_only=True)
class PartialDependenceImportance(Explainer):
    """How far the mean output moves when one column is set to each of its values.

    Parameters
    ----------
    feature : str or tuple of str, optional
        The columns; by default all.
    points : int
        Most points of a curve, as in `PartialDependence`.
    max_background : int, optional
        Most rows to average over; a random choice of more is noted.

    Notes
    -----
    For a number or date the standard deviation of the curve over its points, of which about equally
    many rows lie between neighbours; for categories, ordinals and booleans a quarter of its range,
    which is about a standard deviation too. In the unit of the output, with the axis
    ``("feature",)``. A column that acts only through interactions can get 0: see `HStatistic`.

    Cost: as `PartialDependence`. The error is that of the rows drawn, from each row's influence on
    the spread.

    References
    ----------
    Greenwell, Boehmke and McCarthy (2018), A simple and effective model-based variable importance
    measure, arXiv:1805.04755.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).uniform(size=(500, 3))
    >>> found = PartialDependenceImportance().explain(lambda T: 3 * T[:, 0] - T[:, 1], X)
    >>> found.features, (found.values / found.values[1]).round().tolist()
    (('x0', 'x1', 'x2'), [3.0, 1.0, 0.0])
    """

    paper: ClassVar[str] = "arXiv:1805.04755"
    cost: ClassVar[str] = "points × background rows for each feature"

    feature: Features = None
    points: int = 30
    max_background: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "feature", checked_features(self.feature))
        whole_number("points", self.points, 2)
        whole_number("max_background", self.max_background, 2, optional=True)

    def work(self, question: Question) -> int:
        most = question.reference_size(self.max_background)
        return most * self.points * len(chosen(question, self.feature))

    def compute(self, question: Question) -> Attribution:
        rows = question.reference(self.max_background, covered=True)
        columns = chosen(question, self.feature)
        value = np.zeros((len(columns), len(question.columns)))
        error = np.zeros_like(value)
        found = [
            each for each in grids(question, None, rows, self.points) if each.column in columns
        ]
        curves = forced(question, rows, [(each.column, each.codes) for each in found])
        for each, outputs in zip(found, curves, strict=True):
            place = columns.index(each.column)
            value[place], error[place] = _spread(outputs, each.categorical)
        if len(found) < len(columns) or any(len(each.codes) < 2 for each in found):
            question.note(NO_CURVE)
        dims: tuple[str, ...] = ("feature",)
        coords: dict[str, Sequence[Label]] = {"feature": [question.table.names[j] for j in columns]}
        if question.many:
            dims = ("feature", question.output_axis)
            coords[question.output_axis] = question.labels
        else:
            value, error = value[:, 0], error[:, 0]
        return Attribution(
            values=value, dims=dims, coords=coords, error=error, provenance=Provenance(method="")
        )


def _spread(outputs: np.ndarray, categorical: bool) -> tuple[np.ndarray, np.ndarray]:
    """Spread of the mean of curves (row, point, output), and its error over rows."""
    curve = outputs.mean(axis=0)
    points, rows = len(curve), len(outputs)
    slope = np.zeros_like(curve)
    if points < 2:
        return np.zeros(curve.shape[1]), np.zeros(curve.shape[1])
    if categorical:
        every = np.arange(curve.shape[1])
        slope[curve.argmax(axis=0), every] += 0.25
        slope[curve.argmin(axis=0), every] -= 0.25
    else:
        spread = curve.std(axis=0, ddof=1)
        apart = curve - curve.mean(axis=0)
        np.divide(apart, (points - 1) * spread, out=slope, where=spread > 0)
    influence = np.einsum("rpk,pk->rk", outputs - curve, slope)
    return (slope * curve).sum(axis=0), influence.std(axis=0, ddof=min(1, rows - 1)) / np.sqrt(rows)
