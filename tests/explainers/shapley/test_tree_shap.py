"""TreeSHAP as a user calls it, on every library's models: against all coalitions and against shap.

The coalitions are played over the user's own table and the model's own prediction, so that reading
the trees, encoding, grouping and naming are all under test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import shap
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from threadpoolctl import threadpool_limits

import pellucid as pel
from twins import tree_brute_force as brute

DOUBLE, SINGLE = 1e-9, 2e-6
"""Largest difference relative to the predictions: XGBoost predicts in 32 bits."""

SHAP_WEIGHTS = 2e-7
"""shap keeps the weights of its interventional game in 32 bits, in every library."""

ROWS = 200
RNG = np.random.default_rng(11)


def rounded(values: np.ndarray) -> np.ndarray:
    """Numbers that 32 bits hold exactly: no row moves over a cut when a library rounds it."""
    return values.astype(np.float32).astype(np.float64)


FRAME = pd.DataFrame(rounded(RNG.normal(size=(ROWS, 4))), columns=["age", "debt", "years", "rate"])
HOLES = FRAME.mask(RNG.random(FRAME.shape) < 0.2)
MIXED = FRAME.assign(
    job=pd.Categorical(RNG.choice(["cook", "nurse", "smith", "clerk", "baker"], ROWS)),
    rate=HOLES["rate"],
)
TEXT = MIXED.assign(job=MIXED["job"].astype(object), rate=FRAME["rate"])
AMOUNT = 2 * FRAME["age"] + FRAME["debt"] * FRAME["years"] + (MIXED["job"] == "nurse")
AMOUNT = AMOUNT.to_numpy(dtype=float)
BAD = (AMOUNT > 0.5).astype(int)
THREE = np.array(["no", "maybe", "yes"], dtype=object)[np.digitize(AMOUNT, [-1, 1])]


@dataclass(frozen=True)
class Case:
    """A model, its rows, and its own prediction on the scale where it is a sum."""

    model: Any
    frame: pd.DataFrame
    own: Callable[[pd.DataFrame], np.ndarray]
    rounding: float = DOUBLE


def boosted(**settings: Any) -> dict[str, Any]:
    return {"n_estimators": 8, "max_depth": 4, "random_state": 0, **settings}


def light(**settings: Any) -> dict[str, Any]:
    return {"n_estimators": 8, "num_leaves": 8, "min_child_samples": 5, "verbose": -1, **settings}


def forest() -> Case:
    model = RandomForestRegressor(8, max_depth=5, random_state=0).fit(FRAME, AMOUNT)
    return Case(model, FRAME, model.predict)


def forest_of_three_classes() -> Case:
    model = RandomForestClassifier(8, max_depth=5, random_state=0).fit(FRAME, THREE)
    return Case(model, FRAME, model.predict_proba)


def extra_trees() -> Case:
    model = ExtraTreesClassifier(8, max_depth=5, random_state=0).fit(FRAME, BAD)
    return Case(model, FRAME, lambda X: model.predict_proba(X)[:, 1])


def tree() -> Case:
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(HOLES, BAD)
    return Case(model, HOLES, lambda X: model.predict_proba(X)[:, 1])


def gradient_boosting() -> Case:
    model = GradientBoostingClassifier(**boosted()).fit(FRAME, BAD)
    return Case(model, FRAME, model.decision_function)


def gradient_boosting_of_three_classes() -> Case:
    model = GradientBoostingClassifier(**boosted()).fit(FRAME, THREE)
    return Case(model, FRAME, model.decision_function)


def histogram_boosting_with_holes() -> Case:
    model = HistGradientBoostingRegressor(max_iter=8, random_state=0).fit(HOLES, AMOUNT)
    return Case(model, HOLES, model.predict)


def histogram_boosting_with_categories() -> Case:
    model = HistGradientBoostingClassifier(
        max_iter=8, categorical_features="from_dtype", random_state=0
    ).fit(MIXED, THREE)
    return Case(model, MIXED, model.decision_function)


def xgboost_with_holes() -> Case:
    model = xgboost.XGBRegressor(**boosted()).fit(HOLES, AMOUNT)
    return Case(model, HOLES, model.predict, SINGLE)


def xgboost_of_three_classes() -> Case:
    model = xgboost.XGBClassifier(**boosted()).fit(FRAME, np.digitize(AMOUNT, [-1, 1]))
    return Case(model, FRAME, lambda X: model.predict(X, output_margin=True), SINGLE)


def xgboost_with_categories() -> Case:
    model = xgboost.XGBClassifier(**boosted(enable_categorical=True)).fit(MIXED, BAD)
    return Case(model, MIXED, lambda X: model.predict(X, output_margin=True), SINGLE)


def lightgbm_with_holes() -> Case:
    model = lightgbm.LGBMRegressor(**light()).fit(HOLES, AMOUNT)
    return Case(model, HOLES, model.predict)


def lightgbm_of_three_classes() -> Case:
    model = lightgbm.LGBMClassifier(**light()).fit(FRAME, THREE)
    return Case(model, FRAME, lambda X: model.predict(X, raw_score=True))


def lightgbm_with_categories() -> Case:
    model = lightgbm.LGBMClassifier(**light(min_data_per_group=5, cat_smooth=1)).fit(MIXED, BAD)
    return Case(model, MIXED, lambda X: model.predict(X, raw_score=True))


def pipeline_with_one_hot() -> Case:
    encoder = make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough")
    model = make_pipeline(encoder, RandomForestClassifier(8, max_depth=5, random_state=0))
    model.fit(TEXT, BAD)
    return Case(model, TEXT, lambda X: model.predict_proba(X)[:, 1])


def pipeline_of_three_classes() -> Case:
    encoder = make_column_transformer(
        (OneHotEncoder(drop="first", sparse_output=False), ["job"]),
        (StandardScaler(), ["age", "debt", "rate"]),
        remainder="drop",
    )
    model = make_pipeline(encoder, HistGradientBoostingClassifier(max_iter=6, random_state=0))
    model.fit(TEXT, THREE)
    return Case(model, TEXT, model.decision_function)


def pipeline_into_xgboost() -> Case:
    encoder = make_column_transformer(
        (OrdinalEncoder(), ["job"]), (OneHotEncoder(), ["job"]), remainder="passthrough"
    )
    model = make_pipeline(encoder, xgboost.XGBClassifier(**boosted())).fit(TEXT, BAD)

    def margin(X: pd.DataFrame) -> np.ndarray:
        return model[-1].predict(model[0].transform(X), output_margin=True)

    return Case(model, TEXT, margin, SINGLE)


def isolation_forest() -> Case:
    model = IsolationForest(n_estimators=8, random_state=0).fit(FRAME)

    def depth(X: pd.DataFrame) -> np.ndarray:
        """The mean path length, solved from the score of Liu, Ting and Zhou (2008)."""
        n = model.max_samples_
        usual = 2 * (np.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n
        return -usual * np.log2(-model.score_samples(X))

    return Case(model, FRAME, depth)


CASES = [
    forest,
    forest_of_three_classes,
    extra_trees,
    tree,
    gradient_boosting,
    gradient_boosting_of_three_classes,
    histogram_boosting_with_holes,
    histogram_boosting_with_categories,
    xgboost_with_holes,
    xgboost_of_three_classes,
    xgboost_with_categories,
    lightgbm_with_holes,
    lightgbm_of_three_classes,
    lightgbm_with_categories,
    pipeline_with_one_hot,
    pipeline_of_three_classes,
    pipeline_into_xgboost,
    isolation_forest,
]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small train faster on one thread."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest) -> Case:
    return request.param()


def of_cases(*cases: Callable[[], Case]) -> Any:
    return pytest.mark.parametrize("case", cases, indirect=True, ids=lambda make: make.__name__)


def enumerated(case: Case, rows: pd.DataFrame, background: pd.DataFrame) -> np.ndarray:
    """Shapley values (sample, column, output) from every coalition of the user's columns."""
    columns = list(case.frame)
    games = []
    for i in range(len(rows)):
        teams = list(product([False, True], repeat=len(columns)))
        blocks = []
        for team in teams:
            block = background.copy()
            for column, known in zip(columns, team, strict=True):
                if known:
                    block[column] = pd.Series(
                        [rows[column].iloc[i]] * len(block), index=block.index
                    ).astype(block[column].dtype)
            blocks.append(block)
        answers = np.asarray(case.own(pd.concat(blocks, ignore_index=True)), dtype=np.float64)
        worth = answers.reshape(len(teams), len(background), -1).mean(axis=1)
        table = {
            frozenset(np.flatnonzero(team).tolist()): value
            for team, value in zip(teams, worth, strict=True)
        }
        games.append(brute.shapley(table.__getitem__, len(columns)))
    return np.array(games)


