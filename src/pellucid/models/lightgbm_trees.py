"""Reads LightGBM models into :class:`Trees`, from the library's own text format."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.core.errors import NotFitted
from pellucid.models.linear_leaves import LeafModel
from pellucid.models.trees import MISSING_NEVER, MISSING_ONLY_NAN, MISSING_ZERO, Tree, Trees

Floats = NDArray[np.float64]
PRECISION = 1e-11
TINY = float(np.float32(1e-35))  # LightGBM reads what is closer to zero as zero

CATEGORICAL, DEFAULT_LEFT = 1, 2  # bits of decision_type; two more say what is missing
MISSING_RULES = np.array([MISSING_NEVER, MISSING_ZERO, MISSING_ONLY_NAN, MISSING_ONLY_NAN])

LINKS = {
    "binary": "logit",
    "cross_entropy": "logit",
    "multiclass": "softmax",
    "multiclassova": "logit",
    "poisson": "log",
    "gamma": "log",
    "tweedie": "log",
}


def read(estimator: Any, text: str | None = None) -> Trees:
    """The trees of a fitted LightGBM model.

    Parameters
    ----------
    estimator : Booster, LGBMClassifier, LGBMRegressor or LGBMRanker
    text : str, optional
        What its ``model_to_string()`` wrote, to save the time of writing it again.

    Returns
    -------
    Trees
        On the raw score ("logit" for classifiers, else "raw"), with the trees that ``predict``
        uses: those up to the best iteration if training stopped early.

    Raises
    ------
    NotFitted
        The wrapper was never fitted.
    Notes
    -----
    The encoded matrix holds numbers as given and, for native categories, their numbers (for a
    data frame: in the order of the training frame's categories). Covers are counts of rows.
    """
    text = _booster(estimator).model_to_string() if text is None else text
    header, *blocks = text.split("\nTree=")
    settings = _fields(header)
    objective, *options = settings.get("objective", "").split(" ")
    outputs = int(settings["num_tree_per_iteration"])
    trees = [_tree(_fields(block.split("\nend of trees")[0])) for block in blocks]
    if "average_output" in settings:  # boosting="rf" predicts a mean
        trees = [_times(tree, outputs / max(len(trees), 1)) for tree in trees]
    link = LINKS.get(objective, "identity")
    return Trees.join(
        trees,
        output=np.arange(len(trees)) % outputs,
        base=np.zeros(outputs),
        columns=int(settings["max_feature_idx"]) + 1,
        tiny=TINY,
        truncates=True,
        precision=PRECISION,
        scale="logit" if _is_logit(link, options) else "raw",
        link=link,
    )


def raw_prediction(estimator: Any, X: Any) -> Floats:
    """The model's own raw score (sample, output), on the scale of :func:`read`.

    LightGBM's raw score of boosting="rf" is a sum although its prediction is a mean; here it is
    the mean.
    """
    booster = _booster(estimator)
    score = np.asarray(booster.predict(X, raw_score=True), dtype=np.float64)
    if "\naverage_output\n" in booster.model_to_string(num_iteration=1):
        best = booster.best_iteration
        score = score / (best if best > 0 else booster.current_iteration())
    return score.reshape(len(score), -1)


def _is_logit(link: str, options: list[str]) -> bool:
    """Whether the sum is a log-odds; another slope of the sigmoid makes it a multiple of one."""
    slopes = [float(o.partition(":")[2]) for o in options if o.startswith("sigmoid:")]
    return link in ("logit", "softmax") and all(slope == 1.0 for slope in slopes)


def _booster(estimator: Any) -> Any:
    if hasattr(estimator, "model_to_string"):
        return estimator
    if not getattr(estimator, "fitted_", False):
        raise NotFitted(f"{type(estimator).__name__} has no trees yet", fix="Call its fit first")
    return estimator.booster_


def _fields(text: str) -> dict[str, str]:
    """Lines of key=value; a bare word is a flag."""
    pairs = (line.partition("=") for line in text.splitlines() if line)
    return {key: value for key, _, value in pairs}


def _tree(fields: dict[str, str]) -> Tree:
    """One tree: inner nodes first, then its leaves, which LightGBM numbers -1, -2, …"""
    leaf_value = _numbers(fields["leaf_value"])
    leaves = len(leaf_value)
    if leaves == 1:
        return _lonely_leaf(leaf_value, _leaf_models(fields, 0))
    kind = _numbers(fields["decision_type"]).astype(np.int64)
    threshold = _numbers(fields["threshold"])
    categorical = (kind & CATEGORICAL) > 0
    pad = np.zeros(leaves)
    return Tree(
        left=_children(fields["left_child"], leaves),
        right=_children(fields["right_child"], leaves),
        feature=np.concatenate([_numbers(fields["split_feature"]), pad]).astype(np.int64),
        threshold=np.concatenate([threshold, pad]),
        missing_left=np.concatenate([~categorical & ((kind & DEFAULT_LEFT) > 0), pad > 0]),
        missing=np.concatenate(
            [np.where(categorical, MISSING_ONLY_NAN, MISSING_RULES[kind >> 2 & 3]), pad]
        ).astype(np.int8),
        cover=np.concatenate([_numbers(fields["internal_count"]), _numbers(fields["leaf_count"])]),
        value=np.concatenate([np.zeros(leaves - 1), leaf_value])[:, None],
        categories=_categories(fields, threshold, categorical),
        linear=_leaf_models(fields, leaves - 1),
    )


def _times(tree: Tree, share: float) -> Tree:
    linear = {
        leaf: replace(model, constant=model.constant * share, slopes=model.slopes * share)
        for leaf, model in tree.linear.items()
    }
    return replace(tree, value=tree.value * share, linear=linear)


def _leaf_models(fields: dict[str, str], first: int) -> dict[int, LeafModel]:
    """The linear models that leaves hold, by node; leaves stand from node `first` on."""
    if fields.get("is_linear", "0") == "0":
        return {}
    sizes = _numbers(fields["num_features"]).astype(np.int64)
    cuts = np.cumsum(sizes)[:-1]
    columns = np.split(_numbers(fields.get("leaf_features", "")).astype(np.int64), cuts)
    slopes = np.split(_numbers(fields.get("leaf_coeff", "")), cuts)
    rows = zip(_numbers(fields["leaf_const"]).tolist(), columns, slopes, strict=True)
    return {
        first + leaf: LeafModel(constant=constant, columns=own, slopes=slope)
        for leaf, (constant, own, slope) in enumerate(rows)
    }


def _lonely_leaf(value: Floats, linear: dict[int, LeafModel]) -> Tree:
    none = np.full(1, -1)
    return Tree(
        left=none,
        right=none,
        feature=none,
        threshold=np.zeros(1),
        missing_left=np.zeros(1, dtype=bool),
        cover=np.ones(1),
        value=value[:, None],
        linear=linear,
    )


def _children(text: str, leaves: int) -> NDArray[np.int64]:
    child = _numbers(text).astype(np.int64)
    return np.concatenate([np.where(child < 0, leaves - 2 - child, child), np.full(leaves, -1)])


def _categories(
    fields: dict[str, str], threshold: Floats, categorical: NDArray[np.bool_]
) -> dict[int, NDArray[np.bool_]]:
    """The set's categories go left, all others right."""
    if not categorical.any():
        return {}
    start = _numbers(fields["cat_boundaries"]).astype(np.int64)
    words = np.array(fields["cat_threshold"].split(), dtype=np.uint32)
    tables = {}
    for node in np.flatnonzero(categorical):
        which = int(threshold[node])
        own = words[start[which] : start[which + 1]]
        bits = (own[:, None] >> np.arange(32, dtype=np.uint32) & 1).astype(bool).ravel()
        tables[int(node)] = np.append(bits, False)
    return tables


def _numbers(text: str) -> Floats:
    return np.array(text.split(), dtype=np.float64)
