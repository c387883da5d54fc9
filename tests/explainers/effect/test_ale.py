import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from pellucid.core.errors import UnknownName
from pellucid.explainers.effect.ale import ALE
from pellucid.explainers.effect.partial_dependence import PartialDependence
from pellucid.maths.accumulated_effects import accumulate
from twins.ale import ale as twin
from twins.ale import ale_of_levels


def correlated(n=2000, rho=0.95, seed=0):
    rng = np.random.default_rng(seed)
    cover = [[1, rho], [rho, 1]]
    return pd.DataFrame(rng.multivariate_normal([0, 0], cover, n), columns=["a", "b"])


def test_it_equals_the_slow_twin_from_the_paper():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(150, 3))
    X[:, 1] = np.round(X[:, 1] * 2)
    model = RandomForestRegressor(10, random_state=0).fit(X, X[:, 0] * X[:, 1] + X[:, 2])
    for curve, column in zip(ALE(bins=8).explain(model, X), range(3), strict=True):
        edges, effect = twin(model.predict, X, column, 8)
        np.testing.assert_allclose(curve.grid, edges)
        np.testing.assert_allclose(curve.values, effect, atol=1e-12)


def test_of_categories_it_equals_the_slow_twin_in_the_same_order():
    rng = np.random.default_rng(3)
    n = 120
    job = rng.choice(["clerk", "cook", "pilot", "sailor"], n)
    other = rng.normal(size=n) + (job == "cook") * 2 + (job == "sailor") * 1.8
    X = pd.DataFrame({"job": job, "other": other})
    names = sorted(set(job))

    def model(T):
        place = np.array([names.index(j) for j in T["job"]])
        return np.array([1.0, 5.0, 2.0, 4.0])[place] * np.asarray(T["other"])

    curve = ALE(feature="job").explain(model, X)
    assert curve.categorical
    codes = np.column_stack([[names.index(j) for j in job], other])

    def on_codes(rows):
        return model({"job": [names[int(c)] for c in rows[:, 0]], "other": rows[:, 1]})

    order = [float(names.index(label)) for label in curve.grid]
    np.testing.assert_allclose(curve.values, ale_of_levels(on_codes, codes, 0, order), atol=1e-12)
    assert abs(order.index(1.0) - order.index(3.0)) == 1  # cook and sailor look alike
    assert any("similarity" in note for note in curve.notes)


def test_ordinals_and_booleans_keep_their_order():
    sizes = pd.Categorical(["S", "L", "M"] * 10, categories=["S", "M", "L"], ordered=True)
    X = pd.DataFrame({"size": sizes, "ok": [True, False] * 15})

    def model(T):
        return T["size"].cat.codes.to_numpy() ** 2 + 10.0 * np.asarray(T["ok"])

    size, ok = ALE().explain(model, X)
    assert size.grid == ("S", "M", "L")
    np.testing.assert_allclose(np.diff(size.values), [1, 3])
    assert ok.grid == (False, True)
    np.testing.assert_allclose(ok.values, [-5, 5])
    assert not any("similarity" in note for note in (*size.notes, *ok.notes))


def test_of_a_linear_model_it_is_the_line_through_the_mean_whatever_hangs_together():
    X = correlated()
    curve = ALE(feature="a").explain(lambda T: 3 * np.asarray(T["a"]) - np.asarray(T["b"]), X)
    np.testing.assert_allclose(np.diff(curve.values), 3 * np.diff(curve.grid), atol=1e-12)
    middle = np.interp(X["a"].mean(), curve.grid, curve.values)
    assert abs(middle) < 0.05


def test_it_is_right_on_correlated_columns_where_the_partial_dependence_is_not():
    """Where a and b agree, the model is a; the partial dependence asks about a and b apart."""
    X = correlated(rho=0.99)

    def model(T):
        a, b = np.asarray(T["a"]), np.asarray(T["b"])
        return a + 20.0 * np.maximum(np.abs(a - b) - 0.7, 0.0)

    ale = ALE(feature="a", bins=100).explain(model, X)
    inner = np.abs(ale.grid) < 1.5
    apart = (ale.values - ale.grid)[inner]
    np.testing.assert_allclose(apart, apart[0], atol=0.05)
    pdp = PartialDependence(feature="a").explain(model, X)
    assert np.max(np.abs(pdp.values - pdp.values.mean() - np.asarray(pdp.grid))) > 5


def test_of_a_product_on_correlated_columns_it_is_the_closed_form():
    """For f = a b, E[∂f/∂a | a] = ρ a, so the effect is ρ (a² − 1) / 2."""
    X = correlated(n=20_000, rho=0.8)
    curve = ALE(feature="a", bins=50).explain(lambda T: np.asarray(T["a"]) * np.asarray(T["b"]), X)
    grid = np.asarray(curve.grid)
    inside = np.abs(grid) < 2
    truth = 0.8 * (grid**2 - 1) / 2
    np.testing.assert_allclose(curve.values[inside], truth[inside], atol=0.08)


