"""TreeSHAP on every kind of tree model, against all coalitions of the user's own columns.

Reading the model, encoding the table and naming the columns are all under test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression
from threadpoolctl import threadpool_limits

import pellucid as pel
from pellucid.core.errors import CannotExplain
from pellucid.models.as_model import as_model
from twins.tree_kinds import (
    AMOUNT,
    BOTH,
    FEW,
    KINDS,
    LC,
    PLAIN,
    TWO,
    WITH_BACKGROUND_ONLY,
    WORDS,
    cat,
    enumerated,
    fitted,
    forests,
    light,
    outputs,
    regressors,
    tree,
)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small train faster on one thread."""
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("name", KINDS)
def test_with_a_background_it_is_the_average_over_all_coalitions(name: str) -> None:
    model, frame, margin, rounding = fitted(name)
    rows, background = frame.iloc[:3], frame.iloc[50:56]
    found = pel.explain(model, rows, background=background)
    values, base = outputs(found)
    assert (found.method, found.exact) == ("tree_shap", True)
    np.testing.assert_allclose(values, enumerated(margin, rows, background), rtol=0, atol=rounding)
    mean = margin(background).mean(axis=0)
    np.testing.assert_allclose(base, np.tile(mean, (3, 1)), rtol=0, atol=rounding)


@pytest.mark.parametrize("name", KINDS)
def test_base_and_shares_add_up_to_the_models_own_prediction_for_every_row(name: str) -> None:
    model, frame, margin, rounding = fitted(name)
    references = [None, frame.iloc[7:8], frame]
    for background in references[name.startswith(WITH_BACKGROUND_ONLY) :]:
        values, base = outputs(pel.explain(model, frame, background=background))
        np.testing.assert_allclose(base + values.sum(axis=1), margin(frame), rtol=0, atol=rounding)


@pytest.mark.parametrize("name", KINDS)
def test_a_row_explained_against_itself_gets_nothing(name: str) -> None:
    model, frame, _, _ = fitted(name)
    found = pel.explain(model, frame.iloc[:1], background=frame.iloc[:1])
    assert not found.values.any()


# --- odd rows


ODD_NUMBERS = [np.inf, -np.inf, 1e300, -1e300, 1e38, 1e-40, -1e-36, 0.0, -0.0]
TAKES_ANY_NUMBER = ["light", "light zero is missing", "cat", "cat level by level", "hist"]


@pytest.mark.parametrize("name", TAKES_ANY_NUMBER)
def test_huge_tiny_and_infinite_numbers_go_where_the_library_sends_them(name: str) -> None:
    model, frame, margin, rounding = fitted(name)
    rows = frame.iloc[: len(ODD_NUMBERS)].assign(age=ODD_NUMBERS)
    others = frame.iloc[50 : 50 + len(ODD_NUMBERS)].assign(debt=ODD_NUMBERS)
    values, _ = outputs(pel.explain(model, rows, background=others))
    np.testing.assert_allclose(values, enumerated(margin, rows, others), rtol=0, atol=rounding)


@pytest.mark.parametrize("name", ["xgb", "forest classes", "bagging", "boosting"])
def test_the_biggest_numbers_of_32_bits_are_read(name: str) -> None:
    model, frame, margin, rounding = fitted(name)
    rows = frame.iloc[:4].assign(age=[3.4e38, -3.4e38, 1e-45, -0.0])
    values, _ = outputs(pel.explain(model, rows, background=frame.iloc[50:56]))
    truth = enumerated(margin, rows, frame.iloc[50:56])
    np.testing.assert_allclose(values, truth, rtol=0, atol=rounding)


NEVER_SEEN = ["light categories", "light linear leaves, categories", "hist categories",
              "hist texts", "cat one-hot", "cat statistics", "cat both kinds", "cat counters",
              "cat classes"]  # fmt: skip


@pytest.mark.parametrize("name", NEVER_SEEN)
def test_a_category_never_seen_in_training_goes_where_the_library_sends_it(name: str) -> None:
    model, frame, margin, rounding = fitted(name)
    jobs, background = ["pilot", "nurse", "a very long name, longer than 32"], frame.iloc[50:56]
    typed = isinstance(frame["job"].dtype, pd.CategoricalDtype)
    rows = frame.iloc[:3].assign(
        job=pd.Categorical(jobs, [*frame["job"].cat.categories, *jobs[::2]]) if typed else jobs
    )
    if typed:
        background = background.assign(
            job=background["job"].cat.set_categories(rows["job"].cat.categories)
        )
    values, _ = outputs(pel.explain(model, rows, background=background))
    np.testing.assert_allclose(values, enumerated(margin, rows, background), rtol=0, atol=rounding)


