"""TreeSHAP beside its peers: the same where they are right, and right where they are silently not.

What is off by how much is measured against the model's own prediction, or against all coalitions.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import catboost
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import shap
import xgboost
from sklearn.ensemble import RandomForestClassifier
from threadpoolctl import threadpool_limits

import pellucid as pel
from twins import tree_brute_force as brute
from twins.tree_kinds import HOLES, PLAIN, enumerated, fitted, outputs

ROWS, BACKGROUND = slice(0, 20), slice(50, 80)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small train faster on one thread."""
    with threadpool_limits(1):
        yield


# --- path-dependent values by the libraries themselves


def of_xgboost(model: Any, rows: pd.DataFrame) -> np.ndarray:
    """Contributions (row, output, column and base)."""
    data = xgboost.DMatrix(rows, enable_categorical=True, missing=model.missing)
    best = getattr(model, "best_iteration", -1) if model.early_stopping_rounds else -1
    return model.get_booster().predict(data, pred_contribs=True, iteration_range=(0, best + 1))


def of_lightgbm(model: Any, rows: pd.DataFrame) -> np.ndarray:
    found = model.predict(rows, pred_contrib=True)
    return found.reshape(len(rows), -1, rows.shape[1] + 1)


def of_catboost(model: Any, rows: pd.DataFrame) -> np.ndarray:
    pool = catboost.Pool(rows, cat_features=model.get_cat_feature_indices())
    return model.get_feature_importance(pool, type="ShapValues", thread_count=1)


LIBRARIES = {
    "xgb": of_xgboost, "xgb dart": of_xgboost, "xgb two classes": of_xgboost,
    "xgb classes": of_xgboost, "xgb targets": of_xgboost, "xgb one-hot": of_xgboost,
    "xgb partition": of_xgboost, "xgb stopped": of_xgboost, "xgb stumps": of_xgboost,
    "xgb zero is missing": of_xgboost,
    "light": of_lightgbm, "light dart": of_lightgbm, "light classes": of_lightgbm,
    "light categories": of_lightgbm, "light zero is missing": of_lightgbm,
    "light log link": of_lightgbm, "light stopped": of_lightgbm, "light stumps": of_lightgbm,
    "cat": of_catboost, "cat holes low": of_catboost, "cat holes high": of_catboost,
    "cat one-hot": of_catboost, "cat statistics": of_catboost, "cat counters": of_catboost,
    "cat two classes": of_catboost, "cat classes": of_catboost, "cat targets": of_catboost,
}  # fmt: skip


@pytest.mark.parametrize("name", LIBRARIES)
def test_without_a_background_the_library_itself_agrees(name: str) -> None:
    model, frame, _, rounding = fitted(name)
    rows = frame.iloc[ROWS]
    theirs = np.asarray(LIBRARIES[name](model, rows), dtype=np.float64)
    theirs = theirs.reshape(len(rows), -1, rows.shape[1] + 1).transpose(0, 2, 1)
    values, base = outputs(pel.explain(model, rows))
    np.testing.assert_allclose(values, theirs[:, :-1], rtol=0, atol=3 * rounding)
    np.testing.assert_allclose(base, theirs[:, -1], rtol=0, atol=3 * rounding)


SHAP_READS = ["forest classes", "forest targets", "boosting", "boosting exponential", "stump",
              "fully grown", "one column again and again", "hist"]  # fmt: skip


@pytest.mark.parametrize("name", SHAP_READS)
def test_without_a_background_shap_agrees_on_scikit_learns_trees(name: str) -> None:
    model, frame, _, rounding = fitted(name)
    rows = frame.iloc[ROWS]
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    theirs = np.asarray(explainer.shap_values(rows, check_additivity=False))
    values, _ = outputs(pel.explain(model, rows))
    np.testing.assert_allclose(values, theirs.reshape(values.shape), rtol=0, atol=rounding)


# --- where shap is silently wrong


def gaps(name: str, rows: pd.DataFrame, background: pd.DataFrame) -> tuple[float, float]:
    """How far shap's base and values, and ours, are from the model's own prediction."""
    model, _, margin, _ = fitted(name)
    truth = margin(rows)
    explainer = shap.TreeExplainer(model, background, feature_perturbation="interventional")
    theirs = np.asarray(explainer.shap_values(rows))
    theirs = theirs.reshape(len(rows), rows.shape[1], -1)
    their_gap = truth - theirs.sum(axis=1) - np.ravel(explainer.expected_value)
    values, base = outputs(pel.explain(model, rows, background=background))
    our_gap = truth - values.sum(axis=1) - base
    return float(np.abs(their_gap).max()), float(np.abs(our_gap).max())


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("xgb dart", 1.0),  # the weights of dropped trees are ignored
        ("light linear leaves", 0.1),  # leaves are taken for constants
        ("cat", 0.3),  # the model's bias is missing from the base value
        ("xgb classes", 0.01),  # the base scores of classes are missing
    ],
)
def test_a_model_that_shap_reads_wrongly_without_a_word(name: str, size: float) -> None:
    theirs, ours = gaps(name, PLAIN.iloc[ROWS], PLAIN.iloc[BACKGROUND])
    assert theirs > size
    assert ours < 1e-6


