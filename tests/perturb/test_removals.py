"""What stands in for removed columns, against formulas, draws and brute force."""

from itertools import product
from unittest.mock import patch

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import InvalidSetting, MissingValues, UnknownName
from pellucid.core.seeds import generator
from pellucid.data.table import Table
from pellucid.explainers.shapley.exact_shap import ExactSHAP
from pellucid.explainers.shapley.kernel_shap import KernelSHAP
from pellucid.explainers.shapley.linear_shap import LinearSHAP
from pellucid.perturb.removal import Reference
from pellucid.perturb.removals import REMOVALS
from twins.removals import nearest_worth, normal_worth
from twins.shapley_enumeration import gaussian_worth, shapley_values

RNG = generator(0, "test removals")
TURN = RNG.normal(size=(4, 4))
X = RNG.normal(size=(300, 4)) @ TURN
CONDITIONAL = ("gaussian", "copula", "neighbours", "tree")


def curved(Z: np.ndarray) -> np.ndarray:
    Z = np.asarray(Z, dtype=float)
    return Z[:, 0] * Z[:, 1] + np.sin(Z[:, 2])


def explained(model: object, rows: object, background: object, removal: str) -> pel.Attribution:
    method = ExactSHAP(removal=removal, max_background=None)
    return pel.explain(model, rows, background=background, method=method, seed=0)


@pytest.mark.parametrize("removal", REMOVALS)
def test_shares_add_up_and_rows_do_not_disturb_each_other(removal: str) -> None:
    together = explained(curved, X[:4], X, removal)
    np.testing.assert_allclose(together.gap(), 0, atol=1e-12)
    for i in range(4):
        alone = explained(curved, X[i : i + 1], X, removal)
        np.testing.assert_allclose(together.values[i], alone.values[0], atol=1e-12)


def test_an_unknown_removal_is_refused_by_name() -> None:
    with pytest.raises(UnknownName, match="gaussian"):
        ExactSHAP(removal="gausian")


@pytest.mark.parametrize("removal", CONDITIONAL)
def test_only_what_depends_on_the_known_columns_breaks_the_dummy_law(removal: str) -> None:
    assert "dummy" not in ExactSHAP(removal=removal).laws
    assert "dummy" in ExactSHAP(removal="baseline").laws
    shares = explained(lambda Z: np.asarray(Z)[:, 0], X[:3], X, removal)
    assert np.abs(shares.values[:, 1:]).max() > 0.05


def test_samplers_take_every_removal() -> None:
    for removal in REMOVALS:
        exact = explained(curved, X[:2], X, removal)
        method = KernelSHAP(removal=removal, max_background=None)
        sampled = pel.explain(curved, X[:2], background=X, method=method, seed=0)
        np.testing.assert_allclose(sampled.values, exact.values, atol=1e-10)


# Gaussian


def test_gaussian_removal_of_a_weighted_sum_is_the_formula_of_aas_et_al() -> None:
    coef = np.array([1.0, -2.0, 0.5, 0.0])
    found = explained(lambda Z: np.asarray(Z) @ coef + 3, X[:3], X, "gaussian")
    for row, shares in zip(X, found.values, strict=False):
        worth = gaussian_worth(coef, 3.0, row, X.mean(axis=0), np.cov(X.T, bias=True))
        np.testing.assert_allclose(shares, shapley_values(worth, 4)[:, 0], atol=1e-10)


def test_gaussian_removal_agrees_with_linear_shap() -> None:
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(X, X @ [1.0, 2.0, -1.0, 0.5])
    truth = pel.explain(model, X[:5], background=X, method=LinearSHAP(features="correlated"))
    found = explained(model, X[:5], X, "gaussian")
    np.testing.assert_allclose(found.values, truth.values, atol=1e-10)


def test_gaussian_removal_is_the_conditional_distribution_not_only_its_mean() -> None:
    many = RNG.normal(size=(4000, 4)) @ TURN
    found = explained(curved, many[:2], many, "gaussian")
    draws = RNG.normal(size=(40_000, 4))
    for row, shares in zip(many, found.values, strict=False):
        worth = normal_worth(curved, row, many.mean(axis=0), np.cov(many.T), draws)
        np.testing.assert_allclose(shares, shapley_values(worth, 4)[:, 0], atol=0.1)