def test_xgboost_refuses_a_category_it_never_saw() -> None:
    model, frame, _, _ = fitted("xgb partition")
    rows = frame.iloc[:2].assign(job=pd.Categorical(["pilot", "nurse"]))
    with pytest.raises(pel.PellucidError, match="not trained on"):
        pel.explain(model, rows)


@pytest.mark.parametrize("name", ["light", "xgb", "hist", "cat holes low", "forest classes"])
def test_a_column_that_is_missing_in_every_row(name: str) -> None:
    model, frame, margin, rounding = fitted(name)
    rows, background = frame.iloc[:2].assign(age=np.nan), frame.iloc[50:56]
    values, _ = outputs(pel.explain(model, rows, background=background))
    np.testing.assert_allclose(values, enumerated(margin, rows, background), rtol=0, atol=rounding)


# --- what is no sum of trees


NO_SUMS: dict[str, tuple[Callable[[], Any], np.ndarray, str]] = {
    "median": (lambda: AdaBoostRegressor(n_estimators=3), AMOUNT, "weighted median"),
    "stack": (lambda: StackingRegressor(regressors()[:1]), AMOUNT, "reads the predictions"),
    "calibrated": (lambda: CalibratedClassifierCV(tree()), TWO, "bends"),
    "counted votes": (lambda: VotingClassifier(forests()[:1]), TWO, "counts the votes"),
    "a line among trees": (
        lambda: VotingRegressor([*regressors(), ("line", LinearRegression())]),
        AMOUNT, "not scikit"),
    "boosting on a line": (
        lambda: GradientBoostingRegressor(init=LinearRegression(), **FEW), AMOUNT, "another model"),
    "boosting on chances": (
        lambda: GradientBoostingClassifier(init=tree(), **FEW), TWO, "another model"),
    "bagged log-odds": (lambda: BaggingClassifier(light(LC), **FEW), TWO, "another scale"),
    "boosted log-odds": (
        lambda: AdaBoostClassifier(RandomForestClassifier(2), **FEW), TWO, "no single trees"),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_SUMS)
def test_what_is_no_sum_of_trees_says_why_and_is_sampled(name: str) -> None:
    make, y, reason = NO_SUMS[name]
    model = make().fit(PLAIN, y)
    adapter = as_model(model)
    assert "trees" not in adapter.can
    with pytest.raises(CannotExplain, match=reason):
        adapter.trees(adapter.scales[0])
    found = pel.explain(model, PLAIN.iloc[:2], background=PLAIN.iloc[50:54])
    assert found.method != "tree_shap"
    assert np.abs(found.gap()).max() < 1e-6


def test_catboost_with_statistics_of_several_columns_says_so_and_is_sampled() -> None:
    model = cat(words=BOTH, max_ctr_complexity=4, one_hot_max_size=2, iterations=40)
    model.fit(WORDS, (WORDS["job"] == "cook") ^ (WORDS["town"] < 4))
    adapter = as_model(model)
    assert "trees" not in adapter.can
    with pytest.raises(CannotExplain, match="several columns at once"):
        adapter.trees("raw")
    found = pel.explain(model, WORDS.iloc[:2], background=WORDS.iloc[50:54])
    assert found.method == "exact_shap"
    assert any("max_ctr_complexity=1" in note for note in found.notes)


def test_linear_leaves_without_a_background_are_held_against_the_rows() -> None:
    model, frame, _, _ = fitted("light linear leaves")
    alone = pel.explain(model, frame.iloc[:5])
    held = pel.explain(model, frame.iloc[:5], background=frame.iloc[:5])
    np.testing.assert_array_equal(alone.values, held.values)
    assert any("linear models" in note for note in alone.notes)
    trees = as_model(model).trees("raw")
    with pytest.raises(CannotExplain, match="hold linear models"):
        trees.codes(frame.to_numpy())
