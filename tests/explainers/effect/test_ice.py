import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from pellucid.core.errors import CannotExplain, InvalidSetting, UnknownName
from pellucid.explainers.effect.ice import ICE


def product(T):
    return np.asarray(T["a"]) * np.asarray(T["b"])


def frame(n=50):
    rng = np.random.default_rng(2)
    return pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"], index=np.arange(n) + 100)


def test_each_row_has_its_own_line():
    X = frame()
    curve = ICE(feature="a", points=7).explain(product, X)
    np.testing.assert_allclose(curve.values, np.outer(X["b"], curve.grid), rtol=1e-12)
    assert curve.coords["sample"] == tuple(X.index)
    assert curve.seed is None


def test_centred_lines_begin_at_zero_and_keep_their_shape():
    X = frame()
    plain = ICE(feature="a", points=7).explain(product, X)
    centred = ICE(feature="a", points=7, centred=True).explain(product, X)
    np.testing.assert_array_equal(centred.values[:, 0], 0)
    np.testing.assert_allclose(np.diff(centred.values), np.diff(plain.values), atol=1e-14)


def test_rows_together_equal_rows_apart_with_a_background():
    X = frame()
    together = ICE(feature="b").explain(product, X.head(3), background=X)
    for i in range(3):
        apart = ICE(feature="b").explain(product, X.iloc[[i]], background=X)
        np.testing.assert_array_equal(apart.values[0], together.values[i])


def test_several_classes_come_last_and_add_up_to_one():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(X, y)
    curves = ICE(points=5).explain(model, X.head(4), background=X, scale="probability")
    assert [c.feature for c in curves] == list(X.columns)
    assert curves[0].dims == ("sample", "point", "class")
    np.testing.assert_allclose(curves[0].values.sum(axis=2), 1)


def test_it_costs_rows_times_points():
    X = frame()
    assert ICE(feature="a", points=9).explain(product, X).evaluations == 9 * len(X)


def test_an_anchor_becomes_a_point_from_which_lines_are_measured():
    X = frame()
    curve = ICE(feature="a", points=7, centred=True, anchor=0.25).explain(product, X)
    place = list(curve.grid).index(0.25)
    assert len(curve.grid) == 8
    np.testing.assert_array_equal(curve.values[:, place], 0)
    np.testing.assert_allclose(
        curve.values, np.outer(X["b"], np.asarray(curve.grid) - 0.25), atol=1e-12
    )


def test_an_anchor_may_be_a_category_or_a_day():
    days = pd.date_range("2024-01-01", periods=50)
    X = frame().assign(job=["cook", "pilot"] * 25, day=days)

    def model(T):
        day = np.asarray(T["day"]).astype("datetime64[D]").astype(float)
        return 2.0 * (np.asarray(T["job"]) == "cook") + day

    curve = ICE(feature="job", centred=True, anchor="pilot").explain(model, X)
    np.testing.assert_allclose(curve.sel().values[0], [2, 0])
    curve = ICE(feature="day", centred=True, anchor="2024-02-01", points=5).explain(model, X)
    np.testing.assert_allclose(curve.values[0], np.asarray(curve.grid) - 19754)
    with pytest.raises(UnknownName, match="category"):
        ICE(feature="job", centred=True, anchor="sailor").explain(model, X)
    with pytest.raises(InvalidSetting, match="no value of a"):
        ICE(feature="a", centred=True, anchor="high").explain(product, frame())


def test_the_derivative_is_the_slope_of_each_line():
    """Of a² b it is 2 a b inside, where differences of second order are exact for parabolas."""
    X = frame()
    curve = ICE(feature="a", points=9, derivative=True).explain(
        lambda T: np.asarray(T["a"]) ** 2 * np.asarray(T["b"]), X
    )
    truth = 2 * np.outer(X["b"], curve.grid)
    np.testing.assert_allclose(curve.values[:, 1:-1], truth[:, 1:-1], atol=1e-10)
    plain = ICE(feature="a", points=9, derivative=True).explain(product, X)
    np.testing.assert_allclose(plain.values, np.repeat(X["b"].to_numpy()[:, None], 9, axis=1))


def test_categories_and_constants_have_no_slope():
    X = frame().assign(job=["cook", "pilot"] * 25, same=1.0)
    curves = ICE(derivative=True).explain(product, X)
    assert [curve.feature for curve in curves] == ["a", "b"]
    assert any("have no slope: job, same" in note for note in curves[0].notes)
    for name in ("job", "same"):
        with pytest.raises(CannotExplain, match="no slope"):
            ICE(feature=name, derivative=True).explain(product, X)


@pytest.mark.parametrize(
    "settings",
    [
        {"anchor": 1.0},
        {"anchor": 1.0, "centred": True},
        {"anchor": 1.0, "feature": "a"},
        {"centred": True, "derivative": True},
        {"derivative": "yes"},
    ],
)
def test_settings_that_mean_nothing_together_are_refused(settings):
    with pytest.raises(InvalidSetting):
        ICE(**settings)


def test_lines_say_where_their_row_has_no_like():
    rng = np.random.default_rng(0)
    b = rng.normal(size=1000)
    X = pd.DataFrame({"a": b + 0.1 * rng.normal(size=1000), "b": b})
    rows = pd.DataFrame({"a": [0.0, 0.0], "b": [-2.0, 2.0]})
    curve = ICE(feature="a", points=11).explain(product, rows, background=X)
    low, high = np.asarray(curve.grid) < -1, np.asarray(curve.grid) > 1
    assert curve.extrapolated.shape == (2, 11)
    assert curve.extrapolated[0, high].all()
    assert not curve.extrapolated[0, 0]
    assert curve.extrapolated[1, low].all()
    assert any("of 11 points of a" in note for note in curve.notes)
    useless = X.assign(b=rng.normal(size=1000))
    curve = ICE(feature="a", points=11).explain(product, rows, background=useless)
    assert not curve.extrapolated.any()
    assert not any("does not occur" in note for note in curve.notes)
