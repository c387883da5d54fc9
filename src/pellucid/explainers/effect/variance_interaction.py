"""Interaction of two columns as the spread of one's importance along the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.errors import InvalidSetting
from pellucid.core.provenance import Provenance
from pellucid.core.terms import term
from pellucid.engine.work import slices
from pellucid.explainers.effect.grid import Features, Grid, checked_features, chosen, grids, usable
from pellucid.explainers.effect.h_statistic import (
    BY_ASKING,
    BY_TREES,
    DRAWN,
    DRAWS,
    NOTHING,
)
from pellucid.explainers.effect.tree_route import TreeRoute, tree_route
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number

PAIRS_ASKED, PAIRS_OF_TREES = 500, 5000
"""Pairs that are looked at without being named, where the model is asked and where it is read."""

Surfaces = Callable[[np.ndarray], list[np.ndarray]]
"""From places of rows to the partial dependence on each pair, (point, point, output)."""


@dataclass(frozen=True, kw_only=True)
class VarianceInteraction(Explainer):
    """How much the importance of one column of a pair changes along the other.

    Parameters
    ----------
    feature : str or tuple of str, optional
        The columns whose pairs are looked at; by default all.
    points : int
        Most points along each column, as in `PartialDependence`.
    max_background : int, optional
        Most rows to average over; a random choice of more is noted. By default 2000 where the model
        is read as trees, otherwise 50.

    Notes
    -----
    Along each value of the second column the importance of the first is that of
    `PartialDependenceImportance`, taken on their joint partial dependence; the strength is the
    standard deviation of these importances, averaged over both orders. It is 0 without interaction
    and has the unit of the output. The axis is ``("term",)``.

    Cost: points² × rows evaluations for each pair; for trees on the scale where they add up, none
    but a check. The error is that of the rows drawn, as for `HStatistic`.

    References
    ----------
    Greenwell, Boehmke and McCarthy (2018), arXiv:1805.04755, section 5.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> found = VarianceInteraction().explain(lambda T: T[:, 0] * T[:, 1] + T[:, 2], X, seed=0)
    >>> found.top(1).features
    ('x0 × x1',)
    """

    paper: ClassVar[str] = "arXiv:1805.04755"
    cost: ClassVar[str] = "points² × background rows for each pair"

    feature: Features = None
    points: int = 8
    max_background: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "feature", checked_features(self.feature))
        whole_number("points", self.points, 2)
        whole_number("max_background", self.max_background, 2, optional=True)

    def work(self, question: Question) -> int:
        columns = len(chosen(question, self.feature))
        rows = question.reference_size(self.max_background or BY_ASKING)
        return rows * self.points**2 * columns * (columns - 1) // 2

    def compute(self, question: Question) -> Attribution:
        if len(chosen(question, self.feature)) < 2:
            raise InvalidSetting("A pair needs two columns", got=f"feature={self.feature!r}")
        route = tree_route(question, question.reference(None))
        if route is not None and not route.adds_up:
            route = None
        most = self.max_background or (BY_TREES if route else BY_ASKING)
        rows = question.reference(most, covered=True)
        self._check_pairs(usable(question, self.feature, rows), by_trees=route is not None)
        found = grids(question, self.feature, rows, self.points)
        if route is None:
            surfaces = _by_asking(question, rows, found)
        else:
            surfaces = _by_trees(replace(route, rows=rows), found)
        value = _strengths(surfaces(np.arange(len(rows))), found)
        rng, few = question.rng("rows"), min(len(rows), DRAWN)
        draws = [
            _strengths(surfaces(rng.integers(len(rows), size=few)), found) for _ in range(DRAWS)
        ]
        error = np.std(draws, axis=0, ddof=1) * np.sqrt(few / len(rows))
        dims: tuple[str, ...] = ("term",)
        coords: dict[str, Sequence[Label]] = {
            "term": [term(a.name, b.name) for a, b in combinations(found, 2)]
        }
        if question.many:
            dims = ("term", question.output_axis)
            coords[question.output_axis] = question.labels
        else:
            value, error = value[:, 0], error[:, 0]
        return Attribution(
            values=value, dims=dims, coords=coords, error=error, provenance=Provenance(method="")
        )

    def _check_pairs(self, columns: list[int], *, by_trees: bool) -> None:
        pairs = len(columns) * (len(columns) - 1) // 2
        if not pairs:
            raise InvalidSetting("A pair needs two columns with values", got=f"{len(columns)}")
        most = PAIRS_OF_TREES if by_trees else PAIRS_ASKED
        if self.feature is None and pairs > most:
            raise InvalidSetting(
                "These are too many pairs to look at unasked",
                got=f"{pairs:,} pairs of {len(columns)} columns",
                allowed=f"{most:,} pairs, or any number of named columns",
                fix="Name columns with feature=",
            )


def _strengths(surfaces: Sequence[np.ndarray], found: Sequence[Grid]) -> np.ndarray:
    """The strength of each pair, (term, output)."""
    strengths = []
    for (first, second), surface in zip(combinations(found, 2), surfaces, strict=True):
        along = (
            _importance(surface, first.categorical),
            _importance(surface.swapaxes(0, 1), second.categorical),
        )
        strength = sum(_deviation(each) for each in along) / 2
        rounding = NOTHING * np.abs(surface).max(axis=(0, 1))
        strengths.append(np.where(strength > rounding, strength, 0.0))
    return np.array(strengths)


def _importance(surface: np.ndarray, categorical: bool) -> np.ndarray:
    """Importance of the column on the first axis at each value of the other, (point, output)."""
    return np.ptp(surface, axis=0) / 4 if categorical else _deviation(surface)


def _deviation(values: np.ndarray) -> np.ndarray:
    return values.std(axis=0, ddof=min(1, len(values) - 1))


def _by_asking(question: Question, rows: np.ndarray, found: Sequence[Grid]) -> Surfaces:
    """From the model's own predictions, each asked for once."""
    tables = [_table(question, rows, a, b) for a, b in combinations(found, 2)]
    return lambda selection: [table[:, :, selection].mean(axis=2) for table in tables]