def test_a_useless_column_is_flat_and_a_duplicate_shows_what_the_model_reads_from_it():
    X = correlated(200).assign(copy=lambda T: T["a"])
    a, b, copy = ALE().explain(lambda T: np.sin(np.asarray(T["a"])), X)
    assert np.all(b.values == 0)
    assert np.all(copy.values == 0)
    assert np.all(b.band == 0)
    assert np.ptp(a.values) > 1


def test_the_band_agrees_with_the_bootstrap_over_rows():
    rng = np.random.default_rng(4)
    n = 400
    codes = np.column_stack([rng.integers(0, 4, n), rng.normal(size=n)])

    def model(rows):
        return rows[:, 0] ** 2 * rows[:, 1] + rows[:, 0]

    curve = ALE(feature="x0").explain(
        model, codes, schema={"x0": {"kind": "ordinal", "categories": (0, 1, 2, 3)}}
    )
    draws = [
        ale_of_levels(model, codes[rng.integers(0, n, n)], 0, [0.0, 1.0, 2.0, 3.0])
        for _ in range(300)
    ]
    half = (curve.band[1] - curve.band[0]) / 2 / 1.96
    np.testing.assert_allclose(half, np.std(draws, axis=0), rtol=0.15)


def test_the_band_of_a_number_agrees_with_the_bootstrap_in_the_same_bins():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(300, 2))

    def model(rows):
        return rows[:, 0] * rows[:, 1] + rows[:, 0] ** 2

    curve = ALE(feature="x0", bins=5).explain(model, X)
    edges = np.asarray(curve.grid)
    home = np.maximum(np.searchsorted(edges, X[:, 0]) - 1, 0)
    low, high = X.copy(), X.copy()
    low[:, 0], high[:, 0] = edges[home], edges[home + 1]
    delta = model(high) - model(low)
    draws = []
    for _ in range(600):
        rows = rng.integers(0, 300, 300)
        count = np.bincount(home[rows], minlength=5)
        effect = np.r_[0, np.cumsum(np.bincount(home[rows], delta[rows], 5) / count)]
        draws.append(effect - count @ (effect[1:] + effect[:-1]) / 2 / 300)
    half = (curve.band[1] - curve.band[0]) / 2 / 1.96
    np.testing.assert_allclose(half, np.std(draws, axis=0), rtol=0.15)


def test_every_class_has_a_curve_and_they_cancel():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = RandomForestClassifier(10, random_state=0).fit(X, y)
    curve = ALE(feature=X.columns[2]).explain(model, X)
    assert curve.dims == ("point", "class")
    np.testing.assert_allclose(curve.values.sum(axis=1), 0, atol=1e-12)
    one = ALE(feature=X.columns[2]).explain(model, X, target=1)
    np.testing.assert_allclose(one.values, curve.isel(**{"class": 1}).values)


def test_it_costs_at_most_two_evaluations_for_each_row_and_column_and_rows_once():
    X = correlated(500)
    curves = ALE().explain(lambda T: np.asarray(T["a"]), X)
    assert curves[0].evaluations <= 500 * (1 + 2 * 2)


def test_missing_values_are_left_out_and_a_constant_is_one_point():
    X = pd.DataFrame({"a": [1.0, 2.0, np.nan, 4.0], "c": [5.0] * 4})
    a, c = ALE().explain(lambda T: np.nan_to_num(np.asarray(T["a"])), X)
    assert a.grid.tolist() == [1, 2, 4]
    np.testing.assert_allclose(np.diff(a.values), [1, 2])
    assert any("1 of 4 rows" in note for note in a.notes)
    assert c.values.tolist() == [0]
    assert any("one value only" in note for note in c.notes)


def test_dates_are_counted_in_days():
    days = pd.date_range("2024-01-01", periods=40)
    X = pd.DataFrame({"when": days, "b": np.arange(40.0)})

    def model(T):
        return np.asarray(T["when"]).astype("datetime64[D]").astype(float)

    curve = ALE(feature="when", bins=4).explain(model, X)
    np.testing.assert_allclose(np.diff(curve.values), np.diff(curve.grid))
    assert curve.grid[0] == days[0].to_datetime64().astype("datetime64[D]").astype(int)


def test_an_unknown_column_is_named():
    with pytest.raises(UnknownName, match="Did you mean 'a'"):
        ALE(feature="A").explain(lambda T: np.asarray(T["a"]), correlated(20))


def test_the_error_of_one_gap_is_that_of_a_mean():
    """Half the difference lies on either side of the centre, and all rows lie alike."""
    delta, rows = np.array([[1.0], [2.0], [6.0]]), np.arange(3)
    place = sparse.csr_array(np.full((3, 2), 0.5))
    values, error = accumulate(rows, np.zeros(3, dtype=int), delta, place)
    np.testing.assert_allclose(values[:, 0], [-1.5, 1.5])
    np.testing.assert_allclose(error[:, 0], delta.std(ddof=1) / np.sqrt(3) / 2)
