"""Values as means over all orders of the players that a rule allows.

Owen (1977): groups join one after the other, and no group is interrupted. Frye, Rowat and Feige
(2020): causes join before effects. Shapley (1953): all orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import permutations, product
from typing import Any

import numpy as np

Worth = Callable[[frozenset[int]], np.ndarray]


def mean_over(orders: Iterable[tuple[int, ...]], worth: Worth, players: int) -> np.ndarray:
    """What each player adds on average, shape (player, output)."""
    total, number = 0.0, 0
    for order in orders:
        values = [np.zeros(1)] * players
        before: frozenset[int] = frozenset()
        for player in order:
            values[player] = worth(before | {player}) - worth(before)
            before = before | {player}
        total, number = total + np.array(values), number + 1
    return np.asarray(total / number)


def uninterrupted(hierarchy: Any) -> list[tuple[int, ...]]:
    """All orders in which no group of the nested tuples is interrupted."""
    if isinstance(hierarchy, int):
        return [(hierarchy,)]
    parts = [uninterrupted(part) for part in hierarchy]
    return [
        sum(chosen, ())
        for turn in permutations(range(len(parts)))
        for chosen in product(*(parts[i] for i in turn))
    ]


def causes_first(chain: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """All orders in which each group of the chain comes whole before the next."""
    return [sum(chosen, ()) for chosen in product(*(list(permutations(g)) for g in chain))]
