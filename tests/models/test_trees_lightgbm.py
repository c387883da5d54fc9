"""LightGBM's trees as read predict LightGBM's own raw score, also on odd inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.core.errors import CannotExplain, NotFitted
from pellucid.models.as_model import as_model
from pellucid.models.lightgbm_trees import raw_prediction, read
from pellucid.models.trees import verify

lightgbm = pytest.importorskip("lightgbm")

RNG = np.random.default_rng(3)
X = RNG.normal(size=(400, 5))
X[:, 4] = 1.0
HOLES = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
Y = X[:, 0] * 2 + np.sin(X[:, 1]) + X[:, 2] * X[:, 3]
TWO, THREE = (Y > 0).astype(int), np.digitize(Y, [-1, 1])
QUIET = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}

ODD = HOLES.copy()
ODD[::3, 0], ODD[1::3, 0], ODD[2::7, 1] = 0.0, 1e-36, -1e-36
ODD[5], ODD[6], ODD[7], ODD[8] = 1e300, np.inf, -np.inf, np.nan

BAGGED = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}
SETTINGS: dict[str, tuple[dict[str, Any], np.ndarray, str, str]] = {
    "regression": ({}, Y, "raw", "identity"),
    "binary": ({"objective": "binary"}, TWO, "logit", "logit"),
    "steep binary": ({"objective": "binary", "sigmoid": 2.0}, TWO, "raw", "logit"),
    "classes": ({"objective": "multiclass", "num_class": 3}, THREE, "logit", "softmax"),
    "one against all": ({"objective": "multiclassova", "num_class": 3}, THREE, "logit", "logit"),
    "dart": ({"boosting": "dart", "drop_rate": 0.5}, Y, "raw", "identity"),
    "goss": ({"data_sample_strategy": "goss"}, Y, "raw", "identity"),
    "forest": (BAGGED, Y, "raw", "identity"),
    "forest of classes": (
        {**BAGGED, "objective": "multiclass", "num_class": 3}, THREE, "logit", "softmax",
    ),
    "zero as missing": ({"zero_as_missing": True}, Y, "raw", "identity"),
    "missing switched off": ({"use_missing": False}, Y, "raw", "identity"),
    "square root": ({"reg_sqrt": True}, Y, "raw", "identity"),
    "poisson": ({"objective": "poisson"}, np.exp(Y), "raw", "log"),
    "absolute error": ({"objective": "l1"}, Y, "raw", "identity"),
    "stumps": ({"num_leaves": 2}, Y, "raw", "identity"),
    "a constant": ({}, np.ones(400), "raw", "identity"),
}  # fmt: skip


@pytest.mark.parametrize("holes", [False, True], ids=["clean", "holes"])
@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_gives_its_raw_score(name: str, holes: bool) -> None:
    settings, y, scale, link = SETTINGS[name]
    data = lightgbm.Dataset(HOLES if holes else X, y)
    model = lightgbm.train({**QUIET, **settings}, data, 8)
    trees = read(model)
    verify(trees, ODD, raw_prediction(model, ODD))
    assert (trees.scale, trees.link) == (scale, link)


def test_a_value_on_a_cut_goes_left() -> None:
    model = lightgbm.train(QUIET, lightgbm.Dataset(HOLES, Y), 8)
    trees = read(model)
    nodes = np.flatnonzero(trees.feature >= 0)[:80]
    rows = np.repeat(X[:1], 3 * len(nodes), axis=0)
    for i, node in enumerate(nodes):
        cut = trees.threshold[node]
        near = [np.nextafter(cut, -np.inf), np.nextafter(cut, np.inf)]
        rows[3 * i : 3 * i + 3, trees.feature[node]] = [cut, *near]
    verify(trees, rows, raw_prediction(model, rows))


def test_categories_unknown_negative_fractional_and_missing_go_where_lightgbm_sends_them() -> None:
    mixed = HOLES.copy()
    mixed[:, 2], mixed[:, 3] = RNG.integers(0, 60, 400), RNG.integers(0, 4, 400)
    y = Y + (mixed[:, 2] % 5 == 1) * 3 + (mixed[:, 3] == 2)
    settings = {**QUIET, "min_data_per_group": 2, "cat_smooth": 1.0}
    data = lightgbm.Dataset(mixed, y, categorical_feature=[2, 3])
    model = lightgbm.train(settings, data, 8)
    rows = np.repeat(mixed[:20], 8, axis=0)
    rows[:, 2] = np.tile([99.0, -1.0, -0.5, 2.7, np.nan, np.inf, 1e12, 59.0], 20)
    rows[:, 3] = np.repeat([0.0, 2.0, np.nan, -7.0], 40)
    verify(read(model), rows, raw_prediction(model, rows))


def test_predict_and_reader_stop_at_the_best_iteration() -> None:
    model = lightgbm.LGBMClassifier(n_estimators=60, verbose=-1, n_jobs=1)
    stop = lightgbm.early_stopping(2, verbose=False)
    model.fit(X[:300], TWO[:300], eval_set=[(X[300:], 1 - TWO[300:])], callbacks=[stop])
    assert len(read(model).root) == model.best_iteration_ < 60
    verify(read(model), X, model.predict(X, raw_score=True))


def test_the_raw_score_of_a_forest_is_its_mean() -> None:
    model = lightgbm.train({**QUIET, **BAGGED}, lightgbm.Dataset(X, Y), 8)
    np.testing.assert_allclose(raw_prediction(model, X)[:, 0], model.predict(X), atol=1e-12)


LINEAR = {
    "plain": {},
    "forest": BAGGED,
    "dart": {"boosting": "dart"},
    "classes": {"objective": "multiclass", "num_class": 3},
    "stumps": {"num_leaves": 2},
}


@pytest.mark.parametrize("categories", ["", [3]], ids=["numbers", "categories"])
@pytest.mark.parametrize("name", LINEAR)
def test_linear_leaves_are_read_and_fall_back_where_a_term_is_missing(
    name: str, categories: Any
) -> None:
    rows = HOLES.copy()
    rows[:, 3] = RNG.integers(0, 5, 400)
    data = lightgbm.Dataset(rows, THREE if name == "classes" else Y, categorical_feature=categories)
    model = lightgbm.train({**QUIET, "linear_tree": True, **LINEAR[name]}, data, 6)
    trees = read(model)
    verify(trees, rows, raw_prediction(model, rows))
    verify(trees, X, raw_prediction(model, X))
    assert trees.linear is not None


def test_trees_with_linear_leaves_are_not_taken_for_others() -> None:
    settings = {**QUIET, "linear_tree": True}
    model = lightgbm.train(settings, lightgbm.Dataset(X, Y), 3)
    assert "trees" not in as_model(model).can
    assert "linear leaves" in as_model(model).can
    with pytest.raises(CannotExplain, match="hold linear models"):
        read(model).codes(X)


def test_what_was_never_fitted_is_refused() -> None:
    with pytest.raises(NotFitted, match="Call its fit first"):
        read(lightgbm.LGBMRegressor())
