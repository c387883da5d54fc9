import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from pellucid.core.errors import InvalidSetting, MissingValues, UnknownName
from pellucid.core.explanation import Explanation
from pellucid.explainers.effect.ale import ALE
from pellucid.explainers.effect.ale_interaction import ALEInteraction
from pellucid.explainers.effect.steps import between_edges, between_levels
from pellucid.maths.accumulated_pairs import Along, accumulate_pair, crossings
from twins.ale import ale_of_pair


def normal(n=400, rho=0.6, seed=0):
    rng = np.random.default_rng(seed)
    cover = [[1, rho, 0], [rho, 1, 0], [0, 0, 1]]
    return pd.DataFrame(rng.multivariate_normal([0, 0, 0], cover, n), columns=["a", "b", "c"])


def product(T):
    return np.asarray(T["a"]) * np.asarray(T["b"]) + np.asarray(T["c"]) ** 2


def test_it_equals_the_slow_twin_from_the_paper():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(80, 3))
    X[:, 1] = np.round(X[:, 1] + X[:, 0])
    model = RandomForestRegressor(10, random_state=0).fit(X, X[:, 0] * X[:, 1] + X[:, 2])
    found = ALEInteraction(bins=4).explain(model, X)
    for curve, pair in zip(found, [(0, 1), (0, 2), (1, 2)], strict=True):
        slow = ale_of_pair(model.predict, X, pair, (curve.grid, curve.other_grid), (False, False))
        np.testing.assert_allclose(curve.values, slow, atol=1e-12)


@pytest.mark.parametrize("pair", [("job", "a"), ("a", "job"), ("job", "town")])
def test_with_categories_it_equals_the_slow_twin_in_the_order_of_the_first_order_curve(pair):
    rng = np.random.default_rng(2)
    jobs, towns = ["clerk", "cook", "pilot", "sailor"], ["Bern", "Graz", "Metz"]
    job, town = rng.integers(0, 4, 90), rng.integers(0, 3, 90)
    a = rng.normal(size=90) + (job == 1) * 2 + (job == 3) * 1.8 + town
    X = pd.DataFrame({"job": np.array(jobs)[job], "a": a, "town": np.array(towns)[town]})
    codes = np.column_stack([job, a, town]).astype(float)

    def on_codes(rows):
        return np.array([1.0, 5.0, 2.0, 4.0])[rows[:, 0].astype(int)] * (rows[:, 1] + rows[:, 2])

    def model(T):
        place = [
            [names.index(one) for one in T[of]] for names, of in ((jobs, "job"), (towns, "town"))
        ]
        return on_codes(np.column_stack([place[0], np.asarray(T["a"]), place[1]]))

    curve = ALEInteraction(feature=pair, bins=4).explain(model, X)
    names = {"job": jobs, "town": towns}
    points, levels = [], []
    for name, grid in ((pair[0], curve.grid), (pair[1], curve.other_grid)):
        levels.append(name in names)
        points.append([float(names[name].index(p)) for p in grid] if name in names else list(grid))
        if name in names:
            assert grid == ALE(feature=name).explain(model, X).grid
    columns = tuple(X.columns.get_loc(name) for name in pair)
    slow = ale_of_pair(on_codes, codes, columns, tuple(points), tuple(levels))
    np.testing.assert_allclose(curve.values, slow, atol=1e-12)


@pytest.mark.parametrize("bins", [5, 10])
def test_it_equals_pyale_where_its_bins_are_the_same(bins):
    theirs = pytest.importorskip("PyALE._src.ALE_2D").aleplot_2D_continuous
    X = normal()
    model = RandomForestRegressor(10, random_state=0).fit(X, product(X))
    ours = ALEInteraction(feature=("a", "b"), bins=bins).explain(model, X)
    table = theirs(X, model, ["a", "b"], grid_size=bins)
    np.testing.assert_allclose(ours.grid, table.index)
    np.testing.assert_allclose(ours.values, table.to_numpy(), atol=1e-12)


def test_pyale_weighs_bins_that_are_not_there_where_the_second_column_has_fewer_values():
    """It numbers the second column's bins by the first's; ours stays with the slow twin."""
    theirs = pytest.importorskip("PyALE._src.ALE_2D").aleplot_2D_continuous
    X = normal(150).assign(b=lambda T: np.round(T["b"]))
    model = RandomForestRegressor(10, random_state=0).fit(X, product(X))
    ours = ALEInteraction(feature=("b", "a"), bins=5).explain(model, X)
    slow = ale_of_pair(
        lambda rows: model.predict(pd.DataFrame(rows, columns=X.columns)),
        X.to_numpy(),
        (1, 0),
        (ours.grid, ours.other_grid),
        (False, False),
    )
    np.testing.assert_allclose(ours.values, slow, atol=1e-12)
    table = theirs(X, model, ["b", "a"], grid_size=5)
    assert len(table.index) < len(table.columns)
    assert np.abs(table.to_numpy() - ours.values).max() > 0.01


