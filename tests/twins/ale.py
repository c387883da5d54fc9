"""First-order accumulated local effects as Apley and Zhu (2020) write them, row by row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

Predict = Callable[[np.ndarray], np.ndarray]


def ale(predict: Predict, X: np.ndarray, column: int, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges and centred effect of a numeric column."""
    ordered = sorted(X[:, column])
    n = len(ordered)
    edges = [ordered[0]]
    for k in range(1, bins + 1):
        edge = ordered[math.ceil(k * n / bins) - 1]
        if edge > edges[-1]:
            edges.append(edge)
    members: list[list[np.ndarray]] = [[] for _ in edges[1:]]
    for row in X:
        home = next(k for k in range(1, len(edges)) if row[column] <= edges[k])
        members[home - 1].append(row)
    effect = [0.0]
    for k, rows in enumerate(members):
        steps = [
            _at(predict, r, column, edges[k + 1]) - _at(predict, r, column, edges[k]) for r in rows
        ]
        effect.append(effect[-1] + sum(steps) / len(steps))
    middle = [(effect[k] + effect[k + 1]) / 2 for k in range(len(members))]
    centre = sum(len(rows) * m for rows, m in zip(members, middle, strict=True)) / n
    return np.array(edges), np.array(effect) - centre


def ale_of_levels(
    predict: Predict, X: np.ndarray, column: int, order: Sequence[float]
) -> np.ndarray:
    """Centred effect of a column of categories that stand in this order."""
    effect = [0.0]
    for low, high in pairwise(order):
        steps = [
            _at(predict, row, column, high) - _at(predict, row, column, low)
            for row in X
            if row[column] in (low, high)
        ]
        effect.append(effect[-1] + sum(steps) / len(steps))
    centre = sum(effect[list(order).index(row[column])] for row in X) / len(X)
    return np.array(effect) - centre


def _at(predict: Predict, row: np.ndarray, column: int, value: float) -> float:
    changed = row.copy()
    changed[column] = value
    return float(predict(changed[None])[0])
