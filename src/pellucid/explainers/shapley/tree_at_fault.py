"""Which tree was read wrongly: each tree's answer for one row beside the library's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pellucid.models.trees import Trees

SLACK = 1e-5
"""Trees that differ by no more than this, relatively, do not differ: XGBoost sums in 32 bits."""


def tree_at_fault(source: Any, trees: Trees, row: np.ndarray) -> int | None:
    """The tree whose answer for a row is not the library's.

    Parameters
    ----------
    source : object
        The user's model, or the pipeline around it.
    trees : Trees
        As they were read.
    row : ndarray of float, (encoded column,)

    Returns
    -------
    int or None
        The number of the tree in `trees`; None where the library does not answer tree by tree, or
        no single tree stands out.
    """
    steps = getattr(source, "steps", None)
    last = steps[-1][1] if steps else source
    ask = ANSWERS.get(type(last).__module__.partition(".")[0])
    theirs = None if ask is None else ask(last, row[None], len(trees.root))
    if theirs is None or len(theirs) != len(trees.root):
        return None
    ours = _answers(trees, row[None])
    gap = np.abs(ours - theirs - np.median(ours - theirs))
    worst = int(gap.argmax())
    size = max(float(np.abs(theirs).max()), float(np.abs(ours).max()), 1e-12)
    return worst if gap[worst] > SLACK * size else None


def _answers(trees: Trees, row: np.ndarray) -> np.ndarray:
    """What each tree adds to its first output for one row, (tree,)."""
    none = np.zeros_like(trees.base)
    found = np.zeros(len(trees.root))
    for tree in range(len(found)):
        one = slice(tree, tree + 1)
        alone = replace(trees, root=trees.root[one], output=trees.output[one], base=none)
        alone.__dict__["coding"] = trees.coding  # the same tests; else worked out for each tree
        found[tree] = alone.predict(row)[0, trees.output[tree]]
    return found


def _of_xgboost(model: Any, row: np.ndarray, trees: int) -> np.ndarray | None:
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    rounds = booster.num_boosted_rounds()
    if rounds != trees:
        return None
    missing = getattr(model, "missing", None)
    return np.array(
        [
            booster.inplace_predict(
                row,
                iteration_range=(i, i + 1),
                predict_type="margin",
                missing=np.nan if missing is None else missing,
                validate_features=False,
            )[0]
            for i in range(rounds)
        ],
        dtype=np.float64,
    )


def _of_lightgbm(model: Any, row: np.ndarray, trees: int) -> np.ndarray | None:
    booster = getattr(model, "booster_", model)
    outputs = booster.num_model_per_iteration()
    found = [
        np.ravel(booster.predict(row, start_iteration=i, num_iteration=1, raw_score=True))
        for i in range(trees // outputs)
    ]
    return np.concatenate(found)


def _of_sklearn(model: Any, row: np.ndarray, trees: int) -> np.ndarray | None:
    members = np.ravel(getattr(model, "estimators_", []))
    if len(members) != trees or not all(hasattr(member, "tree_") for member in members):
        return None
    if hasattr(members[0], "predict_proba"):
        explained = 1 if len(model.classes_) == 2 else 0
        found = [member.predict_proba(row)[0, explained] for member in members]
    else:
        found = [np.ravel(member.predict(row))[0] for member in members]
    return np.array(found) * getattr(model, "learning_rate", 1.0 / trees)


ANSWERS: dict[str, Callable[[Any, np.ndarray, int], np.ndarray | None]] = {
    "xgboost": _of_xgboost,
    "lightgbm": _of_lightgbm,
    "sklearn": _of_sklearn,
}
