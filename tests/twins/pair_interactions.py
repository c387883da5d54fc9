"""Shapley interactions, and Banzhaf values, from their definitions, coalition by coalition.

Grabisch and Roubens (1999); the matrix is that of Lundberg et al. (2020): half of each pair's
interaction on either side, and on the diagonal what is left of the player's Shapley value.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np

from twins.tree_brute_force import Node

Worth = Callable[[frozenset[int]], np.ndarray]


def replaced(
    predict: Callable[[Any], np.ndarray],
    row: np.ndarray,
    background: np.ndarray,
    players: list[list[int]],
) -> Worth:
    """The mean prediction with absent players' columns taken from each background row in turn."""

    def worth(team: frozenset[int]) -> np.ndarray:
        mixed = background.copy()
        for player in team:
            mixed[:, players[player]] = row[players[player]]
        return np.asarray(predict(mixed), dtype=float).reshape(len(mixed), -1).mean(axis=0)

    return worth


def averaged(trees: list[list[Node]], row: np.ndarray, players: list[list[int]]) -> Worth:
    """The sum of each output's trees, with absent players' tests averaged over training rows."""
    owner = {column: player for player, columns in enumerate(players) for column in columns}

    def mean(node: Node, team: frozenset[int]) -> Any:
        if node.left is None:
            return node.value
        if owner[node.column] in team:
            return mean(node.left if node.goes_left(row[node.column]) else node.right, team)
        low, high = node.left.cover, node.right.cover
        share = low / (low + high) if low + high else 0.5
        return share * mean(node.left, team) + (1 - share) * mean(node.right, team)

    return lambda team: np.array([sum(mean(tree, team) for tree in own) for own in trees])


def shapley_matrix(worth: Worth, players: int) -> np.ndarray:
    """(player, player, output)."""
    table = _table(worth, players)
    result = np.zeros((players, players, len(table[frozenset()])))
    for i in range(players):
        for team in _teams(players, {i}):
            weight = factorial(len(team)) * factorial(players - len(team) - 1)
            result[i, i] += weight / factorial(players) * (table[team | {i}] - table[team])
    for i, j in combinations(range(players), 2):
        together = np.zeros_like(table[frozenset()])
        for team in _teams(players, {i, j}):
            weight = factorial(len(team)) * factorial(players - len(team) - 2)
            alone = table[team | {i}] + table[team | {j}] - table[team]
            together += weight / factorial(players - 1) * (table[team | {i, j}] - alone)
        result[i, j] = result[j, i] = together / 2
        result[i, i] -= together / 2
        result[j, j] -= together / 2
    return result


def banzhaf_values(worth: Worth, players: int) -> np.ndarray:
    """(player, output)."""
    table = _table(worth, players)
    return np.array(
        [
            np.mean([table[team | {i}] - table[team] for team in _teams(players, {i})], axis=0)
            for i in range(players)
        ]
    )


def _table(worth: Worth, players: int) -> dict[frozenset[int], np.ndarray]:
    return {team: worth(team) for team in _teams(players, set())}


def _teams(players: int, without: set[int]) -> list[frozenset[int]]:
    others = [player for player in range(players) if player not in without]
    return [
        frozenset(team) for size in range(len(others) + 1) for team in combinations(others, size)
    ]
