"""Break-down: what each column adds, when they become known one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.settings import whole_number
from pellucid.explainers.shapley.game import game_of, settle_removal
from pellucid.perturb.game import Game


@dataclass(frozen=True, kw_only=True)
class BreakDown(Explainer):
    """Contributions along one order of the columns.

    Parameters
    ----------
    order : tuple of str, optional
        The order in which columns become known; those left out follow in the order of the table.
        By default each row has its own: columns that move its output most by themselves come
        first.
    removal : str
        What stands in for columns that are not known yet; see `KernelSHAP`.
    max_background : int, optional
        Most background rows to use, or `None` for all.

    Notes
    -----
    Laws: efficiency and dummy. Values depend on the order: where columns act together, the one
    that comes later gets what they do together. Shapley values are the mean over all orders, and
    `pellucid.compare` tells how far the two are apart. Each output has its own order.

    Cost: (2 × columns − 1) × background rows for each row and output; half of it where the order is
    given.

    References
    ----------
    Staniak and Biecek (2018), doi:10.32614/RJ-2018-072. Gosiewska and Biecek (2019),
    arXiv:1903.11420.
    """

    laws: ClassVar[frozenset[str]] = frozenset({"efficiency", "dummy"})
    exact: ClassVar[bool] = True
    takes_groups: ClassVar[bool] = True
    paper: ClassVar[str] = "doi:10.32614/RJ-2018-072"
    cost: ClassVar[str] = "2 × columns × background rows, per row and output"

    order: tuple[str, ...] | None = None
    removal: str = "marginal"
    max_background: int | None = 100

    def __post_init__(self) -> None:
        settle_removal(self, self.removal)
        whole_number("max_background", self.max_background, 1, optional=True)
        object.__setattr__(self, "order", _checked(self.order))

    def work(self, question: Question) -> int:
        passes = (1 if self.order else 2) * len(question.player_names) * len(question.columns)
        return len(question.table) * passes * question.reference_size(self.max_background)

    def compute(self, question: Question) -> Attribution:
        game = game_of(question, self.removal, self.max_background)
        given = _places(self.order, question.player_names)
        alone = None if given is not None else _alone(game)
        values = np.empty((len(game.rows), game.players, game.output.shape[1]))
        for output in range(values.shape[2]):
            if alone is None:
                order = np.broadcast_to(np.asarray(given), values.shape[:2])
            else:
                moved = np.abs(alone[:, :, output] - game.base[output])
                order = np.argsort(-moved, axis=1, kind="stable")
            values[:, :, output] = _along(game, order, output)
        question.note("Where columns act together, values would be others in another order.")
        if len(values) == 1 and values.shape[2] == 1:
            names = ", ".join(question.player_names[i] for i in order[0])
            question.note(f"The order in which columns became known: {names}.")
        return question.attribution(values, game.base)


def _checked(order: Any) -> tuple[str, ...] | None:
    if order is None:
        return None
    if not isinstance(order, (list, tuple)) or not all(isinstance(name, str) for name in order):
        raise InvalidSetting("order is a sequence of names", got=repr(order))
    names = tuple(order)
    if len(set(names)) < len(names):
        raise InvalidSetting("A column is in the order twice", got=names)
    return names


def _places(order: tuple[str, ...] | None, names: tuple[str, ...]) -> list[int] | None:
    if order is None:
        return None
    for name in order:
        if name not in names:
            raise UnknownName.among("feature", name, names)
    return [names.index(name) for name in (*order, *(n for n in names if n not in order))]


def _alone(game: Game) -> np.ndarray:
    """Worth of each player by itself, (sample, player, output)."""
    samples, players = len(game.rows), game.players
    inside = np.tile(game.player_of == np.arange(players)[:, None], (samples, 1))
    found = game.answers(np.repeat(np.arange(samples), players), inside)
    return found.reshape(samples, players, -1)


def _along(game: Game, order: np.ndarray, output: int) -> np.ndarray:
    """What each player adds to those before it in its row's order, (sample, player)."""
    samples, players = order.shape
    place = np.argsort(order, axis=1)[:, game.player_of]
    inside = place[:, None, :] <= np.arange(players - 1)[:, None]
    found = game.answers(
        np.repeat(np.arange(samples), players - 1), inside.reshape(-1, inside.shape[2])
    )[:, output]
    first = np.full((samples, 1), game.base[output])
    worth = np.concatenate(
        [first, found.reshape(samples, players - 1), game.output[:, [output]]], axis=1
    )
    values = np.empty((samples, players))
    np.put_along_axis(values, order, np.diff(worth, axis=1), axis=1)
    return values
