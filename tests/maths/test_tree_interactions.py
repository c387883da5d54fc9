"""Interactions in trees against enumeration, shap, and closed forms."""

from __future__ import annotations

import json
from itertools import combinations
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
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeRegressor

from pellucid.core.errors import ColumnMismatch, EmptyData, InvalidSetting
from pellucid.maths import tree_interactions
from pellucid.maths.tree_interactions import banzhaf, interactions, pairs_that_meet, strengths
from pellucid.maths.tree_shapley import interventional, path_dependent, prepare
from pellucid.models import lightgbm_trees, sklearn_trees, xgboost_trees
from pellucid.models.trees import Tree, Trees
from twins import pair_interactions as truth
from twins import tree_brute_force as brute

RNG = np.random.default_rng(5)
ROWS = 220
CLEAN = np.round(RNG.normal(size=(ROWS, 5)), 2).astype(np.float32).astype(np.float64)
HOLES = np.where(RNG.random(CLEAN.shape) < 0.15, np.nan, CLEAN)
MIXED = HOLES.copy()
MIXED[:, 0] = RNG.integers(0, 7, ROWS)
MIXED[:, 1] = np.where(RNG.random(ROWS) < 0.1, np.nan, RNG.integers(0, 4, ROWS))
TARGET = CLEAN[:, 2] * 2 + np.sin(3 * CLEAN[:, 3]) * CLEAN[:, 4] + CLEAN[:, 2] * (MIXED[:, 0] > 3)
LABEL = np.digitize(TARGET, [-1.0, 1.0])
KINDS = ["c", "c", "q", "q", "q"]

ALONE = [[0], [1], [2], [3], [4]]
GROUPED = [[0, 3], [1], [2, 4]]

Found = tuple[Trees, list[list[brute.Node]], Any, np.ndarray, np.ndarray]


def rows_of(X: np.ndarray, *odd: tuple[int, int, float]) -> np.ndarray:
    rows = X[:4].copy()
    for row, column, value in odd:
        rows[row, column] = value
    return rows


def forest() -> Found:
    model = RandomForestClassifier(4, max_depth=5, random_state=0).fit(HOLES, LABEL)
    nodes = [
        [
            brute.of_sklearn(m.tree_, lambda node, t=m.tree_, k=k: t.value[node, 0, k] / 4)
            for m in model.estimators_
        ]
        for k in range(3)
    ]
    return sklearn_trees.read(model), nodes, model.predict_proba, rows_of(HOLES), HOLES


def gradient_boosting() -> Found:
    model = GradientBoostingClassifier(n_estimators=4, random_state=0).fit(CLEAN, LABEL)
    nodes = [
        [
            brute.of_sklearn(m.tree_, lambda node, t=m.tree_: t.value[node, 0, 0] * 0.1)
            for m in column
        ]
        for column in model.estimators_.T
    ]
    return sklearn_trees.read(model), nodes, model.decision_function, rows_of(CLEAN), CLEAN


def hist_categories() -> Found:
    model = HistGradientBoostingClassifier(
        max_iter=3, max_leaf_nodes=12, min_samples_leaf=5, categorical_features=[0, 1]
    ).fit(MIXED, LABEL)
    known = [set(range(7)), set(range(4))]
    nodes = [
        [
            brute.of_hist(stage[k].nodes, stage[k].raw_left_cat_bitsets, known)
            for stage in model._predictors
        ]
        for k in range(3)
    ]
    rows = rows_of(MIXED, (0, 0, 99.0), (1, 1, 99.0), (2, 0, np.nan))
    return sklearn_trees.read(model), nodes, model.decision_function, rows, MIXED


def xgboost_case(X: np.ndarray, rows: np.ndarray, y: np.ndarray, **settings: Any) -> Found:
    kinds = KINDS if X is MIXED else None
    data = xgboost.DMatrix(X, y, feature_types=kinds, enable_categorical=True)
    model = xgboost.train({"max_depth": 4, "nthread": 1, **settings}, data, 4)
    dump = model.get_dump(dump_format="json", with_stats=True)
    nodes = [brute.of_xgboost(json.loads(tree), [f"f{i}" for i in range(5)]) for tree in dump]
    trees = xgboost_trees.read(model)

    def predict(Z: np.ndarray) -> np.ndarray:
        given = xgboost.DMatrix(Z, feature_types=kinds, enable_categorical=True)
        return model.predict(given, output_margin=True).astype(np.float64)

    return trees, [nodes[k :: trees.n_outputs] for k in range(trees.n_outputs)], predict, rows, X


