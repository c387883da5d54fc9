from itertools import combinations
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression

import pellucid as pel
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.explainers.effect.h_statistic import HStatistic
from pellucid.explainers.effect.partial_dependence_importance import PartialDependenceImportance
from pellucid.explainers.effect.variance_interaction import VarianceInteraction
from twins.friedman_h import pair, total


def independent(n=60, columns=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n, columns))


def product(T):
    return T[:, 0] * T[:, 1] + 2 * T[:, 2]


def test_it_is_the_papers_formula_row_by_row():
    X = independent(25)
    model = GradientBoostingRegressor(n_estimators=15, random_state=0).fit(X, product(X))
    found = HStatistic(kind="pair").explain(model, X, seed=0)
    for (j, k), value in zip(combinations(range(4), 2), found.values, strict=True):
        assert value == pytest.approx(pair(model.predict, X, j, k), abs=1e-9)
    found = HStatistic().explain(model, X, seed=0)
    for j, value in enumerate(found.values):
        assert value == pytest.approx(total(model.predict, X, j), abs=1e-9)
    asked = HStatistic(kind="pair").explain(lambda T: model.predict(T), X, seed=0)
    by_trees = HStatistic(kind="pair").explain(model, X, seed=0)
    np.testing.assert_allclose(asked.values, by_trees.values, atol=1e-9)
    assert asked.evaluations > by_trees.evaluations


def test_a_pure_product_has_h_one_and_a_sum_none():
    found = HStatistic(kind="pair", max_background=200).explain(product, independent(200), seed=0)
    pairs = dict(zip(found.features, found.values, strict=True))
    assert pairs["x0 × x1"] == pytest.approx(1, abs=0.02)
    assert max(v for k, v in pairs.items() if k != "x0 × x1") < 1e-9


def test_of_a_product_of_shifted_columns_h_is_known():
    """f = (x + a)(y + b): the pure part has variance 1, the whole 1 + a² + b²."""
    X = independent(4000, 2)
    a, b = 1.0, 0.5
    grid = np.round(X, 1)
    found = HStatistic(kind="pair", max_background=400).explain(
        lambda T: (T[:, 0] + a) * (T[:, 1] + b), grid, seed=1
    )
    truth = 1 / np.sqrt(1 + a**2 + b**2)
    assert abs(found.values[0] - truth) < 4 * found.error[0]
    in_units = HStatistic(kind="pair", max_background=400, normalised=False).explain(
        lambda T: (T[:, 0] + a) * (T[:, 1] + b), grid, seed=1
    )
    assert abs(in_units.values[0] - 1) < 4 * in_units.error[0]


def test_in_total_each_column_of_the_product_interacts_and_the_other_does_not():
    found = HStatistic(max_background=150).explain(product, independent(150), seed=0)
    truth = 1 / np.sqrt(5)  # the product has variance 1, the whole 1 + 4
    for name in ("x0", "x1"):
        one = found.sel(feature=name)
        assert abs(one.values - truth) < 4 * one.error
    assert found.sel(feature="x2").values < 1e-9
    assert found.sel(feature="x3").values == 0


def test_the_error_is_the_scatter_over_new_rows():
    values, errors = [], []
    for seed in range(60):
        X = independent(50, 2, seed)
        found = HStatistic(kind="pair").explain(
            lambda T: T[:, 0] * T[:, 1] + T[:, 0] + T[:, 1], X, seed=seed
        )
        values.append(found.values[0])
        errors.append(found.error[0])
    assert 0.7 < np.sqrt(np.mean(np.square(errors))) / np.std(values) < 1.4


def test_a_share_is_in_no_unit_and_its_error_covers_the_rows_drawn():
    X = independent(120)
    found = HStatistic(max_background=40).explain(product, X, seed=0)
    assert found.scale == "share of the effect"
    assert any("40 of 120" in n and "error or band includes this" in n for n in found.notes)
    assert HStatistic(normalised=False).explain(product, X, seed=0).scale == "raw"


def test_blocks_and_threads_do_not_change_it():
    X = independent(150)
    model = RandomForestRegressor(5, random_state=0).fit(X, product(X))
    whole = HStatistic().explain(model, X, seed=0, threads=1)
    with patch("pellucid.maths.tree_margins.ROWS", 32):
        parts = HStatistic().explain(model, X, seed=0, threads=2)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-12)
    np.testing.assert_allclose(parts.error, whole.error, rtol=1e-12)


def test_a_column_with_gaps_follows_the_formula():
    X = independent(40, seed=3)
    X[::5, 1] = np.nan
    y = np.nan_to_num(X[:, 1], nan=2.0) * X[:, 0] + X[:, 2]
    model = HistGradientBoostingRegressor(max_iter=8, min_samples_leaf=1).fit(X, y)
    found = HStatistic().explain(model, X, seed=0)
    for j, value in enumerate(found.values):
        assert value == pytest.approx(total(model.predict, X, j), abs=1e-9)


