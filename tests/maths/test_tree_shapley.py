"""Shapley values of trees against enumeration, shap, and the libraries' own predictions."""

from __future__ import annotations

from dataclasses import fields
from math import comb
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
from pellucid.maths.tree_shapley import (
    interventional,
    path_dependent,
    prepare,
    read_background,
    single_rounding,
)
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
QUIET: dict[str, Any] = {"verbose": -1, "min_data_in_leaf": 5, "num_leaves": 12, "num_threads": 1}
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
    model = xgboost.train({"max_depth": 4, "nthread": 1, **settings}, data, 5)
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
    model = xgboost.train({"max_depth": 4, "nthread": 1, "max_cat_to_onehot": 2}, data, 4)
    rows = explained(MIXED, (0, 1, 50.0), (1, 3, np.nan), (2, 3, 9.0))
    return xgboost_case(model, MIXED, rows, CATEGORICAL)


def xgboost_classes() -> tuple[Any, ...]:
    data = xgboost.DMatrix(HOLES, LABEL)
    settings = {"max_depth": 3, "objective": "multi:softprob", "num_class": 3, "nthread": 1}
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


def test_ten_rows_and_a_thousand_give_the_same_values() -> None:
    """Few rows are worked out pattern by pattern, many by tables: two ways to one answer."""
    for name in ("lightgbm, categories", "random forest, 3 classes, NaN", "xgboost, NaN"):
        trees, _, _, rows, X = CASES[name]()
        many = np.concatenate([rows, np.tile(X, (5, 1))])
        for players in (ALONE, GROUPED):
            game = {"player_of_column": owners(players)}
            few = interventional(trees, rows, X[:50], **game).values
            np.testing.assert_allclose(
                interventional(trees, many, X[:50], **game).values[:7], few, atol=1e-13
            )
            one = [path_dependent(trees, row[None], **game).values[0] for row in rows]
            np.testing.assert_allclose(
                path_dependent(trees, many, **game).values[:7], one, atol=1e-14
            )


def test_threads_and_a_prepared_plan_change_nothing() -> None:
    trees, _, _, _, X = xgboost_plain()
    plan = prepare(trees)
    one, two = path_dependent(trees, X), path_dependent(trees, X, plan=plan, threads=2)
    np.testing.assert_array_equal(one.values, two.values)
    one = interventional(trees, X, X[:20])
    two = interventional(trees, X, X[:20], plan=plan, threads=2)
    np.testing.assert_array_equal(one.values, two.values)


def shap_values(model: Any, X: np.ndarray, background: np.ndarray | None = None) -> np.ndarray:
    """shap's own C code in 64 bits, with parents' covers set to the sum of their children's."""
    mode = "tree_path_dependent" if background is None else "interventional"
    explainer = shap.TreeExplainer(model, background, feature_perturbation=mode)
    ensemble = explainer.model
    ensemble.model_type = "internal"  # else shap hands XGBoost and LightGBM back to themselves
    for tree in range(len(ensemble.children_left)):
        for node in reversed(range(ensemble.children_left.shape[1])):
            left, right = ensemble.children_left[tree, node], ensemble.children_right[tree, node]
            if left > 0:
                weight = ensemble.node_sample_weight[tree]
                weight[node] = weight[left] + weight[right]
    values = np.asarray(explainer.shap_values(X, check_additivity=False))
    return values[:, :, None] if values.ndim == 2 else values


SINGLE = (CLEAN + RNG.normal(scale=1e-3, size=CLEAN.shape)).astype(np.float32).astype(np.float64)
"""No row lies on a cut: there shap sends background rows of forests the wrong way, so that its
values miss the forest's own prediction by 1e-3, while enumeration agrees with ours."""

SHAP_CASES = {
    "forest": lambda: RandomForestRegressor(8, max_depth=7, random_state=0).fit(SINGLE, TARGET),
    "extra trees": lambda: ExtraTreesRegressor(8, max_depth=9, random_state=0).fit(SINGLE, TARGET),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=8).fit(SINGLE, LABEL > 0),
    "histogram boosting": lambda: HistGradientBoostingRegressor(max_iter=8).fit(SINGLE, TARGET),
    "isolation forest": lambda: IsolationForest(n_estimators=8, random_state=0).fit(SINGLE),
    "xgboost": lambda: xgboost.XGBRegressor(n_estimators=8, max_depth=6).fit(SINGLE, TARGET),
    "lightgbm": lambda: lightgbm.LGBMRegressor(n_estimators=8, verbose=-1).fit(SINGLE, TARGET),
}


