"""Partial dependence on two columns: the mean output when both are set to values in every row."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np

from pellucid.core.curve import Curve
from pellucid.engine.work import slices
from pellucid.explainers.effect.forced import means
from pellucid.explainers.effect.grid import (
    Features,
    Grid,
    chosen,
    grids,
    rows_at,
    surface,
    usable,
)
from pellucid.explainers.effect.pairs import checked_together, one_or_each, pairs_of
from pellucid.explainers.effect.partial_dependence import BAND, interval
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number

JUDGED = 500
"""Rows, spread evenly, that tell which share of them a point takes out of what occurs."""

NUMBERS = 2**22
"""Most numbers of rows that are judged at once."""


@dataclass(frozen=True, kw_only=True)
class JointPartialDependence(Explainer):
    """The mean output when two columns are set to each two points of their grids, all else as it
    is.

    Parameters
    ----------
    feature : tuple of str, optional
        Two columns give one surface; more, or none for all, give a tuple with one for each pair.
    points : int
        Most points along each column, as in `PartialDependence`. Categories, ordinals and booleans
        have one point for each value that occurs.
    max_background : int, optional
        Most rows to average over; a random choice of more is noted.

    Notes
    -----
    Values have the axes ``("point", "other point")``, with the output last where there are several,
    and are the whole effect of both columns, in the unit of the scale. What they do beyond each
    alone is in `ALEInteraction`, and how much of it there is in `HStatistic`.

    Rows: the background, or the rows to explain where none is given. Cost: points² × rows
    evaluations for each pair; where the model is read as trees, each pair comes from one walk of
    the rows down the trees, exactly, and the model is asked only to check them. The result is that
    of scikit-learn's ``partial_dependence(model, X, [i, j], method="brute")`` on the same grid.
    The band is that of `PartialDependence`, point by point.

    The mean runs over rows that cannot be wherever columns hang together. `Curve.weight` counts the
    rows nearest to each point, and pictures leave points without any blank. `Curve.extrapolated` is
    the share of rows that a point gives a value, of one of the two, that rows like these do not
    have, with the other already set (`pellucid.maths.subgroups`); of up to 500 rows.

    Raises
    ------
    UnknownName
        If there is no such column.
    InvalidSetting
        If one column, the same column twice, or (without names) too many pairs are asked for.

    References
    ----------
    Friedman (2001), doi:10.1214/aos/1013203451.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).integers(0, 3, size=(500, 3))
    >>> recipe = JointPartialDependence(feature=("x0", "x1"))
    >>> found = recipe.explain(lambda T: T[:, 0] * T[:, 1] + 1.0, X)
    >>> found.dims, found.values.round(1).tolist()
    (('point', 'other point'), [[1.0, 1.0, 1.0], [1.0, 2.0, 3.0], [1.0, 3.0, 5.0]])
    """

    paper: ClassVar[str] = "doi:10.1214/aos/1013203451"
    cost: ClassVar[str] = "points² × background rows for each pair of features"

    feature: Features = None
    points: int = 10
    max_background: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "feature", checked_together(self.feature))
        whole_number("points", self.points, 2)
        whole_number("max_background", self.max_background, 2, optional=True)

    def work(self, question: Question) -> int:
        pairs = pairs_of(chosen(question, self.feature), self.feature)
        return question.reference_size(self.max_background) * self.points**2 * len(pairs)

    def compute(self, question: Question) -> Curve | tuple[Curve, ...]:
        rows = question.reference(self.max_background, covered=True)
        pairs_of(usable(question, self.feature, rows), self.feature)
        pairs = list(combinations(grids(question, self.feature, rows, self.points), 2))
        outputs = means(question, rows, [_crossed(*pair) for pair in pairs])
        surfaces = []
        for pair, (mean, spread) in zip(pairs, outputs, strict=True):
            weight, band = rows_at(pair, rows), interval(mean, spread, len(rows))
            made = surface(
                question,
                pair,
                mean.reshape(*weight.shape, -1),
                weight=weight,
                band=None if band is None else band.reshape(2, *weight.shape, -1),
                band_meaning=BAND,
                extrapolated=_outside(pair, rows),
                notes=_blank(pair, weight),
            )
            surfaces.append(made)
        return one_or_each(self.feature, surfaces)


def _crossed(first: Grid, second: Grid) -> tuple[list[int], np.ndarray]:
    """Every two points, (point × other point, column)."""
    both = np.meshgrid(first.codes, second.codes, indexing="ij")
    return [first.column, second.column], np.stack(both, axis=-1).reshape(-1, 2)


def _outside(pair: tuple[Grid, Grid], rows: np.ndarray) -> np.ndarray | None:
    """The share of rows that each two points take out of what occurs, (point, other point)."""
    judged = rows[np.unique(np.linspace(0, len(rows) - 1, JUDGED).round().astype(int))]
    sizes = len(pair[0].codes), len(pair[1].codes)
    count = np.zeros(sizes)
    for some in slices(len(judged), max(1, NUMBERS // (max(sizes) * rows.shape[1]))):
        one, other = (_absent(here, there, judged[some]) for here, there in (pair, pair[::-1]))
        if one is None or other is None:
            return None
        count += (one.swapaxes(1, 2) | other).sum(axis=0)
    return count / len(judged)


def _absent(here: Grid, there: Grid, rows: np.ndarray) -> np.ndarray | None:
    """Which rows, set to each point `there`, do not have each point `here`, (row, there, here)."""
    moved = np.repeat(rows, len(there.codes), axis=0)
    moved[:, there.column] = np.tile(there.codes, len(rows))
    found = here.outside(moved)
    return None if found is None else found.reshape(len(rows), len(there.codes), len(here.codes))


def _blank(pair: tuple[Grid, Grid], weight: np.ndarray) -> tuple[str, ...]:
    """A note on points without rows."""
    empty = int((weight == 0).sum())
    if not empty:
        return ()
    return (
        f"No row lies nearest to {empty} of {weight.size} points of {pair[0].name} and "
        f"{pair[1].name}; pictures leave these blank.",
    )
