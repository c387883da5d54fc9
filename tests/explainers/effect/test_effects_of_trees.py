"""Effects read off the trees are those of the model's own predictions, row by row.

Every comparison asks the same model in the slow way: with the way by trees shut.
"""

from contextlib import contextmanager
from functools import cache
from unittest.mock import patch

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_friedman1
from sklearn.ensemble import (
    AdaBoostRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestRegressor,
)
from sklearn.inspection import partial_dependence as sklearn_partial_dependence
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from pellucid.core.errors import NotAdditive
from pellucid.explainers.effect import forced, h_statistic, permutation_importance, steps
from pellucid.explainers.effect import variance_interaction as variance
from pellucid.explainers.effect.ale import ALE
from pellucid.explainers.effect.h_statistic import HStatistic
from pellucid.explainers.effect.ice import ICE
from pellucid.explainers.effect.joint_partial_dependence import JointPartialDependence
from pellucid.explainers.effect.partial_dependence import PartialDependence
from pellucid.explainers.effect.permutation_importance import PermutationImportance
from pellucid.explainers.effect.tree_route import MISREAD, TreeRoute
from pellucid.explainers.effect.variance_interaction import VarianceInteraction

ASKS = (forced, steps, permutation_importance, h_statistic, variance)

RECIPES = (
    PartialDependence(points=7),
    ICE(points=6, centred=True),
    ALE(bins=6),
    PermutationImportance(repeats=3),
    PermutationImportance(repeats=3, conditional=True),
    HStatistic(kind="total", max_background=14),
    HStatistic(kind="pair", max_background=12),
    VarianceInteraction(points=3, max_background=20),
    JointPartialDependence(points=3),
)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads that wait for each other on a busy machine cost more than these small models."""
    with threadpool_limits(1):
        yield


@contextmanager
def asking():
    """Every prediction is asked of the model."""
    patches = [patch.object(room, "tree_route", lambda *args, **kwargs: None) for room in ASKS]
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()


def mixed(n=90, seed=0, gaps=True):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "a": rng.normal(size=n),
            "b": np.round(rng.normal(size=n), 1),
            "job": pd.Categorical(rng.choice(["cook", "clerk", "pilot", "smith"], n)),
            "c": rng.integers(0, 3, n).astype(float),
            "same": np.ones(n),
        }
    )
    y = X["a"] * (X["job"] == "cook") + X["b"] * X["c"] + rng.normal(size=n) * 0.1
    if gaps:
        X.loc[::7, "a"] = np.nan
        X.loc[::5, "b"] = 0.0
    return X, y.to_numpy()


def numbers(n=90, gaps=False):
    X, y = mixed(n, gaps=gaps)
    return X.drop(columns="job"), y


def thirds(y):
    return np.digitize(y, np.quantile(y, [1 / 3, 2 / 3]))


def _lightgbm_with_words():
    X, y = mixed()
    settings = {"n_estimators": 12, "min_child_samples": 3, "verbose": -1, "n_jobs": 1}
    return lightgbm.LGBMRegressor(**settings, min_data_per_group=1, cat_smooth=1).fit(X, y), X, y


def _lightgbm_zero_is_missing():
    X, y = numbers(gaps=True)
    settings = {"n_estimators": 10, "min_child_samples": 3, "verbose": -1, "n_jobs": 1}
    return lightgbm.LGBMRegressor(**settings, zero_as_missing=True).fit(X, y), X, y


def _lightgbm_classes():
    X, y = mixed()
    settings = {"n_estimators": 5, "min_child_samples": 3, "verbose": -1, "n_jobs": 1}
    return lightgbm.LGBMClassifier(**settings).fit(X, thirds(y)), X, thirds(y)


def _xgboost():
    X, y = numbers(gaps=True)
    return xgboost.XGBRegressor(n_estimators=10, max_depth=4, n_jobs=1).fit(X, y), X, y


def _xgboost_two_classes():
    X, y = numbers(gaps=True)
    model = xgboost.XGBClassifier(n_estimators=8, max_depth=3, n_jobs=1).fit(X, y > 0)
    return model, X, (y > 0).astype(int)


def _histogram_with_words():
    X, y = mixed()
    model = HistGradientBoostingRegressor(
        max_iter=10, min_samples_leaf=3, categorical_features="from_dtype"
    )
    return model.fit(X, y), X, y


def _histogram_two_classes():
    X, y = numbers(gaps=True)
    model = HistGradientBoostingClassifier(max_iter=8, min_samples_leaf=3).fit(X, y > 0)
    return model, X, y > 0


def _one_hot_forest():
    X, y = mixed(gaps=False)
    encoder = make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough")
    forest = RandomForestRegressor(8, random_state=0)
    return make_pipeline(encoder, forest).fit(X, y), X, y


def _forest_of_classes():
    X, y = numbers()
    return ExtraTreesClassifier(6, random_state=0).fit(X, thirds(y)), X, thirds(y)


def _boosted_classes():
    X, y = numbers()
    model = GradientBoostingClassifier(n_estimators=4, random_state=0).fit(X, thirds(y))
    return model, X, thirds(y)


def _stump():
    X, y = numbers()
    return DecisionTreeRegressor(max_depth=1).fit(X, y), X, y


def _no_test_at_all():
    X, y = numbers()
    return DecisionTreeRegressor(min_samples_leaf=80).fit(X, y), X, y


MODELS = {
    make.__name__[1:]: cache(make)
    for make in (
        _lightgbm_with_words,
        _lightgbm_zero_is_missing,
        _lightgbm_classes,
        _xgboost,
        _xgboost_two_classes,
        _histogram_with_words,
        _histogram_two_classes,
        _one_hot_forest,
        _forest_of_classes,
        _boosted_classes,
        _stump,
        _no_test_at_all,
    )
}


def both_ways(recipe, model, X, y, **settings):
    found = recipe.explain(model, X, y=y, seed=3, threads=1, **settings)
    with asking():
        asked = recipe.explain(model, X, y=y, seed=3, threads=1, **settings)
    return [x if isinstance(x, tuple) else (x,) for x in (found, asked)]


def assert_alike(found, asked, tolerance):
    for one, other in zip(found, asked, strict=True):
        size = max(1.0, np.abs(other.values).max())
        np.testing.assert_allclose(one.values, other.values, rtol=0, atol=tolerance * size)
        for name in ("band", "error", "base"):
            if getattr(other, name, None) is not None:
                values = getattr(one, name), getattr(other, name)
                np.testing.assert_allclose(*values, rtol=0, atol=20 * tolerance * size)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: f"{r.name()}-{getattr(r, 'kind', '')}")
@pytest.mark.parametrize("name", MODELS)
def test_the_trees_say_what_the_model_says(name, recipe):
    model, X, y = MODELS[name]()
    found, asked = both_ways(recipe, model, X, y)
    single = "xgboost" in name  # it sums in 32 bits
    assert_alike(found, asked, 3e-6 if single else 1e-9)
    assert found[0].evaluations <= 16 + 2 * X.shape[1] < asked[0].evaluations


@pytest.mark.parametrize("recipe", [*RECIPES[:3], RECIPES[-1]], ids=lambda r: r.name())
@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("lightgbm_classes", "probability"),
        ("xgboost_two_classes", "probability"),
        ("histogram_two_classes", "probability"),
        ("boosted_classes", "probability"),
        ("forest_of_classes", "logit"),
    ],
)
def test_on_other_scales_each_rows_sum_goes_through_the_link(name, scale, recipe):
    model, X, y = MODELS[name]()
    found, asked = both_ways(recipe, model, X, y, scale=scale)
    assert_alike(found, asked, 3e-6 if "xgboost" in name else 1e-9)
    assert found[0].evaluations < 30 < asked[0].evaluations
    one = both_ways(recipe, model, X, y, scale=scale, target=model.classes_[0])
    assert_alike(*one, 3e-6 if "xgboost" in name else 1e-9)


def test_without_a_known_link_the_model_is_asked():
    X, y = numbers()
    model = GradientBoostingClassifier(n_estimators=3, loss="exponential").fit(X, y > 0)
    found, asked = both_ways(PartialDependence(points=4), model, X, y, scale="probability")
    assert found[0].evaluations == asked[0].evaluations
    np.testing.assert_array_equal(found[0].values, asked[0].values)


def test_a_log_link_is_followed():
    X, y = numbers()
    model = HistGradientBoostingRegressor(loss="poisson", max_iter=5).fit(X, np.exp(y / 3))
    for recipe in RECIPES[:2]:
        found, asked = both_ways(recipe, model, X, y, scale="raw")
        assert_alike(found, asked, 1e-9)
        assert found[0].evaluations < 30


def test_models_that_are_no_sum_of_readable_trees_are_asked():
    X, y = numbers(40)
    model = AdaBoostRegressor(n_estimators=3, random_state=0).fit(X, y)
    curve = PartialDependence(feature="a", points=4).explain(model, X)
    assert curve.evaluations >= 4 * 40


def test_the_depths_of_an_isolation_forest():
    X, _ = numbers()
    model = IsolationForest(n_estimators=20, random_state=0).fit(X)
    found, asked = both_ways(PartialDependence(points=5), model, X, None)
    assert_alike(found, asked, 1e-9)
    assert found[0].evaluations < 40


def test_it_is_scikit_learns_brute_force():
    X, y = make_friedman1(300, n_features=6, random_state=0)
    model = HistGradientBoostingRegressor(max_iter=30).fit(X, y)
    for curve in PartialDependence(points=9).explain(model, X):
        column = int(curve.feature[1:])
        theirs = sklearn_partial_dependence(
            model, X, [column], custom_values={column: np.asarray(curve.grid)}, method="brute"
        )
        np.testing.assert_allclose(curve.values, theirs["average"][0], rtol=0, atol=1e-12)


def test_blocks_and_threads_do_not_change_an_answer():
    X, y = make_friedman1(700, n_features=5, random_state=0)
    model = RandomForestRegressor(5, random_state=0).fit(X, y)
    with patch("pellucid.maths.tree_profiles.ROOM", 2**10):
        few = [r.explain(model, X, y=y, seed=0, threads=2) for r in RECIPES[:4]]
    many = [r.explain(model, X, y=y, seed=0, threads=1) for r in RECIPES[:4]]
    for pair in zip(few, many, strict=True):
        assert_alike(*(x if isinstance(x, tuple) else (x,) for x in pair), 1e-13)


def test_trees_read_wrongly_are_seen_and_the_model_is_asked():
    X, y = numbers()
    model = DecisionTreeRegressor(max_depth=3).fit(X, y)
    from pellucid.models.as_model import as_model

    adapter = as_model(model)
    adapter.trees("raw").value[:] += 0.01
    curve = PartialDependence(feature="a", points=4).explain(adapter, X)
    assert MISREAD in curve.notes
    with asking():
        truth = PartialDependence(feature="a", points=4).explain(model, X)
    np.testing.assert_array_equal(curve.values, truth.values)


def test_a_column_traced_to_the_wrong_place_is_an_error():
    X, y = numbers()
    model = RandomForestRegressor(5, random_state=0).fit(X, y)
    swapped = property(lambda self: np.array([1, 0, 2, 3]))
    for recipe in RECIPES[:4]:
        with patch.object(TreeRoute, "origin", swapped), pytest.raises(NotAdditive, match="column"):
            recipe.explain(model, X, y=y, seed=0)


def test_repeated_copied_and_many_columns():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 1000)), columns=[f"v{i}" for i in range(1000)])
    X["v1"] = X["v0"]
    y = X["v0"] + X["v1"] + X["v2"] * X["v3"]
    model = RandomForestRegressor(10, random_state=0, max_features=0.5).fit(X, y)
    curves = PartialDependence(points=5).explain(model, X)
    assert len(curves) == 1000
    with asking():
        for place in (0, 1, 3):
            truth = PartialDependence(feature=f"v{place}", points=5).explain(model, X)
            np.testing.assert_allclose(curves[place].values, truth.values, rtol=0, atol=1e-12)
    found = PermutationImportance(repeats=2).explain(model, X, y=y, seed=0)
    untouched = model.feature_importances_ == 0
    assert untouched.any()
    assert np.all(found.values[untouched] == 0)


def test_deep_trees_that_test_one_column_again_and_again():
    X, y = make_friedman1(400, n_features=5, random_state=1)
    model = DecisionTreeRegressor(random_state=0).fit(X, y)
    assert model.get_depth() > 9
    for recipe in RECIPES[:4]:
        assert_alike(*both_ways(recipe, model, X, y), 1e-9)


def test_one_row_against_a_background():
    model, X, _ = MODELS["lightgbm_with_words"]()
    for recipe in (RECIPES[0], RECIPES[1], RECIPES[2], RECIPES[5]):
        found, asked = both_ways(recipe, model, X.head(1), None, background=X)
        assert_alike(found, asked, 1e-9)


@pytest.mark.parametrize("recipe", RECIPES[:3])
def test_trees_of_hundreds_of_leaves_are_followed_through_gaps_words_and_classes(recipe):
    """Of more leaves than a word has bits, so that rows come to subtrees that they fail to reach
    but for one column."""
    X, y = mixed(1200)
    settings = {"n_estimators": 3, "num_leaves": 300, "min_child_samples": 2, "verbose": -1}
    model = lightgbm.LGBMClassifier(
        **settings, min_data_per_group=1, cat_smooth=1, n_jobs=1, random_state=0
    ).fit(X, thirds(y))
    few = X.iloc[:150]
    with asking():
        asked = recipe.explain(model, few, seed=0)
    assert_alike(recipe.explain(model, few, seed=0), asked, 1e-12)