def _table(question: Question, rows: np.ndarray, first: Grid, second: Grid) -> np.ndarray:
    """Predictions (point, point, row, output) with two columns forced."""
    points = np.array([(a, b) for a in first.codes for b in second.codes])
    several, parts = max(1, question.work.batch_size // len(rows)), []
    for some in slices(len(points), several):
        block = np.tile(rows, (some.stop - some.start, 1, 1))
        block[:, :, [first.column, second.column]] = points[some][:, None]
        parts.append(question.predict(block.reshape(-1, rows.shape[1])))
    return np.concatenate(parts).reshape(len(first.codes), len(second.codes), len(rows), -1)


def _by_trees(route: TreeRoute, found: Sequence[Grid]) -> Surfaces:
    """From the trees, but for a constant, which the spread does not see."""
    from pellucid.maths import tree_joint, tree_profiles, tree_walks

    ready = tree_walks.plan(route.trees, route.origin, [each.column for each in found])
    steps = tree_profiles.curve_steps(ready, [route.forced(g.column, g.codes) for g in found])
    pairs = list(combinations(range(len(found)), 2))

    def surfaces(selection: np.ndarray) -> list[np.ndarray]:
        codes = np.ascontiguousarray(route.codes[:, selection])
        single, pure = tree_joint.joint(route.trees, ready, steps, codes, pairs)
        own = np.split(single, steps.lines[1:-1])
        whole = [
            own[j][:, None] + own[k] + alone for (j, k), alone in zip(pairs, pure, strict=True)
        ]
        question = route.question
        return [question.shares(each[:, :, question.columns]) for each in whole]

    return surfaces
