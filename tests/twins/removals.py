"""Worths under each removal, written from the definitions, one coalition at a time."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, sqrt

import numpy as np

Model = Callable[[np.ndarray], np.ndarray]
Worth = Callable[[frozenset[int]], np.ndarray]


def nearest_worth(model: Model, row: np.ndarray, background: np.ndarray) -> Worth:
    """Mean prediction over background rows with a normal kernel on standardised distances.

    The kernel is half as wide as the distance that holds the √n nearest rows.
    """
    spread = background.std(axis=0)

    def worth(team: frozenset[int]) -> np.ndarray:
        known = sorted(team)
        distance = [sum(((row[j] - b[j]) / spread[j]) ** 2 for j in known) for b in background]
        width = sorted(distance)[ceil(sqrt(len(background))) - 1] / 4
        weight, total = 0.0, 0.0
        for b, apart in zip(background, distance, strict=True):
            share = 1.0 if width == 0 else np.exp(-(apart - min(distance)) / (2 * width))
            if share < 1e-3:
                continue
            mixed = b.copy()
            mixed[known] = row[known]
            total = total + share * model(mixed[None])[0]
            weight += share
        return np.atleast_1d(total / weight)

    return worth


def normal_worth(
    model: Model, row: np.ndarray, mean: np.ndarray, covariance: np.ndarray, draws: np.ndarray
) -> Worth:
    """Mean prediction over draws of the conditional normal distribution.

    `draws` are standard normal, shape (draw, column).
    """

    def worth(team: frozenset[int]) -> np.ndarray:
        known = sorted(team)
        hidden = [j for j in range(len(row)) if j not in team]
        rows = np.tile(row, (len(draws), 1))
        if hidden:
            slope = np.zeros((len(hidden), 0))
            if known:
                slope = np.linalg.solve(
                    covariance[np.ix_(known, known)], covariance[np.ix_(known, hidden)]
                ).T
            expected = mean[hidden] + slope @ (row[known] - mean[known])
            left = covariance[np.ix_(hidden, hidden)] - slope @ covariance[np.ix_(known, hidden)]
            rows[:, hidden] = expected + draws[:, : len(hidden)] @ np.linalg.cholesky(left).T
        return np.atleast_1d(model(rows).mean(axis=0))

    return worth
