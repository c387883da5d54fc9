"""Shapley values of trees against enumeration, shap, and the libraries' own predictions."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest
import shap
import xgboost
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeRegressor

from pellucid.core.errors import ColumnMismatch, EmptyData, InvalidSetting
from pellucid.maths.tree_shapley import interventional, path_dependent, prepare
from pellucid.models import lightgbm_trees, sklearn_trees, xgboost_trees
from pellucid.models.trees import Tree, Trees
from twins import tree_brute_force as brute

RNG = np.random.default_rng(7)
ROWS = 240
CLEAN = np.round(RNG.normal(size=(ROWS, 5)), 2)
HOLES = np.where(RNG.random(CLEAN.shape) < 0.15, np.nan, CLEAN)
MIXED = HOLES.copy()
MIXED[:, 1] = RNG.integers(0, 7, ROWS)
MIXED[:, 3] = np.where(RNG.random(ROWS) < 0.1, np.nan, RNG.integers(0, 4, ROWS))
TARGET = CLEAN[:, 0] * 2 + np.sin(3 * CLEAN[:, 1]) + CLEAN[:, 2] * CLEAN[:, 3] + (MIXED[:, 1] == 4)
LABEL = np.digitize(TARGET, [-1.0, 1.0])

ALONE = [[0], [1], [2], [3], [4]]
GROUPED = [[0, 3], [1], [2, 4]]
QUIET: dict[str, Any] = {"verbose": -1, "min_data_in_leaf": 5, "num_leaves": 12, "seed": 1}
CATEGORICAL = ["q", "c", "q", "c", "q"]


def owners(players: list[list[int]]) -> np.ndarray:
    result = np.empty(5, dtype=np.int64)
    for player, columns in enumerate(players):
        result[columns] = player
    return result


def explained(X: np.ndarray, *odd: tuple[int, int, float]) -> np.ndarray:
    rows = X[:7].copy()
    for row, column, value in odd:
        rows[row, column] = value
    return rows


def averaged(estimator: Any, output: int) -> list[brute.Node]:
    members = estimator.estimators_
    return [
        brute.of_sklearn(m.tree_, lambda node, t=m.tree_: t.value[node, 0, output] / len(members))
        for m in members
    ]


def grid(estimator: Any) -> list[list[brute.Node]]:
    return [
        [
            brute.of_sklearn(
                m.tree_, lambda node, t=m.tree_: t.value[node, 0, 0] * estimator.learning_rate
            )
            for m in column
        ]
        for column in estimator.estimators_.T
    ]


def random_forest() -> tuple[Any, ...]:
    model = RandomForestClassifier(4, max_depth=5, random_state=0).fit(HOLES, LABEL)
    nodes = [averaged(model, k) for k in range(3)]
    return sklearn_trees.read(model), nodes, model.predict_proba, explained(HOLES), HOLES


def extra_trees() -> tuple[Any, ...]:
    model = ExtraTreesRegressor(4, max_depth=6, random_state=0).fit(CLEAN, TARGET)
    return sklearn_trees.read(model), [averaged(model, 0)], model.predict, explained(CLEAN), CLEAN


def gradient_boosting() -> tuple[Any, ...]:
    model = GradientBoostingClassifier(n_estimators=4, random_state=0).fit(CLEAN, LABEL)
    rows = explained(CLEAN)
    return sklearn_trees.read(model), grid(model), model.decision_function, rows, CLEAN


def hist_boosting() -> tuple[Any, ...]:
    model = HistGradientBoostingClassifier(
        max_iter=3, max_leaf_nodes=10, min_samples_leaf=5, categorical_features=[0, 1]
    )
    X = MIXED[:, [1, 3, 0, 2, 4]]  # categories first: the encoded matrix is the user's own
    model.fit(X, LABEL)
    known = [set(range(7)), set(range(4))]
    nodes = [
        [
            brute.of_hist(stage[k].nodes, stage[k].raw_left_cat_bitsets, known)
            for stage in model._predictors
        ]
        for k in range(3)
    ]
    rows = explained(X, (0, 0, 99.0), (1, 1, 99.0), (2, 0, np.nan), (3, 2, np.inf))
    return sklearn_trees.read(model), nodes, model.decision_function, rows, X


def xgboost_plain(**settings: Any) -> tuple[Any, ...]:
    data = xgboost.DMatrix(HOLES, TARGET)
    model = xgboost.train({"max_depth": 4, "seed": 0, **settings}, data, 5)
    return xgboost_case(model, HOLES, explained(HOLES), None)


def xgboost_case(model: Any, X: np.ndarray, rows: np.ndarray, types: Any) -> tuple[Any, ...]:
    import json

    names = [f"f{i}" for i in range(5)]
    dump = model.get_dump(dump_format="json", with_stats=True)
    nodes = [brute.of_xgboost(json.loads(tree), names) for tree in dump]
    trees = xgboost_trees.read(model)

    def predict(Z: np.ndarray) -> np.ndarray:
        data = xgboost.DMatrix(Z, feature_types=types, enable_categorical=True)
        return model.predict(data, output_margin=True).astype(np.float64)

    return trees, [nodes[k :: trees.n_outputs] for k in range(trees.n_outputs)], predict, rows, X


def xgboost_categories() -> tuple[Any, ...]:
    data = xgboost.DMatrix(MIXED, TARGET, feature_types=CATEGORICAL, enable_categorical=True)
    model = xgboost.train({"max_depth": 4, "max_cat_to_onehot": 2}, data, 4)
    rows = explained(MIXED, (0, 1, 50.0), (1, 3, np.nan), (2, 3, 9.0))
    return xgboost_case(model, MIXED, rows, CATEGORICAL)


def xgboost_classes() -> tuple[Any, ...]:
    data = xgboost.DMatrix(HOLES, LABEL)
    settings = {"max_depth": 3, "objective": "multi:softprob", "num_class": 3}
    return xgboost_case(xgboost.train(settings, data, 3), HOLES, explained(HOLES), None)


def lightgbm_case(X: np.ndarray, y: np.ndarray, rows: np.ndarray, **settings: Any) -> Any:
    categorical = settings.pop("categorical", "auto")
    data = lightgbm.Dataset(X, y, categorical_feature=categorical)
    model = lightgbm.train({**QUIET, **settings}, data, 4)
    dump = [brute.of_lightgbm(t["tree_structure"]) for t in model.dump_model()["tree_info"]]
    trees = lightgbm_trees.read(model)
    nodes = [dump[k :: trees.n_outputs] for k in range(trees.n_outputs)]
    return trees, nodes, lambda Z: model.predict(Z, raw_score=True), rows, X


CASES = {
    "random forest, 3 classes, NaN": random_forest,
    "extra trees": extra_trees,
    "gradient boosting, 3 classes": gradient_boosting,
    "histogram boosting, 3 classes, NaN, categories": hist_boosting,
    "xgboost, NaN": xgboost_plain,
    "xgboost, categories": xgboost_categories,
    "xgboost, 3 classes": xgboost_classes,
    "lightgbm, NaN": lambda: lightgbm_case(HOLES, TARGET, explained(HOLES)),
    "lightgbm, NaN never seen in training": lambda: lightgbm_case(
        CLEAN, TARGET, explained(CLEAN, (0, 0, np.nan), (1, 2, np.nan), (2, 1, np.inf))
    ),
    "lightgbm, zero as missing": lambda: lightgbm_case(
        HOLES, TARGET, explained(HOLES, (0, 0, 0.0), (1, 1, 1e-36)), zero_as_missing=True
    ),
    "lightgbm, categories": lambda: lightgbm_case(
        MIXED,
        TARGET,
        explained(MIXED, (0, 1, 50.0), (1, 1, -3.0), (2, 3, np.nan)),
        categorical=[1, 3],
        min_data_per_group=2,
        cat_smooth=1.0,
        max_cat_to_onehot=1,
    ),
    "lightgbm, 3 classes": lambda: lightgbm_case(
        HOLES, LABEL, explained(HOLES), objective="multiclass", num_class=3
    ),
}


@pytest.mark.parametrize("players", [ALONE, GROUPED], ids=["alone", "grouped"])
@pytest.mark.parametrize("name", CASES)
def test_both_games_agree_with_enumeration(name: str, players: list[list[int]]) -> None:
    trees, nodes, predict, rows, X = CASES[name]()
    behind = X[100:109]
    game = {"player_of_column": owners(players)}
    rounding = 2e-6 if name.startswith("xgboost") else 1e-12  # XGBoost predicts in 32 bits

    found = path_dependent(trees, rows, **game)
    np.testing.assert_allclose(found.values, brute.path_dependent(nodes, rows, players), atol=1e-12)
    np.testing.assert_allclose(
        found.base + found.values.sum(1), predict(rows).reshape(len(rows), -1), atol=rounding
    )
    found = interventional(trees, rows, behind, **game)
    truth = brute.interventional(predict, rows, behind, players)
    np.testing.assert_allclose(found.values, truth, atol=rounding)
    np.testing.assert_allclose(
        found.base, predict(behind).reshape(len(behind), -1).mean(0), atol=rounding
    )
