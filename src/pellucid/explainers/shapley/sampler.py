"""The base of methods that estimate Shapley values from a budget of coalitions."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number
from pellucid.explainers.shapley.game import evaluations, marginal_game
from pellucid.perturb.marginal import Plan, enumerated


@dataclass(frozen=True, kw_only=True)
class Sampler(Explainer):
    """Plays the game on drawn coalitions, or on all of them where the budget reaches that far.

    A subclass draws its coalitions, and turns their worth into values with errors, in `sample`.

    Parameters
    ----------
    budget : int
        Most coalitions evaluated for each row.
    max_background : int, optional
        Most background rows to use, or `None` for all.
    """

    budget: int = 2048
    max_background: int | None = 100

    def __post_init__(self) -> None:
        whole_number("budget", self.budget, 2)
        whole_number("max_background", self.max_background, 1, optional=True)

    def work(self, question: Question) -> int:
        return evaluations(question, self.budget, self.max_background)

    def compute(self, question: Question) -> Attribution:
        game = marginal_game(question, self.max_background)
        values, error = game.shapley(lambda players: self._plan(question, players))
        return question.attribution(values, game.base, error)

    @abstractmethod
    def sample(self, question: Question, players: int) -> Plan:
        """What to evaluate for this many players, and what follows from it."""

    def _plan(self, question: Question, players: int) -> Plan:
        least = paired_budget(players)
        if self.budget < least:
            raise InvalidSetting(
                f"{type(self).__name__} cannot say its error for {players} columns so",
                got=f"budget={self.budget}",
                allowed=f"budget ≥ {least}",
                fix=f"Allow budget={least} or more coalitions, or give the model fewer columns",
            )
        if self.budget.bit_length() > players:
            return enumerated(players)
        return self.sample(question, players)


def paired_budget(players: int) -> int:
    """The least budget: nobody, everybody and two pairs for each player but one, or everything."""
    return int(min(4 * players - 2, 2**players))