def lightgbm_case(X: np.ndarray, rows: np.ndarray, y: np.ndarray, **settings: Any) -> Found:
    kinds = [0, 1] if X is MIXED else "auto"
    data = lightgbm.Dataset(X, y, categorical_feature=kinds)
    quiet = {"verbose": -1, "min_data_in_leaf": 5, "num_leaves": 12, "num_threads": 1}
    model = lightgbm.train({**quiet, **settings}, data, 4)
    dump = [brute.of_lightgbm(t["tree_structure"]) for t in model.dump_model()["tree_info"]]
    trees = lightgbm_trees.read(model)
    nodes = [dump[k :: trees.n_outputs] for k in range(trees.n_outputs)]
    return trees, nodes, lambda Z: model.predict(Z, raw_score=True), rows, X


CASES = {
    "forest, 3 classes, NaN": forest,
    "gradient boosting, 3 classes": gradient_boosting,
    "histogram boosting, 3 classes, categories": hist_categories,
    "xgboost, categories": lambda: xgboost_case(
        MIXED, rows_of(MIXED, (0, 0, 50.0), (1, 1, np.nan)), TARGET, max_cat_to_onehot=2
    ),
    "xgboost, 3 classes, NaN": lambda: xgboost_case(
        HOLES, rows_of(HOLES), LABEL, objective="multi:softprob", num_class=3
    ),
    "lightgbm, NaN never seen in training": lambda: lightgbm_case(
        CLEAN, rows_of(CLEAN, (0, 2, np.nan), (1, 3, np.nan), (2, 4, np.inf)), TARGET
    ),
    "lightgbm, categories": lambda: lightgbm_case(
        MIXED,
        rows_of(MIXED, (0, 0, 50.0), (1, 0, -3.0), (2, 1, np.nan)),
        TARGET,
        min_data_per_group=2,
        cat_smooth=1.0,
        max_cat_to_onehot=1,
    ),
    "lightgbm, 3 classes": lambda: lightgbm_case(
        HOLES, rows_of(HOLES), LABEL, objective="multiclass", num_class=3
    ),
}


def owners(players: list[list[int]]) -> np.ndarray:
    result = np.empty(5, dtype=np.int64)
    for player, columns in enumerate(players):
        result[columns] = player
    return result


@pytest.mark.parametrize("players", [ALONE, GROUPED], ids=["alone", "grouped"])
@pytest.mark.parametrize("name", CASES)
def test_both_games_agree_with_enumeration(name: str, players: list[list[int]]) -> None:
    trees, nodes, predict, rows, X = CASES[name]()
    behind, own, many = X[100:107], owners(players), len(players)
    rounding = 4e-6 if name.startswith("xgboost") else 1e-12  # XGBoost predicts in 32 bits
    games = [truth.averaged(nodes, row, players) for row in rows]
    exact = np.array([truth.shapley_matrix(game, many) for game in games])
    np.testing.assert_allclose(interactions(trees, rows, None, own).matrix(), exact, atol=1e-12)
    value = np.array([truth.banzhaf_values(game, many) for game in games])
    np.testing.assert_allclose(banzhaf(trees, rows, None, own).values, value, atol=1e-12)

    games = [truth.replaced(predict, row, behind, players) for row in rows]
    exact = np.array([truth.shapley_matrix(game, many) for game in games])
    found = interactions(trees, rows, behind, own)
    np.testing.assert_allclose(found.matrix(), exact, atol=rounding)
    value = np.array([truth.banzhaf_values(game, many) for game in games])
    np.testing.assert_allclose(banzhaf(trees, rows, behind, own).values, value, atol=rounding)
    total = found.base + found.main.sum(1) + found.together.sum(1)
    np.testing.assert_allclose(total, predict(rows).reshape(len(rows), -1), atol=rounding)


def test_weights_of_dropped_trees_count() -> None:
    """DART, against enumeration: shap 0.51 leaves the weights of dropped trees out."""
    rows = rows_of(HOLES)
    dart = {"booster": "dart", "rate_drop": 0.6, "one_drop": True}
    trees, _, predict, rows, X = xgboost_case(HOLES, rows, TARGET, **dart)
    games = [truth.replaced(predict, row, X[100:107], ALONE) for row in rows]
    exact = np.array([truth.shapley_matrix(game, 5) for game in games])
    np.testing.assert_allclose(interactions(trees, rows, X[100:107]).matrix(), exact, atol=4e-6)


