"""The scikit-learn estimators that are a weighted sum, and the scale on which they are one."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.models.linear import Linear
from pellucid.models.sklearn_columns import library_class

REGRESSORS = frozenset(
    [
        "LinearRegression",
        "Ridge",
        "RidgeCV",
        "Lasso",
        "LassoCV",
        "LassoLars",
        "LassoLarsCV",
        "LassoLarsIC",
        "Lars",
        "LarsCV",
        "ElasticNet",
        "ElasticNetCV",
        "MultiTaskLasso",
        "MultiTaskLassoCV",
        "MultiTaskElasticNet",
        "MultiTaskElasticNetCV",
        "OrthogonalMatchingPursuit",
        "OrthogonalMatchingPursuitCV",
        "BayesianRidge",
        "ARDRegression",
        "HuberRegressor",
        "TheilSenRegressor",
        "QuantileRegressor",
        "SGDRegressor",
        "PassiveAggressiveRegressor",
        "LinearSVR",
        "PoissonRegressor",
        "GammaRegressor",
        "TweedieRegressor",
    ]
)
CLASSIFIERS = frozenset(
    [
        "LogisticRegression",
        "LogisticRegressionCV",
        "SGDClassifier",
        "LinearSVC",
        "RidgeClassifier",
        "RidgeClassifierCV",
        "Perceptron",
        "PassiveAggressiveClassifier",
        "LinearDiscriminantAnalysis",
    ]
)
LOG_LOSSES = frozenset({"poisson", "gamma"})


def read(source: Any) -> Linear | None:
    """The coefficients of a linear estimator; None where it is not one."""
    if library_class(source) not in REGRESSORS | CLASSIFIERS:
        return None
    if hasattr(source, "sparsify") and not isinstance(source.coef_, np.ndarray):
        coef = source.coef_.toarray()
    else:
        coef = source.coef_
    coef = np.atleast_2d(np.asarray(coef, dtype=np.float64))
    intercept = np.broadcast_to(np.ravel(source.intercept_), len(coef))
    return Linear(coef=coef, intercept=np.array(intercept, dtype=np.float64))


def has_log_link(source: Any) -> bool:
    """Whether a regressor adds up on the logarithm of its prediction."""
    base = library_class(source)
    if base == "TweedieRegressor":
        return source.link == "log" or (source.link == "auto" and source.power > 0)
    if base == "HistGradientBoostingRegressor":
        return source.loss in LOG_LOSSES
    return base in ("PoissonRegressor", "GammaRegressor")


def margin_is_logit(source: Any) -> bool:
    """Whether the sigmoid (two classes) or softmax (more) of the margin is the probability."""
    base, several = library_class(source), len(source.classes_) > 2
    if base in ("LogisticRegression", "LogisticRegressionCV"):
        way = getattr(source, "multi_class", "deprecated")  # gone in scikit-learn 1.8
        if several:
            return source.solver != "liblinear" and way != "ovr"
        return bool(way != "multinomial")
    if base in ("GradientBoostingClassifier", "HistGradientBoostingClassifier"):
        return bool(source.loss == "log_loss")
    if base == "AdaBoostClassifier":
        return getattr(source, "algorithm", "SAMME") == "SAMME" and not several
    if base == "SGDClassifier":
        return source.loss == "log_loss" and not several
    return base == "LinearDiscriminantAnalysis"
