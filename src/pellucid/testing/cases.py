"""Small models on which every recipe is tried, each of another kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from pellucid.core.seeds import generator

ROWS, REFERENCE = 5, 12


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A fitted model with rows to explain.

    Parameters
    ----------
    name : str
        What is special about it.
    model : object
        As a user would hand it over.
    X : array of shape (sample, feature)
        The rows to explain.
    background : array of shape (row, feature)
        The reference.
    y : array of shape (sample,)
        The true answers.
    useless : int or None
        A column that the model never looks at.
    """

    name: str
    model: Any
    X: np.ndarray
    background: np.ndarray
    y: np.ndarray
    useless: int | None = None


def _numbers(columns: int, rows: int = 240) -> np.ndarray:
    return generator(0, "conformance", columns).normal(size=(rows, columns))


def _case(name: str, model: Any, X: np.ndarray, y: np.ndarray, useless: int | None = None) -> Case:
    middle = len(X) // 2
    return Case(
        name=name,
        model=model.fit(X, y) if hasattr(model, "fit") else model,
        X=X[:ROWS].copy(),
        background=X[middle : middle + REFERENCE].copy(),
        y=y[:ROWS].copy(),
        useless=useless,
    )


def linear_two_classes() -> Case:
    """Logistic regression; the last column has a coefficient of exactly zero."""
    from sklearn.linear_model import LogisticRegression

    X = _numbers(4)
    case = _case(
        "linear_two_classes", LogisticRegression(), X, (X[:, 0] - X[:, 1] > 0).astype(int), 3
    )
    case.model.coef_[0, 3] = 0.0
    return case


def linear_regression() -> Case:
    """Linear regression on one number per row."""
    from sklearn.linear_model import LinearRegression

    X = _numbers(3)
    return _case("linear_regression", LinearRegression(), X, 2 * X[:, 0] - X[:, 1] + 3)


def forest_three_classes() -> Case:
    """A forest with vector leaves; the last column is constant in training, so never split on."""
    from sklearn.ensemble import RandomForestClassifier

    X = _numbers(5)
    y = np.digitize(X[:, 0] + X[:, 1] * X[:, 2], [-0.5, 0.5])
    fitted = np.column_stack([X[:, :4], np.ones(len(X))])
    case = _case(
        "forest_three_classes", RandomForestClassifier(8, max_depth=4, random_state=0), fitted, y, 4
    )
    return Case(**{**vars(case), "X": X[:ROWS].copy(), "background": X[50:60].copy()})


def boosting_with_missing_values() -> Case:
    """Histogram boosting, which takes missing values as they are."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    X = _numbers(4)
    y = X[:, 0] * X[:, 1] + X[:, 2]
    X[::3, 1] = np.nan
    return _case("boosting_with_missing_values", HistGradientBoostingRegressor(max_iter=10), X, y)


def pipeline_with_categories() -> Case:
    """One-hot encoded text and numbers: explained in the columns before encoding."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    numbers = _numbers(2)
    words = np.array(["own", "rent", "free"], dtype=object)[(numbers[:, 0] * 3).astype(int) % 3]
    X = np.empty((len(numbers), 3), dtype=object)
    X[:, 0], X[:, 1], X[:, 2] = numbers[:, 0], words, numbers[:, 1]
    y = np.where((words == "rent") ^ (numbers[:, 1] > 0), "bad", "good")
    encoder = make_column_transformer((OneHotEncoder(), [1]), remainder="passthrough")
    model = make_pipeline(encoder, RandomForestClassifier(8, max_depth=4, random_state=0))
    return _case("pipeline_with_categories", model, X, y)


def plain_function() -> Case:
    """A function of a table, with an interaction; it never looks at the last column."""

    def model(X: np.ndarray) -> np.ndarray:
        X = np.asarray(X, dtype=float)
        return np.asarray(X[:, 0] + 2 * X[:, 1] * X[:, 2])

    X = _numbers(4)
    return _case("plain_function", model, X, model(X), 3)


def many_columns() -> Case:
    """A function with interactions of more columns than a sampler can enumerate by default."""
    inward, outward = _numbers(12, 8).T, _numbers(8, 1)[0]

    def model(X: np.ndarray) -> np.ndarray:
        return np.asarray(np.tanh(np.asarray(X, dtype=float)[:, :11] @ inward[:11]) @ outward)

    X = _numbers(12)
    case = _case("many_columns", model, X, model(X), 11)
    return Case(**{**vars(case), "X": X[:3], "background": X[50:54], "y": case.y[:3]})


def network_on_a_table() -> Case:
    """A network of two layers, in 64 bits."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)).double()
    with torch.no_grad():
        model[0].weight.mul_(torch.tensor([1.0, 1.0, 1.0, 0.0]))  # type: ignore[operator]
    X = _numbers(4)
    answer = model(torch.from_numpy(X)).detach().numpy()[:, 0]
    return _case("network_on_a_table", model, X, answer, 3)


CASES: dict[str, Callable[[], Case]] = {
    make.__name__: cache(make)
    for make in (
        linear_two_classes,
        linear_regression,
        forest_three_classes,
        boosting_with_missing_values,
        pipeline_with_categories,
        plain_function,
        many_columns,
        *([network_on_a_table] if find_spec("torch") else []),
    )
}
"""Every case by name; each is made once."""
