"""Playing a game in growing stages, until each row's values are certain enough.

Coalitions are drawn once, in an order of which every beginning is a sample of the same kind. A
stage evaluates the next of them for the rows that are not certain yet; nothing is evaluated twice.
When a row stops depends on its own worths alone, so rows explained together and apart are alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from pellucid.engine.work import slices
from pellucid.maths.coalitions import every_coalition, exact_shapley
from pellucid.maths.shapley_regression import NORMAL
from pellucid.perturb.game import CELLS, Game, odd_half

Certain = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From values and errors (sample, player, output) to whether each sample is certain (sample,)."""


class Draw(NamedTuple):
    """Pairs of coalitions in the order of their evaluation, and what to make of them.

    Parameters
    ----------
    pairs : array of bool of shape (pair, player)
        One coalition of each pair.
    ends : tuple of int
        Numbers of pairs after which values can be had, growing; the last is all.
    shares : callable
        From half the differences within the first pairs (sample, 1 + pair, output), everybody
        against nobody first, to values and errors, both (sample, player, output).
    """

    pairs: np.ndarray
    ends: tuple[int, ...]
    shares: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def played(
    game: Game, draw: Callable[[int], Draw], certain: Certain | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values and errors of all rows, and which of them are certain.

    Parameters
    ----------
    game : Game
    draw : callable
        From the number of players that differ from the background; rows with as many share it.
    certain : callable, optional
        When to stop. Without it, everything drawn is evaluated at once.

    Returns
    -------
    values, error : arrays of shape (sample, player, output)
    done : array of bool of shape (sample,)
    """
    shape = (*game.playing.shape, game.output.shape[1])
    values, error = np.zeros(shape), np.zeros(shape)
    done = np.ones(len(values), dtype=bool)
    count = game.playing.sum(axis=1)
    for number in np.unique(count[count > 0])[::-1]:
        drawn = draw(int(number))
        group = np.flatnonzero(count == number)
        for some in slices(len(group), max(1, CELLS // (2 * shape[2] * len(drawn.pairs) + 1))):
            rows = group[some]
            players = np.nonzero(game.playing[rows])[1].reshape(len(rows), number)
            found = _in_stages(game, rows, players, drawn, certain)
            values[rows[:, None], players], error[rows[:, None], players], done[rows] = found
    return values, error, done


def _in_stages(
    game: Game, rows: np.ndarray, players: np.ndarray, drawn: Draw, certain: Certain | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    everybody = game.output[rows]
    odd = odd_half(np.zeros((len(rows), 0, everybody.shape[1])), game.base, everybody, 0)
    values, error = np.zeros((2, *players.shape, everybody.shape[1]))
    going, done = np.arange(len(rows)), np.zeros(len(rows), dtype=bool)
    begin = 0
    for end in drawn.ends if certain else drawn.ends[-1:]:
        pairs = drawn.pairs[begin:end]
        worth = game.worth(rows[going], players[going], np.concatenate([pairs, ~pairs]))
        fresh = odd_half(worth, game.base, everybody[going], end - begin)[:, 1:]
        odd, begin = np.concatenate([odd, fresh], axis=1), end
        values[going], error[going] = drawn.shares(odd)
        if certain is None:
            break
        done[going] = certain(values[going], error[going])
        odd, going = odd[~done[going]], going[~done[going]]
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


def every_pair(players: int) -> Draw:
    """All coalitions, and values without error."""
    pairs = every_coalition(players)[1 : 1 << (players - 1)]

    def shares(odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return exactly(pairs, odd)

    return Draw(pairs, (len(pairs),), shares)


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
