"""TreeInteractions as a user calls it: against all coalitions over the user's own prediction."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import shap
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import pellucid as pel
from pellucid.core.errors import CannotExplain, InvalidSetting
from pellucid.core.terms import folded, interaction_matrix
from pellucid.explainers.shapley.tree_interactions import TreeInteractions
from twins import pair_interactions as truth

ROWS = 160
RNG = np.random.default_rng(3)
NUMBERS = RNG.normal(size=(ROWS, 3)).astype(np.float32).astype(np.float64)
FRAME = pd.DataFrame(NUMBERS, columns=["age", "debt", "years"])
FRAME["job"] = RNG.choice(["cook", "nurse", "smith", "clerk"], ROWS)
AMOUNT = NUMBERS[:, 0] * NUMBERS[:, 1] + 2 * (FRAME["job"] == "nurse") * NUMBERS[:, 2]
BAD = (AMOUNT > 0.2).to_numpy().astype(int)
THREE = np.array(["no", "maybe", "yes"], dtype=object)[np.digitize(AMOUNT, [-0.5, 0.5])]
NATIVE = FRAME.assign(job=FRAME["job"].astype("category"), age=FRAME["age"].mask(FRAME.index < 30))


def one_hot(labels: np.ndarray) -> Any:
    encoder = make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough")
    return make_pipeline(encoder, RandomForestClassifier(6, max_depth=5, random_state=0)).fit(
        FRAME, labels
    )


def played(predict: Any, frame: pd.DataFrame, behind: pd.DataFrame, groups: Any) -> np.ndarray:
    """(sample, player, player, output) over the user's own table."""
    kinds, everything = frame.dtypes, behind.to_numpy(dtype=object)

    def answer(rows: np.ndarray) -> np.ndarray:
        return predict(pd.DataFrame(rows, columns=frame.columns).astype(kinds))

    games = [
        truth.replaced(answer, row, everything, groups) for row in frame.to_numpy(dtype=object)
    ]
    return np.array([truth.shapley_matrix(game, len(groups)) for game in games])


def matrix(found: Any) -> np.ndarray:
    result = interaction_matrix(found)
    return result if result.ndim == 4 else result[..., None]


def test_one_hot_columns_are_one_player() -> None:
    model = one_hot(THREE)
    found = pel.explain(model, FRAME[:5], background=FRAME[90:105], method="tree_interactions")
    exact = played(model.predict_proba, FRAME[:5], FRAME[90:105], [[0], [1], [2], [3]])
    assert found.dims == ("sample", "term", "class")
    assert found.coords["term"][:5] == ("age", "debt", "years", "job", "age × debt")
    np.testing.assert_allclose(matrix(found), exact, atol=1e-12)
    np.testing.assert_allclose(found.gap(), 0.0, atol=1e-12)


def test_groups_of_columns_are_players() -> None:
    model, groups = one_hot(BAD), {"money": ["debt", "job"]}
    given = {"background": FRAME[90:105], "groups": groups}
    found = pel.explain(model, FRAME[:5], method="tree_interactions", **given)
    exact = played(
        lambda rows: model.predict_proba(rows)[:, 1], FRAME[:5], FRAME[90:105], [[0], [1, 3], [2]]
    )
    assert found.coords["term"][:3] == ("age", "money", "years")
    np.testing.assert_allclose(matrix(found), exact, atol=1e-12)


NATIVES = {
    "lightgbm": lambda: lightgbm.LGBMClassifier(
        n_estimators=8, num_leaves=10, verbose=-1, min_data_per_group=2, cat_smooth=1.0
    ).fit(NATIVE, BAD),
    "xgboost": lambda: xgboost.XGBClassifier(
        n_estimators=8, max_depth=4, enable_categorical=True, max_cat_to_onehot=1
    ).fit(NATIVE, BAD),
    "histogram boosting": lambda: HistGradientBoostingClassifier(
        max_iter=8, max_leaf_nodes=10, min_samples_leaf=5, categorical_features="from_dtype"
    ).fit(NATIVE, BAD),
}


def margin(model: Any, rows: pd.DataFrame) -> np.ndarray:
    if isinstance(model, xgboost.XGBClassifier):
        return model.predict(rows, output_margin=True)
    if isinstance(model, lightgbm.LGBMClassifier):
        return model.predict(rows, raw_score=True)
    return model.decision_function(rows)


@pytest.mark.parametrize("name", NATIVES)
def test_categories_and_missing_values_without_encoding(name: str) -> None:
    """shap refuses these or answers for other splits."""
    model = NATIVES[name]()
    rows, behind = NATIVE[25:30], NATIVE[100:112]
    found = pel.explain(model, rows, background=behind, method="tree_interactions")
    exact = played(lambda frame: margin(model, frame), rows, behind, [[0], [1], [2], [3]])
    np.testing.assert_allclose(matrix(found), exact, atol=5e-6 if name == "xgboost" else 1e-12)


