import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
from sklearn.inspection import partial_dependence as sklearn_partial_dependence

import pellucid as pel
from pellucid.core.errors import InvalidSetting, MissingValues, UnknownName
from pellucid.explainers.effect.ice import ICE
from pellucid.explainers.effect.partial_dependence import PartialDependence
from pellucid.models.callable import CallableModel
from twins.partial_dependence import partial_dependence as twin


def additive(T):
    return 2 * np.asarray(T["a"]) ** 2 + np.where(np.asarray(T["job"]) == "cook", 3.0, 0.0)


def frame(n=300, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "a": rng.normal(size=n),
            "useless": rng.normal(size=n),
            "job": rng.choice(["pilot", "cook", "clerk"], n),
            "ok": rng.random(n) < 0.3,
            "when": pd.to_datetime("2024-01-01")
            + pd.to_timedelta(rng.integers(0, 99, n), unit="D"),
        }
    )


def test_it_equals_scikit_learns_brute_force_on_the_same_grid():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 4))
    model = RandomForestRegressor(20, random_state=0).fit(X, X[:, 0] * X[:, 1] + X[:, 2])
    for curve in PartialDependence(points=12).explain(model, X):
        column = int(curve.feature[1:])
        theirs = sklearn_partial_dependence(
            model, X, [column], custom_values={column: np.asarray(curve.grid)}, method="brute"
        )
        np.testing.assert_allclose(curve.values, theirs["average"][0], rtol=1e-12)


def test_it_equals_the_slow_twin_for_every_class():
    X, y = load_iris(return_X_y=True)
    X = X[::5]
    model = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(X, y[::5])
    curve = PartialDependence(feature="x2", points=4).explain(model, X, scale="probability")
    assert curve.dims == ("point", "class")
    for k in range(3):
        slow = twin(lambda rows, k=k: model.predict_proba(rows)[:, k], X, 2, list(curve.grid))
        np.testing.assert_allclose(curve.values[:, k], slow, rtol=1e-12)


def test_of_an_additive_model_it_is_the_component_up_to_a_constant():
    X = frame()
    a, useless, job, _, _ = PartialDependence().explain(additive, X)
    component = 2 * np.asarray(a.grid) ** 2
    np.testing.assert_allclose(a.values - component, (a.values - component)[0], atol=1e-12)
    np.testing.assert_allclose(np.ptp(useless.values), 0, atol=1e-12)
    np.testing.assert_allclose(job.sel().values - job.values.min(), [0, 3, 0], atol=1e-12)


def test_the_grid_is_in_the_users_categories_and_its_points_are_observed():
    X = frame()
    a, _, job, ok, when = PartialDependence().explain(additive, X)
    assert job.grid == ("clerk", "cook", "pilot")
    assert ok.grid == (False, True)
    assert job.categorical
    assert ok.categorical
    assert not a.categorical
    assert set(a.grid) <= set(X["a"])
    assert len(a.grid) == 30
    assert np.quantile(X["a"], 0.005) < a.grid[0] < np.quantile(X["a"], 0.02)
    days = (X["when"] - pd.Timestamp("1970-01-01")).dt.days
    assert set(when.grid) <= set(days.astype(float))
    assert any("days since 1970-01-01" in note for note in when.notes)
    assert not any("days" in note for note in a.notes)


def test_the_order_of_ordinals_is_kept_and_categories_nobody_has_are_said():
    X = pd.DataFrame(
        {
            "size": pd.Categorical(
                ["S", "M", "L", "M"] * 5, categories=["XS", "S", "M", "L"], ordered=True
            )
        }
    )
    curve = PartialDependence(feature="size").explain(lambda T: T["size"].cat.codes * 1.0, X)
    assert curve.grid == ("S", "M", "L")
    assert curve.values.tolist() == [1, 2, 3]
    assert any("XS" in note for note in curve.notes)


def test_the_weight_counts_the_rows_nearest_to_each_point():
    X = frame()
    a, _, job, _, _ = PartialDependence().explain(additive, X)
    nearest = np.abs(X["a"].to_numpy()[:, None] - np.asarray(a.grid)).argmin(axis=1)
    np.testing.assert_array_equal(a.weight, np.bincount(nearest, minlength=30))
    counts = X["job"].value_counts()
    assert job.weight.tolist() == [counts[label] for label in job.grid]