def read(model: Any) -> Trees:
    if isinstance(model, xgboost.XGBRegressor):
        return xgboost_trees.read(model)
    return (lightgbm_trees if "LGBM" in type(model).__name__ else sklearn_trees).read(model)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("name", SHAP_CASES)
def test_both_games_agree_with_shap(name: str) -> None:
    model = SHAP_CASES[name]()
    trees, rows, behind = read(model), SINGLE[:25], SINGLE[100:140]
    scale = np.abs(trees.predict(rows)).max()
    # Isolation forests: shap rounds the mean path length of a leaf with a coarser constant.
    rounding = 1e-6 if name == "isolation forest" else 1e-9
    np.testing.assert_allclose(
        path_dependent(trees, rows).values, shap_values(model, rows), atol=rounding * scale
    )
    # shap keeps the weights of its interventional game in 32 bits; enumeration above is exact.
    np.testing.assert_allclose(
        interventional(trees, rows, behind).values,
        shap_values(model, rows, behind),
        atol=max(rounding, 2e-7) * scale,
    )


def test_dart_weights_count_in_both_games() -> None:
    """Against enumeration: shap 0.51 drops DART's tree weights from its interventional game."""
    trees, _, predict, rows, X = xgboost_plain(booster="dart", rate_drop=0.6, one_drop=True)
    truth = brute.interventional(predict, rows, X[100:109], ALONE)
    np.testing.assert_allclose(interventional(trees, rows, X[100:109]).values, truth, atol=2e-6)
    found = path_dependent(trees, rows)
    np.testing.assert_allclose(found.base + found.values.sum(1), trees.predict(rows), atol=1e-12)


def chain(players: int, share: float) -> Trees:
    """A leaf worth 1 behind one test per player, each passed by `share` of the training rows."""
    inner, weight = np.arange(players), share ** np.arange(players + 1)
    stop = np.full(players + 1, -1)
    tree = Tree(
        left=np.concatenate([np.append(inner[1:], 2 * players), stop]),
        right=np.concatenate([players + inner, stop]),
        feature=np.concatenate([inner, stop]),
        threshold=np.zeros(2 * players + 1),
        missing_left=np.zeros(2 * players + 1, dtype=bool),
        cover=np.concatenate([weight[:-1], weight[:-1] * (1 - share), weight[-1:]]),
        value=np.append(np.zeros(2 * players), 1.0)[:, None],
    )
    return Trees.join([tree], base=np.zeros(1), columns=players)


