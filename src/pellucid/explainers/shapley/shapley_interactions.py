"""ShapleyInteractions: shares of the output for columns, pairs and triples of columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.explainers.question import Question
from pellucid.explainers.shapley.sampler import Sampler
from pellucid.explainers.shapley.stages import doubling, every_pair_of
from pellucid.explainers.shapley.terms import MOST_TERMS, interactions
from pellucid.maths.coalitions import every_coalition, sampled_pairs
from pellucid.maths.interaction_sampling import InteractionSampling
from pellucid.maths.interactions import EFFICIENT, INDICES, exact_interactions, terms
from pellucid.perturb.game import Game, Plan, whole_table

ORDERS = (2, 3)

LEAST_FOR_EACH = 4
"""Pairs for each column in the first stage."""


@dataclass(frozen=True, kw_only=True)
class ShapleyInteractions(Sampler):
    """How much columns add by themselves, and how much they add only together.

    Parameters
    ----------
    index : {"k-SII", "SII", "STII", "Faith-SHAP", "Banzhaf"}
        How what a team of columns adds is shared between the terms inside it. Terms of ``"k-SII"``,
        ``"STII"`` and ``"Faith-SHAP"`` add up to the prediction; those of ``"SII"``, whose single
        columns are the Shapley values, and of ``"Banzhaf"`` do not, and have no base.
    order : {2, 3}
        Columns in the largest term.
    budget : int
        Most coalitions evaluated for each row. Where it reaches 2^columns (65 536 for 16 columns),
        all coalitions may be evaluated and the values are then exact. At least 4 × columns + 2, and
        of up to six columns all.
    tolerance, top
        When to stop before the budget is spent, as for `KernelSHAP`; of all terms.
    max_background : int, optional
        Most background rows to use, or `None` for all. Errors do not include this choice.
    removal : str
        What stands in for removed columns, as for `ExactSHAP`.

    Raises
    ------
    UnknownName, InvalidSetting
        If there is no such index or order, the budget is too small, or there are too many terms.

    Notes
    -----
    The axis is ``"term"``; a term is called by its columns, joined by " × ".

    Laws: linearity; efficiency for the three indices above; a column that the model does not use
    is in no term with a value (within the error). STII gives single columns what they do alone and
    everything else to the largest terms; k-SII and Faith-SHAP spread it, the latter as the best
    least-squares fit.

    Sampled values are those of a fitted surrogate with single columns and pairs, corrected by what
    it leaves of other coalitions, so they have no bias; ``error`` is the standard error over draws
    of coalitions; ``benchmarks/calibration.py`` says how often it holds what it should.

    Cost: budget × background rows for each row.

    References
    ----------
    Grabisch and Roubens (1999), doi:10.1007/s001820050125 (SII, Banzhaf). Bordt and von Luxburg
    (2023), arXiv:2209.04012 (k-SII). Sundararajan, Dhamdhere and Agarwal (2020), arXiv:1902.05622
    (STII). Tsai, Yeh and Ravikumar (2023), arXiv:2203.00870 (Faith-SHAP).
    """

    laws = frozenset({"efficiency", "linearity"})
    takes_groups: ClassVar[bool] = True
    paper = "arXiv:2209.04012"
    cost = "budget × background rows, per row"

    everyone: ClassVar[bool] = True

    index: Literal["k-SII", "SII", "STII", "Faith-SHAP", "Banzhaf"] = "k-SII"
    order: int = 2

    def __post_init__(self) -> None:
        if self.index not in INDICES:
            raise UnknownName.among("index of interactions", str(self.index), INDICES)
        if self.order not in ORDERS:
            raise InvalidSetting("order cannot be used", got=repr(self.order), allowed=ORDERS)
        super().__post_init__()
        if self.index not in EFFICIENT:
            object.__setattr__(self, "laws", self.laws - {"efficiency"})

    def sample(self, question: Question, players: int) -> Plan:
        pairs = min((self.budget - 2) // 2, every_pair_of(players))
        coalitions, _ = sampled_pairs(players, pairs, question.rng("coalitions", players))

        def shares(
            worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
        ) -> tuple[np.ndarray, np.ndarray]:
            met = coalitions[: worth.shape[1] // 2]
            both = np.concatenate([worth[:, ::2], worth[:, 1::2]], axis=1)
            sampling = InteractionSampling(coalitions=met, index=self.index, order=self.order)
            return sampling.estimate(both, nobody, everybody)

        both = np.stack([coalitions, ~coalitions], axis=1).reshape(-1, players)
        ends = doubling(LEAST_FOR_EACH * players, pairs)
        return Plan(both, shares, tuple(2 * end for end in ends))

    def whole(self, players: int) -> Plan:
        def shares(
            worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
        ) -> tuple[np.ndarray, np.ndarray]:
            table = whole_table(worth, nobody, everybody)
            values = exact_interactions(table, self.index, self.order)
            return values, np.zeros_like(values)

        return Plan(every_coalition(players)[1:-1], shares)

    def least(self, players: int) -> int:
        return min(4 * players + 2, 2**players)

    def plan(self, question: Question, players: int) -> Plan:
        number = len(terms(players, self.order))
        if number > MOST_TERMS:
            raise InvalidSetting(
                f"There are too many terms of {players} columns",
                got=f"{number} terms of order {self.order} or less",
                allowed=f"at most {MOST_TERMS}",
                fix="Put columns into groups=" + (", or take order=2" if self.order > 2 else ""),
            )
        return super().plan(question, players)

    def told(
        self, question: Question, game: Game, values: np.ndarray, error: np.ndarray
    ) -> Attribution:
        named = terms(len(question.player_names), self.order)
        found = interactions(question, named, values, game.base, error)
        if self.index in EFFICIENT:
            return found
        question.note(f"Terms of the index {self.index} do not add up to the prediction.")
        return replace(found, base=None)
