"""scikit-learn's trees as read predict what the estimators predict, also on odd inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor

from pellucid.core.errors import CannotExplain, ColumnMismatch, NotAdditive, NotFitted, WrongType
from pellucid.models.sklearn_trees import hist_columns, hist_matrix, path_length, read
from pellucid.models.trees import verify

RNG = np.random.default_rng(3)
X = RNG.normal(size=(300, 6))
X[:, 5] = 1.0  # a constant column
HOLES = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
MIXED = HOLES.copy()
MIXED[:, 2] = RNG.integers(0, 9, len(X)) * 3
MIXED[:, 4] = RNG.integers(0, 5, len(X))
Y = X[:, 0] * 2 + np.sin(X[:, 1]) + X[:, 2] * X[:, 3] + MIXED[:, 2] % 7 + (MIXED[:, 4] == 2)
TWO = (Y > 3).astype(int)
THREE = np.array(["a", "b", "c"])[np.digitize(Y, [2, 4])]
HUGE = np.vstack([X, -X, np.full((1, 6), 1e38), np.full((1, 6), -1e38), np.zeros((1, 6))])


def on_the_cuts(trees: Any, rows: np.ndarray) -> np.ndarray:
    """Rows that hold exactly a test's cut, and its neighbours in 32 and 64 bits."""
    nodes = np.flatnonzero((trees.feature >= 0) & np.isfinite(trees.threshold))[:60]
    result = np.repeat(rows[:1], 5 * len(nodes), axis=0)
    for i, node in enumerate(nodes):
        cut, column = trees.threshold[node], trees.feature[node]
        near = [np.nextafter(np.float32(cut), np.float32(s)) for s in (-np.inf, np.inf)]
        far = [np.nextafter(cut, s) for s in (-np.inf, np.inf)]
        result[5 * i : 5 * i + 5, column] = [cut, *near, *far]
    return result


@pytest.mark.parametrize(
    "kind", [DecisionTreeClassifier, RandomForestClassifier, ExtraTreesClassifier]
)
def test_classification_trees_give_probabilities(kind: Any) -> None:
    settings = {"random_state": 0, "max_depth": 6}
    if kind is not DecisionTreeClassifier:
        settings["n_estimators"] = 7
    two, three = kind(**settings).fit(HOLES, TWO), kind(**settings).fit(X, THREE)
    trees = read(two)
    rows = np.vstack([HOLES, on_the_cuts(trees, X)])
    verify(trees, rows, two.predict_proba(rows)[:, 1])
    assert (trees.scale, trees.n_outputs) == ("probability", 1)
    rows = np.vstack([HUGE, on_the_cuts(read(three), X)])
    verify(read(three), rows, three.predict_proba(rows))
    assert read(three).n_outputs == 3


@pytest.mark.parametrize(
    "kind", [DecisionTreeRegressor, ExtraTreeRegressor, RandomForestRegressor, ExtraTreesRegressor]
)
def test_regression_trees_give_one_or_several_targets(kind: Any) -> None:
    one, several = kind(random_state=0).fit(X, Y), kind(random_state=0).fit(X, np.c_[Y, Y**2])
    rows = np.vstack([HUGE, on_the_cuts(read(one), X)])
    verify(read(one), rows, one.predict(rows))
    verify(read(several), HUGE, several.predict(HUGE))
    assert read(several).n_outputs == 2


@pytest.mark.parametrize(
    ("settings", "labels", "scale"),
    [
        ({}, TWO, "logit"),
        ({"loss": "exponential"}, TWO, "raw"),
        ({"init": "zero", "subsample": 0.5}, TWO, "logit"),
        ({}, THREE, "logit"),
        ({"init": "zero"}, THREE, "logit"),
    ],
)
def test_boosted_classifiers_give_their_decision_function(
    settings: dict[str, Any], labels: np.ndarray, scale: str
) -> None:
    model = GradientBoostingClassifier(n_estimators=6, random_state=0, **settings).fit(X, labels)
    rows = np.vstack([HUGE, on_the_cuts(read(model), X)])
    verify(read(model), rows, model.decision_function(rows))
    assert read(model).scale == scale


@pytest.mark.parametrize("init", [None, "zero", DummyRegressor(strategy="median")])
@pytest.mark.parametrize("loss", ["squared_error", "huber", "quantile"])
def test_boosted_regressors_give_their_prediction(init: Any, loss: str) -> None:
    model = GradientBoostingRegressor(n_estimators=6, init=init, loss=loss).fit(X, Y)
    verify(read(model), HUGE, model.predict(HUGE))


def test_boosting_on_top_of_another_model_is_refused() -> None:
    model = GradientBoostingRegressor(n_estimators=3, init=LinearRegression()).fit(X, Y)
    with pytest.raises(CannotExplain, match="starts from another model"):
        read(model)


