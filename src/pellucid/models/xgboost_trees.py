"""Reads XGBoost models into :class:`Trees`, from the library's own JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.core.errors import CannotExplain, NotFitted
from pellucid.models.trees import Tree, Trees

Floats = NDArray[np.float64]
PRECISION = 1e-6  # XGBoost sums in 32 bits

TO_MARGIN: dict[str, Callable[[Floats], Floats]] = {
    "identity": lambda score: score,
    "logit": lambda score: np.log(score / (1.0 - score)),
    "log": np.log,
}
"""How an objective may take base_score to the scale of the sum."""

LINKS = {
    "binary:logistic": "logit",
    "reg:logistic": "logit",
    "binary:logitraw": "logit",
    "multi:softprob": "softmax",
    "multi:softmax": "softmax",
    "count:poisson": "log",
    "reg:gamma": "log",
    "reg:tweedie": "log",
    "survival:cox": "log",
    "survival:aft": "log",
}


def read(estimator: Any) -> Trees:
    """The trees of a fitted XGBoost model.

    Parameters
    ----------
    estimator : Booster, XGBClassifier, XGBRegressor, XGBRanker or their random-forest kin

    Returns
    -------
    Trees
        On the margin ("logit" for classifiers, else "raw"), with the trees that the object's own
        ``predict`` uses: a Booster all of them, a scikit-learn wrapper those up to its best
        iteration.

    Raises
    ------
    NotFitted
        The wrapper was never fitted.
    CannotExplain
        A linear booster, or an objective whose constant cannot be found.

    Notes
    -----
    The encoded matrix holds numbers as given and, for native categories, their numbers in the
    order of training. XGBoost keeps covers in 32 bits.
    """
    booster, rounds, missing = _booster(estimator)
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    boosting = learner["gradient_booster"]
    if boosting["name"] == "gblinear":
        raise CannotExplain(
            "This XGBoost model is linear and has no trees",
            got="booster=gblinear",
            fix="Use the exact method for linear models",
        )
    weights = np.asarray(boosting.get("weight_drop", []), dtype=np.float64)
    model = boosting.get("gbtree", boosting)["model"]
    first = model["iteration_indptr"]
    used = first[min(rounds, len(first) - 1)] if rounds else first[-1]
    parsed = [_tree(raw) for raw in model["trees"][:used]]
    if weights.size:  # DART keeps its weights beside the trees
        parsed = [_scaled(tree, w) for tree, w in zip(parsed, weights[:used], strict=True)]
    objective = learner["objective"]["name"]
    link = LINKS.get(objective, "identity")
    return _with_base(
        booster,
        learner["learner_model_param"],
        rounds,
        lambda base: Trees.join(
            parsed,
            output=_outputs(model, used, base, parsed),
            base=base,
            columns=int(learner["learner_model_param"]["num_feature"]),
            comparison="<",
            single_precision=True,
            missing_value=float(np.float32(missing)),
            precision=PRECISION,
            scale="logit" if link in ("logit", "softmax") else "raw",
            link=link,
        ),
    )


def _booster(estimator: Any) -> tuple[Any, int, float]:
    """(Booster, rounds that predict uses with 0 for all, the number that means missing)."""
    if not hasattr(estimator, "get_booster"):
        return estimator, 0, np.nan
    from sklearn.exceptions import NotFittedError

    try:
        booster = estimator.get_booster()
    except NotFittedError as error:
        raise NotFitted(
            f"{type(estimator).__name__} has no trees yet", fix="Call its fit first"
        ) from error
    missing = np.nan if estimator.missing is None else float(estimator.missing)
    best = booster.attr("best_iteration")
    return booster, 0 if best is None else int(best) + 1, missing


def _outputs(model: Any, used: int, base: Floats, parsed: list[Tree]) -> NDArray[np.int32]:
    """First output of each tree; a tree with vector leaves feeds all of them."""
    if parsed and parsed[0].value.shape[1] == len(base):
        return np.zeros(used, dtype=np.int32)
    return np.asarray(model["tree_info"][:used], dtype=np.int32)


def _with_base(booster: Any, settings: Any, rounds: int, build: Callable[[Floats], Trees]) -> Trees:
    """The trees with the constant that reproduces XGBoost's own margin of an empty row.

    base_score is kept on the scale of the target and each objective has its own way back; one
    prediction tells which way it is, also for objectives that did not exist when this was written.
    """
    outputs = max(int(settings["num_class"]), int(settings.get("num_target", 1)), 1)
    score = np.asarray(json.loads(settings["base_score"]), dtype=np.float64)
    score = np.broadcast_to(score, (outputs,))
    empty = np.full((1, int(settings["num_feature"])), np.nan)
    margin = _margin(booster, empty, rounds)
    for to_margin in TO_MARGIN.values():
        with np.errstate(all="ignore"):
            base = to_margin(score)
        if np.isfinite(base).all() and _agrees(trees := build(base), empty, margin):
            return trees
    raise CannotExplain(
        "The constant of this XGBoost model cannot be found",
        got=f"base_score {settings['base_score']}",
        fix="Use a method that only needs predictions, such as kernel_shap",
    )


def _agrees(trees: Trees, X: Floats, margin: Floats) -> bool:
    gap = np.abs(trees.predict(X) - margin.reshape(1, -1))
    return bool(gap.max() <= 1e-4 * max(1.0, float(np.abs(margin).max())))


def _margin(booster: Any, X: Floats, rounds: int) -> Floats:
    import xgboost

    data = xgboost.DMatrix(
        X,
        feature_names=booster.feature_names,
        feature_types=booster.feature_types,
        enable_categorical=True,
    )
    return np.asarray(
        booster.predict(data, output_margin=True, iteration_range=(0, rounds)), dtype=np.float64
    )


def _tree(raw: Any) -> Tree:
    left = np.asarray(raw["left_children"], dtype=np.int64)
    width = max(int(raw["tree_param"].get("size_leaf_vector", 1)), 1)
    return Tree(
        left=left,
        right=np.where(left < 0, -1, np.asarray(raw["right_children"], dtype=np.int64)),
        feature=np.asarray(raw["split_indices"]),
        threshold=np.asarray(raw["split_conditions"], dtype=np.float32),
        missing_left=np.asarray(raw["default_left"], dtype=bool),
        cover=np.asarray(raw["sum_hessian"], dtype=np.float32),
        value=_vector_leaves(raw, left, width) if width > 1 else _leaves(raw),
        categories=_categories(raw),
    )


def _leaves(raw: Any) -> Floats:
    """A leaf keeps its value where an inner node keeps its cut."""
    return np.asarray(raw["split_conditions"], dtype=np.float32).astype(np.float64)[:, None]


def _vector_leaves(raw: Any, left: NDArray[np.int64], width: int) -> Floats:
    """Leaves of a tree for several targets; newer files keep them apart from inner nodes."""
    values = np.zeros((len(left), width))
    leaf = left < 0
    if "leaf_weights" in raw:
        table = np.asarray(raw["leaf_weights"], dtype=np.float32).reshape(-1, width)
        values[leaf] = table[np.asarray(raw["right_children"])[leaf]]
    else:
        table = np.asarray(raw["base_weights"], dtype=np.float32).reshape(-1, width)
        values[leaf] = table[leaf]
    return values


def _categories(raw: Any) -> dict[int, NDArray[np.bool_]]:
    """The listed categories go right, all others left."""
    tables = {}
    for node, start, size in zip(
        raw["categories_nodes"], raw["categories_segments"], raw["categories_sizes"], strict=True
    ):
        listed = np.asarray(raw["categories"][start : start + size], dtype=np.int64)
        table = np.ones(int(listed.max(initial=-1)) + 2, dtype=bool)
        table[listed] = False
        tables[int(node)] = table
    return tables


def _scaled(tree: Tree, weight: float) -> Tree:
    return replace(tree, value=tree.value * weight)
