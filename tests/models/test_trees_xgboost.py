"""XGBoost's trees as read predict XGBoost's own margin, also on odd inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.core.errors import CannotExplain, NotFitted
from pellucid.models.trees import verify
from pellucid.models.xgboost_trees import read

xgboost = pytest.importorskip("xgboost")

RNG = np.random.default_rng(3)
X = RNG.normal(size=(300, 5))
X[:, 4] = 1.0
HOLES = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
Y = X[:, 0] * 2 + np.sin(X[:, 1]) + X[:, 2] * X[:, 3]
TWO, THREE = (Y > 0).astype(int), np.digitize(Y, [-1, 1])

OBJECTIVES: dict[str, tuple[dict[str, Any], np.ndarray, str, str]] = {
    "squared error": ({}, Y, "raw", "identity"),
    "base score": ({"base_score": 3.0}, Y, "raw", "identity"),
    "logistic": ({"objective": "binary:logistic"}, TWO, "logit", "logit"),
    "logistic base": ({"objective": "binary:logistic", "base_score": 0.2}, TWO, "logit", "logit"),
    "logit": ({"objective": "binary:logitraw"}, TWO, "logit", "logit"),
    "hinge": ({"objective": "binary:hinge"}, TWO, "raw", "identity"),
    "classes": ({"objective": "multi:softprob", "num_class": 3}, THREE, "logit", "softmax"),
    "poisson": ({"objective": "count:poisson"}, np.round(np.exp(Y)), "raw", "log"),
    "gamma": ({"objective": "reg:gamma"}, np.exp(Y), "raw", "log"),
    "tweedie": ({"objective": "reg:tweedie"}, np.exp(Y), "raw", "log"),
    "absolute error": ({"objective": "reg:absoluteerror"}, Y, "raw", "identity"),
    "quantiles": (
        {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]}, Y, "raw", "identity",
    ),
    "ranking": ({"objective": "rank:pairwise"}, THREE, "raw", "identity"),
    "dart": ({"booster": "dart", "rate_drop": 0.5}, Y, "raw", "identity"),
    "dart classes": (
        {"booster": "dart", "rate_drop": 0.5, "objective": "multi:softprob", "num_class": 3},
        THREE, "logit", "softmax",
    ),
    "parallel trees": ({"num_parallel_tree": 3, "subsample": 0.5}, Y, "raw", "identity"),
    "exact": ({"tree_method": "exact"}, Y, "raw", "identity"),
    "several targets": ({}, np.c_[Y, Y**2], "raw", "identity"),
    "vector leaves": (
        {"multi_strategy": "multi_output_tree"}, np.c_[Y, Y**2], "raw", "identity",
    ),
}  # fmt: skip


def margin(model: Any, rows: np.ndarray, types: Any = None) -> np.ndarray:
    data = xgboost.DMatrix(rows, feature_types=types, enable_categorical=True)
    return np.asarray(model.predict(data, output_margin=True))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_gives_its_margin(name: str) -> None:
    settings, y, scale, link = OBJECTIVES[name]
    data = xgboost.DMatrix(HOLES, y)
    model = xgboost.train({"nthread": 1, "max_depth": 5, **settings}, data, 8)
    trees = read(model)
    verify(trees, HOLES, margin(model, HOLES))
    assert (trees.scale, trees.link) == (scale, link)


def test_a_value_on_a_cut_goes_where_32_bits_send_it() -> None:
    model = xgboost.train({"nthread": 1, "max_depth": 5}, xgboost.DMatrix(X, Y), 8)
    trees = read(model)
    nodes = np.flatnonzero(trees.feature >= 0)[:80]
    rows = np.repeat(X[:1], 3 * len(nodes), axis=0)
    for i, node in enumerate(nodes):
        cut = trees.threshold[node]
        rows[3 * i : 3 * i + 3, trees.feature[node]] = [cut, cut * (1 - 1e-12), cut * (1 + 1e-12)]
    rows = np.vstack([rows, np.full((1, 5), 3e38), np.full((1, 5), -3e38), np.full((1, 5), np.nan)])
    verify(trees, rows, margin(model, rows))


@pytest.mark.parametrize("one_hot", [1, 100])
def test_categories_unknown_negative_and_missing_go_where_xgboost_sends_them(one_hot: int) -> None:
    types = ["q", "q", "c", "q", "c"]
    mixed = HOLES.copy()
    mixed[:, 2], mixed[:, 4] = RNG.integers(0, 40, 300), RNG.integers(0, 4, 300)
    y = Y + (mixed[:, 2] % 5 == 1) * 3 + (mixed[:, 4] == 2)
    data = xgboost.DMatrix(mixed, y, feature_types=types, enable_categorical=True)
    model = xgboost.train({"nthread": 1, "max_cat_to_onehot": one_hot}, data, 8)
    rows = np.repeat(mixed[:20], 4, axis=0)
    rows[:, 2] = np.tile([99.0, 7.0, np.nan, 39.0], 20)
    verify(read(model), rows, margin(model, rows, types))


def test_wrappers_use_the_best_iteration_and_boosters_all() -> None:
    model = xgboost.XGBClassifier(n_estimators=40, early_stopping_rounds=2, n_jobs=1)
    model.fit(X[:200], TWO[:200], eval_set=[(X[200:], 1 - TWO[200:])], verbose=False)
    assert len(read(model).root) == model.best_iteration + 1
    verify(read(model), X, model.predict(X, output_margin=True))
    booster = model.get_booster()
    assert len(read(booster).root) == booster.num_boosted_rounds() > model.best_iteration + 1
    verify(read(booster), X, margin(booster, X))


def test_the_other_number_for_missing_is_honoured() -> None:
    zeros = np.where(np.isnan(HOLES), 0.0, HOLES)
    model = xgboost.XGBRegressor(n_estimators=8, missing=0.0, n_jobs=1).fit(zeros, Y)
    verify(read(model), zeros, model.predict(zeros))


def test_forests_and_rankers_are_read() -> None:
    forest = xgboost.XGBRFRegressor(n_estimators=9, n_jobs=1).fit(X, Y)
    verify(read(forest), X, forest.predict(X))
    ranker = xgboost.XGBRanker(n_estimators=4, n_jobs=1).fit(X, THREE, qid=np.arange(300) // 50)
    verify(read(ranker), X, ranker.predict(X, output_margin=True))


def test_what_has_no_trees_is_refused() -> None:
    model = xgboost.train({"booster": "gblinear"}, xgboost.DMatrix(X, Y), 2)
    with pytest.raises(CannotExplain, match="linear and has no trees"):
        read(model)
    with pytest.raises(NotFitted, match="Call its fit first"):
        read(xgboost.XGBRegressor())
