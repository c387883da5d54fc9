"""The base of methods that estimate Shapley values from a budget of coalitions."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.question import Question
from pellucid.explainers.settings import positive, whole_number
from pellucid.explainers.shapley.game import (
    evaluations,
    played_on,
    settle_removal,
    shared_out,
)
from pellucid.explainers.shapley.stages import Certain, Found, every_pair, ordered, played, within
from pellucid.perturb.game import Game, Plan
from pellucid.perturb.image_game import ImageGame

WHOLE_AT_ONCE = 6
"""Players of which all coalitions are evaluated: at most 64, and of fewer no error would hold."""


@dataclass(frozen=True, kw_only=True)
class Sampler(Explainer):
    """Plays the game on drawn coalitions, or on all of them where the budget reaches that far.

    A subclass draws its coalitions, and turns their worth into values with errors, in `sample`; one
    that shares out otherwise than Shapley says so in `whole`.

    Parameters
    ----------
    budget : int
        Most coalitions evaluated for each row.
    tolerance : float, optional
        Stop as soon as every value of a row is certain to ± this much, in units of the output.
    top : int, optional
        Stop as soon as the order of this many values, largest first by size, is certain.
    max_background : int, optional
        Most background rows to use, or `None` for all.
    removal : str
        What stands in for removed columns: ``"marginal"``, ``"baseline"``, ``"gaussian"``,
        ``"copula"``, ``"neighbours"`` or ``"tree"`` (`pellucid.perturb.removals`); of images
        ``"marginal"``, ``"baseline"``, ``"mean"``, ``"zero"`` or ``"blur"``
        (`pellucid.explainers.shapley.image_game`).
    """

    everyone: ClassVar[bool] = False
    """Whether columns that do not differ from the background must play too."""

    chained: ClassVar[bool] = False
    """Whether removals may follow a chain of causes."""

    budget: int = 2048
    tolerance: float | None = None
    top: int | None = None
    max_background: int | None = 100
    removal: str = "marginal"

    def __post_init__(self) -> None:
        whole_number("budget", self.budget, 2)
        positive("tolerance", self.tolerance, optional=True)
        whole_number("top", self.top, 1, optional=True)
        whole_number("max_background", self.max_background, 1, optional=True)
        settle_removal(self, self.removal, chained=self.chained)

    def work(self, question: Question | ImageQuestion) -> int:
        return evaluations(question, self.budget, self.max_background, self.removal)

    def compute(self, question: Question | ImageQuestion) -> Attribution:
        game = self.game(question)
        values, error, done = self.played(question, game)
        if self._certain() is not None and not done.all():
            question.note(
                f"{int((~done).sum())} of {len(done)} {question.things} are not certain "
                f"{self._aim()} with {self.budget} coalitions; their errors say how far they are."
            )
        return self.told(question, game, values, error)

    @abstractmethod
    def sample(self, question: Any, players: int) -> Plan:
        """What to evaluate for this many players within the budget."""

    def game(self, question: Any) -> Game | ImageGame:
        """The game that is played."""
        return played_on(question, self.removal, self.max_background)

    def played(self, question: Any, game: Game | ImageGame) -> Found:
        """The game's values and errors, and which samples are certain."""
        return played(
            game,
            lambda players: self.plan(question, players),
            self._certain(),
            everyone=self.everyone,
        )

    def whole(self, players: int) -> Plan:
        """All coalitions of this many players."""
        return every_pair(players)

    def least(self, players: int) -> int:
        """The least budget: two pairs for each player but one, or all coalitions."""
        return min(4 * players - 2, 2**players)

    def told(self, question: Any, game: Any, values: np.ndarray, error: np.ndarray) -> Attribution:
        """The explanation that the values make."""
        return shared_out(question, game, values, error)

    def plan(self, question: Any, players: int) -> Plan:
        """All coalitions where the budget reaches that far and nothing stops earlier, or a sample.

        Raises
        ------
        InvalidSetting
            If the budget is too small for an error.
        """
        all_ = players if isinstance(question, ImageQuestion) else len(question.player_names)
        least = 2**players if all_ <= WHOLE_AT_ONCE else self.least(players)
        if self.budget < least:
            raise InvalidSetting(
                f"{type(self).__name__} cannot say its error for {players} {question.parts} on "
                "this budget",
                got=f"budget={self.budget}",
                allowed=f"budget ≥ {least}",
                fix=f"Allow budget={least} or more coalitions, or give the model fewer "
                f"{question.parts}",
            )
        whole = self.budget.bit_length() > players
        early = self._certain() is not None and players > WHOLE_AT_ONCE
        return self.whole(players) if whole and not early else self.sample(question, players)

    def _certain(self) -> Certain | None:
        """When to stop before the budget is spent."""
        rules = [] if self.tolerance is None else [within(self.tolerance)]
        rules += [] if self.top is None else [ordered(self.top)]
        if not rules:
            return None
        return lambda values, error: np.all([rule(values, error) for rule in rules], axis=0)

    def _aim(self) -> str:
        wanted = [] if self.tolerance is None else [f"to ± {self.tolerance:g}"]
        wanted += [] if self.top is None else [f"in the order of the first {self.top}"]
        return " and ".join(wanted)
