"""Values as mean contributions of players who join one after the other, in drawn orders."""

from __future__ import annotations

import numpy as np

from pellucid.core.errors import InvalidSetting
from pellucid.maths.coalitions import distinct, prefixes
from pellucid.maths.draws import mean_and_error
from pellucid.perturb.game import Plan


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
    place = place.reshape(draws * turns, players - 1)
    rank = np.argsort(flat, axis=1)

    def shares(
        worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        ends = (len(worth), draws * turns, 1, worth.shape[2])
        first = np.broadcast_to(nobody, ends)
        last = np.broadcast_to(everybody[:, None, None], ends)
        path = np.concatenate([first, worth[:, place], last], axis=2)
        added = np.take_along_axis(np.diff(path, axis=2), rank[None, :, :, None], axis=2)
        added = added.reshape(len(worth), draws, turns, players, -1).mean(axis=2)
        return mean_and_error(added)

    return Plan(met, shares)


def pairs_within(name: str, budget: int, players: int) -> int:
    """Pairs of orders that a budget of coalitions pays for.

    Raises
    ------
    InvalidSetting
        If they are fewer than the two that an error needs.
    """
    pairs = (budget - 2) // (2 * (players - 1))
    if pairs < 2:
        least = 4 * (players - 1) + 2
        raise InvalidSetting(
            f"{name} cannot say its error for {players} columns so",
            got=f"budget={budget}",
            allowed=f"budget ≥ {least}",
            fix=f"Allow budget={least} or more coalitions, or give the model fewer columns",
        )
    return pairs
