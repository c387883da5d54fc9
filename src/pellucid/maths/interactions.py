"""Shapley interactions: shares for single players, pairs and triples.

Every game is a sum of unanimity games, whose worth is 1 where a team is complete and 0 elsewhere;
their weights are its Möbius transform. Each index of interactions gives the terms inside a team a
share of the team's weight that depends on the sizes of term and team only. So an index is a small
table of shares, written here in fractions.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from itertools import combinations
from math import comb

import numpy as np

Share = Callable[[int, int, int], Fraction]

BERNOULLI = (Fraction(1), Fraction(-1, 2), Fraction(1, 6), Fraction(0))

EFFICIENT = ("k-SII", "STII", "Faith-SHAP")
"""Indices whose terms add up to the worth of everybody."""


def sii(term: int, team: int, order: int) -> Fraction:
    """Shapley interaction index; Grabisch and Roubens (1999), doi:10.1007/s001820050125."""
    return Fraction(1, team - term + 1)


def banzhaf(term: int, team: int, order: int) -> Fraction:
    """Banzhaf interaction index; Grabisch and Roubens (1999)."""
    return Fraction(1, 2 ** (team - term))


def k_sii(term: int, team: int, order: int) -> Fraction:
    """SII put together so that it adds up (n-Shapley values); Bordt and von Luxburg (2023),
    arXiv:2209.04012."""
    return sum(
        (
            BERNOULLI[more] * comb(team - term, more) * sii(term + more, team, order)
            for more in range(min(order, team) - term + 1)
        ),
        Fraction(0),
    )


def stii(term: int, team: int, order: int) -> Fraction:
    """Shapley–Taylor interaction index; Sundararajan, Dhamdhere and Agarwal (2020),
    arXiv:1902.05622."""
    return Fraction(int(term == team)) if term < order else Fraction(1, comb(team, order))


def faith_shap(term: int, team: int, order: int) -> Fraction:
    """Faithful Shapley interaction index; Tsai, Yeh and Ravikumar (2023), arXiv:2203.00870."""
    if team <= order:
        return Fraction(int(term == team))
    sign = (-1) ** (order - term)
    shared = Fraction(comb(team - 1, order), comb(team + order - 1, order + term))
    return sign * Fraction(term, order + term) * comb(order, term) * shared


INDICES: dict[str, Share] = {
    "k-SII": k_sii,
    "SII": sii,
    "STII": stii,
    "Faith-SHAP": faith_shap,
    "Banzhaf": banzhaf,
}
"""Share of a term (its size) in a team (its size), for interactions up to an order."""


def terms(players: int, order: int) -> list[tuple[int, ...]]:
    """All single players, pairs, … up to `order`, smaller ones first."""
    sizes = range(1, min(order, players) + 1)
    return [term for size in sizes for term in combinations(range(players), size)]


def exact_interactions(worth: np.ndarray, index: str, order: int) -> np.ndarray:
    """Interactions from the worth of every coalition.

    Parameters
    ----------
    worth : array of shape (sample, coalition, output)
        In the order of `every_coalition`.
    index : str
        One of `INDICES`.
    order : int

    Returns
    -------
    array of shape (sample, term, output)
        In the order of `terms`.
    """
    total = worth.shape[1]
    players = total.bit_length() - 1
    weight = _over_players(worth, np.subtract)
    size = np.array([bin(team).count("1") for team in range(total)])
    found = []
    for held in range(1, min(order, players) + 1):
        share = np.zeros(players + 1)
        for team in range(held, players + 1):
            share[team] = INDICES[index](held, team, order)
        above = _over_players(weight * share[size, None], np.add, downwards=True)
        places = [sum(1 << i for i in term) for term in combinations(range(players), held)]
        found.append(above[:, places])
    return np.concatenate(found, axis=1)


@cache
def coefficients(index: str, order: int, players: int) -> np.ndarray:
    """How much the worth of a coalition counts for a term, by sizes.

    Returns
    -------
    array of shape (term size, coalition size, common players)
        Sizes from 0 on; fractions are summed exactly, since they nearly cancel.
    """
    found = np.zeros((order + 1, players + 1, order + 1))
    for held in range(1, min(order, players) + 1):
        share = [INDICES[index](held, t, order) if t >= held else None for t in range(players + 1)]
        for size in range(players + 1):
            for common in range(max(0, held + size - players), min(held, size) + 1):
                union = held + size - common
                found[held, size, common] = float(
                    sum(
                        (
                            (-1) ** (team - size) * comb(players - union, team - union) * part
                            for team, part in enumerate(share)
                            if part is not None and team >= union
                        ),
                        Fraction(0),
                    )
                )
    return found


def _over_players(table: np.ndarray, how: np.ufunc, *, downwards: bool = False) -> np.ndarray:
    """Apply `how` along each player, from coalitions without to those with, or back."""
    table = table.copy()
    samples, total, outputs = table.shape
    for i in range(total.bit_length() - 1):
        apart = table.reshape(samples, total >> (i + 1), 2, 1 << i, outputs)
        if downwards:
            how(apart[:, :, 0], apart[:, :, 1], out=apart[:, :, 0])
        else:
            how(apart[:, :, 1], apart[:, :, 0], out=apart[:, :, 1])
    return table
