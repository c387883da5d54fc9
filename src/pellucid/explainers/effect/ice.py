"""ICE: how the output of each row moves when one of its columns is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pellucid.core.curve import Curve
from pellucid.explainers.effect.forced import forced
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
        Whether each row's curve is measured from its first point, so that shapes can be compared.

    Notes
    -----
    Values have the axes ``("sample", "point")``, with the output last where there are several.
    The mean over ``"sample"`` is the partial dependence. Cost: points × rows evaluations for each
    column; where the model is read as trees, a check of them on a few rows. Exact: there is nothing
    to sample.

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

    def __post_init__(self) -> None:
        object.__setattr__(self, "feature", checked_features(self.feature))
        whole_number("points", self.points, 2)

    def work(self, question: Question) -> int:
        return len(question.table) * self.points * len(chosen(question, self.feature))

    def compute(self, question: Question) -> Curve | tuple[Curve, ...]:
        found = grids(question, self.feature, question.reference(None), self.points)
        outputs = forced(question, question.table.codes, [(g.column, g.codes) for g in found])
        curves = []
        for each, values in zip(found, outputs, strict=True):
            if self.centred:
                values = values - values[:, :1]
            curves.append(curve(question, each, values, samples=True))
        return one_or_all(self.feature, curves)