def spread(case: Case) -> float:
    return float(np.abs(case.own(case.frame)).max())


def shares(found: pel.Attribution) -> np.ndarray:
    """Values with an axis of outputs, also where there is one."""
    return found.values.reshape(*found.values.shape[:2], -1)


# --- against the definition


@of_cases(*CASES)
def test_with_a_background_it_is_the_average_over_all_coalitions(case: Case) -> None:
    rows, background = case.frame.iloc[:3], case.frame.iloc[50:57]
    found = pel.explain(case.model, rows, background=background)
    assert found.method == "tree_shap"
    assert found.exact
    assert found.features == tuple(case.frame)
    truth = enumerated(case, rows, background)
    np.testing.assert_allclose(shares(found), truth, rtol=0, atol=case.rounding * spread(case))
    own = np.asarray(case.own(background), dtype=np.float64).reshape(len(background), -1)
    base = np.asarray(found.base).reshape(len(rows), -1)
    np.testing.assert_allclose(
        base, np.tile(own.mean(axis=0), (len(rows), 1)), rtol=0, atol=case.rounding * spread(case)
    )


@of_cases(*CASES)
def test_base_and_shares_add_up_to_the_models_own_prediction(case: Case) -> None:
    for background in (None, case.frame.iloc[:40]):
        found = pel.explain(case.model, case.frame, background=background)
        total = np.asarray(found.base) + found.values.sum(axis=1)
        own = np.asarray(case.own(case.frame), dtype=np.float64).reshape(total.shape)
        np.testing.assert_allclose(total, own, rtol=0, atol=case.rounding * spread(case))
        assert np.abs(found.gap()).max() <= case.rounding * spread(case)


