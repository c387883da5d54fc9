"""Training the user's model again: a fresh copy with the same settings on other data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from pellucid.core.errors import CannotExplain


def refitted(model: Any, X: Any, y: np.ndarray) -> Any:
    """A fresh copy of `model`, with its settings, fitted to `X` and `y`; `model` stays as it is.

    Parameters
    ----------
    model : object
        A scikit-learn estimator or Pipeline, or a wrapper with its interface such as
        ``XGBClassifier``.
    X : table of shape (row, feature)
    y : array of shape (row,)

    Raises
    ------
    CannotExplain
        If the model cannot be copied, or refuses to learn from these data.
    """
    from sklearn.base import clone

    try:
        fresh = clone(model)
    except TypeError as reason:
        raise CannotExplain(
            f"{type(model).__name__} cannot be trained again",
            got=str(reason).split("\n")[0],
            allowed="estimators with scikit-learn's interface",
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fresh.fit(X, y)
    except (ValueError, TypeError, ArithmeticError) as reason:
        raise CannotExplain(
            f"{type(model).__name__} could not be trained again",
            got=str(reason).strip().split("\n")[0],
            fix="Give more rows, or fewer folds",
        ) from reason