def test_of_a_product_of_uniform_columns_it_is_the_closed_form():
    X = np.random.default_rng(0).uniform(size=(20_000, 2))
    (curve,) = ALEInteraction(bins=10).explain(lambda T: T[:, 0] * T[:, 1] + T[:, 0] ** 2, X)
    truth = (np.asarray(curve.grid)[:, None] - 0.5) * (np.asarray(curve.other_grid) - 0.5)
    np.testing.assert_allclose(curve.values, truth, atol=0.01)
    inside = (curve.band[0] <= truth) & (truth <= curve.band[1])
    assert inside.mean() > 0.8


def test_of_a_product_of_correlated_normals_it_is_the_closed_form_where_there_are_rows():
    """h = a b; its own first-order effects, ρ a² / 2 and ρ b² / 2, are taken off.

    The level is that of bins, whose outermost are wide, so it is near to that of the integral only.
    """
    X = normal(n=30_000, rho=0.7)
    curve = ALEInteraction(feature=("a", "b"), bins=20).explain(product, X)
    a, b = np.asarray(curve.grid)[:, None], np.asarray(curve.other_grid)
    truth = a * b - 0.35 * (a**2 + b**2)
    there = (np.abs(a) < 1.5) & (np.abs(b) < 1.5)
    gap = (curve.values - truth)[there]
    assert abs(gap.mean()) < 0.15
    np.testing.assert_allclose(gap, gap.mean(), atol=0.1)  # of values from −2.8 to 0.5


def test_of_an_additive_model_it_is_exactly_zero():
    X = normal()
    curve = ALEInteraction(feature=("a", "c"), bins=6).explain(product, X)
    assert not curve.values.any()
    assert not curve.band.any()


def test_its_first_order_effects_are_zero_and_so_is_its_mean():
    """Nothing is left of what a column does alone: the paper's definition of the pure effect."""
    X = normal()
    curve = ALEInteraction(feature=("a", "b"), bins=6).explain(product, X)
    edges = np.asarray(curve.grid), np.asarray(curve.other_grid)
    home = [
        np.maximum(np.searchsorted(e, X[name]) - 1, 0) for e, name in zip(edges, "ab", strict=True)
    ]
    surface = curve.values
    for k in range(6):
        rows = home[1][home[0] == k]
        rise = surface[k + 1] - surface[k]
        assert abs(np.mean((rise[rows] + rise[rows + 1]) / 2)) < 1e-12
    corners = [surface[home[0] + i, home[1] + j] for i in (0, 1) for j in (0, 1)]
    assert abs(np.mean(corners)) < 1e-12


def _along(values, points, named):
    steps = (between_levels if named else between_edges)(values, points)
    where = np.arange(len(points)) if named else points
    return Along(steps.row, steps.gap, steps.place, (where[1:] + where[:-1]) / 2)


@pytest.mark.parametrize("named", [(False, False), (True, False), (True, True)])
def test_the_band_agrees_with_the_bootstrap_over_rows(named):
    rng = np.random.default_rng(5)
    n = 500
    X = rng.normal(size=(n, 3))
    X[:, 1] += 0.5 * X[:, 0]
    points = []
    for j in (0, 1):
        if named[j]:
            X[:, j] = np.clip(np.round(X[:, j]), -1, 1)
            points.append(np.array([-1.0, 0.0, 1.0]))
        else:
            points.append(np.quantile(X[:, j], [0, 0.3, 0.7, 1]))

    def surface(rows):
        first, second = (_along(X[rows, j], points[j], named[j]) for j in (0, 1))
        met = crossings(first, second)
        row = rows[first.row[met[0]]]
        twice = np.zeros(len(row))
        for i, j, sign in ((0, 0, 1), (0, 1, -1), (1, 0, -1), (1, 1, 1)):
            a = points[0][first.gap[met[0]] + i]
            b = points[1][second.gap[met[1]] + j]
            twice += sign * (a * b * (1 + X[row, 2]) + np.sin(a * b * X[row, 2]))
        return accumulate_pair(first, second, met, twice[:, None])

    _, error, votes = surface(np.arange(n))
    assert votes.min() > 5
    draws = np.array([surface(rng.integers(0, n, n))[0] for _ in range(300)])
    np.testing.assert_allclose(error, draws.std(axis=0), rtol=0.2)


def test_every_class_has_a_surface_and_they_cancel():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = RandomForestClassifier(10, random_state=0).fit(X, y)
    curve = ALEInteraction(feature=tuple(X.columns[2:]), bins=5).explain(model, X)
    assert curve.dims == ("point", "other point", "class")
    np.testing.assert_allclose(curve.values.sum(axis=2), 0, atol=1e-12)
    one = ALEInteraction(feature=tuple(X.columns[2:]), bins=5).explain(model, X, target=1)
    np.testing.assert_allclose(one.values, curve.isel(**{"class": 1}).values, atol=1e-14)