def odd_mixed() -> np.ndarray:
    """Unknown, negative, fractional and missing categories; infinite and missing numbers."""
    rows = np.vstack([MIXED, np.repeat(MIXED[:40], 2, axis=0)])
    rows[-80:, 2] = np.tile([100.0, -1.0, np.nan, 7.0, 1e9, -0.5, 3.2, 250.0], 10)
    rows[-80:, 0] = np.tile([np.inf, -np.inf, np.nan, 1e300], 20)
    return rows


@pytest.mark.parametrize("categories", [None, [2, 4], [False, False, True, False, True, False]])
def test_histogram_boosting_reads_missing_and_categories_as_the_estimator(categories: Any) -> None:
    rows = odd_mixed()
    model = HistGradientBoostingRegressor(max_iter=12, categorical_features=categories)
    model.fit(MIXED, Y)
    verify(read(model), hist_matrix(model, rows), model.predict(rows))
    classes = HistGradientBoostingClassifier(max_iter=8, categorical_features=categories)
    classes.fit(MIXED, THREE)
    verify(read(classes), hist_matrix(classes, rows), classes.decision_function(rows))
    two = HistGradientBoostingClassifier(max_iter=8, categorical_features=categories)
    two.fit(MIXED, TWO)
    verify(read(two), hist_matrix(two, rows), two.decision_function(rows))


def test_histogram_boosting_puts_categories_first() -> None:
    model = HistGradientBoostingRegressor(max_iter=2, categorical_features=[2, 4]).fit(MIXED, Y)
    assert hist_columns(model).tolist() == [2, 4, 0, 1, 3, 5]
    numeric = hist_matrix(model, MIXED)[:, 2:]
    np.testing.assert_array_equal(numeric, MIXED[:, [0, 1, 3, 5]])
    plain = HistGradientBoostingRegressor(max_iter=2).fit(X, Y)
    assert hist_columns(plain).tolist() == list(range(6))


def test_histogram_boosting_reads_text_categories_of_a_frame() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"n": X[:, 0], "c": pandas.Categorical(THREE), "b": pandas.Categorical(TWO.astype(str))}
    )
    model = HistGradientBoostingRegressor(max_iter=6, categorical_features="from_dtype")
    model.fit(frame, Y)
    verify(read(model), hist_matrix(model, frame), model.predict(frame))


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_histogram_boosting_with_a_log_link_is_read_on_the_margin(loss: str) -> None:
    model = HistGradientBoostingRegressor(max_iter=8, loss=loss).fit(HOLES, np.exp(Y / 4))
    assert (read(model).scale, read(model).link) == ("raw", "log")
    verify(read(model), HOLES, np.log(model.predict(HOLES)))


@pytest.mark.parametrize("settings", [{}, {"max_features": 0.5}, {"max_samples": 17}])
def test_isolation_forests_give_their_mean_path_length(settings: dict[str, Any]) -> None:
    model = IsolationForest(n_estimators=15, random_state=0, **settings).fit(X)
    verify(read(model), HUGE, path_length(model, HUGE))
    assert read(model).scale == "path length"


def test_the_check_names_the_row_that_is_off() -> None:
    model = DecisionTreeRegressor(max_depth=3).fit(X, Y)
    wrong = model.predict(X)
    wrong[17] += 1e-6
    with pytest.raises(NotAdditive, match="row 17"):
        verify(read(model), X, wrong)
    wrong[17] = np.nan
    with pytest.raises(NotAdditive, match="row 17"):
        verify(read(model), X, wrong)
    with pytest.raises(NotAdditive, match="other outputs"):
        verify(read(model), X, np.c_[wrong, wrong])


def test_shape_and_depth_are_those_of_the_trees() -> None:
    model = DecisionTreeRegressor(max_depth=4).fit(X[:, :2], Y)
    trees = read(model)
    assert trees.depth == model.get_depth() == 4
    assert trees.max_features_on_a_path == 2
    assert trees.predict(X[:0, :2]).shape == (0, 1)


def test_what_is_no_tree_is_refused() -> None:
    with pytest.raises(CannotExplain, match="not scikit-learn trees"):
        read(LinearRegression())
    with pytest.raises(NotFitted, match="Call its fit first"):
        read(RandomForestRegressor())
    with pytest.raises(CannotExplain, match="several targets"):
        read(RandomForestClassifier(2).fit(X, np.c_[TWO, TWO]))
    trees = read(DecisionTreeRegressor(max_depth=2).fit(X, Y))
    with pytest.raises(ColumnMismatch, match="wrong shape"):
        trees.predict(X[:, :3])
    with pytest.raises(WrongType, match="not numbers"):
        trees.predict(np.full((2, 6), "text"))