def test_every_class_has_its_own():
    X = independent(80, 3)
    y = np.digitize(X[:, 0] * X[:, 1], [-0.3, 0.3])
    model = LogisticRegression().fit(X, y)
    found = HStatistic(max_background=12).explain(model, X, seed=0, scale="probability")
    assert found.dims == ("feature", "class")
    assert np.all(found.values >= 0)


def test_the_strength_by_variance_is_its_definition():
    X = independent(30, 3)
    model = GradientBoostingRegressor(n_estimators=15, random_state=0).fit(X, product(X))
    recipe = VarianceInteraction(points=4)
    found = recipe.explain(model, X, seed=0)
    from pellucid.maths.grids import quantile_grid

    for (j, k), value in zip(combinations(range(3), 2), found.values, strict=True):
        points = [quantile_grid(X[:, c], 4) for c in (j, k)]
        surface = np.empty((4, 4))
        for a, first in enumerate(points[0]):
            for b, second in enumerate(points[1]):
                Z = X.copy()
                Z[:, j], Z[:, k] = first, second
                surface[a, b] = model.predict(Z).mean()
        along = surface.std(axis=0, ddof=1).std(ddof=1), surface.std(axis=1, ddof=1).std(ddof=1)
        assert value == pytest.approx(np.mean(along), abs=1e-9)
    assert found.evaluations < 30


def test_without_interaction_the_strength_by_variance_is_none():
    X = pd.DataFrame(independent(40, 2), columns=["a", "b"])
    X["job"] = ["cook", "clerk"] * 20

    def additive(T):
        return T["a"].to_numpy() ** 2 + (T["job"] == "cook").to_numpy() * 3.0 + T["b"].to_numpy()

    found = VarianceInteraction(points=4).explain(additive, X, seed=0)
    np.testing.assert_allclose(found.values, 0, atol=1e-12)
    assert found.features == ("a × b", "a × job", "b × job")


def test_the_importance_of_a_line_is_the_spread_of_its_points():
    X = pd.DataFrame(independent(300, 2), columns=["a", "b"])
    X["job"] = ["cook", "clerk", "pilot"] * 100

    def model(T):
        return 2 * T["a"].to_numpy() + (T["job"] == "cook").to_numpy() * 4.0

    found = PartialDependenceImportance(points=20).explain(model, X)
    from pellucid.maths.grids import quantile_grid

    truth = 2 * quantile_grid(X["a"].to_numpy(), 20).std(ddof=1)
    np.testing.assert_allclose(found.values, [truth, 0, 1], atol=1e-12)
    np.testing.assert_allclose(found.error, 0, atol=1e-12)
    single = PartialDependenceImportance(feature="job").explain(model, X)
    assert single.features == ("job",)


def test_the_error_of_that_importance_is_the_scatter_over_new_rows():
    values, errors = [], []
    for seed in range(200):
        X = independent(60, 2, seed)
        X[:, 0] = np.tile([-1.0, 0.0, 1.0], 20)
        found = PartialDependenceImportance().explain(lambda T: T[:, 0] * (1 + T[:, 1]), X)
        values.append(found.values[0])
        errors.append(found.error[0])
    assert np.sqrt(np.mean(np.square(errors))) / np.std(values) == pytest.approx(1, abs=0.2)


def test_columns_without_a_curve_get_nothing_and_it_is_said():
    X = pd.DataFrame({"a": [1.0, 2, 3, 4], "same": [5.0] * 4, "none": [np.nan] * 4})
    found = PartialDependenceImportance().explain(lambda T: T["a"].to_numpy(), X)
    assert found.values[1:].tolist() == [0, 0]
    assert any("single" in note for note in found.notes)


def test_wrong_settings_are_refused():
    X = independent(10)
    with pytest.raises(InvalidSetting, match="total"):
        HStatistic(kind="triple")
    with pytest.raises(InvalidSetting, match="normalised"):
        HStatistic(normalised=2)
    with pytest.raises(InvalidSetting, match="pair"):
        HStatistic(kind="pair", feature="x0").explain(product, X)
    with pytest.raises(InvalidSetting, match="pair"):
        VarianceInteraction(feature="x0").explain(product, X)
    with pytest.raises(UnknownName, match="x3"):
        HStatistic(feature="x33").explain(product, X)


def test_pairs_without_single_columns_are_drawn_as_bars():
    found = HStatistic(kind="pair").explain(product, independent(20), seed=0)
    drawn = pel.show(found).to_dict()
    assert drawn == pel.show(found, kind="bar").to_dict()
