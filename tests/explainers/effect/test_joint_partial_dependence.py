import lightgbm
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris, make_friedman1
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.inspection import partial_dependence as sklearn_partial_dependence
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

import pellucid as pel
from display.closed_forms import rows_of
from pellucid.core.errors import InvalidSetting, MissingValues, UnknownName
from pellucid.core.explanation import Explanation
from pellucid.explainers.effect.joint_partial_dependence import JointPartialDependence
from pellucid.explainers.effect.partial_dependence import PartialDependence


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with threadpool_limits(1):
        yield


def product(T):
    return np.asarray(T["a"]) * np.asarray(T["b"]) + np.asarray(T["c"]) ** 2


def frame(n=200, rho=0.0, seed=0):
    rng = np.random.default_rng(seed)
    cover = [[1, rho, 0], [rho, 1, 0], [0, 0, 1]]
    return pd.DataFrame(rng.multivariate_normal([0, 0, 0], cover, n), columns=["a", "b", "c"])


def words(n=150, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "job": pd.Categorical(rng.choice(["clerk", "cook", "pilot", "smith"], n)),
            "a": rng.normal(size=n),
            "town": pd.Categorical(rng.choice(["Bern", "Graz", "Metz"], n)),
            "b": rng.normal(size=n),
        }
    )
    y = X["a"] * (X["job"] == "cook") + (X["town"] == "Graz") * ((X["job"] == "pilot") + X["b"])
    return X, y.to_numpy() + rng.normal(size=n) * 0.1


def boosted_on_words():
    X, y = words()
    model = lightgbm.LGBMRegressor(
        n_estimators=20, min_child_samples=3, min_data_per_group=1, cat_smooth=1, verbose=-1,
        n_jobs=1,
    )  # fmt: skip
    return model.fit(X, y), X


def encoded(last):
    X, y = words()
    encoder = make_column_transformer((OneHotEncoder(), ["job", "town"]), remainder="passthrough")
    return make_pipeline(encoder, last).fit(X, y), X


WITH_WORDS = {
    "categories of LightGBM": boosted_on_words,
    "a forest behind an encoder": lambda: encoded(RandomForestRegressor(10, random_state=0)),
    "a network behind an encoder": lambda: encoded(
        MLPRegressor(
            hidden_layer_sizes=(8,), max_iter=2000, tol=0.1, n_iter_no_change=3, random_state=0
        )
    ),
}


def by_force(predict, X, surface):
    """Every row, with the user's own values put into the user's own table: (point, point, row)."""
    found = []
    for first in surface.grid:
        found.append([])
        for second in surface.other_grid:
            copy = X.copy()
            for name, value in ((surface.feature, first), (surface.other, second)):
                kind = X[name].dtype
                copy[name] = pd.Series([value] * len(X), index=X.index).astype(kind)
            found[-1].append(predict(copy))
    return np.array(found)