def test_without_a_background_a_one_hot_block_is_one_player() -> None:
    """The path-dependent game over the user's columns, on nodes read by the test."""
    case = pipeline_with_one_hot()
    rows = TEXT.iloc[:4]
    encoder, last = case.model[0], case.model[-1]
    encoded = encoder.transform(rows)
    encoded = np.asarray(encoded.todense() if hasattr(encoded, "todense") else encoded)
    names = list(encoder.get_feature_names_out())
    players = [
        [i for i, name in enumerate(names) if name.split("__")[1].split("_")[0] == column]
        for column in TEXT
    ]
    assert [len(block) for block in players] == [1, 1, 1, 1, 5]
    trees = [
        brute.of_sklearn(t.tree_, lambda i, t=t: t.tree_.value[i, 0, 1] / len(last.estimators_))
        for t in last.estimators_
    ]
    truth = brute.path_dependent([trees], encoded.astype(float), players)[:, :, 0]
    found = pel.explain(case.model, rows)
    np.testing.assert_allclose(found.values, truth, rtol=0, atol=DOUBLE)


# --- against shap


def peers(model: Any, rows: pd.DataFrame, background: pd.DataFrame | None = None) -> np.ndarray:
    mode = "tree_path_dependent" if background is None else "interventional"
    explainer = shap.TreeExplainer(model, background, feature_perturbation=mode)
    found = np.asarray(explainer.shap_values(rows, check_additivity=False))
    return found.reshape(*found.shape[:2], -1)


SHAP_READS = [
    forest,
    forest_of_three_classes,
    gradient_boosting,
    histogram_boosting_with_holes,
    xgboost_with_holes,
    xgboost_of_three_classes,
    xgboost_with_categories,
    lightgbm_with_holes,
    lightgbm_of_three_classes,
    lightgbm_with_categories,
]


@of_cases(*SHAP_READS)
def test_without_a_background_shap_agrees(case: Case) -> None:
    rows = case.frame.iloc[:30]
    found = shares(pel.explain(case.model, rows))
    # shap hands XGBoost's models back to XGBoost, which sums in 32 bits
    np.testing.assert_allclose(
        found, peers(case.model, rows), rtol=0, atol=case.rounding * spread(case)
    )


