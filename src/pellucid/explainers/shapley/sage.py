"""SAGE: how much of what the model gets right is due to each column, over all rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import UnknownName
from pellucid.core.provenance import Provenance
from pellucid.explainers.effect.judged import Asked, metric_for
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import positive, whole_number
from pellucid.explainers.shapley.game import evaluations, game_of, settle_removal
from pellucid.explainers.shapley.walks import pairs_within
from pellucid.maths.coalitions import every_coalition, exact_shapley, prefixes
from pellucid.maths.losses import Metric
from pellucid.maths.shapley_regression import widening
from pellucid.models.adapter import Model
from pellucid.perturb.game import Game, whole_table

BY_ROW = ("log_loss", "brier", "accuracy", "mse", "mae")
"""Metrics that are the mean of what each row says, so that rows may join in their own orders."""

Judge = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From places of rows and their predictions to what is gained, one number for each."""


@dataclass(frozen=True, kw_only=True)
class SAGE(Explainer):
    """Shapley values of the loss: how much lower it is because a column is known.

    When only some columns are known, the model answers with its mean prediction over what stands in
    for the others. The loss of that answer, over all rows, is the worth of those columns.

    Parameters
    ----------
    metric : str
        ``"log_loss"``, ``"brier"`` or ``"accuracy"`` for classes; ``"mse"`` or ``"mae"`` for
        numbers. ``"auto"`` is the log loss (accuracy where the model has no probabilities) or the
        mean squared error.
    budget : int
        Most coalitions evaluated for each row.
    tolerance : float, optional
        Stop when every standard error is at most this share of the range of the values; `None`
        spends the budget, and gives exact values where it reaches 2^columns.
    max_background : int, optional
        Most background rows to use, or `None` for all. Errors do not include this choice.
    removal : str
        What stands in for removed columns, as for `ExactSHAP`.

    Raises
    ------
    UnknownName, CannotExplain, WrongTarget
        If there is no such metric, it does not fit the model, or an answer cannot be judged by it.
    InvalidSetting
        If the budget is too small for two pairs of orders; says the least.

    Notes
    -----
    The values have the axis ``("feature",)``: positive where the column helps, for every metric.
    They add up to what all columns together gain over the mean prediction. ``base`` is the loss or
    score of the model itself. The whole model is judged, whatever the target. Unlike in permutation
    importance, columns that say the same share what they gain.

    Every row has its own orders, drawn in pairs of an order and its reverse, so the noise of orders
    averages out over rows. ``error`` is the standard error over orders, for the rows given; other
    rows would give other values. A background of few rows makes the mean prediction coarse, and
    losses a little too large.

    Cost: at most rows × budget × background rows.

    References
    ----------
    Covert, Lundberg and Lee (2020), Understanding global feature contributions with additive
    importance measures, arXiv:2004.00668.
    """

    labels: ClassVar[bool] = True
    measures: ClassVar[str | None] = "loss"
    takes_groups: ClassVar[bool] = True
    paper: ClassVar[str] = "arXiv:2004.00668"
    cost: ClassVar[str] = "rows × budget × background rows"

    metric: str = "auto"
    budget: int = 2048
    tolerance: float | None = 0.025
    max_background: int | None = 100
    removal: str = "marginal"

    def __post_init__(self) -> None:
        whole_number("budget", self.budget, 2)
        positive("tolerance", self.tolerance, optional=True)
        whole_number("max_background", self.max_background, 1, optional=True)
        settle_removal(self, self.removal)
        if self.metric not in ("auto", *BY_ROW):
            raise UnknownName.among("metric of single rows", str(self.metric), ("auto", *BY_ROW))

    def obstacle(self, model: Model, scale: str) -> str | None:
        if model.task == "outlier":
            return "it compares predictions with true answers, which an outlier model does not give"
        return super().obstacle(model, scale)

    def work(self, question: Question) -> int:
        return evaluations(question, self.budget, self.max_background, self.removal)

    def compute(self, question: Question) -> Attribution:
        metric = metric_for(self.metric, question)
        asked = Asked.of(question, metric)
        game = game_of(question, self.removal, self.max_background, predict=asked.predict)
        judge = _judge(asked, metric, game)
        value, error = self._values(question, game, judge)
        question.note(
            f"Each value is what knowing the column {'adds to' if metric.rising else 'takes off'} "
            f"the {metric.words} of the mean prediction."
        )
        question.note(
            "The errors are those of the orders drawn, for these rows; other rows would move the "
            "values by more."
            if error.any()
            else "The values are exact for these rows; other rows would give others."
        )
        own = judge(np.arange(len(game.rows)), game.output).mean()
        return Attribution(
            values=value,
            dims=("feature",),
            coords={"feature": question.player_names},
            base=own if metric.rising else 0.0 - own,
            error=error,
            provenance=Provenance(method=""),
        )

    def _values(
        self, question: Question, game: Game, judge: Judge
    ) -> tuple[np.ndarray, np.ndarray]:
        players = game.players
        cheap = 2**players <= 4 * (players - 1) + 2
        if cheap or (self.tolerance is None and 2**players <= self.budget):
            return _enumerated(game, judge)
        rounds = pairs_within("SAGE", self.budget, players)
        drawn = Drawn.of(len(game.rows), players)
        for number in range(rounds):
            drawn.add(_round(game, judge, question.rng("orders", number)))
            if number and self.tolerance is not None and drawn.within(self.tolerance):
                break
        else:
            if self.tolerance is not None:
                question.note(
                    f"The budget ended before every error was within the tolerance of "
                    f"{self.tolerance:g} of the range of the values; a larger budget goes on."
                )
        return drawn.estimate()


