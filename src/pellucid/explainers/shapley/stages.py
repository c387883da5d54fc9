"""Playing a game in growing stages, until each row's values are certain enough.

Coalitions are drawn once, in an order of which every beginning is a sample of the same kind. A
stage evaluates the next of them for the rows that are not certain yet; nothing is evaluated twice.
When a row stops depends on its own worths alone, so rows explained together and apart are alike.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri

from pellucid.engine.work import slices
from pellucid.maths.coalitions import every_coalition, exact_shapley
from pellucid.maths.shapley_regression import NORMAL
from pellucid.perturb.game import Game, Plan
from pellucid.perturb.image_game import ImageGame

CELLS = 1 << 23
"""Worths that are held at once: 64 MB."""

Certain = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From values and errors (sample, player, output) to whether each sample is certain (sample,)."""

Found = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Values and errors (sample, player, output), and which samples are certain."""


def played(
    game: Game | ImageGame,
    plan: Callable[[int], Plan],
    certain: Certain | None = None,
    *,
    everyone: bool = False,
) -> Found:
    """Values and errors of all rows, and which of them are certain.

    Parameters
    ----------
    game : Game
    plan : callable
        From a number of players to what they evaluate; rows with as many players share it.
    certain : callable, optional
        When to stop. Without it, everything planned is evaluated at once.
    everyone : bool
        Whether players who do not differ from the background play too. The plan may then share
        out to something else than players.

    Returns
    -------
    values, error : arrays of shape (sample, player, output)
    done : array of bool of shape (sample,)
    """
    samples, players = game.playing.shape
    if everyone:
        all_ = np.broadcast_to(np.arange(players), (samples, players))
        return _by_parts(game, np.arange(samples), all_, plan(players), certain)
    values, error = np.zeros((2, samples, players, game.output.shape[1]))
    done = np.ones(samples, dtype=bool)
    count = game.playing.sum(axis=1)
    for number in np.unique(count[count > 0])[::-1]:
        rows = np.flatnonzero(count == number)
        those = np.nonzero(game.playing[rows])[1].reshape(len(rows), number)
        found = _by_parts(game, rows, those, plan(int(number)), certain)
        values[rows[:, None], those], error[rows[:, None], those], done[rows] = found
    return values, error, done


def _by_parts(
    game: Game | ImageGame,
    rows: np.ndarray,
    players: np.ndarray,
    plan: Plan,
    certain: Certain | None,
) -> Found:
    """As many rows at once as there is room for their worths."""
    room = max(1, CELLS // (game.output.shape[1] * len(plan.coalitions) + 1))
    parts = [
        _in_stages(game, rows[some], players[some], plan, certain)
        for some in slices(len(rows), room)
    ]
    values, error, done = (np.concatenate(part) for part in zip(*parts, strict=True))
    return values, error, done


def _in_stages(
    game: Game | ImageGame,
    rows: np.ndarray,
    players: np.ndarray,
    plan: Plan,
    certain: Certain | None,
) -> Found:
    everybody = game.output[rows]
    if certain is None:
        worth = game.worth(rows, players, plan.coalitions)
        return *plan.shares(worth, game.base, everybody), np.zeros(len(rows), dtype=bool)
    worth = np.zeros((len(rows), 0, everybody.shape[1]))
    going, done = np.arange(len(rows)), np.zeros(len(rows), dtype=bool)
    begin, values, error = 0, np.zeros(0), np.zeros(0)
    for end in plan.ends or (len(plan.coalitions),):
        fresh = game.worth(rows[going], players[going], plan.coalitions[begin:end])
        worth = np.concatenate([worth, fresh], axis=1)
        found = plan.shares(worth, game.base, everybody[going])
        if not begin:
            values, error = found
        values[going], error[going] = found
        done[going], begin = certain(*found), end
        worth, going = worth[~done[going]], going[~done[going]]
        if not len(going):
            break
    return values, error, done


def within(tolerance: float) -> Certain:
    """Whether value ± 1.96 errors is within ± `tolerance` for every value of a sample."""

    def certain(values: np.ndarray, error: np.ndarray) -> np.ndarray:
        return np.asarray((NORMAL * error <= tolerance).all(axis=(1, 2)))

    return certain


def ordered(top: int) -> Certain:
    """Whether the `top` values that are largest by size are these and in this order.

    Each is compared with the next one at a level that makes all comparisons hold at once in 95 %
    of samples (Bonferroni).
    """

    def certain(values: np.ndarray, error: np.ndarray) -> np.ndarray:
        order = np.argsort(-np.abs(values), axis=1, kind="stable")
        size = np.abs(np.take_along_axis(values, order, axis=1))
        square = np.take_along_axis(error, order, axis=1) ** 2
        first = min(top, size.shape[1] - 1)
        widths = ndtri(1 - 0.025 / max(first, 1))
        sure = np.ones(len(values), dtype=bool)
        for place in range(first):
            rest = slice(place + 1, None if place == first - 1 else place + 2)
            gap = size[:, place, None] - size[:, rest]
            doubt = np.sqrt(square[:, place, None] + square[:, rest])
            sure &= (gap > widths * doubt).all(axis=(1, 2))
        return sure

    return certain


def doubling(least: int, most: int) -> tuple[int, ...]:
    """`least`, twice that, and so on, and `most` at last."""
    ends = []
    while least < most:
        ends.append(least)
        least *= 2
    return (*ends, most)


def in_pairs(
    pairs: np.ndarray,
    ends: tuple[int, ...],
    shares: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> Plan:
    """The plan of complementary pairs whose odd half says all.

    Parameters
    ----------
    pairs : array of bool of shape (pair, player)
        One coalition of each pair.
    ends : tuple of int
        Numbers of pairs after which values can be had.
    shares : callable
        From half the differences within the first pairs (sample, 1 + pair, output), everybody
        against nobody first, to values and errors.
    """

    def from_worth(
        worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        whole = (everybody - nobody)[:, None] / 2
        return shares(np.concatenate([whole, (worth[:, ::2] - worth[:, 1::2]) / 2], axis=1))

    both = np.stack([pairs, ~pairs], axis=1).reshape(-1, pairs.shape[1])
    return Plan(both, from_worth, tuple(2 * end for end in ends))


def every_pair(players: int) -> Plan:
    """All coalitions, and values without error."""
    pairs = every_coalition(players)[1 : 1 << (players - 1)]
    return in_pairs(pairs, (len(pairs),), lambda odd: exactly(pairs, odd))


def every_pair_of(players: int) -> int:
    """How many pairs there are, without nobody and everybody."""
    return int(2 ** (players - 1) - 1)


def exactly(pairs: np.ndarray, odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values from all pairs, in any order, and no error: the odd half has the values of the game.

    Parameters
    ----------
    pairs : array of bool of shape (pair, player)
    odd : array of shape (sample, 1 + pair, output)
        Everybody against nobody first.
    """
    players = pairs.shape[1]
    place = pairs @ (1 << np.arange(players))
    table = np.empty((len(odd), 1 << players, odd.shape[2]))
    table[:, place], table[:, ~place] = odd[:, 1:], -odd[:, 1:]
    table[:, -1], table[:, 0] = odd[:, 0], -odd[:, 0]
    values = exact_shapley(table)
    return values, np.zeros_like(values)