@pytest.mark.parametrize("players", [1, 5, 12, 21, 62, 63, 130])
def test_a_chain_of_tests_has_its_closed_form(players: int) -> None:
    """All tests are alike, so those who pass share alike what they make together."""
    trees = chain(players, 0.9)
    passing = -np.ones((1, players))
    found = path_dependent(trees, passing)
    np.testing.assert_allclose(found.base, 0.9**players)
    np.testing.assert_allclose(found.values, (1 - 0.9**players) / players, atol=1e-13)

    behind = np.where(np.arange(players) < players // 3, -1.0, 1.0)[None]
    needed = players - players // 3  # the background row passes the first third by itself
    truth = np.where(behind[0] < 0, 0.0, 1.0 / needed)
    for rows in (passing, np.repeat(passing, 5000, axis=0)):
        values = interventional(trees, rows, behind).values
        np.testing.assert_allclose(values[:, :, 0], np.tile(truth, (len(rows), 1)), atol=1e-13)


@pytest.mark.parametrize("share", [0.5, 0.999, 1.0])
def test_a_path_of_130_players_stays_exact(share: float) -> None:
    """Half the tests fail; shap's recursion loses all digits on such paths."""
    players, fails = 130, 65
    row = np.where(np.arange(players) < fails, 1.0, -1.0)[None]
    found = path_dependent(chain(players, share), row).values[0, :, 0]
    for player, passes in ((0, 0.0), (players - 1, 1.0)):
        # A coalition is worth something only if none of its members fails, and then the product
        # of the shares of all absent players.
        others = players - fails - int(passes)
        total = 0.0
        for size in range(others + 1):
            absent = share ** (players - 1 - size)
            total += comb(others, size) / comb(players - 1, size) * absent * (passes - share)
        np.testing.assert_allclose(found[player], total / players, atol=1e-13)


def test_a_deep_forest_adds_up() -> None:
    X = RNG.normal(size=(3000, 60)) * (RNG.random((3000, 60)) < 0.1)
    model = ExtraTreesRegressor(1, max_features=1, random_state=0).fit(X, RNG.normal(size=3000))
    trees = sklearn_trees.read(model)
    assert trees.depth > 40
    for found in (path_dependent(trees, X[:40]), interventional(trees, X[:40], X[-30:])):
        predicted = found.base + found.values.sum(1)
        np.testing.assert_allclose(predicted, trees.predict(X[:40]), atol=1e-11)


def test_two_outputs_share_the_walk() -> None:
    Y = np.stack([TARGET, TARGET**2], axis=1)
    model = RandomForestRegressor(3, max_depth=6, random_state=0).fit(CLEAN, Y)
    both = sklearn_trees.read(model)
    found = path_dependent(both, CLEAN[:9]), interventional(both, CLEAN[:9], CLEAN[50:60])
    for k in range(2):
        alone = Trees(**{**vars_of(both), "value": both.value[:, [k]], "base": both.base[[k]]})
        one = path_dependent(alone, CLEAN[:9]), interventional(alone, CLEAN[:9], CLEAN[50:60])
        for a, b in zip(found, one, strict=True):
            np.testing.assert_allclose(a.values[:, :, [k]], b.values, atol=1e-12)
            np.testing.assert_allclose(a.base[[k]], b.base)


def vars_of(trees: Trees) -> dict[str, Any]:
    return {f.name: getattr(trees, f.name) for f in fields(trees)}


def test_a_test_without_training_rows_is_split_in_halves() -> None:
    """The right child has no cover: rows without player 1 go half and half below it."""
    tree = Tree(
        left=np.array([1, -1, 3, -1, -1]),
        right=np.array([2, -1, 4, -1, -1]),
        feature=np.array([0, -1, 1, -1, -1]),
        threshold=np.zeros(5),
        missing_left=np.zeros(5, dtype=bool),
        cover=np.array([10.0, 10.0, 0.0, 0.0, 0.0]),
        value=np.array([0.0, 1.0, 0.0, 5.0, 9.0])[:, None],
    )
    trees = Trees.join([tree], base=np.zeros(1), columns=2)
    found = path_dependent(trees, np.array([[1.0, 1.0], [-1.0, 1.0]]))
    # v() = 1, v({0}) = 7, v({1}) = 1, v({0, 1}) = 9 for the first row; always 1 for the second.
    np.testing.assert_allclose(found.values[:, :, 0], [[7.0, 1.0], [0.0, 0.0]], atol=1e-15)
    np.testing.assert_allclose(found.base, 1.0)


def test_trees_without_a_test_only_move_the_base() -> None:
    model = DecisionTreeRegressor().fit(CLEAN, np.full(ROWS, 3.0))
    trees = sklearn_trees.read(model)
    for found in (path_dependent(trees, CLEAN[:4]), interventional(trees, CLEAN[:4], CLEAN[4:6])):
        assert found.values.shape == (4, 5, 1)
        assert not found.values.any()
        np.testing.assert_allclose(found.base, 3.0)


def test_thousands_of_columns_and_unused_players() -> None:
    X = RNG.normal(size=(60, 4000))
    trees = sklearn_trees.read(RandomForestRegressor(5, random_state=0).fit(X, X[:, 17]))
    for found in (path_dependent(trees, X), interventional(trees, X, X[:7])):
        np.testing.assert_allclose(found.base + found.values.sum(1), trees.predict(X), atol=1e-12)
        unused = np.setdiff1d(np.arange(4000), trees.feature)
        assert not found.values[:, unused].any()
    wider = path_dependent(trees, X[:2], np.zeros(4000, dtype=int), n_players=3)
    assert wider.values.shape == (2, 3, 1)
    assert not wider.values[:, 1:].any()


def test_no_rows_give_no_values() -> None:
    trees = chain(3, 0.5)
    assert path_dependent(trees, np.zeros((0, 3))).values.shape == (0, 3, 1)
    assert interventional(trees, np.zeros((0, 3)), np.zeros((1, 3))).values.shape == (0, 3, 1)


def test_what_does_not_fit_is_refused() -> None:
    trees, row = chain(3, 0.5), np.zeros((1, 3))
    with pytest.raises(EmptyData, match="background"):
        interventional(trees, row, np.zeros((0, 3)))
    with pytest.raises(InvalidSetting, match="do not fit"):
        path_dependent(trees, row, np.array([0, 1]))
    with pytest.raises(InvalidSetting, match="fewer players"):
        path_dependent(trees, row, np.array([0, 1, 5]), n_players=2)
    with pytest.raises(ColumnMismatch, match="wrong shape"):
        path_dependent(trees, np.zeros((1, 4)))


# --- one row, few rows, many rows


def test_every_pair_may_have_a_weight_of_its_own() -> None:
    """The values are the weighted sum of those against each background row alone."""
    for name in ("lightgbm, categories", "random forest, 3 classes, NaN", "xgboost, NaN"):
        trees, _, _, rows, X = CASES[name]()
        behind, share = X[50:59], RNG.normal(size=(len(rows), 9))
        for players in (ALONE, GROUPED):
            game = {"player_of_column": owners(players)}
            alone = [interventional(trees, rows, b[None], **game).values for b in behind]
            truth = np.einsum("ab,basd->asd", share, np.array(alone))
            found = interventional(trees, rows, behind, share=share, **game).values
            np.testing.assert_allclose(found, truth, atol=1e-12)
    with pytest.raises(InvalidSetting, match="shares do not fit"):
        interventional(trees, rows, behind, share=share[:, :3])


@pytest.mark.parametrize("behind", [1, 3, 60])
def test_a_tree_of_ten_thousand_leaves_adds_up_in_both_games(behind: int) -> None:
    X = RNG.normal(size=(12_000, 8))
    model = DecisionTreeRegressor(random_state=0).fit(
        X, X[:, 0] * X[:, 1] + RNG.normal(size=12_000)
    )
    trees = sklearn_trees.read(model)
    assert (trees.left < 0).sum() > 10_000
    rows = X[:30]
    for found in (path_dependent(trees, rows), interventional(trees, rows, X[-behind:])):
        np.testing.assert_allclose(
            found.base + found.values.sum(1), model.predict(rows)[:, None], atol=1e-11
        )


def test_a_background_read_once_gives_the_same_values() -> None:
    trees, _, _, rows, X = CASES["xgboost, NaN"]()
    once = read_background(trees, X[:30])
    one, two = interventional(trees, rows, X[:30]), interventional(trees, rows, once)
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(one.base, two.base)
    two.base[:] = 0.0
    assert once.base.any(), "the result is the caller's own"


# --- 32 bits


@pytest.mark.parametrize("name", CASES)
def test_32_bits_are_as_near_as_they_say(name: str) -> None:
    trees, _, _, rows, X = CASES[name]()
    rows = np.concatenate([rows, X])
    for players in (ALONE, GROUPED):
        game = {"player_of_column": owners(players)}
        plan = prepare(trees, owners(players))
        found = path_dependent(trees, rows, single=True, **game)
        truth = path_dependent(trees, rows, **game)
        assert 0 < np.abs(found.values - truth.values).max() < single_rounding(trees, plan)
        np.testing.assert_array_equal(found.base, truth.base)


def test_32_bits_stay_near_on_deep_paths_and_on_many_equal_trees() -> None:
    deep = chain(130, 0.9)
    row = np.where(np.arange(130) % 3, -1.0, 1.0)[None]
    X = RNG.normal(size=(400, 6))
    same = RandomForestRegressor(300, bootstrap=False, max_features=None, random_state=0)
    many = sklearn_trees.read(same.fit(X, 1e3 + X[:, 0] * X[:, 1]))
    for trees, rows in ((deep, row), (many, X)):
        gap = path_dependent(trees, rows, single=True).values - path_dependent(trees, rows).values
        assert np.abs(gap).max() < single_rounding(trees, prepare(trees))
