"""How a scikit-learn estimator is asked: by its own method, and a forest about few rows in turn.

A forest hands each of its trees to a scheduler, which for one row and a hundred trees takes ten
times as long as the trees. About few rows its trees are asked here one after another, as the
forest does it: the same checks of the rows, the same compiled trees, the same sum, to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.models import frames

FOREST = "sklearn.ensemble._forest"
TREE = "sklearn.tree._classes"
FEW_ROWS = 64
"""Rows for which the scheduler costs more than it saves."""


def asked(estimator: Any, verb: str, X: Any) -> np.ndarray:
    """What an estimator's ``predict`` or ``predict_proba`` answers.

    Parameters
    ----------
    estimator : object
    verb : {"predict", "predict_proba"}
    X : table, (sample, column)

    Notes
    -----
    A forest that defines the method itself, or whose trees do, is asked by that method, however
    few the rows.
    """
    if frames.height(X) <= FEW_ROWS and _is_plain_mean(estimator, verb):
        return _in_turn(estimator, verb, X)
    return np.asarray(getattr(estimator, verb)(X))


def _is_plain_mean(estimator: Any, verb: str) -> bool:
    """Whether the library's own forest answers with the mean of the library's own trees."""
    owner = getattr(getattr(type(estimator), verb, None), "__module__", "")
    votes = verb == "predict" and hasattr(estimator, "classes_")
    if owner != FOREST or votes or verb in vars(estimator) or estimator.n_outputs_ != 1:
        return False
    kinds = set(map(type, estimator.estimators_))
    return all(getattr(kind, verb).__module__ == TREE for kind in kinds)


def _in_turn(forest: Any, verb: str, X: Any) -> np.ndarray:
    rows = forest._validate_X_predict(X)
    answers = [member.tree_.predict(rows) for member in forest.estimators_]
    total = np.zeros(answers[0].shape)
    for answer in answers:
        total += answer
    total /= len(answers)
    return total if verb == "predict_proba" else total[:, 0]