def test_gaussian_removal_of_uncorrelated_columns_is_marginal() -> None:
    grid = np.array(list(product((-1.0, 1.0), (-1.0, 1.0), (-1.0, 1.0), (0.0, 2.0))))
    rows = np.array([[0.3, -2.0, 0.1, 1.5]])
    given = explained(curved, rows, grid, "gaussian")
    np.testing.assert_allclose(
        given.values, explained(curved, rows, grid, "marginal").values, atol=1e-12
    )


def test_equal_columns_share_under_gaussian_removal() -> None:
    twice = np.column_stack([X[:, 0], X[:, 0], X[:, 2]])
    found = explained(lambda Z: np.asarray(Z)[:, 0], twice[:3], twice, "gaussian")
    np.testing.assert_allclose(found.values[:, 0], found.values[:, 1], atol=1e-6)


@pytest.mark.parametrize("removal", ["gaussian", "copula"])
def test_missing_values_are_refused_where_a_distribution_is_fitted(removal: str) -> None:
    gaps = X.copy()
    gaps[3, 1] = np.nan
    with pytest.raises(MissingValues, match="neighbours"):
        explained(lambda Z: np.nan_to_num(np.asarray(Z)).sum(axis=1), X[:2], gaps, removal)


def test_a_hidden_category_is_one_that_occurs_beside_the_known_number() -> None:
    kind = np.where(X[:, 0] > 0, "high", "low")
    table = {"number": X[:, 0], "kind": kind}
    first = {"number": X[:1, 0] * 0 + 3.0, "kind": np.array(["high"])}

    def model(rows: dict) -> np.ndarray:
        return (np.asarray(rows["kind"]) == "high").astype(float)

    for removal in CONDITIONAL:
        found = explained(model, first, table, removal)
        assert found.values[0, 0] > 0.2  # the number all but tells the category
        marginal = explained(model, first, table, "marginal")
        assert abs(marginal.values[0, 0]) < 1e-12


# copula


def test_a_copula_does_not_see_increasing_transforms() -> None:
    def bent(Z: np.ndarray) -> np.ndarray:
        return np.column_stack([np.exp(Z[:, 0]), Z[:, 1] ** 3, np.arctan(Z[:, 2]), 5 * Z[:, 3]])

    def unbent(Z: np.ndarray) -> np.ndarray:
        Z = np.asarray(Z, dtype=float)
        parts = [np.log(Z[:, 0]), np.cbrt(Z[:, 1]), np.tan(Z[:, 2]), Z[:, 3] / 5]
        return curved(np.column_stack(parts))

    rows = RNG.normal(size=(3, 4)) @ TURN
    plain = explained(curved, rows, X, "copula")
    transformed = explained(unbent, bent(rows), bent(X), "copula")
    np.testing.assert_allclose(plain.values, transformed.values, atol=1e-9)


def test_a_copula_is_gaussian_on_normal_data() -> None:
    many = RNG.normal(size=(3000, 4)) @ TURN
    near = many[np.abs(many @ np.linalg.inv(TURN)).max(axis=1) < 1][:5]
    copula, gaussian = (explained(curved, near, many, r) for r in ("copula", "gaussian"))
    np.testing.assert_allclose(copula.values, gaussian.values, atol=0.12)


def test_a_copula_puts_in_values_that_occur() -> None:
    whole = np.rint(X)
    columns = tuple(Table.of(whole).schema.values())
    removal = REMOVALS["copula"](Reference(rows=whole, seen=whole, columns=columns))
    inside = RNG.random((20, 4)) < 0.5
    rows, share = removal.complete(whole[:20], inside)
    for j in range(4):
        assert set(np.unique(rows[:, :, j])) <= set(whole[:, j])
    assert share.sum() == pytest.approx(1)


# neighbours and trees


def test_neighbours_are_the_definition() -> None:
    some = X[:60]
    found = explained(curved, some[:3], some, "neighbours")
    for row, shares in zip(some, found.values, strict=False):
        truth = shapley_values(nearest_worth(curved, row, some), 4)
        np.testing.assert_allclose(shares, truth[:, 0], atol=1e-12)


def test_neighbours_that_agree_in_a_category_are_the_conditional_mean() -> None:
    kind = np.array(["a", "b", "c"])[RNG.integers(0, 3, 300)]
    other = np.where(RNG.random(300) < 0.8, kind, "a")
    table = {"kind": kind, "other": other}

    def model(rows: dict) -> np.ndarray:
        return (np.asarray(rows["other"]) == "b").astype(float)

    first = {"kind": np.array(["b"]), "other": np.array(["b"])}
    all_, given = (other == "b").mean(), (other[kind == "b"] == "b").mean()
    found = explained(model, first, table, "neighbours")
    assert found.values[0, 0] == pytest.approx((given - all_) / 2, abs=1e-12)