def test_cells_without_rows_are_counted_and_points_without_rows_weigh_nothing():
    X = normal(rho=0.95)
    curve = ALEInteraction(feature=("a", "b"), bins=10).explain(product, X)
    edges = np.asarray(curve.grid), np.asarray(curve.other_grid)
    cells, _, _ = np.histogram2d(X["a"], X["b"], bins=edges)
    assert any(note.startswith(f"{int((cells == 0).sum())} of 100 cells") for note in curve.notes)
    near = [
        np.abs(X[name].to_numpy()[:, None] - e).argmin(axis=1)
        for name, e in zip("ab", edges, strict=True)
    ]
    truth = np.zeros((11, 11))
    np.add.at(truth, (near[0], near[1]), 1)
    np.testing.assert_array_equal(curve.weight, truth)


def test_it_costs_four_evaluations_for_each_row_and_pair_and_rows_once():
    X = normal(300)
    curve = ALEInteraction(feature=("a", "b")).explain(product, X)
    assert curve.evaluations <= 5 * 300 + 1


def test_a_surface_survives_its_file_and_becomes_a_table(tmp_path):
    X = normal(100).assign(job=["cook", "pilot"] * 50)
    curve = ALEInteraction(feature=("a", "job"), bins=3).explain(product, X)
    back = Explanation.load(curve.save(tmp_path / "s.pel"))
    assert back.other == "job"
    assert back.other_grid == curve.other_grid
    np.testing.assert_array_equal(back.values, curve.values)
    np.testing.assert_array_equal(back.weight, curve.weight)
    frame = curve.to_frame(backend="pandas")
    assert list(frame) == ["a", "job", "value", "low", "high"]
    assert len(frame) == curve.values.size


def test_one_place_of_the_other_column_is_a_curve():
    curve = ALEInteraction(feature=("a", "b"), bins=3).explain(product, normal(100))
    line = curve.isel(**{"other point": 1})
    assert line.other is None
    assert line.dims == ("point",)
    np.testing.assert_array_equal(line.values, curve.values[:, 1])
    np.testing.assert_array_equal(line.weight, curve.weight[:, 1])


def test_odd_columns_have_a_surface_or_a_reason():
    X = pd.DataFrame(
        {
            "a": [1.0, 2.0, np.nan, 4.0, 5.0, 3.0],
            "same": 7.0,
            "huge": [1e300, -1e300, 1e200, 0.0, 1.0, 2.0],
            "empty": np.nan,
            "job": ["x", "y", "x", "y", "z", None],
        }
    )

    def model(T):
        return np.nan_to_num(np.asarray(T["a"])) * (np.asarray(T["job"]) == "x")

    flat = ALEInteraction(feature=("a", "same")).explain(model, X)
    assert flat.values.shape == (5, 1)
    assert not flat.values.any()
    assert any("1 of 6 rows" in note for note in flat.notes)
    assert np.isfinite(ALEInteraction(feature=("a", "huge")).explain(model, X).values).all()
    with_job = ALEInteraction(feature=("a", "job")).explain(model, X)
    assert any("2 of 6 rows" in note for note in with_job.notes)
    with pytest.raises(MissingValues):
        ALEInteraction(feature=("a", "empty")).explain(model, X)


def test_a_thousand_columns_are_no_reason_not_to_look_at_two():
    X = np.random.default_rng(0).normal(size=(60, 1000))
    curve = ALEInteraction(feature=("x3", "x7"), bins=3).explain(lambda T: T[:, 3] * T[:, 7], X)
    assert curve.values.any()
    with pytest.raises(InvalidSetting, match="too many pairs"):
        ALEInteraction().explain(lambda T: T[:, 3] * T[:, 7], X)


@pytest.mark.parametrize("feature", ["a", ("a",), ("a", "a")])
def test_one_column_is_no_pair(feature):
    with pytest.raises(InvalidSetting, match="act together"):
        ALEInteraction(feature=feature)


def test_an_unknown_column_is_named():
    with pytest.raises(UnknownName, match="Did you mean 'b'"):
        ALEInteraction(feature=("a", "B")).explain(product, normal(20))


def test_with_categories_no_row_is_asked_about_the_same_values_twice():
    """A row steps to the values beside its own, so of each column it takes two or three."""
    rng = np.random.default_rng(4)
    n = 70_000  # more steps than are asked about at once
    place = rng.integers(0, 3, (n, 2))
    X = pd.DataFrame(
        {
            "job": pd.Categorical.from_codes(place[:, 0], ["a", "b", "c"], ordered=True),
            "town": pd.Categorical.from_codes(place[:, 1], ["d", "e", "f"], ordered=True),
            "c": rng.normal(size=n),
        }
    )
    curve = ALEInteraction(feature=("job", "town")).explain(lambda T: np.asarray(T["c"]) ** 2, X)
    beside = np.where(place == 1, 3, 2)
    assert curve.evaluations == n + (beside.prod(axis=1) - 1).sum()
