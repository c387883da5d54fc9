"""Friedman's H as Friedman and Popescu (2008) write it, one row and one point at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Predict = Callable[[np.ndarray], np.ndarray]


def dependence(predict: Predict, X: np.ndarray, columns: list[int]) -> np.ndarray:
    """Centred partial dependence on `columns` at each row of `X`, averaged over `X`."""
    found = []
    for point in X:
        mixed = X.copy()
        mixed[:, columns] = point[columns]
        found.append(float(np.mean(predict(mixed))))
    return np.array(found) - np.mean(found)


def pair(predict: Predict, X: np.ndarray, j: int, k: int) -> float:
    """H of two columns (their equation 44, and its root)."""
    both = dependence(predict, X, [j, k])
    apart = both - dependence(predict, X, [j]) - dependence(predict, X, [k])
    return float(np.sqrt(np.sum(apart**2) / np.sum(both**2)))


def total(predict: Predict, X: np.ndarray, j: int) -> float:
    """H of a column with all others (their equation 45, and its root)."""
    whole = predict(X) - predict(X).mean()
    others = [c for c in range(X.shape[1]) if c != j]
    apart = whole - dependence(predict, X, [j]) - dependence(predict, X, others)
    return float(np.sqrt(np.sum(apart**2) / np.sum(whole**2)))