@of_cases(forest, forest_of_three_classes, gradient_boosting, histogram_boosting_with_holes,
          xgboost_with_holes, lightgbm_with_holes, lightgbm_of_three_classes)  # fmt: skip
def test_with_a_background_shap_agrees(case: Case) -> None:
    rows, background = case.frame.iloc[:30], case.frame.iloc[100:140]
    found = shares(pel.explain(case.model, rows, background=background))
    rounding = max(case.rounding, SHAP_WEIGHTS)
    np.testing.assert_allclose(
        found, peers(case.model, rows, background), rtol=0, atol=rounding * spread(case)
    )


def test_for_isolation_forests_shap_agrees() -> None:
    case = isolation_forest()
    found = pel.explain(case.model, FRAME.iloc[:20])
    assert found.scale == "path length"
    # shap rounds the mean path length of a leaf with a coarser constant
    np.testing.assert_allclose(
        shares(found), peers(case.model, FRAME.iloc[:20]), rtol=0, atol=1e-6 * spread(case)
    )


# --- targets, scales and outputs


@of_cases(extra_trees, gradient_boosting, lightgbm_with_categories, pipeline_with_one_hot)
def test_the_other_class_of_two_gets_the_opposite_shares_and_still_adds_up(case: Case) -> None:
    rows, background = case.frame.iloc[:10], case.frame.iloc[20:50]
    one = pel.explain(case.model, rows, background=background, target=1)
    other = pel.explain(case.model, rows, background=background, target=0)
    default = pel.explain(case.model, rows, background=background)
    np.testing.assert_array_equal(other.values, -one.values)
    np.testing.assert_array_equal(default.values, one.values)
    assert (one.target, other.target, default.target) == ("1", "0", "1")
    total = 1.0 if one.scale == "probability" else 0.0
    np.testing.assert_allclose(np.add(one.base, other.base), total, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.add(one.output, other.output), total, rtol=0, atol=1e-12)
    assert np.abs(other.gap()).max() < 1e-9


@of_cases(forest_of_three_classes, gradient_boosting_of_three_classes,
          histogram_boosting_with_categories, lightgbm_of_three_classes)  # fmt: skip
def test_several_classes_have_an_axis_of_their_own_labels(case: Case) -> None:
    rows = case.frame.iloc[:10]
    found = pel.explain(case.model, rows)
    assert found.dims == ("sample", "feature", "class")
    assert tuple(found.coords["class"]) == tuple(case.model.classes_)
    for label in case.model.classes_:
        alone = pel.explain(case.model, rows, target=label)
        np.testing.assert_allclose(
            alone.values, found.sel(**{"class": label}).values, rtol=0, atol=1e-15
        )
        assert alone.target == label
    if found.scale == "probability":
        np.testing.assert_allclose(found.values.sum(axis=2), 0, rtol=0, atol=1e-12)


@of_cases(extra_trees, gradient_boosting, xgboost_with_categories)
def test_the_scale_is_the_one_on_which_the_model_is_a_sum(case: Case) -> None:
    found = pel.explain(case.model, case.frame.iloc[:5])
    assert found.scale == ("probability" if case.model.__class__.__name__[0] == "E" else "logit")
    other = {"probability": "logit", "logit": "probability"}[found.scale]
    with pytest.raises(pel.PellucidError, match=f"works on the scale '{found.scale}'"):
        pel.explain(case.model, case.frame.iloc[:5], method="tree_shap", scale=other)


def test_of_a_regression_the_base_without_a_background_is_the_mean_of_the_answers() -> None:
    model = GradientBoostingRegressor(**boosted()).fit(FRAME, AMOUNT)
    found = pel.explain(model, FRAME)
    np.testing.assert_allclose(found.base, model.predict(FRAME).mean(), rtol=0, atol=1e-9)
    assert any("path-dependent" in note for note in found.notes)
    with_all = pel.explain(model, FRAME, background=FRAME)
    np.testing.assert_allclose(with_all.base, model.predict(FRAME).mean(), rtol=0, atol=1e-9)
    assert not any("path-dependent" in note for note in with_all.notes)
    assert np.abs(found.values - with_all.values).max() > 1e-3, "two different games"


