import numpy as np
import pandas as pd
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from pellucid.core.explanation import Explanation
from pellucid.explainers.effect.ceteris_paribus import CeterisParibus
from pellucid.explainers.effect.ice import ICE


def model(T):
    return np.asarray(T["a"]) * np.asarray(T["b"]) + 3.0 * (np.asarray(T["job"]) == "cook")


def frame(n=60):
    rng = np.random.default_rng(2)
    X = pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"])
    return X.assign(job=rng.choice(["cook", "pilot", "clerk"], n))


def test_it_is_ice_with_each_rows_own_point():
    X = frame()
    a, _, job = CeterisParibus(points=6).explain(model, X.head(4), background=X)
    ice = ICE(feature="a", points=6).explain(model, X.head(4), background=X)
    np.testing.assert_array_equal(a.values, ice.values)
    np.testing.assert_array_equal(a.own, X["a"].head(4))
    np.testing.assert_allclose(a.own_values, model(X.head(4)), rtol=1e-12)
    assert [job.grid[int(place)] for place in job.own] == list(X["job"].head(4))
    at_home = job.values[np.arange(4), job.own.astype(int)]
    np.testing.assert_allclose(at_home, job.own_values, rtol=1e-12)


def test_a_row_without_a_value_or_with_an_unknown_category_stands_nowhere():
    X = frame()
    rows = X.head(2).assign(a=[np.nan, 1.0], job=["pilot", "clerk"])
    known = X[X["job"] != "clerk"]
    curve = CeterisParibus(feature="a").explain(lambda T: np.zeros(len(T["a"])), rows, background=X)
    assert np.isnan(curve.own[0])
    assert curve.own[1] == 1.0
    assert len(known) > 2


def test_a_part_keeps_the_rows_own_and_a_mean_drops_it(tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    curve = CeterisParibus(feature=X.columns[2], points=4).explain(
        forest, X.head(3), background=X, scale="probability"
    )
    assert curve.own_values.shape == (3, 3)
    part = curve.isel(sample=[2]).sel(**{"class": 0})
    np.testing.assert_array_equal(part.own_values, curve.own_values[2:, 0])
    np.testing.assert_array_equal(part.own, curve.own[2:])
    back = Explanation.load(curve.save(tmp_path / "c.pel"))
    np.testing.assert_array_equal(back.own_values, curve.own_values)
    np.testing.assert_array_equal(back.extrapolated, curve.extrapolated)
    assert curve.mean("sample").own is None


def test_it_costs_one_more_than_the_points_for_each_row():
    X = frame()
    curve = CeterisParibus(feature="a", points=5).explain(model, X.head(3), background=X)
    assert curve.evaluations == 3 * (5 + 1)
