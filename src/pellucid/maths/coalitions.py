"""Coalitions of players: all of them, a sample of complementary pairs, and walks through orders.

A coalition is a row of booleans, one for each player. Two coalitions are a pair when each holds
the players that the other lacks. Shapley values depend on a game only through the differences
within pairs, so samples are drawn pair by pair.
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from scipy.special import gammaln

CROWDED = 3
"""A size with fewer than this many pairs for each one wanted is listed, not drawn from."""

COUNTED = 1e15
"""Sizes with more pairs than this count as endless."""


def every_coalition(players: int) -> np.ndarray:
    """All coalitions, shape (2^players, player): bit i of the row's number is player i."""
    return (np.arange(1 << players)[:, None] >> np.arange(players) & 1).astype(bool)


def exact_shapley(worth: np.ndarray) -> np.ndarray:
    """Shapley values from the worth of every coalition.

    Parameters
    ----------
    worth : array of shape (sample, coalition, output)
        In the order of `every_coalition`.

    Returns
    -------
    array of shape (sample, player, output)

    References
    ----------
    Shapley (1953), A value for n-person games, doi:10.1515/9781400881970-018.
    """
    samples, total, outputs = worth.shape
    players = total.bit_length() - 1
    weight = np.array([1 / (players * comb(players - 1, size)) for size in range(players)])
    size = every_coalition(players - 1).sum(axis=1)
    values = np.empty((samples, players, outputs))
    for i in range(players):
        apart = worth.reshape(samples, total >> (i + 1), 2, 1 << i, outputs)
        gain = (apart[:, :, 1] - apart[:, :, 0]).reshape(samples, total >> 1, outputs)
        values[:, i] = np.einsum("c,sco->so", weight[size], gain)
    return values


def sampled_pairs(
    players: int, pairs: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct pairs of coalitions, drawn by leverage scores without replacement.

    Every size gets the same number of coalitions, and all that it has where it has fewer: that is
    sampling by the leverage scores of the Shapley regression, ``1 / C(players, size)``. The pair
    of nobody and everybody is left out.

    Parameters
    ----------
    players : int
        At least 2.
    pairs : int
        At most ``2^(players - 1) - 1``.

    Returns
    -------
    coalitions : array of bool of shape (pair, player)
        One coalition of each pair, the smaller one. Any beginning is a sample of the same kind.
    chance : array of shape (pair,)
        The chance with which the pair is in the sample; 1 for sizes taken whole.

    References
    ----------
    Musco and Witter (2025), arXiv:2410.01917.
    """
    weight, count = _sizes(players)
    late = rng.random(len(count))
    arrival = (np.arange(pairs) + late[:, None]) / weight[:, None]
    arrival[np.arange(pairs) >= count[:, None]] = np.inf
    size = np.argsort(arrival, axis=None, kind="stable")[:pairs] // max(pairs, 1)
    drawn = np.empty((pairs, players), dtype=bool)
    for k, all_ in enumerate(count):
        here = size == k
        drawn[here] = _of_size(players, k + 1, int(here.sum()), float(all_), rng)
    return drawn, chances(drawn)


def chances(coalitions: np.ndarray) -> np.ndarray:
    """The chance with which each pair of a sample, or of its beginning, is in it: (pair,)."""
    pairs, players = coalitions.shape
    weight, count = _sizes(players)
    share = shared_out(pairs, weight, count) / count
    return np.asarray(share[coalitions.sum(axis=1) - 1])


def _sizes(players: int) -> tuple[np.ndarray, np.ndarray]:
    """For sizes 1 to half the players: their weight in a sample, and how many pairs they have."""
    sizes = np.arange(1, players // 2 + 1)
    middle = 2 * sizes == players
    log_count = gammaln(players + 1) - gammaln(sizes + 1) - gammaln(players - sizes + 1)
    count = np.minimum(np.exp(np.minimum(log_count, 700)), COUNTED)
    return np.where(middle, 0.5, 1.0), np.rint(np.where(middle, count / 2, count))


def antithetic_orders(players: int, pairs: int, rng: np.random.Generator) -> np.ndarray:
    """Random orders, shape (pair, player); the other order of each pair is its reverse."""
    return np.argsort(rng.random((pairs, players)), axis=1)


def prefixes(orders: np.ndarray) -> np.ndarray:
    """The coalitions that form when players join in order: all but nobody and everybody.

    Returns
    -------
    array of bool of shape (order, players - 1, player)
    """
    place = np.argsort(orders, axis=1)
    return place[:, None, :] <= np.arange(orders.shape[1] - 1)[None, :, None]


def distinct(coalitions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different coalitions as they first occur, and the place of each given one among them."""
    packed = np.packbits(coalitions, axis=1)
    _, first, place = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=int)
    rank[np.argsort(first)] = np.arange(len(first))
    return coalitions[np.sort(first)], rank[place.reshape(-1)]


def shared_out(total: int, weight: np.ndarray, most: np.ndarray) -> np.ndarray:
    """`total` shared out by `weight`, with no share above `most`; shares may be fractions."""
    share, free = np.zeros(len(weight)), np.ones(len(weight), dtype=bool)
    while free.any():
        offer = (total - share[~free].sum()) * weight / weight[free].sum()
        full = free & (offer >= most)
        if not full.any():
            share[free] = offer[free]
            break
        share[full] = most[full]
        free &= ~full
    return share


def _of_size(
    players: int, size: int, few: int, count: float, rng: np.random.Generator
) -> np.ndarray:
    """`few` different coalitions of one size; of the middle size, those with the first player."""
    middle = 2 * size == players
    if few == 0:
        return np.zeros((0, players), dtype=bool)
    if count < CROWDED * few:
        listed = combinations(range(1, players), size - 1) if middle else None
        members = np.array(list(listed or combinations(range(players), size)), dtype=int)
        if middle:
            members = np.insert(members, 0, 0, axis=1) if size > 1 else np.zeros((1, 1), dtype=int)
        return _rows(players, members[rng.permutation(len(members))[:few]])
    found = np.zeros((0, players), dtype=bool)
    while len(found) < few:
        more = _rows(players, np.argsort(rng.random((few, players)), axis=1)[:, :size])
        if middle:
            more = np.where(more[:, :1], more, ~more)
        found = np.concatenate([found, more])
        _, first = np.unique(np.packbits(found, axis=1), axis=0, return_index=True)
        found = found[np.sort(first)]
    return found[:few]


def _rows(players: int, members: np.ndarray) -> np.ndarray:
    rows = np.zeros((len(members), players), dtype=bool)
    np.put_along_axis(rows, members, True, axis=1)
    return rows
