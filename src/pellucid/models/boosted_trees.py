"""Boosted trees fitted to a table of ours, as a stand-in for something dear to evaluate."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.models.sklearn_trees import read
from pellucid.models.trees import Trees

SETTINGS: dict[str, Any] = {
    "max_iter": 100,
    "learning_rate": 0.15,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 4,
    "early_stopping": False,
    "random_state": 0,
}


def boosted(X: np.ndarray, y: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, Trees]:
    """Predictions of trees fitted to some rows, for others; and the trees.

    Parameters
    ----------
    X : array of shape (row, feature)
    y : array of shape (row,)
    asked : array of shape (asked row, feature)

    Returns
    -------
    array of shape (asked row,), Trees
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingRegressor(**SETTINGS)
    with threadpool_limits(1):  # for so few rows threads cost more than they save
        model.fit(X, y)
        told = np.asarray(model.predict(asked))
    return told, read(model)
