"""Values as mean contributions of players who join one after the other, in drawn orders."""

from __future__ import annotations

import numpy as np

from pellucid.core.errors import InvalidSetting
from pellucid.explainers.shapley.stages import doubling
from pellucid.maths.coalitions import distinct, prefixes
from pellucid.maths.draws import mean_and_error
from pellucid.perturb.game import Plan

LEAST = 8
"""Draws in the first stage: fewer tell too little of their own error to stop."""


def walked(orders: np.ndarray) -> Plan:
    """The plan that takes the mean over draws.

    Parameters
    ----------
    orders : array of int of shape (draw, turn, player)
        Draws are independent; the turns of one draw, such as an order and its reverse, need not be.
    """
    draws, turns, players = orders.shape
    flat = orders.reshape(-1, players)
    met, place = distinct(prefixes(flat).reshape(-1, players))
    place = place.reshape(draws, turns, players - 1)
    rank = np.argsort(flat, axis=1).reshape(draws, turns, players)
    stages = doubling(min(LEAST, draws), draws)
    draws_after = {int(place[:count].max()) + 1: count for count in stages}

    def shares(
        worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        count = draws_after[worth.shape[1]]
        outer = (len(worth), count, turns, 1, worth.shape[2])
        first = np.broadcast_to(nobody, outer)
        last = np.broadcast_to(everybody[:, None, None, None], outer)
        path = np.concatenate([first, worth[:, place[:count]], last], axis=3)
        added = np.take_along_axis(np.diff(path, axis=3), rank[None, :count, :, :, None], axis=3)
        return mean_and_error(added.mean(axis=2))

    return Plan(met, shares, tuple(draws_after))


def pairs_within(name: str, budget: int, players: int, parts: str = "columns") -> int:
    """Pairs of orders that a budget of coalitions pays for.

    Raises
    ------
    InvalidSetting
        If they are fewer than two, which say nothing of their error.
    """
    pairs = (budget - 2) // (2 * (players - 1))
    if pairs < 2:
        least = 4 * players - 2
        raise InvalidSetting(
            f"{name} cannot say its error for {players} {parts} on this budget",
            got=f"budget={budget}",
            allowed=f"budget ≥ {least}",
            fix=f"Allow budget={least} or more coalitions, or give the model fewer {parts}",
        )
    return pairs
