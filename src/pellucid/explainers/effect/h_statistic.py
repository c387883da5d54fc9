"""Friedman's H: how much of an effect is interaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.errors import InvalidSetting
from pellucid.core.provenance import Provenance
from pellucid.core.terms import term
from pellucid.explainers.effect.grid import Features, checked_features, chosen
from pellucid.explainers.effect.joint_effects import AskedEffects, Effects, Pair, TreeEffects
from pellucid.explainers.effect.tree_route import tree_route
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number

KINDS = ("total", "pair")

BY_TREES, BY_ASKING = 2000, 50
"""Rows used by default: the cost of asking grows with their square."""

DRAWS, DRAWN = 24, 200
"""Resamples for the error, and most rows of each."""

SHARE = "share of the effect"
"""What a normalised value is measured in."""

NOTHING = 1e-10
"""An effect smaller than this part of the output is rounding."""

MOST_PAIRS = 2_000
"""Pairs of columns, above which they must be named."""


@dataclass(frozen=True, kw_only=True)
class HStatistic(Explainer):
    """The share of an effect that is interaction, between 0 and about 1.

    Parameters
    ----------
    kind : {"total", "pair"}
        How much each column interacts with all others together, or how much the columns of each
        pair interact.
    feature : str or tuple of str, optional
        The columns to look at; by default all.
    normalised : bool
        Whether the interaction is told as a share of the effect (H); otherwise it is its standard
        deviation over rows, in the unit of the output. A share can be large where there is hardly
        an effect.
    max_background : int, optional
        Most rows; a random choice of more is noted. By default 2000 where the model is read as
        trees, otherwise 50.

    Notes
    -----
    For a pair, H² is the sum over rows of (PD_jk − PD_j − PD_k)² over that of PD_jk²; in total, of
    (f − PD_j − PD_−j)² over that of f². All partial dependences are centred and averaged over the
    same rows, as in the paper. Values are H, the root of it, with the axis ``("feature",)``, or
    ``("term",)`` for pairs.

    Rows: the background, or the rows to explain where none is given. Exact over them for trees on
    the scale where they add up, with no evaluations but a check. Otherwise the cost is rows² ×
    columns, and for pairs rows² × (columns + pairs). Few rows bias H of weak effects upwards.

    The error is that of drawing the rows: the scatter over bootstrap samples of at most 200 rows,
    scaled to all rows.

    References
    ----------
    Friedman and Popescu (2008), doi:10.1214/07-AOAS148. Bootstrap of fewer rows: Bickel, Götze and
    van Zwet (1997).

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> found = HStatistic(kind="pair").explain(lambda T: T[:, 0] * T[:, 1] + T[:, 2], X, seed=0)
    >>> found.features, found.values.round(1).tolist()
    (('x0 × x1', 'x0 × x2', 'x1 × x2'), [1.0, 0.0, 0.0])
    """

    paper: ClassVar[str] = "doi:10.1214/07-AOAS148"
    cost: ClassVar[str] = "rows² for each feature, and for each pair"

    kind: str = "total"
    feature: Features = None
    normalised: bool = True
    max_background: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "feature", checked_features(self.feature))
        whole_number("max_background", self.max_background, 2, optional=True)
        if self.normalised:
            object.__setattr__(self, "measures", SHARE)
        if self.kind not in KINDS:
            raise InvalidSetting("kind says what is measured", got=repr(self.kind), allowed=KINDS)
        if not isinstance(self.normalised, bool):
            raise InvalidSetting(
                "normalised is a choice", got=repr(self.normalised), allowed="True or False"
            )

    def work(self, question: Question) -> int:
        columns = len(chosen(question, self.feature))
        pairs = columns * (columns - 1) // 2 if self.kind == "pair" else 0
        rows = question.reference_size(self.max_background or BY_ASKING)
        return rows**2 * (columns + pairs)

    def compute(self, question: Question) -> Attribution:
        from pellucid.maths.tree_walks import in_order

        columns = chosen(question, self.feature)
        if self.kind == "pair" and len(columns) < 2:
            raise InvalidSetting("A pair needs two columns", got=f"feature={self.feature!r}")
        pairs = len(columns) * (len(columns) - 1) // 2
        if self.kind == "pair" and self.feature is None and pairs > MOST_PAIRS:
            raise InvalidSetting(
                "These are too many pairs to look at unasked",
                got=f"{pairs:,} pairs of {len(columns)} columns",
                allowed=f"{MOST_PAIRS:,} pairs, or any number of named columns",
                fix="Name columns with feature=, such as those with the greatest total H",
            )
        effects, rows = self._effects(question, columns)
        everyone = np.arange(rows)
        value = self._strength(effects, everyone, len(columns))
        rng, few = question.rng("rows"), min(rows, DRAWN)
        samples = [rng.integers(rows, size=few) for _ in range(DRAWS)]

        def draw(number: int) -> np.ndarray:
            return self._strength(effects, samples[number], len(columns))

        aside = self.kind == "total" and isinstance(effects, TreeEffects)
        draws = list(in_order(draw, range(DRAWS), question.threads if aside else 1))
        error = np.std(draws, axis=0, ddof=1) * np.sqrt(few / rows)
        names = [question.table.names[j] for j in columns]
        labels = names if self.kind == "total" else [term(*two) for two in combinations(names, 2)]
        return _attribution(question, labels, self.kind, value, error)

    def _effects(self, question: Question, columns: Sequence[int]) -> tuple[Effects, int]:
        """Partial dependences by the trees, where the output is their sum, else by asking."""
        given = question.reference(None)
        route = tree_route(question, given)
        by_trees = route is not None and route.adds_up
        most = self.max_background or (BY_TREES if by_trees else BY_ASKING)
        rows = question.reference(most, covered=True)
        if route is None or not by_trees:
            return AskedEffects(question=question, rows=rows, columns=columns), len(rows)
        return TreeEffects(route=replace(route, rows=rows), columns=columns), len(rows)

    def _strength(self, effects: Effects, selection: np.ndarray, columns: int) -> np.ndarray:
        """H of each column or pair, (term, output)."""
        output = effects.output(selection)
        size = NOTHING * np.abs(output).max(axis=0)
        if self.kind == "total":
            alone = effects.mixed(selection)
            return np.array([self._share(each, output, size) for each in alone])
        pairs: list[Pair] = list(combinations(range(columns), 2))
        found = effects.pairs(selection, pairs)
        return np.array([self._share(alone, both, size) for both, alone in found])

    def _share(self, alone: np.ndarray, whole: np.ndarray, size: np.ndarray) -> np.ndarray:
        part, all_ = np.sqrt((alone**2).mean(axis=0)), np.sqrt((whole**2).mean(axis=0))
        scale = np.where(all_ > size, all_, 1.0) if self.normalised else 1.0
        return np.where(part > size, part / scale, 0.0)


def _attribution(
    question: Question, labels: Sequence[Label], kind: str, value: np.ndarray, error: np.ndarray
) -> Attribution:
    axis = "feature" if kind == "total" else "term"
    dims: tuple[str, ...] = (axis,)
    coords: dict[str, Sequence[Label]] = {axis: labels}
    if question.many:
        dims, coords = (
            (axis, question.output_axis),
            {**coords, question.output_axis: question.labels},
        )
    else:
        value, error = value[:, 0], error[:, 0]
    return Attribution(
        values=value, dims=dims, coords=coords, error=error, provenance=Provenance(method="")
    )