def test_the_band_covers_the_true_mean_in_95_of_100_draws_of_rows():
    def model(T):
        return np.asarray(T["x0"]) + np.asarray(T["x1"]) ** 2

    held, draws = 0, 300
    rng = np.random.default_rng(5)
    for _ in range(draws):
        X = {"x0": np.r_[0.0, rng.normal(size=79)], "x1": rng.normal(size=80)}
        curve = PartialDependence(feature="x0").explain(CallableModel(model, task="regression"), X)
        point = 10
        truth = curve.grid[point] + 1.0
        held += curve.band[0][point] <= truth <= curve.band[1][point]
    assert 0.90 <= held / draws <= 0.99


def test_fewer_background_rows_are_drawn_only_when_asked_and_noted():
    X = frame(400)
    recipe = PartialDependence(feature="a", points=5, max_background=50)
    curve = recipe.explain(additive, X, seed=3)
    assert any("50 of 400" in note for note in curve.notes)
    assert curve.seed == 3
    np.testing.assert_array_equal(curve.values, recipe.explain(additive, X, seed=3).values)
    whole = PartialDependence(feature="a", points=5).explain(additive, X)
    assert whole.evaluations == 400 * 5


def test_the_answer_does_not_depend_on_the_size_of_a_batch():
    X = frame(100)
    whole = PartialDependence().explain(additive, X)
    small = PartialDependence().explain(additive, X, batch_size=7)
    for one, other in zip(whole, small, strict=True):
        np.testing.assert_allclose(one.values, other.values, rtol=1e-12)


def test_missing_values_are_no_point_and_are_said():
    X = pd.DataFrame({"a": [1.0, np.nan, 3.0, 4.0], "b": [np.nan] * 4})

    def model(T):
        return np.nan_to_num(np.asarray(T["a"]))

    curve = PartialDependence(feature="a").explain(model, X)
    assert curve.grid.tolist() == [1, 3, 4]
    assert any("1 of 4 rows" in note for note in curve.notes)
    (only,) = PartialDependence().explain(model, X)
    assert any("no curve for b" in note for note in only.notes)
    with pytest.raises(MissingValues, match="none in b"):
        PartialDependence(feature="b").explain(model, X)


def test_a_constant_column_has_one_point_and_a_note():
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "c": [7.0] * 3})
    curve = PartialDependence(feature="c").explain(lambda T: np.asarray(T["a"]), X)
    assert curve.grid.tolist() == [7]
    assert curve.values.tolist() == [2]
    assert any("one value only" in note for note in curve.notes)


def test_one_row_needs_a_background():
    X = frame(20)
    with pytest.raises(InvalidSetting, match="background"):
        PartialDependence(feature="a").explain(additive, X.head(1))
    alone = PartialDependence(feature="a").explain(additive, X.head(1), background=X)
    whole = PartialDependence(feature="a").explain(additive, X)
    np.testing.assert_array_equal(alone.values, whole.values)


def test_a_wrong_feature_or_setting_is_refused_with_its_name():
    with pytest.raises(UnknownName, match="useless"):
        PartialDependence(feature="uselss").explain(additive, frame(20))
    with pytest.raises(InvalidSetting, match="points"):
        PartialDependence(points=1)
    with pytest.raises(InvalidSetting, match="feature"):
        PartialDependence(feature=3)


def test_a_recipe_reads_back_from_its_own_words_and_a_curve_from_its_file(tmp_path):
    recipe = PartialDependence(feature=["a", "job"])
    assert eval(repr(recipe)) == recipe
    for curve in recipe.explain(additive, frame(30)):
        again = pel.Curve.load(curve.save(tmp_path / "curve.zip"))
        np.testing.assert_array_equal(again.values, curve.values)
        assert list(again.grid) == list(curve.grid)


def test_the_mean_of_ice_is_the_partial_dependence():
    X = frame(60)
    for feature in ("a", "job"):
        ice = ICE(feature=feature).explain(additive, X)
        assert ice.dims == ("sample", "point")
        pdp = PartialDependence(feature=feature).explain(additive, X)
        np.testing.assert_allclose(ice.mean("sample").values, pdp.values, rtol=1e-12)
        assert list(ice.grid) == list(pdp.grid)
