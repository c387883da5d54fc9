"""LinearSHAP: Shapley values of weighted sums, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number
from pellucid.explainers.shapley.tree_shap import held_to
from pellucid.maths import gaussian_shapley
from pellucid.maths.coalitions import antithetic_orders

CHOICES = ("independent", "correlated")

ENUMERATED = 12
"""Columns whose coalitions are all solved: 4096 regressions."""


@dataclass(frozen=True, kw_only=True)
class LinearSHAP(Explainer):
    """Shapley values of linear and logistic regressions and their kin.

    Parameters
    ----------
    features : {"independent", "correlated"}
        What a removed column is. ``"independent"``: its background values, whatever the other
        columns are; its share is coefficient × distance from the background's mean, which is true
        to the model. ``"correlated"``: its expectation given the known columns, as if the
        background were normally distributed; true to the data, so a column that the model does not
        use gets a share if it tells of one that the model uses.
    orders : int
        Pairs of random orders of the columns, for ``"correlated"`` with more than 12 columns.

    Notes
    -----
    Laws: efficiency, symmetry, linearity; dummy only for ``"independent"``. Values are on the
    scale on which the model is a sum: the logit of a logistic regression. One-hot columns are
    summed back to the user's column. The whole background is used.

    Exact, except for ``"correlated"`` with more than 12 columns, where errors are those of the
    random orders, widened for few pairs.

    Cost: one evaluation per row, to check that base and shares add up to the model's own
    prediction; if not, `NotAdditive` names the row.

    References
    ----------
    Lundberg and Lee (2017), arXiv:1705.07874. Chen, Janizek, Lundberg and Lee (2020), True to the
    model or true to the data?, arXiv:2006.16234. Aas, Jullum and Løland (2021),
    doi:10.1016/j.artint.2021.103502.
    """

    needs = frozenset({"linear"})
    laws = frozenset({"efficiency", "dummy", "symmetry", "linearity"})
    exact = True
    natural_scale = True
    takes_groups = True
    paper = "arXiv:1705.07874"
    cost = "one per row, for the check"

    features: Literal["independent", "correlated"] = "independent"
    orders: int = 256

    def __post_init__(self) -> None:
        if self.features not in CHOICES:
            raise InvalidSetting("features cannot be so", got=repr(self.features), allowed=CHOICES)
        whole_number("orders", self.orders, 2)
        if self.features == "correlated":
            object.__setattr__(self, "laws", self.laws - {"dummy"})
            object.__setattr__(self, "exact", False)

    def compute(self, question: Question) -> Attribution:
        linear = question.model.linear(question.scale)
        coef, intercept = linear.coef[question.columns], linear.intercept[question.columns]
        background = question.encode(question.reference(None))
        mean = background.mean(axis=0)
        distance = question.encode(question.table.codes) - mean
        if self.features == "independent":
            values, error = _independent(question, coef, distance), None
        else:
            values, error = self._correlated(question, coef, distance, background)
        values = question.shares(values)
        base = question.level(coef @ mean + intercept)
        held_to(question, values, base)
        return question.attribution(values, base, error)

    def _correlated(
        self, question: Question, coef: np.ndarray, distance: np.ndarray, background: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Values and errors under the normal distribution of the background."""
        correlation, deviation, singular = gaussian_shapley.steady(background)
        coef, distance = coef * deviation, distance / deviation
        question.note("Removed columns are expected from the known ones by a normal distribution.")
        if singular:
            question.note(
                "Some encoded columns of the background are constant or sums of others: 1e-8 was "
                "added to the diagonal of their correlation."
            )
        used, players = np.unique(question.players, return_inverse=True)
        shape = (len(distance), len(question.player_names), len(coef))
        values, error = np.zeros(shape), np.zeros(shape)
        if len(used) <= ENUMERATED:
            slope = gaussian_shapley.enumerated(correlation, coef, players)
            values[:, used] = np.einsum("sc,cpo->spo", distance, slope)
            return values, None
        orders = antithetic_orders(len(used), self.orders, question.rng("orders"))
        values[:, used], error[:, used] = gaussian_shapley.sampled(
            correlation, coef, players, orders, distance
        )
        return values, error


def _independent(question: Question, coef: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Coefficient × distance, summed over the encoded columns of each of the user's."""
    whose = question.players[:, None] == np.arange(len(question.player_names))
    return np.stack([(distance * one) @ whose for one in coef], axis=2)