@pytest.mark.parametrize("kind", ["forest", "extra trees", "lightgbm"])
def test_the_matrix_is_that_of_shap(kind: str) -> None:
    """In 64 bits, with parents' covers set to the sum of their children's."""
    if kind == "lightgbm":
        model: Any = lightgbm.LGBMRegressor(n_estimators=20, verbose=-1, num_leaves=15)
        trees = lightgbm_trees.read(model.fit(CLEAN, TARGET))
    else:
        maker = RandomForestRegressor if kind == "forest" else ExtraTreesRegressor
        model = maker(8, max_depth=9, random_state=0).fit(CLEAN, TARGET)
        trees = sklearn_trees.read(model)
    explainer = shap.TreeExplainer(model)
    ensemble = explainer.model
    ensemble.model_type = "internal"  # else shap hands LightGBM back to itself
    for tree in range(len(ensemble.children_left)):
        weight = ensemble.node_sample_weight[tree]
        for node in reversed(range(ensemble.children_left.shape[1])):
            left, right = ensemble.children_left[tree, node], ensemble.children_right[tree, node]
            if left > 0:
                weight[node] = weight[left] + weight[right]
    theirs = np.asarray(explainer.shap_interaction_values(CLEAN[:20]))
    ours = interactions(trees, CLEAN[:20]).matrix()[..., 0]
    np.testing.assert_allclose(ours, theirs, atol=1e-9 * np.abs(theirs).max())


def test_the_matrix_is_that_of_xgboost() -> None:
    """Which works in 32 bits."""
    model = xgboost.XGBRegressor(n_estimators=30, max_depth=6).fit(HOLES, TARGET)
    theirs = model.get_booster().predict(xgboost.DMatrix(HOLES[:20]), pred_interactions=True)
    ours = interactions(xgboost_trees.read(model), HOLES[:20])
    size = np.abs(theirs[:, :-1, :-1]).max()
    np.testing.assert_allclose(ours.matrix()[..., 0], theirs[:, :-1, :-1], atol=1e-4 * size)


@pytest.mark.parametrize("background", [None, HOLES[100:130]], ids=["path", "background"])
def test_lines_add_up_to_shapley_values(background: np.ndarray | None) -> None:
    model = RandomForestClassifier(20, max_depth=9, random_state=0).fit(HOLES, LABEL)
    trees = sklearn_trees.read(model)
    found = interactions(trees, HOLES, background)
    if background is None:
        values = path_dependent(trees, HOLES)
    else:
        values = interventional(trees, HOLES, background)
    np.testing.assert_allclose(found.matrix().sum(axis=2), values.values, atol=1e-13)
    np.testing.assert_allclose(found.shapley(), values.values, atol=1e-13)
    np.testing.assert_allclose(found.base, values.base, atol=1e-13)


@pytest.mark.parametrize("background", [None, HOLES[100:130]], ids=["path", "background"])
def test_rows_threads_and_plans_change_nothing(
    background: np.ndarray | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_interactions, "PATTERN_ROWS", 64)
    trees, rows = forest()[0], np.tile(HOLES, (2, 1))
    one = interactions(trees, rows, background)
    two = interactions(trees, rows, background, plan=prepare(trees), threads=2)
    for part in ("main", "together"):
        whole = getattr(one, part)
        np.testing.assert_array_equal(whole, getattr(two, part))
        for row in (0, 63, 64, 300):
            alone = getattr(interactions(trees, rows[row : row + 1], background), part)
            np.testing.assert_allclose(alone[0], whole[row], atol=1e-15)


@pytest.mark.parametrize("background", [None, HOLES[100:130]], ids=["path", "background"])
def test_pairs_left_out_stay_with_their_players(background: np.ndarray | None) -> None:
    trees = forest()[0]
    every = interactions(trees, HOLES[:9], background)
    chosen = np.array([[2, 4], [0, 1]])
    few = interactions(trees, HOLES[:9], background, pairs=chosen)
    for place, pair in enumerate(chosen):
        at = int(np.flatnonzero((every.pairs == pair).all(axis=1))[0])
        np.testing.assert_allclose(few.together[:, place], every.together[:, at], atol=1e-15)
    np.testing.assert_allclose(few.shapley(), every.shapley(), atol=1e-15)
    size = strengths(trees, HOLES[:9], background)
    np.testing.assert_allclose(size, np.abs(every.together).mean(axis=0), atol=1e-15)


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