def test_terms_fold_to_the_values_of_tree_shap() -> None:
    model = one_hot(THREE)
    for background in (None, FRAME[90:120]):
        given = {"background": background}
        terms = pel.explain(model, FRAME[:20], method="tree_interactions", **given)
        values = pel.explain(model, FRAME[:20], method="tree_shap", **given)
        back = folded(terms)
        assert back.dims == values.dims
        assert back.features == values.features
        np.testing.assert_allclose(back.values, values.values, atol=1e-13)
        np.testing.assert_allclose(matrix(terms).sum(axis=2), values.values, atol=1e-13)


def test_the_matrix_has_the_layout_of_shap() -> None:
    model = RandomForestClassifier(6, max_depth=5, random_state=0).fit(NUMBERS, BAD)
    found = pel.explain(model, NUMBERS[:9], method="tree_interactions")
    theirs = shap.TreeExplainer(model).shap_interaction_values(NUMBERS[:9])
    np.testing.assert_allclose(interaction_matrix(found), theirs[..., 1], atol=1e-12)


def test_the_strongest_pairs_can_be_split_off_alone() -> None:
    model = one_hot(BAD)
    every = pel.explain(model, FRAME[:30], method=TreeInteractions())
    few = pel.explain(model, FRAME[:30], method=TreeInteractions(pairs=2))
    size = {name: np.abs(every.sel(term=name).values).mean() for name in every.features[4:]}
    best = sorted(size, key=size.__getitem__)[-2:]
    assert set(few.features[4:]) == set(best)
    np.testing.assert_allclose(few.sel(term=best).values, every.sel(term=best).values, atol=1e-14)
    np.testing.assert_allclose(few.gap(), 0.0, atol=1e-12)
    assert any("2 strongest of 6 pairs" in note for note in few.notes)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "all"])
def test_a_wrong_number_of_pairs_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidSetting, match="number of pairs"):
        TreeInteractions(pairs=wrong)


def test_more_than_memory_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.explainers.shapley.tree_interactions.MOST_VALUES", 100)
    with pytest.raises(InvalidSetting, match="do not fit in memory"):
        pel.explain(one_hot(BAD), FRAME[:30], method="tree_interactions")


def test_catboost_agrees_with_enumeration() -> None:
    catboost = pytest.importorskip("catboost")
    frame = FRAME[["age", "debt", "years"]]
    quiet = {"verbose": False, "allow_writing_files": False, "thread_count": 1}
    model = catboost.CatBoostRegressor(iterations=8, depth=4, **quiet).fit(frame, AMOUNT)
    found = pel.explain(model, frame[:4], background=frame[90:99], method="tree_interactions")
    exact = played(model.predict, frame[:4], frame[90:99], [[0], [1], [2]])
    np.testing.assert_allclose(matrix(found), exact, atol=1e-9)


def test_leaves_that_hold_linear_models_are_refused() -> None:
    model = lightgbm.LGBMRegressor(n_estimators=3, linear_tree=True, verbose=-1)
    model.fit(NUMBERS, AMOUNT.to_numpy())
    with pytest.raises(CannotExplain, match="TreeInteractions cannot explain"):
        pel.explain(model, NUMBERS[:4], background=NUMBERS, method="tree_interactions")


def test_odd_tables_are_explained() -> None:
    """One column, a constant one, a doubled one, one background row, huge numbers."""
    wide = np.column_stack([NUMBERS[:, 0], np.ones(ROWS), NUMBERS[:, 0], 1e300 * NUMBERS[:, 1]])
    for X in (wide, NUMBERS[:, :1]):
        model = HistGradientBoostingClassifier(max_iter=5).fit(X, BAD)
        for background in (None, X[:1], X):
            found = pel.explain(model, X[:7], background=background, method="tree_interactions")
            np.testing.assert_allclose(found.gap(), 0.0, atol=1e-12)


SPARSE = np.hstack([NUMBERS, RNG.normal(size=(ROWS, 2))])
"""Two columns of five that a model of the first three never tests."""


def of_three() -> Any:
    model = HistGradientBoostingClassifier(max_iter=5, max_depth=3, random_state=0)
    return model.fit(np.hstack([NUMBERS, np.zeros((ROWS, 2))]), BAD)


def test_the_terms_are_those_of_shapley_interactions() -> None:
    given = {"background": SPARSE[90:99], "scale": "logit"}
    model, rows = of_three(), SPARSE[:4]
    found = pel.explain(model, rows, method="tree_interactions", **given)
    other = pel.explain(model, rows, method="shapley_interactions", **given)
    assert found.features == other.features
    np.testing.assert_allclose(found.values, other.values, atol=1e-12)


def test_of_very_many_pairs_those_that_do_nothing_have_no_term_and_this_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pellucid.explainers.shapley.tree_interactions.MOST_TERMS", 14)
    found = pel.explain(of_three(), SPARSE[:4], method="tree_interactions")
    assert all("x3" not in str(t) and "x4" not in str(t) for t in found.features[5:])
    lacking = 15 - len(found.features)
    assert lacking >= 7
    assert any(f"{lacking} of 10 pairs have no term" in note for note in found.notes)
    np.testing.assert_allclose(found.gap(), 0.0, atol=1e-12)
