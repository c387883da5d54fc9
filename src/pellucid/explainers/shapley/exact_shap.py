"""ExactSHAP: Shapley values of any model, from all coalitions of its columns."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number
from pellucid.explainers.shapley.game import evaluations, marginal_game
from pellucid.perturb.marginal import Plan, enumerated

MOST_PLAYERS = 20
"""Columns that can be enumerated: 2^20 coalitions are a million worths for each row."""


@dataclass(frozen=True, kw_only=True)
class ExactSHAP(Explainer):
    """Shapley values without sampling, for models with few columns.

    A removed column takes its values from the background rows.

    Parameters
    ----------
    max_background : int, optional
        Most background rows to use, or `None` for all. Values are exact for the rows used.

    Raises
    ------
    InvalidSetting
        If more than 20 columns of a row differ from the background.

    Notes
    -----
    Laws: efficiency, dummy, symmetry, linearity. Cost: 2^columns × background rows for each row.
    Columns on which a row equals every background row are left out before enumerating.

    References
    ----------
    Shapley (1953), A value for n-person games, doi:10.1515/9781400881970-018.
    """

    laws = frozenset({"efficiency", "dummy", "symmetry", "linearity"})
    exact = True
    paper = "doi:10.1515/9781400881970-018"
    cost = "2^columns × background rows, per row"

    max_background: int | None = 100

    def __post_init__(self) -> None:
        whole_number("max_background", self.max_background, 1, optional=True)

    def work(self, question: Question) -> int:
        players = min(len(question.table.names), MOST_PLAYERS)
        return evaluations(question, 1 << players, self.max_background)

    def compute(self, question: Question) -> Attribution:
        game = marginal_game(question, self.max_background)
        values, _ = game.shapley(_all_coalitions)
        return question.attribution(values, game.base)


def _all_coalitions(players: int) -> Plan:
    if players > MOST_PLAYERS:
        raise InvalidSetting(
            "The coalitions of so many columns cannot be enumerated",
            got=f"{players} columns that differ between a row and the background",
            allowed=f"at most {MOST_PLAYERS}",
            fix="Use method='kernel_shap', which samples coalitions and says its error",
        )
    return enumerated(players)
