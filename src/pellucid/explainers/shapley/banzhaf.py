"""Banzhaf: what a column adds on average, all coalitions of the others equally likely."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number
from pellucid.explainers.shapley.game import evaluations, game_of, settle_removal
from pellucid.maths.banzhaf import even_pairs, exact_banzhaf, fitted_banzhaf
from pellucid.maths.coalitions import every_coalition
from pellucid.perturb.game import Plan, odd_half, whole_table


@dataclass(frozen=True, kw_only=True)
class Banzhaf(Explainer):
    """Banzhaf values: mean contributions of a column, every coalition of the others counting alike.

    Parameters
    ----------
    budget : int
        Most coalitions evaluated for each row. At least 4 × columns − 2; where it reaches
        2^columns, all coalitions are evaluated and the values are exact.
    max_background : int, optional
        Most background rows to use, or `None` for all. Errors do not include this choice.
    removal : str
        What stands in for removed columns, as for `ExactSHAP`.

    Raises
    ------
    InvalidSetting
        If the budget is too small for the columns; says the least.

    Notes
    -----
    Laws: symmetry, linearity, and dummy unless removal depends on the known columns. *Not*
    efficient: values do not add up to the prediction, so there is no base. Coalitions of half the
    columns dominate; of all values of this kind they are the least disturbed by a noisy model.

    Sampled values use every evaluation for every column (maximum sample reuse), adjusted by
    regression and in complementary pairs; ``error`` is the standard error over draws of coalitions.

    Cost: budget × background rows for each row.

    References
    ----------
    Banzhaf (1965), Rutgers Law Review 19. Wang and Jia (2023), arXiv:2205.15466.
    """

    laws = frozenset({"dummy", "symmetry", "linearity"})
    takes_groups: ClassVar[bool] = True
    paper = "arXiv:2205.15466"
    cost = "budget × background rows, per row"

    budget: int = 2048
    max_background: int | None = 100
    removal: str = "marginal"

    def __post_init__(self) -> None:
        whole_number("budget", self.budget, 2)
        whole_number("max_background", self.max_background, 1, optional=True)
        settle_removal(self, self.removal)

    def work(self, question: Question) -> int:
        return evaluations(question, self.budget, self.max_background, self.removal)

    def compute(self, question: Question) -> Attribution:
        game = game_of(question, self.removal, self.max_background)
        values, error = game.shapley(lambda players: self._plan(question, players))
        question.note("Banzhaf values do not add up to the prediction.")
        return replace(question.attribution(values, game.base, error), base=None)

    def _plan(self, question: Question, players: int) -> Plan:
        if self.budget >= 2**players:
            return _enumerated(players)
        least = 4 * players - 2
        if self.budget < least:
            raise InvalidSetting(
                f"Banzhaf cannot say its error for {players} columns so",
                got=f"budget={self.budget}",
                allowed=f"budget ≥ {least}",
                fix=f"Allow budget={least} or more coalitions, or give the model fewer columns",
            )
        pairs = (self.budget - 2) // 2
        return _sampled(*even_pairs(players, pairs, question.rng("coalitions", players)))


def _enumerated(players: int) -> Plan:
    def shares(
        worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        values = exact_banzhaf(whole_table(worth, nobody, everybody))
        return values, np.zeros_like(values)

    return Plan(every_coalition(players)[1:-1], shares)


def _sampled(coalitions: np.ndarray, left: float) -> Plan:
    def shares(
        worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        odd = odd_half(worth, nobody, everybody, len(coalitions))[:, 1:]
        return fitted_banzhaf(coalitions, left, odd)

    return Plan(np.concatenate([coalitions, ~coalitions]), shares)