# --- how the model and the table are handed over


def test_a_booster_is_explained_like_the_wrapper_around_it() -> None:
    for case in (xgboost_with_holes(), lightgbm_with_holes()):
        inner = getattr(case.model, "booster_", None) or case.model.get_booster()
        for background in (None, HOLES.iloc[:30]):
            wrapped = pel.explain(case.model, HOLES.iloc[:20], background=background)
            bare = pel.explain(inner, HOLES.iloc[:20], background=background)
            np.testing.assert_array_equal(bare.values, wrapped.values)
            np.testing.assert_array_equal(bare.base, wrapped.base)


@of_cases(forest, histogram_boosting_with_holes, xgboost_with_holes, lightgbm_with_holes)
def test_every_kind_of_table_gives_the_same_numbers(case: Case) -> None:
    rows, background = case.frame.iloc[:20], case.frame.iloc[100:130]
    kinds = {
        "polars": lambda frame: pl.from_pandas(frame, nan_to_null=True),
        "arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
        "numpy": lambda frame: frame.to_numpy(),
        "columns": lambda frame: {name: frame[name].tolist() for name in frame},
        "other order": lambda frame: frame[frame.columns[::-1]],
    }
    for reference in (None, background):
        expected = pel.explain(case.model, rows, background=reference)
        for kind, made in kinds.items():
            given = None if reference is None else made(reference)
            found = pel.explain(case.model, made(rows), background=given)
            assert sorted(found.features) == sorted(expected.features), kind
            places = [found.features.index(name) for name in expected.features]
            np.testing.assert_array_equal(found.values[:, places], expected.values, err_msg=kind)
            np.testing.assert_array_equal(found.base, expected.base, err_msg=kind)


def test_text_columns_of_a_pipeline_may_come_from_polars_and_arrow() -> None:
    case = pipeline_with_one_hot()
    rows = TEXT.iloc[:20]
    expected = pel.explain(case.model, rows, background=TEXT.iloc[50:80])
    for made in (pl.from_pandas, lambda frame: pa.Table.from_pandas(frame, preserve_index=False)):
        found = pel.explain(case.model, made(rows), background=made(TEXT.iloc[50:80]))
        np.testing.assert_array_equal(found.values, expected.values)
        assert found.inputs["job"].tolist() == rows["job"].tolist()


def test_one_row_is_explained_as_among_many() -> None:
    case = xgboost_with_categories()
    for background in (None, MIXED.iloc[100:130]):
        many = pel.explain(case.model, MIXED.iloc[:50], background=background)
        one = pel.explain(case.model, MIXED.iloc[[7]], background=background)
        np.testing.assert_allclose(one.values[0], many.values[7], rtol=0, atol=1e-15)


def test_a_column_that_no_tree_reads_gets_exactly_nothing() -> None:
    model = RandomForestRegressor(8, max_depth=4, random_state=0)
    model.fit(FRAME.assign(debt=1.0), AMOUNT)
    for background in (None, FRAME.iloc[:30]):
        found = pel.explain(model, FRAME, background=background)
        assert not found.sel(feature="debt").values.any()


def test_blanks_in_column_names_which_lightgbm_replaces_do_no_harm() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(200, 3)), columns=["body mass", "bill_length", "a b c"])
    model = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1).fit(rows, rows["body mass"])
    for background in (None, rows):
        found = pel.explain(model, rows.head(4), background=background)
        assert found.features == ("body mass", "bill_length", "a b c")
        assert found.top(1).features == ("body mass",)
        np.testing.assert_allclose(found.output, model.predict(rows.head(4)))


@pytest.mark.parametrize("convert", [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pel.Table.of])
def test_columns_keep_the_order_of_the_rows_whatever_that_of_the_background(convert: Any) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(80, 3)), columns=["a", "b", "c"])
    model = DecisionTreeRegressor(max_depth=4).fit(rows, rows["a"] + 2 * rows["b"])
    turned = rows[["c", "a", "b"]]
    found = pel.explain(model, convert(turned.head(4)), background=rows)
    assert found.features == ("c", "a", "b")
    straight = pel.explain(model, rows.head(4), background=rows)
    np.testing.assert_allclose(found.values, straight.values[:, [2, 0, 1]], atol=1e-12)
