"""TreeSHAP's settings: kept plans, 32 bits, other scales, and what it says of a wrong tree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import pytest
import shap
import xgboost
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import pellucid as pel
from pellucid.core.errors import CannotExplain, InvalidData, InvalidSetting, NotAdditive
from pellucid.explainers.shapley import tree_plans
from pellucid.explainers.shapley.tree_shap import TreeSHAP
from pellucid.models import kept_trees
from pellucid.models.as_model import as_model

RNG = np.random.default_rng(5)
X = RNG.normal(size=(300, 5)).astype(np.float32).astype(np.float64)
AMOUNT = 2 * X[:, 0] + X[:, 1] * X[:, 2] + np.sin(3 * X[:, 3])
BAD = (AMOUNT > 0.3).astype(int)
ROWS, BEHIND = X[:20], X[100:130]

BOOSTED = {
    "xgboost": lambda: xgboost.XGBClassifier(n_estimators=20, max_depth=4),
    "lightgbm": lambda: lightgbm.LGBMClassifier(n_estimators=20, num_leaves=12, verbose=-1),
    "gradient boosting": lambda: GradientBoostingClassifier(n_estimators=20, random_state=0),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Any:
    with threadpool_limits(1):
        yield


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_plans, "_kept", type(tree_plans._kept)())


# --- plans that are kept


def test_a_second_question_uses_the_first_ones_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(
        tree_plans, "prepare", lambda *given, old=tree_plans.prepare: made.append(1) or old(*given)
    )
    model = GradientBoostingClassifier(n_estimators=5).fit(X, BAD)
    first = pel.explain(model, ROWS, background=BEHIND)
    for rows, behind in ((ROWS, BEHIND), (ROWS[:1], None), (ROWS, BEHIND[:7])):
        pel.explain(model, rows, background=behind)
    again = pel.explain(model, ROWS, background=BEHIND)
    assert len(made) == 1
    np.testing.assert_array_equal(again.values, first.values)
    np.testing.assert_array_equal(again.base, first.base)


def test_a_model_fitted_again_is_read_again() -> None:
    model = RandomForestRegressor(5, max_depth=4, random_state=0)
    for target in (AMOUNT, -AMOUNT, AMOUNT + 1, AMOUNT):
        model.fit(X, target)
        for behind in (None, BEHIND):
            found = pel.explain(model, ROWS, background=behind)
            total = found.base + found.values.sum(1)
            np.testing.assert_allclose(total, model.predict(ROWS), atol=1e-12)


@pytest.mark.parametrize("name", BOOSTED)
def test_a_boosted_model_fitted_again_or_further_is_read_again(name: str) -> None:
    model = BOOSTED[name]()
    for rounds, target in ((5, BAD), (5, 1 - BAD), (9, 1 - BAD), (5, BAD)):
        model.set_params(n_estimators=rounds).fit(X, target)
        found = pel.explain(model, ROWS, background=BEHIND)
        chance = 1 / (1 + np.exp(-found.base - found.values.sum(1)))
        np.testing.assert_allclose(chance, model.predict_proba(ROWS)[:, 1], atol=1e-6)


def test_trees_are_kept_for_few_models_and_few_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    trees = as_model(RandomForestRegressor(3, max_depth=3).fit(X, AMOUNT)).trees("raw")
    monkeypatch.setattr(kept_trees, "_kept", type(kept_trees._kept)())
    read: list[str] = []
    for name in ["a", "b", "a", *map(str, range(kept_trees.MOST_READ)), "a"]:
        kept_trees.read_once(name, lambda name=name: read.append(name) or trees)
    assert read == ["a", "b", *map(str, range(kept_trees.MOST_READ)), "a"]
    monkeypatch.setattr(kept_trees, "MOST_BYTES", 10)
    assert kept_trees.read_once("c", lambda: trees) is trees
    assert not kept_trees._kept


def test_one_leaf_changed_in_place_is_another_model() -> None:
    trees = as_model(RandomForestRegressor(3, max_depth=3).fit(X, AMOUNT)).trees("raw")
    players = np.arange(5)
    plan = tree_plans.plan_for(trees, players)
    assert tree_plans.plan_for(replace(trees), players) is plan
    value = trees.value.copy()
    value[-1] += 1e-12
    assert tree_plans.plan_for(replace(trees, value=value), players) is not plan
    assert tree_plans.plan_for(trees, players[::-1]) is not plan


def test_few_plans_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    base = as_model(RandomForestRegressor(3, max_depth=3).fit(X, AMOUNT)).trees("raw")
    for number in range(2 * tree_plans.MOST_PLANS):
        tree_plans.plan_for(replace(base, base=base.base + number), np.arange(5))
    assert len(tree_plans._kept) == tree_plans.MOST_PLANS
    monkeypatch.setattr(tree_plans, "MOST_BYTES", 10)
    tree_plans.plan_for(base, np.arange(5))
    assert not tree_plans._kept


# --- 32 bits


def test_single_precision_says_how_far_it_may_be_off() -> None:
    model = xgboost.XGBRegressor(n_estimators=60, max_depth=6).fit(X, 1000 * AMOUNT)
    exact = pel.explain(model, X)
    found = pel.explain(model, X, method=TreeSHAP(precision="single"))
    [note] = [note for note in found.notes if "32 bits" in note]
    stated = float(note.split("off by ")[1].split(",")[0])
    gap = np.abs(found.values - exact.values).max()
    assert 0 < gap < stated * 1.01
    assert stated < 1e-4 * np.abs(exact.values).max()
    assert not any("32 bits" in note for note in exact.notes)


# --- probability and log loss


def shap_of(model: Any, scale: str, truth: np.ndarray | None = None) -> np.ndarray:
    explainer = shap.TreeExplainer(
        model, BEHIND, feature_perturbation="interventional", model_output=scale
    )
    explainer.model.objective = "binary_crossentropy"  # it knows it of some libraries only
    return np.asarray(explainer.shap_values(ROWS, truth, check_additivity=False))


@pytest.mark.parametrize("name", BOOSTED)
def test_rescaled_shares_are_shaps(name: str) -> None:
    model = BOOSTED[name]().fit(X, BAD)
    found = pel.explain(
        model, ROWS, method=TreeSHAP(rescaled="probability"), background=BEHIND,
        scale="probability",
    )  # fmt: skip
    np.testing.assert_allclose(found.values, shap_of(model, "probability"), rtol=0, atol=1e-6)
    own = model.predict_proba(ROWS)[:, 1]
    np.testing.assert_allclose(found.base + found.values.sum(1), own, rtol=0, atol=1e-6)
    assert found.scale == "probability"
    assert any("not the Shapley values" in note for note in found.notes)

    loss = pel.explain(
        model, ROWS, method=TreeSHAP(rescaled="log_loss"), background=BEHIND, y=BAD[:20]
    )
    np.testing.assert_allclose(loss.values, shap_of(model, "log_loss", BAD[:20]), rtol=0, atol=1e-6)
    total = (loss.base + loss.values.sum(1)).mean()
    np.testing.assert_allclose(total, log_loss(BAD[:20], model.predict_proba(ROWS)), atol=1e-6)
    assert loss.scale == "loss"


def test_rescaled_shares_are_not_the_shapley_values_of_the_probability() -> None:
    """By how much they miss them, against all coalitions, is what the docstring says."""
    missed = {}
    for rounds in (5, 100):
        model = GradientBoostingClassifier(n_estimators=rounds, random_state=0).fit(X, BAD)
        game = {"background": BEHIND, "scale": "probability"}
        truth = pel.explain(model, ROWS, method="exact_shap", **game).values
        found = pel.explain(model, ROWS, method=TreeSHAP(rescaled="probability"), **game).values
        np.testing.assert_allclose(found.sum(1), truth.sum(1), atol=1e-12)
        missed[rounds] = np.abs(found - truth).max() / np.abs(truth).max()
    assert 0.01 < missed[5] < 0.05
    assert 0.1 < missed[100] < 0.3


def test_of_the_other_class_the_shares_are_opposite() -> None:
    model = BOOSTED["lightgbm"]().fit(X, np.where(BAD, "yes", "no"))
    game = {"background": BEHIND, "scale": "probability"}
    recipe = TreeSHAP(rescaled="probability")
    yes = pel.explain(model, ROWS, method=recipe, target="yes", **game)
    no = pel.explain(model, ROWS, method=recipe, target="no", **game)
    np.testing.assert_allclose(no.values, -yes.values)
    np.testing.assert_allclose(no.base + yes.base, 1.0)
    answers = np.where(BAD, "yes", "no")[:20]
    losses = [
        pel.explain(
            model, ROWS, method=TreeSHAP(rescaled="log_loss"), target=target, y=answers,
            background=BEHIND,
        ).values
        for target in ("yes", "no")
    ]  # fmt: skip
    np.testing.assert_array_equal(losses[0], losses[1])


def test_a_row_that_stands_behind_itself_has_no_shares() -> None:
    model = BOOSTED["gradient boosting"]().fit(X, BAD)
    recipe = TreeSHAP(rescaled="probability")
    for row in ROWS[:3]:
        found = pel.explain(
            model, row[None], method=recipe, background=row[None], scale="probability"
        )
        assert not found.values.any()


def test_what_cannot_be_rescaled_is_refused() -> None:
    model, recipe = BOOSTED["lightgbm"]().fit(X, BAD), TreeSHAP(rescaled="probability")
    chances: dict[str, Any] = {"method": recipe, "scale": "probability"}
    with pytest.raises(CannotExplain, match="background"):
        pel.explain(model, ROWS, **chances)
    with pytest.raises(CannotExplain, match="goes with scale='probability'"):
        pel.explain(model, ROWS, method=recipe, background=BEHIND)
    forest = RandomForestClassifier(3).fit(X, BAD)
    three = HistGradientBoostingClassifier(max_iter=3).fit(X, np.digitize(AMOUNT, [-1, 1]))
    with pytest.raises(CannotExplain, match="boosted classifier"):
        pel.explain(forest, ROWS, background=BEHIND, **chances)
    with pytest.raises(CannotExplain, match="several classes"):
        pel.explain(three, ROWS, background=BEHIND, **chances)
    loss: dict[str, Any] = {"method": TreeSHAP(rescaled="log_loss"), "background": BEHIND}
    with pytest.raises(CannotExplain, match="true answers"):
        pel.explain(model, ROWS, **loss)
    with pytest.raises(InvalidData, match="not classes"):
        pel.explain(model, ROWS, y=np.full(20, 7), **loss)
    with pytest.raises(InvalidSetting, match="no such precision"):
        TreeSHAP(precision="half")  # type: ignore[arg-type]


# --- a tree that was read wrongly

FITTED = {
    **{name: lambda make=make: make().fit(X, BAD) for name, make in BOOSTED.items()},
    "xgboost regression": lambda: xgboost.XGBRegressor(n_estimators=20).fit(X, AMOUNT),
    "forest": lambda: RandomForestRegressor(20, random_state=0).fit(X, AMOUNT),
    "forest of classes": lambda: RandomForestClassifier(20, max_depth=5).fit(X, BAD),
    "pipeline": lambda: make_pipeline(StandardScaler(), BOOSTED["lightgbm"]()).fit(X, BAD),
}


def misread(monkeypatch: pytest.MonkeyPatch, model: Any, tree: int) -> None:
    """Make the model's trees as read wrong in one tree."""
    adapter = as_model(model)
    trees = adapter.trees(adapter.scales[0])
    stop = np.append(trees.root, len(trees.value))[tree + 1]
    value = trees.value.copy()
    value[trees.root[tree] : stop] += 0.5
    wrong = replace(trees, value=value)
    monkeypatch.setattr(type(adapter), "trees", lambda *_: wrong)


@pytest.mark.parametrize("name", FITTED)
def test_a_failed_sum_names_the_row_and_the_tree(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = FITTED[name]()
    misread(monkeypatch, model, 13)
    for behind in (None, BEHIND):
        with pytest.raises(NotAdditive, match=r"row \d+ .*tree 13 was read wrongly"):
            pel.explain(model, ROWS, background=behind)


def test_where_the_library_does_not_answer_by_tree_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = HistGradientBoostingClassifier(max_iter=20).fit(X, BAD)
    misread(monkeypatch, model, 13)
    with pytest.raises(NotAdditive, match="no single tree can be named"):
        pel.explain(model, ROWS)