def test_lightgbm_trained_without_gaps_reads_a_gap_as_zero_and_shap_does_not() -> None:
    rows = HOLES.iloc[ROWS]
    theirs, ours = gaps("light dart", rows, PLAIN.iloc[BACKGROUND])
    assert theirs > 0.5
    assert ours < 1e-9


def test_a_background_of_more_than_100_rows_is_used_whole_and_shap_cuts_it() -> None:
    model, frame, margin, rounding = fitted("boosting")
    rows, background = frame.iloc[:2], frame.iloc[:160]
    explainer = shap.TreeExplainer(model, background, feature_perturbation="interventional")
    theirs = np.asarray(explainer.shap_values(rows)).reshape(2, -1, 1)
    truth = enumerated(margin, rows, background)
    values, _ = outputs(pel.explain(model, rows, background=background))
    assert np.abs(theirs - truth).max() > 0.02
    np.testing.assert_allclose(values, truth, rtol=0, atol=rounding)


@pytest.mark.parametrize("as_given", [scipy.sparse.csr_matrix, np.asarray], ids=["sparse", "dense"])
def test_deep_forests_of_sparse_data_stay_additive_and_shap_is_off_by_thousands(
    as_given: Any,
) -> None:
    rng = np.random.default_rng(0)
    rows = (rng.random((800, 600)) < 0.02).astype(np.float64)
    y = (rows @ rng.normal(size=600) + rng.normal(size=800) > 0).astype(int)
    model = RandomForestClassifier(3, random_state=0).fit(scipy.sparse.csr_matrix(rows), y)
    assert max(tree.get_depth() for tree in model.estimators_) > 70
    explainer = shap.TreeExplainer(model)
    theirs = explainer.shap_values(rows[:5], check_additivity=False)[:, :, 1].sum(axis=1)
    own = model.predict_proba(rows[:5])[:, 1]
    assert np.abs(theirs + explainer.expected_value[1] - own).max() > 1e3
    found = pel.explain(model, as_given(rows[:5]))
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), own, rtol=0, atol=1e-12)


NOT_READ_BY_SHAP = ["hist texts", "hist categories", "light categories",
                    "xgb partition", "cat one-hot", "xgb vector leaves", "boosting classes", "ada",
                    "bagging", "bagging classes", "voting", "voting classes",
                    "targets apart"]  # fmt: skip


@pytest.mark.parametrize("name", NOT_READ_BY_SHAP)
def test_what_shap_refuses_with_a_background_is_exact_here(name: str) -> None:
    model, frame, margin, rounding = fitted(name)
    rows, background = frame.iloc[:2], frame.iloc[50:56]
    with pytest.raises(Exception):  # noqa: B017, PT011 - of any kind, also from inside its code
        shap.TreeExplainer(model, background, feature_perturbation="interventional").shap_values(
            rows
        )
    values, _ = outputs(pel.explain(model, rows, background=background))
    np.testing.assert_allclose(values, enumerated(margin, rows, background), rtol=0, atol=rounding)


# --- where CatBoost itself is


def path_dependent_of_catboost(model: Any, rows: pd.DataFrame) -> np.ndarray:
    """(row, column): a missing column follows both ways, by the weights of the leaves."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_model(f"{folder}/model.json", format="json")
        trees = json.loads(Path(f"{folder}/model.json").read_text())["trees"]

    def weight(node: Any) -> float:
        inner = "split" in node
        return weight(node["left"]) + weight(node["right"]) if inner else node["weight"]

    def worth(node: Any, row: np.ndarray, team: frozenset[int]) -> float:
        if "split" not in node:
            return node["value"]
        column, border = node["split"]["float_feature_index"], node["split"]["border"]
        if column in team:
            return worth(node["right" if row[column] > border else "left"], row, team)
        left, right = weight(node["left"]), weight(node["right"])
        mean = left * worth(node["left"], row, team) + right * worth(node["right"], row, team)
        return mean / (left + right) if left + right else mean

    def game(row: np.ndarray) -> Callable[[frozenset[int]], np.ndarray]:
        return lambda team: np.array(sum(worth(tree, row, team) for tree in trees))

    values = rows.to_numpy(dtype=np.float32)
    return np.array([brute.shapley(game(row), len(row)) for row in values])


def test_catboosts_own_values_of_trees_that_are_not_symmetric_miss_columns_tested_twice() -> None:
    """The path-dependent game over nodes that are read here from CatBoost's own JSON."""
    model, frame, _, rounding = fitted("cat level by level")
    rows = frame.iloc[:5]
    theirs = np.asarray(of_catboost(model, rows))[:, :-1]
    found = pel.explain(model, rows).values
    truth = path_dependent_of_catboost(model, rows)
    assert np.abs(theirs - truth).max() > 0.01
    np.testing.assert_allclose(found, truth, rtol=0, atol=rounding)