def test_missing_values_are_near_each_other() -> None:
    gap = X[:, :2].copy()
    gap[:150, 0] = np.nan
    gap[:150, 1] += 10

    def model(Z: np.ndarray) -> np.ndarray:
        return np.asarray(Z, dtype=float)[:, 1]

    for removal in ("neighbours", "tree"):
        found = explained(model, gap[:2], gap, removal)
        given = gap[:150, 1].mean() - gap[:, 1].mean()
        assert found.values[:, 0] == pytest.approx([given / 2] * 2, abs=1e-9)


def test_a_tree_finds_a_step_and_leaves_noise_alone() -> None:
    step, noise = X[:, 0], RNG.normal(size=(300, 2))
    table = np.column_stack([step, noise, np.where(step > 0.2, 3.0, -1.0)])
    columns = tuple(Table.of(table).schema.values())
    removal = REMOVALS["tree"](Reference(rows=table, seen=table, columns=columns))
    own = np.array([[1.0, 0.0, 0.0, 3.0], [-1.0, 0.0, 0.0, -1.0]])
    rows, share = removal.complete(own, np.array([[True, True, True, False]] * 2))
    for row, weight, value in zip(rows, share, (3.0, -1.0), strict=True):
        assert set(row[weight > 0, 3]) == {value}
    rows, share = removal.complete(own, np.array([[False, True, False, False]] * 2))
    assert (share > 0).sum(axis=1).min() == 300


def test_a_conditional_tree_splits_noise_in_one_of_twenty() -> None:
    from pellucid.maths.conditional_tree import grow

    splits = [
        grow(RNG.normal(size=(60, 3)), RNG.normal(size=(60, 2))).column[0] >= 0 for _ in range(600)
    ]
    assert 0.02 < np.mean(splits) < 0.08


# baseline


def test_a_baseline_row_is_the_one_given_or_a_typical_one() -> None:
    one = explained(curved, X[:3], X[7:8], "baseline")
    np.testing.assert_allclose(one.values, explained(curved, X[:3], X[7:8], "marginal").values)
    table = {
        "number": np.array([1.0, 2.0, 6.0]),
        "count": np.array([4, 1, 2]),
        "kind": np.array(["b", "a", "b"]),
        "yes": np.array([True, False, True]),
    }
    columns = tuple(Table.of(table).schema.values())
    seen = Table.of(table).codes
    row, _ = REMOVALS["baseline"](Reference(rows=seen, seen=seen, columns=columns)).reference
    kind = Table.of(table).schema["kind"].categories.index("b")
    np.testing.assert_array_equal(row, [[3.0, 2.0, kind, 1.0]])


def test_coalitions_that_say_the_same_of_two_rows_are_evaluated_once() -> None:
    rows = np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 3.0], [0.0, 1.0, 2.0]])
    background = np.array([[5.0, 6.0, 7.0]])
    found = explained(lambda Z: np.asarray(Z).prod(axis=1), rows, background, "marginal")
    # of 3 × 6 coalitions: {0}, {1}, {0, 1} once; {2}, {0, 2}, {1, 2} for each of two values
    assert found.evaluations == 3 + 1 + 3 + 2 * 3
    np.testing.assert_array_equal(found.values[0], found.values[2])


def test_groups_of_columns_join_together() -> None:
    found = pel.explain(
        curved, X[:2], background=X[:20], method="exact_shap", groups={"both": ["x0", "x1"]}
    )
    assert found.features == ("both", "x2", "x3")
    base = X[:20, 0] * X[:20, 1]
    np.testing.assert_allclose(found.values[:, 0], X[:2, 0] * X[:2, 1] - base.mean(), atol=1e-12)


@pytest.mark.parametrize("removal", ["gaussian", "copula"])
def test_a_plan_that_cannot_be_is_refused_before_a_distribution_is_fitted(removal: str) -> None:
    wide = RNG.normal(size=(60, 40))
    with patch("pellucid.perturb.gaussian.steady", side_effect=AssertionError):
        for recipe in (ExactSHAP(removal=removal), KernelSHAP(removal=removal, budget=64)):
            with pytest.raises(InvalidSetting):
                pel.explain(curved, wide[:2], background=wide, method=recipe)