@pytest.mark.parametrize("players", [2, 5, 12, 21, 61, 62, 63, 130])
def test_a_chain_of_tests_has_its_closed_form(players: int) -> None:
    """All tests are alike, so all pairs are: v(s) = share ** (players - s)."""
    share, s = 0.9, np.arange(players - 1)
    gain = share ** (players - s - 2) * (1 - share) ** 2
    trees, passing = chain(players, share), -np.ones((1, players))
    found = interactions(trees, passing)
    np.testing.assert_allclose(found.together, gain.mean(), atol=1e-13)
    assert len(found.pairs) == players * (players - 1) // 2

    own = players // 3  # the background row passes the first third by itself
    behind = np.where(np.arange(players) < own, -1.0, 1.0)[None]
    needed = players - own
    both = (found.pairs >= own).all(axis=1)
    exact = np.where(both, 1.0 / (needed - 1) if needed > 1 else 0.0, 0.0)
    for rows in (1, 3):
        replaced = interactions(trees, np.repeat(passing, rows, axis=0), behind)
        np.testing.assert_allclose(replaced.together[:, :, 0], [exact] * rows, atol=1e-13)


@pytest.mark.parametrize("share", [0.5, 0.999, 1.0])
def test_a_path_of_130_players_stays_exact(share: float) -> None:
    """Lines still add up to the Shapley values where half of the tests fail."""
    row = np.where(np.arange(130) < 65, 1.0, -1.0)[None]
    trees = chain(130, share)
    values = path_dependent(trees, row).values
    np.testing.assert_allclose(interactions(trees, row).shapley(), values, atol=1e-13)
    if share == 1.0:  # those 65 alone decide; any one of them is enough to miss the leaf
        found = interactions(trees, row)
        fails = (found.pairs < 65).all(axis=1)
        np.testing.assert_allclose(found.together[0, fails, 0], 1 / 64, atol=1e-12)
        np.testing.assert_allclose(found.together[0, ~fails, 0], 0.0, atol=1e-12)


def test_a_test_no_training_row_reached_has_finite_values() -> None:
    """A split of which one side has no cover: v() = 1, v({0}) = 7, v({1}) = 1, v({0, 1}) = 9."""
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
    found = interactions(trees, np.array([[1.0, 1.0], [-1.0, 1.0]]))
    np.testing.assert_allclose(found.together[:, 0, 0], [2.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(found.main[:, :, 0], [[6.0, 0.0], [0.0, 0.0]], atol=1e-15)


def test_additive_models_have_no_interactions() -> None:
    model = GradientBoostingClassifier(n_estimators=20, max_depth=1).fit(CLEAN, LABEL > 0)
    trees = sklearn_trees.read(model)
    found = interactions(trees, CLEAN)
    assert found.pairs.shape == (0, 2)
    np.testing.assert_allclose(found.main, path_dependent(trees, CLEAN).values, atol=1e-14)


def test_only_pairs_on_one_path_meet() -> None:
    X = RNG.normal(size=(80, 3000))
    trees = sklearn_trees.read(RandomForestRegressor(6, random_state=0).fit(X, X[:, 17] * X[:, 5]))
    met = {tuple(pair) for pair in pairs_that_meet(prepare(trees)).tolist()}
    on_paths: set[tuple[int, int]] = set()

    def walk(node: int, above: frozenset[int]) -> None:
        if trees.left[node] < 0:
            on_paths.update(combinations(sorted(above), 2))
            return
        walk(trees.left[node], above | {int(trees.feature[node])})
        walk(trees.right[node], above | {int(trees.feature[node])})

    for root in trees.root:
        walk(int(root), frozenset())
    assert met == on_paths
    found = interactions(trees, X[:40])
    total = found.base + found.main.sum(1) + found.together.sum(1)
    np.testing.assert_allclose(total, trees.predict(X[:40]), atol=1e-12)


def test_trees_without_a_test_and_tables_without_rows() -> None:
    trees = sklearn_trees.read(DecisionTreeRegressor().fit(CLEAN, np.full(ROWS, 3.0)))
    for background in (None, CLEAN[:3]):
        found = interactions(trees, CLEAN[:4], background)
        assert found.together.shape == (4, 0, 1)
        assert not found.main.any()
        np.testing.assert_allclose(found.base, 3.0)
        assert interactions(chain(3, 0.5), np.zeros((0, 3))).together.shape == (0, 3, 1)


def test_what_does_not_fit_is_refused() -> None:
    trees, row = chain(3, 0.5), np.zeros((1, 3))
    with pytest.raises(EmptyData, match="background"):
        interactions(trees, row, np.zeros((0, 3)))
    with pytest.raises(InvalidSetting, match="do not fit"):
        interactions(trees, row, None, np.array([0, 1]))
    for wrong in ([[1, 0]], [[0, 3]], [[1, 1]]):
        with pytest.raises(InvalidSetting, match="pairs do not fit"):
            interactions(trees, row, pairs=np.array(wrong))
    with pytest.raises(ColumnMismatch, match="wrong shape"):
        interactions(trees, np.zeros((1, 4)))
