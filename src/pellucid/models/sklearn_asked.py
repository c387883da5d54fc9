"""How a scikit-learn estimator is asked: by its own method, and its trees directly.

A forest hands each of its trees to a scheduler, which for one row and a hundred trees takes ten
times as long as the trees; and boosted trees look at every column of a frame, twice, before they
are asked. Here trees are asked as the library asks them, forests only about few rows: the same
checks of rows that need any, the same compiled trees, the same sum, to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.models import frames

FOREST = "sklearn.ensemble._forest"
BOOSTED = "sklearn.ensemble._gb"
TREE = "sklearn.tree._classes"
FEW_ROWS = 64
"""Rows for which the scheduler costs more than it saves."""


def asked(estimator: Any, verb: str, X: Any) -> np.ndarray:
    """What an estimator's ``predict``, ``predict_proba`` or ``decision_function`` answers.

    Parameters
    ----------
    estimator : object
    verb : {"predict", "predict_proba", "decision_function"}
    X : table, (sample, column)

    Notes
    -----
    An ensemble that defines the method itself, or whose trees do, is asked by that method, however
    few the rows.
    """
    if frames.height(X) <= FEW_ROWS and _is_plain_mean(estimator, verb):
        return _mean(estimator, verb, X)
    rows = plain_rows(estimator, X) if _is_plain_sum(estimator, verb) else None
    if rows is not None:
        total = np.asarray(estimator._raw_predict(rows))
        return total[:, 0] if total.shape[1] == 1 else total
    return np.asarray(getattr(estimator, verb)(X))


def plain_rows(estimator: Any, X: Any) -> np.ndarray | None:
    """The rows as trees take them, where the library's own checks would find nothing; else None."""
    named = getattr(estimator, "feature_names_in_", None)
    kind = frames.kind(X)
    if kind == "pandas" and named is not None:
        if X.columns.tolist() != named.tolist():
            return None
        X = X.to_numpy()
    elif kind != "numpy" or named is not None:
        return None
    if X.dtype.kind not in "iuf" or X.shape[1] != estimator.n_features_in_:
        return None
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(X, dtype=np.float32)
    return rows if np.isfinite(rows).all() else None


def _is_plain_sum(estimator: Any, verb: str) -> bool:
    """Whether the library's own boosting answers with the sum of its trees itself."""
    wanted = "decision_function" if hasattr(estimator, "classes_") else "predict"
    kind = type(estimator)
    parts = (verb, "_raw_predict", "_raw_predict_init")
    return verb == wanted and all(
        getattr(getattr(kind, part, None), "__module__", "") == BOOSTED
        and part not in vars(estimator)
        for part in parts
    )


def _is_plain_mean(estimator: Any, verb: str) -> bool:
    """Whether the library's own forest answers with the mean of the library's own trees."""
    owner = getattr(getattr(type(estimator), verb, None), "__module__", "")
    votes = verb == "predict" and hasattr(estimator, "classes_")
    if owner != FOREST or votes or verb in vars(estimator) or estimator.n_outputs_ != 1:
        return False
    kinds = set(map(type, estimator.estimators_))
    return all(getattr(kind, verb).__module__ == TREE for kind in kinds)


def _mean(forest: Any, verb: str, X: Any) -> np.ndarray:
    rows = plain_rows(forest, X)
    rows = forest._validate_X_predict(X) if rows is None else rows
    answers = [member.tree_.predict(rows) for member in forest.estimators_]
    total = np.zeros(answers[0].shape)
    for answer in answers:
        total += answer
    total /= len(answers)
    return total if verb == "predict_proba" else total[:, 0]
