"""Partial dependence: the mean output when one column is set to a value in every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from pellucid.core.curve import Curve
from pellucid.explainers.effect.forced import means
from pellucid.explainers.effect.grid import (
    Features,
    checked_features,
    chosen,
    curve,
    grids,
    one_or_all,
)
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number

BAND = (
    "95 % interval of the mean over rows, point by point (Student's t); "
    "it does not say how sure the model is"
)


def interval(mean: np.ndarray, spread: np.ndarray, rows: int) -> np.ndarray | None:
    """The band (2, point, output) of means over `rows`; none for a single one."""
    if rows < 2:
        return None
    reach = special.stdtrit(rows - 1, 0.975) / np.sqrt(rows) * spread
    return np.stack([mean - reach, mean + reach])


@dataclass(frozen=True, kw_only=True)
class PartialDependence(Explainer):
    """The mean output when one column is set to each point of a grid, all else as it is.

    Parameters
    ----------
    feature : str or tuple of str, optional
        The column, or columns; by default all. One name gives one curve, otherwise a tuple.
    points : int
        Most points of the grid of a number or date, which are observed values between the 1 %
        and the 99 % quantile, or all values where fewer differ. Categories, ordinals and booleans
        have one point for each value that occurs.
    max_background : int, optional
        Most rows to average over; a random choice of more is noted.

    Notes
    -----
    Rows: the background, or the rows to explain where none is given. Cost: points × rows
    evaluations for each column; where the model is read as trees, all columns come from one walk
    of the rows down the trees, and the model is asked only to check them. The result is that of
    scikit-learn's ``partial_dependence(method="brute")`` on the same grid.

    The band is ``mean ± t · sd / √rows``: the values averaged are independent rows, so no
    bootstrap is needed to approach the same interval. It speaks of the rows that were drawn, not
    of the model.

    Where columns hang together, the mean runs over rows that cannot be; see `ALE`.

    Raises
    ------
    UnknownName
        If there is no such column.

    References
    ----------
    Friedman (2001), doi:10.1214/aos/1013203451.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = LinearRegression().fit(X, y)
    >>> curve = PartialDependence(feature="bmi", points=5).explain(model, X)
    >>> curve.grid.round(2).tolist(), curve.values.round().tolist()
    ([-0.08, -0.03, -0.01, 0.03, 0.13], [110.0, 134.0, 148.0, 168.0, 218.0])
    """

    paper: ClassVar[str] = "doi:10.1214/aos/1013203451"
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

    def compute(self, question: Question) -> Curve | tuple[Curve, ...]:
        rows = question.reference(self.max_background, covered=True)
        found = grids(question, self.feature, rows, self.points)
        outputs = means(question, rows, [(each.column, each.codes) for each in found])
        curves = []
        for each, (mean, spread) in zip(found, outputs, strict=True):
            band = interval(mean, spread, len(rows))
            curves.append(curve(question, each, mean, band=band, band_meaning=BAND))
        return one_or_all(self.feature, curves)
