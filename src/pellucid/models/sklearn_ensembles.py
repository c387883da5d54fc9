"""Reads scikit-learn's ensembles of other estimators into :class:`Trees`, where they are sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.core.errors import CannotExplain
from pellucid.models.sklearn_columns import library_class
from pellucid.models.tree_sums import Part, total
from pellucid.models.trees import Trees

NO_SUMS = {
    "AdaBoostRegressor": "It answers with a weighted median of its trees, which is no sum of them",
    "CalibratedClassifierCV": "It bends its estimators' scores, so it is no sum of their trees",
    "OneVsRestClassifier": "It divides the classes' probabilities by their sum",
    "OneVsOneClassifier": "It counts votes between pairs of classes",
    "StackingClassifier": "Its last estimator reads the predictions of others, not the columns",
    "StackingRegressor": "Its last estimator reads the predictions of others, not the columns",
    "ClassifierChain": "Each of its estimators reads the predictions of those before",
    "RegressorChain": "Each of its estimators reads the predictions of those before",
    "TransformedTargetRegressor": "It bends its regressor's prediction",
}
"""Ensembles that are no sum of trees, and why."""


def refusal(reason: str, got: str) -> CannotExplain:
    """The error for an ensemble that is no sum of trees."""
    return CannotExplain(
        reason, got=got, fix="Use a method that only needs predictions, such as kernel_shap"
    )


def bagging(estimator: Any) -> Trees:
    """The mean of estimators that were fitted on samples of rows and columns."""
    share = 1 / len(estimator.estimators_)
    parts = [
        Part(trees=_sampled(estimator, one), weight=share, columns=np.asarray(columns))
        for one, columns in zip(estimator.estimators_, estimator.estimators_features_, strict=True)
    ]
    return _mean(estimator, parts)


def voting(estimator: Any) -> Trees:
    """The weighted mean of estimators that were fitted on everything."""
    if getattr(estimator, "voting", "soft") != "soft":
        raise refusal("It counts the votes of its members, which is no sum", "voting='hard'")
    weights = np.ones(len(estimator.estimators_))
    if estimator.weights is not None:
        weights = np.asarray(estimator._weights_not_none, dtype=np.float64)
    parts = [
        Part(trees=member(one), weight=weight)
        for one, weight in zip(estimator.estimators_, weights / weights.sum(), strict=True)
    ]
    return _mean(estimator, parts)


def several_targets(estimator: Any) -> Trees:
    """One estimator for each target."""
    parts = [Part(trees=member(one), output=i) for i, one in enumerate(estimator.estimators_)]
    return total(parts, columns=estimator.n_features_in_, outputs=len(parts))


def boosted_votes(estimator: Any) -> Trees:
    """AdaBoost's decision function: the weighted votes of trees for classes."""
    from pellucid.models.sklearn_trees import single

    if getattr(estimator, "algorithm", "SAMME") == "SAMME.R":
        raise refusal("It adds logarithms of probabilities, with edges of its own", "SAMME.R")
    classes, weights = estimator.classes_, estimator.estimator_weights_
    parts = []
    for member, weight in zip(estimator.estimators_, weights, strict=False):
        if not hasattr(member, "tree_"):
            raise refusal("Its members are no single trees", type(member).__name__)
        chosen = member.classes_[member.tree_.value[:, 0, :].argmax(axis=1)]
        votes = np.where(chosen[:, None] == classes, 1.0, -1 / (len(classes) - 1))
        if len(classes) == 2:
            votes = 2 * votes[:, 1:]
        parts.append(Part(trees=single(member, votes), weight=weight / weights.sum()))
    two = len(classes) == 2
    return total(
        parts,
        columns=estimator.n_features_in_,
        outputs=1 if two else len(classes),
        scale="logit" if two else "raw",
        link="logit" if two else "softmax",
    )


def _mean(estimator: Any, parts: list[Part]) -> Trees:
    classes = getattr(estimator, "classes_", None)
    several = parts[0].trees.n_outputs
    return total(
        parts,
        columns=estimator.n_features_in_,
        outputs=several if classes is None else 1 if len(classes) == 2 else len(classes),
        scale="raw" if classes is None else "probability",
    )


def _sampled(estimator: Any, one: Any) -> Trees:
    """A member's trees; one whose sample missed a class says nothing for it."""
    from pellucid.models.sklearn_trees import single

    if not hasattr(estimator, "classes_") or not hasattr(one, "tree_"):
        return member(one, len(getattr(estimator, "classes_", ())))
    shares = np.zeros((one.tree_.node_count, len(estimator.classes_)))
    shares[:, np.asarray(one.classes_, dtype=int)] = one.tree_.value[:, 0, :]
    return single(one, shares[:, 1:] if shares.shape[1] == 2 else shares)


def member(one: Any, classes: int = 0) -> Trees:
    """The trees of an estimator whose answer is their sum.

    Raises
    ------
    CannotExplain
        It has none, or they add up on another scale, or it sorts into another number of classes.
    """
    from pellucid.models.as_model import as_model
    from pellucid.models.pipeline import PipelineModel

    name = type(one).__name__
    if library_class(one) == "Pipeline":
        raise refusal("Its members transform the columns before their trees", name)
    model = as_model(one)
    if isinstance(model, PipelineModel):
        raise refusal("Its members transform the columns before their trees", name)
    wanted = "probability" if model.task == "classification" else "raw"
    if model.scales[0] != wanted:
        raise refusal("Its members add up on another scale than it does itself", name)
    if classes and len(model.classes or ()) != classes:
        raise refusal("The sample of one of its members missed a class", name)
    trees = model.trees(wanted)
    if trees.category_left.size:
        raise refusal("Its members read categories by numbers of their own", name)
    return trees


READERS: dict[str, tuple[Callable[[Any], Trees], str]] = {
    "AdaBoostClassifier": (boosted_votes, "estimators_"),
    "BaggingClassifier": (bagging, "estimators_"),
    "BaggingRegressor": (bagging, "estimators_"),
    "MultiOutputRegressor": (several_targets, "estimators_"),
    "VotingClassifier": (voting, "estimators_"),
    "VotingRegressor": (voting, "estimators_"),
}
