"""Shapley values from the definition, coalition by coalition, one prediction at a time.

Shapley (1953); the game is that of Lundberg and Lee (2017): features outside the coalition take
their values from each background row in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import factorial

import numpy as np

Worth = Callable[[frozenset[int]], np.ndarray]


def shapley_values(worth: Worth, players: int) -> np.ndarray:
    """The values, shape (player, output)."""
    values = []
    for i in range(players):
        others = [j for j in range(players) if j != i]
        total = 0.0
        for size in range(players):
            weight = factorial(size) * factorial(players - size - 1) / factorial(players)
            for team in combinations(others, size):
                before = frozenset(team)
                total = total + weight * (worth(before | {i}) - worth(before))
        values.append(total)
    return np.array(values)


def marginal_worth(
    predict: Callable[[np.ndarray], np.ndarray], row: np.ndarray, background: np.ndarray
) -> Worth:
    """The mean prediction with the features in the coalition held at the explained row."""
    known: dict[frozenset[int], np.ndarray] = {}

    def worth(team: frozenset[int]) -> np.ndarray:
        if team not in known:
            mixed = np.array(background, dtype=object)
            for i in team:
                mixed[:, i] = row[i]
            answers = np.asarray(predict(mixed.astype(background.dtype)), dtype=float)
            known[team] = answers.reshape(len(background), -1).mean(axis=0)
        return known[team]

    return worth


def gaussian_worth(
    coef: np.ndarray, intercept: float, row: np.ndarray, mean: np.ndarray, covariance: np.ndarray
) -> Worth:
    """The expected weighted sum given the columns in the coalition, under a normal distribution."""

    def worth(team: frozenset[int]) -> np.ndarray:
        known = sorted(team)
        hidden = [i for i in range(len(coef)) if i not in team]
        expected = mean.copy()
        expected[known] = row[known]
        if known and hidden:
            inverse = np.linalg.pinv(covariance[np.ix_(known, known)], rcond=1e-10)
            slope = covariance[np.ix_(hidden, known)] @ inverse
            expected[hidden] += slope @ (row[known] - mean[known])
        return np.array([coef @ expected + intercept])

    return worth
