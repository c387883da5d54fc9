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


def ale_of_pair(
    predict: Predict,
    X: np.ndarray,
    columns: tuple[int, int],
    points: tuple[Sequence[float], Sequence[float]],
    levels: tuple[bool, bool],
) -> np.ndarray:
    """Centred second-order effect at every two points: edges of bins, or levels in their order."""
    gaps = [_gaps(X[:, columns[d]], points[d], levels[d]) for d in (0, 1)]
    places = [_places(X[:, columns[d]], points[d], levels[d]) for d in (0, 1)]
    K, M = len(points[0]) - 1, len(points[1]) - 1
    steps: dict[tuple[int, int], list[float]] = {}
    for i, row in enumerate(X):
        for k in gaps[0][i]:
            for m in gaps[1][i]:
                corner = {}
                for a in (0, 1):
                    for b in (0, 1):
                        moved = row.copy()
                        moved[columns[0]] = points[0][k + a]
                        moved[columns[1]] = points[1][m + b]
                        corner[a, b] = float(predict(moved[None])[0])
                twice = (corner[1, 1] - corner[1, 0]) - (corner[0, 1] - corner[0, 0])
                steps.setdefault((k, m), []).append(twice)
    cell = {km: sum(each) / len(each) for km, each in steps.items()}
    middles = [_middles(points[d], levels[d]) for d in (0, 1)]
    for k in range(K):
        for m in range(M):
            if (k, m) not in steps:
                near = min(
                    steps,
                    key=lambda km: (
                        (middles[0][km[0]] - middles[0][k]) ** 2
                        + (middles[1][km[1]] - middles[1][m]) ** 2
                    ),
                )
                cell[k, m] = cell[near]
    h = [
        [sum(cell[a, b] for a in range(p) for b in range(q)) for q in range(M + 1)]
        for p in range(K + 1)
    ]
    first, second = [0.0], [0.0]
    for k in range(K):
        voters = [i for i in range(len(X)) if k in gaps[0][i]]
        rise = [sum(w * (h[k + 1][q] - h[k][q]) for q, w in places[1][i].items()) for i in voters]
        first.append(first[-1] + sum(rise) / len(rise))
    for m in range(M):
        voters = [i for i in range(len(X)) if m in gaps[1][i]]
        rise = [sum(w * (h[p][m + 1] - h[p][m]) for p, w in places[0][i].items()) for i in voters]
        second.append(second[-1] + sum(rise) / len(rise))
    pure = np.array([[h[p][q] - first[p] - second[q] for q in range(M + 1)] for p in range(K + 1)])
    at_rows = [
        sum(v * w * pure[p, q] for p, v in places[0][i].items() for q, w in places[1][i].items())
        for i in range(len(X))
    ]
    return pure - sum(at_rows) / len(X)


def _gaps(values: np.ndarray, points: Sequence[float], levels: bool) -> list[list[int]]:
    """The gaps that each row votes on."""
    if levels:
        own = [list(points).index(value) for value in values]
        return [[k for k in (one - 1, one) if 0 <= k < len(points) - 1] for one in own]
    return [[max(sum(edge < value for edge in points) - 1, 0)] for value in values]


def _places(values: np.ndarray, points: Sequence[float], levels: bool) -> list[dict[int, float]]:
    """Where each row lies: at its level, or half at either edge of its bin."""
    if levels:
        return [{list(points).index(value): 1.0} for value in values]
    return [{k: 0.5, k + 1: 0.5} for (k,) in _gaps(values, points, levels)]


def _middles(points: Sequence[float], levels: bool) -> list[float]:
    """Where gaps lie, as shares of the range."""
    where = list(range(len(points))) if levels else list(points)
    return [(a + b) / 2 / (where[-1] - where[0]) for a, b in pairwise(where)]
