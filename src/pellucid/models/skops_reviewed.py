"""Types that a skops file may hold beyond skops' own list, each reviewed, each with its reason."""

from __future__ import annotations

REVIEWED: dict[str, tuple[str, tuple[str, ...]]] = {
    "trees": (
        "arrays of nodes that compiled code walks; their state is numbers only",
        (
            "sklearn.tree._tree.Tree",
            "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        ),
    ),
    "boosted models": (
        "they restore themselves from the library's own text or binary model format",
        (
            "xgboost.core.Booster",
            "xgboost.sklearn.XGBClassifier",
            "xgboost.sklearn.XGBRegressor",
            "xgboost.sklearn.XGBRanker",
            "xgboost.sklearn.XGBRFClassifier",
            "xgboost.sklearn.XGBRFRegressor",
            "lightgbm.basic.Booster",
            "lightgbm.sklearn.LGBMClassifier",
            "lightgbm.sklearn.LGBMRegressor",
            "lightgbm.sklearn.LGBMRanker",
        ),
    ),
    "losses": (
        "formulas without state",
        (
            "sklearn._loss.loss.HalfTweedieLoss",
            "sklearn._loss.loss.HalfTweedieLossIdentity",
        ),
    ),
    "calibration": (
        "plain objects that hold two numbers or an estimator",
        (
            "sklearn.calibration._CalibratedClassifier",
            "sklearn.calibration._SigmoidCalibration",
        ),
    ),
    "neighbours": (
        "search trees and distances over arrays",
        (
            "sklearn.metrics._dist_metrics.EuclideanDistance64",
            "sklearn.neighbors._kd_tree.KDTree",
            "sklearn.neighbors._ball_tree.BallTree",
        ),
    ),
    "optimisers": (
        "plain objects that hold arrays, unused after training",
        (
            "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
            "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        ),
    ),
    "selection": (
        "scikit-learn's own scorers, splitters and tests, which read arrays only",
        (
            "sklearn.metrics._scorer._PassthroughScorer",
            "sklearn.model_selection._split.KFold",
            "sklearn.model_selection._split.StratifiedKFold",
            "sklearn.feature_selection._univariate_selection.f_classif",
            "sklearn.feature_selection._univariate_selection.f_regression",
            "sklearn.feature_selection._univariate_selection.chi2",
        ),
    ),
    "splines": (
        "SciPy's spline and the function that makes its arrays",
        (
            "scipy.interpolate._bsplines.BSpline",
            "scipy._lib.array_api_compat.numpy._aliases.asarray",
        ),
    ),
    "containers": (
        "Python's and NumPy's own, without behaviour of their own",
        ("collections.OrderedDict", "numpy.dtype"),
    ),
}

REVIEWED_TYPES = frozenset(name for _, names in REVIEWED.values() for name in names)