@dataclass
class Drawn:
    """Sums over rounds of what each player added to each row.

    Parameters
    ----------
    total, squares : arrays of shape (row, player)
    rounds : int
    """

    total: np.ndarray
    squares: np.ndarray
    rounds: int = 0

    @classmethod
    def of(cls, rows: int, players: int) -> Drawn:
        """Nothing drawn yet."""
        return cls(np.zeros((rows, players)), np.zeros((rows, players)))

    def add(self, added: np.ndarray) -> None:
        """One round: what was added, shape (row, player)."""
        self.rounds += 1
        step = added - self.total / max(self.rounds - 1, 1)
        self.total += added
        self.squares += step * (added - self.total / self.rounds)

    def estimate(self) -> tuple[np.ndarray, np.ndarray]:
        """Values and errors, shape (player,); at least two rounds.

        Rows are a fixed set, so only the scatter between rounds within each row counts.
        """
        rows, free = len(self.total), self.rounds - 1
        each = self.squares / free / self.rounds
        variance = each.sum(axis=0) / rows**2
        fourth = (each**2).sum(axis=0) / rows**4 / free
        degrees = np.maximum(variance**2 / np.maximum(fourth, 1e-300), 1)
        variance += (variance.mean() - variance) / (rows * self.rounds)
        return self.total.mean(axis=0) / self.rounds, widening(degrees) * np.sqrt(variance)

    def within(self, tolerance: float) -> bool:
        """Whether every error is at most this share of the range of the values."""
        value, error = self.estimate()
        return bool(error.max() <= tolerance * np.ptp(value))


def _judge(asked: Asked, metric: Metric, game: Game) -> Judge:
    """What predictions gain for rows: the score, or the loss with its sign turned."""
    answer = asked.answers(game.output)
    sign = 1.0 if metric.rising else -1.0

    def judge(rows: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return sign * metric.terms(answer[rows], asked.judged(predicted))

    return judge


def _enumerated(game: Game, judge: Judge) -> tuple[np.ndarray, np.ndarray]:
    """Exact values, row by row."""
    teams = every_coalition(game.players)[1:-1]
    players = np.arange(game.players)[None]
    total = np.zeros((2**game.players, 1))
    for row in range(len(game.rows)):
        here = np.array([row])
        worth = game.worth(here, players, teams)
        table = whole_table(worth, game.base, game.output[here])[0]
        total += judge(np.full(len(table), row), table)[:, None]
    value = exact_shapley(total[None] / len(game.rows))[0, :, 0]
    return value, np.zeros_like(value)


def _round(game: Game, judge: Judge, rng: np.random.Generator) -> np.ndarray:
    """What each player adds to each row, in one order of its own and the reverse of it."""
    rows, players = len(game.rows), game.players
    orders = np.argsort(rng.random((rows, players)), axis=1)
    everyone = np.arange(rows)
    nobody = judge(everyone, np.broadcast_to(game.base, game.output.shape))[:, None]
    everybody = judge(everyone, game.output)[:, None]
    added = np.zeros((rows, players))
    for turn in (orders, orders[:, ::-1]):
        inside = prefixes(turn).reshape(-1, players)[:, game.player_of]
        whose = np.repeat(everyone, players - 1)
        between = judge(whose, game.answers(whose, inside)).reshape(rows, players - 1)
        steps = np.diff(np.concatenate([nobody, between, everybody], axis=1), axis=1)
        added += np.take_along_axis(steps, np.argsort(turn, axis=1), axis=1) / 2
    return added