@pytest.mark.parametrize(
    "model",
    [
        RandomForestRegressor(15, random_state=0),
        GradientBoostingRegressor(n_estimators=30, random_state=0),
        MLPRegressor(
            hidden_layer_sizes=(10,), max_iter=2000, tol=0.1, n_iter_no_change=3, random_state=0
        ),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize("pair", [(0, 1), (3, 2)])
def test_it_equals_scikit_learns_brute_force_on_the_same_grids(model, pair):
    X, y = make_friedman1(200, n_features=5, random_state=0)
    model.fit(X, y)
    names = tuple(f"x{j}" for j in pair)
    ours = JointPartialDependence(feature=names, points=7).explain(model, X)
    assert (ours.feature, ours.other) == names
    grids = dict(zip(pair, (np.asarray(ours.grid), np.asarray(ours.other_grid)), strict=True))
    assert all(len(grid) == 7 for grid in grids.values())
    theirs = sklearn_partial_dependence(model, X, list(pair), custom_values=grids, method="brute")
    np.testing.assert_allclose(ours.values, theirs["average"][0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("pair", [("job", "a"), ("b", "town"), ("job", "town")])
@pytest.mark.parametrize("make", WITH_WORDS.values(), ids=WITH_WORDS)
def test_with_categories_it_equals_brute_force_over_the_users_table(make, pair):
    model, X = make()
    surface = JointPartialDependence(feature=pair, points=5).explain(model, X)
    named = {"job": ("clerk", "cook", "pilot", "smith"), "town": ("Bern", "Graz", "Metz")}
    for name, grid, categorical in (
        (pair[0], surface.grid, surface.categorical),
        (pair[1], surface.other_grid, surface.other_categorical),
    ):
        assert categorical == (name in named)
        if name in named:
            assert grid == named[name]
    truth = by_force(model.predict, X, surface)
    np.testing.assert_allclose(surface.values, truth.mean(axis=2), rtol=0, atol=1e-9)


@pytest.mark.parametrize("trees", [True, False])
def test_the_band_is_students_interval_of_the_mean_over_rows(trees):
    X = frame()
    model = RandomForestRegressor(10, random_state=0).fit(X, product(X)) if trees else product
    surface = JointPartialDependence(feature=("b", "c"), points=4).explain(model, X)
    truth = by_force(model.predict if trees else model, X, surface)
    limits = stats.t.interval(
        0.95, len(X) - 1, loc=truth.mean(axis=2), scale=stats.sem(truth, axis=2)
    )
    np.testing.assert_allclose(surface.band, limits, rtol=0, atol=1e-9)
    assert "95 %" in surface.band_meaning


def test_of_a_planted_product_it_is_the_product():
    X = frame()
    ab, ac, _ = JointPartialDependence(points=6).explain(product, X)
    a, b = np.asarray(ab.grid)[:, None], np.asarray(ab.other_grid)
    np.testing.assert_allclose(ab.values, a * b + np.mean(X["c"] ** 2), rtol=0, atol=1e-12)
    c = np.asarray(ac.other_grid)
    np.testing.assert_allclose(ac.values, a * X["b"].mean() + c**2, rtol=0, atol=1e-12)


def test_without_interaction_it_is_the_sum_of_two_partial_dependences_less_the_mean():
    X = frame(rho=0.7)

    def model(T):
        return np.sin(np.asarray(T["a"])) + np.asarray(T["b"]) ** 3 - np.asarray(T["c"])

    both = JointPartialDependence(feature=("a", "b"), points=5).explain(model, X)
    one, other = PartialDependence(feature=("a", "b"), points=5).explain(model, X)
    assert list(both.grid) == list(one.grid)
    assert list(both.other_grid) == list(other.grid)
    total = one.values[:, None] + other.values - model(X).mean()
    np.testing.assert_allclose(both.values, total, rtol=0, atol=1e-12)


def test_every_class_has_a_surface_on_every_scale():
    X, y = load_iris(return_X_y=True)
    X, y = X[::3], y[::3]
    model = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(X, y)
    recipe = JointPartialDependence(feature=("x2", "x3"), points=4)
    found = recipe.explain(model, X, scale="probability")
    assert found.dims == ("point", "other point", "class")
    grids = {2: np.asarray(found.grid), 3: np.asarray(found.other_grid)}
    theirs = sklearn_partial_dependence(
        model, X, [2, 3], custom_values=grids, method="brute", response_method="predict_proba"
    )
    np.testing.assert_allclose(np.moveaxis(found.values, 2, 0), theirs["average"], atol=1e-12)
    second = recipe.explain(model, X, scale="probability", target=1)
    np.testing.assert_allclose(second.values, found.values[:, :, 1], atol=1e-12)


def test_all_pairs_come_by_default_and_two_names_give_one_surface():
    X = frame(60)
    every = JointPartialDependence(points=3).explain(product, X)
    assert [(s.feature, s.other) for s in every] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert isinstance(JointPartialDependence(feature=("c", "a")).explain(product, X), pel.Curve)
    model = RandomForestRegressor(5, random_state=0).fit(X, product(X))
    for together in JointPartialDependence(points=4).explain(model, X):
        pair = (together.feature, together.other)
        alone = JointPartialDependence(feature=pair, points=4).explain(model, X)
        np.testing.assert_array_equal(together.values, alone.values)
        np.testing.assert_array_equal(together.band, alone.band)


def test_trees_are_not_asked_and_others_at_each_two_points():
    X = frame(100)
    recipe = JointPartialDependence(feature=("a", "b"), points=6)
    assert recipe.explain(product, X).evaluations == 36 * 100
    model = RandomForestRegressor(10, random_state=0).fit(X, product(X))
    assert recipe.explain(model, X).evaluations < 30


def test_a_column_named_twice_has_its_curve_twice():
    X = frame(60)
    model = RandomForestRegressor(5, random_state=0).fit(X, product(X))
    one, again = PartialDependence(feature=("a", "a"), points=4).explain(model, X)
    np.testing.assert_array_equal(one.values, again.values)


def test_the_weight_counts_the_rows_nearest_to_each_two_points():
    X = frame(300, rho=0.9)
    surface = JointPartialDependence(feature=("a", "b"), points=8).explain(product, X)
    near = [
        np.abs(X[name].to_numpy()[:, None] - np.asarray(grid)).argmin(axis=1)
        for name, grid in (("a", surface.grid), ("b", surface.other_grid))
    ]
    truth = np.zeros((8, 8))
    np.add.at(truth, (near[0], near[1]), 1)
    np.testing.assert_array_equal(surface.weight, truth)
    blank = int((truth == 0).sum())
    assert any(f"nearest to {blank} of 64 points of a and b" in note for note in surface.notes)


def test_a_point_that_takes_rows_out_of_what_occurs_is_a_guess():
    """a and b hang together; c with none; and d with a alone."""
    X = frame(1500, rho=0.95).assign(d=lambda T: T["a"])
    recipe = JointPartialDependence(feature=("a", "b", "c", "d"), points=5)
    found = {(s.feature, s.other): s for s in recipe.explain(product, X)}
    three = X[["a", "b", "c"]]
    ab = JointPartialDependence(feature=("a", "b"), points=5).explain(product, three)
    corners = ab.extrapolated[[0, -1], [-1, 0]]
    assert (corners == 1).all()
    assert (np.diag(ab.extrapolated) < 0.1).all()
    assert any("do not have" in note and "of a and b," in note for note in ab.notes)
    bc = found["b", "c"]
    assert (bc.extrapolated[[0, -1]] > 0.4).all()  # b leaves a behind, wherever c is
    assert np.ptp(bc.extrapolated, axis=1).max() < 0.1
    free = frame(1500).assign(d=0.0)
    none = JointPartialDependence(feature=("a", "b"), points=5).explain(product, free)
    assert none.extrapolated.max() < 0.05
    assert not any("do not have" in note for note in none.notes)


def test_of_few_rows_it_is_not_said_what_occurs():
    surface = JointPartialDependence(feature=("a", "b"), points=3).explain(product, frame(40))
    assert surface.extrapolated is None


def test_one_row_needs_a_background_and_one_background_row_has_no_band():
    X = frame(50)
    recipe = JointPartialDependence(feature=("a", "b"), points=3)
    with pytest.raises(InvalidSetting, match="background"):
        recipe.explain(product, X.head(1))
    whole = recipe.explain(product, X)
    alone = recipe.explain(product, X.head(1), background=X)
    np.testing.assert_array_equal(alone.values, whole.values)
    single = recipe.explain(product, X, background=X.head(1))
    assert single.values.shape == (1, 1)
    np.testing.assert_allclose(single.values[0, 0], product(X.head(1))[0], rtol=1e-12)
    assert single.band is None


def test_fewer_background_rows_are_drawn_only_when_asked_and_noted():
    X = frame(300)
    recipe = JointPartialDependence(feature=("a", "b"), points=3, max_background=50)
    surface = recipe.explain(product, X, seed=3)
    assert any("50 of 300" in note for note in surface.notes)
    np.testing.assert_array_equal(surface.values, recipe.explain(product, X, seed=3).values)


def test_odd_columns_have_a_surface_or_a_reason():
    X = pd.DataFrame(
        {
            "a": [1.0, 2.0, np.nan, 4.0, 5.0, 3.0],
            "same": 7.0,
            "empty": np.nan,
            "job": ["x", "y", "x", "y", "z", None],
        }
    )

    def model(T):
        return np.nan_to_num(np.asarray(T["a"])) * (np.asarray(T["job"]) == "x")

    flat = JointPartialDependence(feature=("a", "same")).explain(model, X)
    assert flat.values.shape == (5, 1)
    np.testing.assert_allclose(flat.values[:, 0], np.asarray(flat.grid) / 3, rtol=1e-12)
    assert any("one value only" in note for note in flat.notes)
    assert any("1 of 6 rows" in note for note in flat.notes)
    with_job = JointPartialDependence(feature=("a", "job")).explain(model, X)
    truth = np.outer(with_job.grid, [1.0, 0.0, 0.0])
    np.testing.assert_allclose(with_job.values, truth, rtol=1e-12)
    with pytest.raises(MissingValues, match="empty"):
        JointPartialDependence(feature=("a", "empty")).explain(model, X)
    assert len(JointPartialDependence(points=3).explain(model, X)) == 3


def test_a_thousand_columns_are_no_reason_not_to_look_at_two():
    X = np.random.default_rng(0).normal(size=(150, 1000))

    def model(T):
        return T[:, 3] * T[:, 7]

    surface = JointPartialDependence(feature=("x3", "x7"), points=3).explain(model, X)
    np.testing.assert_allclose(surface.values, np.outer(surface.grid, surface.other_grid))
    with pytest.raises(InvalidSetting, match="too many pairs"):
        JointPartialDependence().explain(model, X)


@pytest.mark.parametrize("feature", ["a", ("a",), ("a", "a")])
def test_one_column_is_no_pair(feature):
    with pytest.raises(InvalidSetting, match="act together"):
        JointPartialDependence(feature=feature)


def test_a_wrong_name_or_setting_is_refused():
    with pytest.raises(UnknownName, match="Did you mean 'b'"):
        JointPartialDependence(feature=("a", "B")).explain(product, frame(20))
    with pytest.raises(InvalidSetting, match="points"):
        JointPartialDependence(points=1)
    with pytest.raises(InvalidSetting, match="two columns"):
        JointPartialDependence().explain(lambda T: np.asarray(T["a"]), frame(20)[["a"]])


def test_a_surface_survives_its_file_and_a_place_of_it_is_a_curve(tmp_path):
    X = frame(150).assign(job=["cook", "pilot", "clerk"] * 50)
    surface = JointPartialDependence(feature=("a", "job"), points=3).explain(product, X)
    back = Explanation.load(surface.save(tmp_path / "s.pel"))
    assert back.other_grid == surface.other_grid == ("clerk", "cook", "pilot")
    for name in ("values", "band", "weight", "extrapolated"):
        np.testing.assert_array_equal(getattr(back, name), getattr(surface, name))
    line = surface.isel(**{"other point": 1})
    assert line.other is None
    np.testing.assert_array_equal(line.values, surface.values[:, 1])
    np.testing.assert_array_equal(line.extrapolated, surface.extrapolated[:, 1])
    assert list(surface.to_frame(backend="pandas")) == ["a", "job", "value", "low", "high"]


def test_its_picture_holds_the_numbers_and_marks_where_the_model_guesses():
    X = frame(600, rho=0.8)
    surface = pel.explain(
        product, X, method=JointPartialDependence(feature=("a", "b")), progress=False
    )
    spec = pel.show(surface).to_dict()
    rows = [row for row in rows_of(spec) if "known" in row][:100]  # each layer holds them all
    known, guess = ([row[name] for row in rows] for name in ("known", "guess"))
    np.testing.assert_array_equal(known, surface.weight.ravel() > 0)
    np.testing.assert_array_equal(guess, known & (surface.extrapolated.ravel() >= 0.2))
    assert any(guess)
    np.testing.assert_allclose([row["value"] for row in rows], surface.values.ravel())
    subtitle = " ".join(spec["title"]["subtitle"])
    assert "Blank: no rows nearby" in subtitle
    assert "Hatched colours: 20% of the rows or more have no like there" in subtitle
    assert "+" not in subtitle  # a level, not a difference
    assert "joint partial dependence" in spec["description"]
