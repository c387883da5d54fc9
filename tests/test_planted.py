"""Planted truth: models whose right explanation is known, put to every method as a user would.

The model is y = 2·a − 3·b + 1.5·c·d. It never reads the useless column nor the copy of a.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.core import registry
from pellucid.core.terms import folded
from pellucid.data.planted import INTERACTION, NAMES, SLOPES, planted_additive
from pellucid.data.table import Table
from pellucid.explainers.choose import PACKAGE
from twins.shapley_enumeration import marginal_worth, shapley_values

EXACT, STANDARD_ERRORS = 1e-9, 4
PLANT = planted_additive(seed=3, n=400)
ROWS, BACKGROUND = PLANT.X.take(slice(0, 12)), PLANT.X.take(slice(200, 260))
UNREAD = [NAMES.index(name) for name in PLANT.truth.useless]


def formula(X: Any) -> np.ndarray:
    """What the planted model answers, for any table."""
    return PLANT.truth.model(X)


def chance(X: Any) -> np.ndarray:
    """The same formula as the log-odds of the second of two classes."""
    second = PLANT.truth.probability(X)
    return np.column_stack([1 - second, second])


def additive_model() -> Any:
    """The linear part, as a fitted estimator with exactly the planted weights."""
    from sklearn.linear_model import LinearRegression

    X = PLANT.X.codes.copy()
    X[:, 3] = 0.0  # without d there is no product
    X[:, 5] = np.random.default_rng(0).normal(size=len(X))  # nor a copy to share the weight with
    return LinearRegression().fit(X, formula(X))


def tree_model() -> Any:
    """The formula as one tree, on columns that are 0 or 1."""
    from sklearn.tree import DecisionTreeRegressor

    corners = np.array([[*map(int, f"{i:04b}"), 0, 0] for i in range(16)], dtype=float)
    return DecisionTreeRegressor().fit(corners, formula(corners))


def binary(table: Table) -> Table:
    return table.with_codes((table.codes > 0).astype(float))


def without_d(table: Table) -> Table:
    codes = table.codes.copy()
    codes[:, 3] = 0.0
    return table.with_codes(codes)


PLANTED: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "tree_shap": (tree_model, binary, {}),
    "linear_shap": (additive_model, without_d, {}),
    "exact_shap": (lambda: formula, lambda table: table, {}),
    "kernel_shap": (lambda: formula, lambda table: table, {"budget": 64}),
    "permutation_shap": (lambda: formula, lambda table: table, {"budget": 64}),
    "proxy_shap": (lambda: formula, lambda table: table, {"budget": 64}),
    "owen_shap": (lambda: formula, lambda table: table, {}),
    "banzhaf": (lambda: formula, lambda table: table, {}),
    "asymmetric_shap": (lambda: formula, lambda table: table, {}),
}
"""For each Shapley method a planted model that it can read, tables for it, and settings.

No more than two columns act together here, so Owen and Banzhaf values are the Shapley values.
"""

OTHERS = {
    "break_down": "its values are those of one order",
    "sage": "it shares out the loss over all rows",
    "shapley_interactions": "its values are of pairs too: folded below",
    "tree_interactions": "its values are of pairs too: folded below",
}
"""Methods of the room that give no Shapley value for each row and column."""


def test_every_shapley_method_is_tried() -> None:
    names = registry.names(PACKAGE)
    there = [name for name in names if ".shapley." in registry.modules(PACKAGE)[name]]
    assert sorted((*PLANTED, *OTHERS)) == sorted(there)


@pytest.mark.parametrize("method", ["shapley_interactions", "tree_interactions"])
def test_only_the_planted_pair_acts_together(method: str) -> None:
    trees = method == "tree_interactions"
    rows, background = (binary(t) if trees else t for t in (ROWS, BACKGROUND))
    model = tree_model() if trees else formula
    found = pel.explain(model, rows, background=background, method=method)
    np.testing.assert_allclose(
        folded(found).values, PLANT.truth.shapley(rows, background), rtol=0, atol=EXACT
    )
    pairs = {str(t): found.sel(term=t).values for t in found.features if " × " in str(t)}
    apart = rows.codes[:, [2, 3]] - background.codes[:, [2, 3]].mean(axis=0)
    both = background.codes[:, 2] * background.codes[:, 3]
    covered = both.mean() - background.codes[:, 2].mean() * background.codes[:, 3].mean()
    wanted = 1.5 * (apart[:, 0] * apart[:, 1] + covered)
    np.testing.assert_allclose(pairs.pop("c × d"), wanted, rtol=0, atol=EXACT)
    assert all(np.abs(values).max() < EXACT for values in pairs.values())


@pytest.fixture(params=PLANTED)
def explained(request: pytest.FixtureRequest) -> tuple[pel.Attribution, Any, Table, Table]:
    make, table, settings = PLANTED[request.param]
    model, rows, background = make(), table(ROWS), table(BACKGROUND)
    found = pel.explain(
        model, rows, background=background, method=request.param, seed=5, **settings
    )
    return found, model, rows, background


def test_the_shares_are_the_planted_ones(explained: Any) -> None:
    found, _, rows, background = explained
    truth = PLANT.truth.shapley(rows, background)
    allowed = EXACT + STANDARD_ERRORS * np.asarray(found.error)
    assert np.all(np.abs(found.values - truth) <= allowed)
    if found.method != "banzhaf":  # whose values need not add up, so it has no base
        np.testing.assert_allclose(found.base, PLANT.truth.base(background), rtol=0, atol=EXACT)
        np.testing.assert_allclose(found.output, formula(rows), rtol=0, atol=EXACT)


def test_useless_and_copied_columns_get_nothing(explained: Any) -> None:
    found = explained[0]
    allowed = EXACT + STANDARD_ERRORS * np.asarray(found.error)[:, UNREAD]
    assert np.all(np.abs(found.values[:, UNREAD]) <= allowed)
    assert set(map(str, found.top(2).features)) == {"a", "b"}


def test_evaluate_finds_nothing_wrong(explained: Any) -> None:
    found, model, rows, background = explained
    scores = pel.evaluate(found, model, rows, background=background, seed=0)
    assert scores.ok, scores.failures


def test_evaluate_finds_what_is_wrong(explained: Any) -> None:
    found, model, rows, background = explained
    from dataclasses import replace

    swapped = replace(found, values=found.values[:, ::-1])  # they still add up
    scores = pel.evaluate(swapped, model, rows, background=background, seed=0)
    assert not scores.ok


@pytest.mark.parametrize("method", ["exact_shap", None])
def test_log_odds_have_the_planted_shares(method: str | None) -> None:
    # chances beyond one in a million are held there, so the rows stay inside
    rows, background = (table.with_codes(table.codes / 2) for table in (ROWS, BACKGROUND))
    asked: dict[str, Any] = {"background": background, "method": method, "scale": "logit"}
    truth = PLANT.truth.shapley(rows, background)
    found, other = (pel.explain(chance, rows, target=target, **asked) for target in (1, 0))
    np.testing.assert_allclose(found.values, truth, rtol=0, atol=EXACT)
    np.testing.assert_allclose(other.values, -truth, rtol=0, atol=EXACT)


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("exact_shap", {}),
        ("kernel_shap", {"budget": 600, "seed": 1}),
        ("permutation_shap", {"budget": 600, "seed": 1}),
    ],
)
def test_probabilities_have_the_shares_of_the_definition(method: str, settings: Any) -> None:
    """Here all columns interact, and there are twelve, so that samplers must really sample."""
    noise = np.random.default_rng(0).normal(size=(len(ROWS) + len(BACKGROUND), 6))
    rows = np.hstack([ROWS.codes, noise[: len(ROWS)]])
    background = np.hstack([BACKGROUND.codes, noise[len(ROWS) :]])
    asked: dict[str, Any] = {"method": method, "scale": "probability", **settings}
    found = pel.explain(lambda X: chance(X[:, :6]), rows, background=background, **asked)
    truth = np.zeros(rows.shape)
    truth[:, :6] = [
        shapley_values(marginal_worth(PLANT.truth.probability, row, BACKGROUND.codes), 6)[:, 0]
        for row in ROWS.codes
    ]
    error = np.asarray(found.error)
    assert np.all(np.abs(found.values - truth) <= EXACT + STANDARD_ERRORS * error)
    assert found.exact == (method == "exact_shap")
    if not found.exact:
        assert 0 < error[:, :4].max() < 0.05


def test_a_fitted_model_is_close_to_what_was_planted() -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    plant = planted_additive(seed=0, n=6000)
    X = plant.X.select(NAMES[:5])  # with its copy, a's share could go to either
    with threadpool_limits(1):  # quicker for so few rows
        model = HistGradientBoostingRegressor(max_iter=150, random_state=0).fit(X.codes, plant.y)
    found = pel.explain(model, X.take(slice(0, 200)), background=X.take(slice(1000, 1500)))
    truth = plant.truth.shapley(plant.X.take(slice(0, 200)), plant.X.take(slice(1000, 1500)))
    apart = np.corrcoef(found.values[:, :4].ravel(), truth[:, :4].ravel())[0, 1]
    assert apart > 0.99
    size = np.abs(found.values).mean(axis=0)
    assert size[4] < 0.05 * size[:4].min()


def curves(method: str) -> dict[str, pel.Curve]:
    found = pel.explain(formula, PLANT.X, method=method)
    return {curve.feature: curve for curve in found}


def test_the_partial_dependence_is_the_planted_line() -> None:
    found = curves("partial_dependence")
    a, b, c, d, _, _ = PLANT.X.codes.T
    mean, product = formula(PLANT.X).mean(), INTERACTION * (c * d).mean()
    lines = {
        "a": lambda x: mean + SLOPES[0] * (x - a.mean()),
        "b": lambda x: mean + SLOPES[1] * (x - b.mean()),
        "c": lambda x: mean - product + INTERACTION * d.mean() * x,
        "d": lambda x: mean - product + INTERACTION * c.mean() * x,
        "useless": lambda x: mean + 0 * x,
        "copy_of_a": lambda x: mean + 0 * x,
    }
    for name, line in lines.items():
        grid = np.asarray(found[name].grid, dtype=float)
        np.testing.assert_allclose(found[name].values, line(grid), rtol=0, atol=EXACT)


def test_accumulated_local_effects_have_the_planted_slopes() -> None:
    found = curves("ale")
    for name, slope in {"a": SLOPES[0], "b": SLOPES[1], "useless": 0, "copy_of_a": 0}.items():
        curve = found[name]
        grid = np.asarray(curve.grid, dtype=float)
        np.testing.assert_allclose(np.diff(curve.values), slope * np.diff(grid), atol=EXACT)
    # c and d act only together: on average over independent columns, hardly at all
    for name in ("c", "d"):
        assert np.ptp(found[name].values) < 0.25 * np.ptp(found["a"].values)


def test_single_curves_show_the_interaction() -> None:
    ice = pel.explain(formula, PLANT.X.take(slice(0, 20)), method="ice", background=PLANT.X)
    of_c = next(curve for curve in ice if curve.feature == "c")
    grid = np.asarray(of_c.grid, dtype=float)
    slopes = np.diff(of_c.values, axis=of_c.dims.index("point")) / np.diff(grid)
    expected = np.repeat(INTERACTION * PLANT.X.codes[:20, [3]], len(grid) - 1, axis=1)
    np.testing.assert_allclose(slopes, expected, rtol=0, atol=EXACT)


def test_permutation_importance_is_the_planted_loss() -> None:
    """Shuffling x raises the mean squared error by the mean square of what x then moves."""
    found = pel.explain(
        formula, PLANT.X, method="permutation_importance", y=formula(PLANT.X), seed=0
    )
    codes = PLANT.X.codes
    doubled = [2 * codes[:, j].var(ddof=1) for j in range(4)]
    moved = [
        SLOPES[0] ** 2 * doubled[0],
        SLOPES[1] ** 2 * doubled[1],
        *(
            INTERACTION**2 * np.mean(codes[:, other] ** 2 * spread_from_others(codes[:, own]))
            for own, other in ((2, 3), (3, 2))
        ),
        0.0,
        0.0,
    ]
    error = np.asarray(found.error)
    assert np.all(np.abs(found.values - moved) <= EXACT + STANDARD_ERRORS * error)
    assert not found.values[UNREAD].any()
    assert not error[UNREAD].any()
    assert np.all(error[:4] > 0)
    assert np.all(error[:4] < 0.15 * np.array(moved[:4]))


def spread_from_others(column: np.ndarray) -> np.ndarray:
    """The mean squared distance of each value from those of all other rows."""
    n = len(column)
    return ((column[:, None] - column) ** 2).sum(axis=1) / (n - 1)


@pytest.mark.parametrize(
    ("method", "columns", "budget"),
    [("kernel_shap", 8, 48), ("permutation_shap", 8, 48), ("proxy_shap", 12, 128)],
)
def test_samplers_find_what_is_planted_among_more_columns_than_they_enumerate(
    method: str, columns: int, budget: int
) -> None:
    noise = np.random.default_rng(6).standard_normal((len(PLANT.X), columns - len(NAMES)))
    X = np.column_stack([PLANT.X.codes, noise])
    rows, background = X[:12], X[200:260]

    def wide(Z: np.ndarray) -> np.ndarray:
        return formula(np.asarray(Z)[:, : len(NAMES)])

    found = pel.explain(wide, rows, background=background, method=method, budget=budget, seed=5)
    assert found.error is not None
    assert found.error.max() > 0
    truth = np.zeros(rows.shape)
    truth[:, : len(NAMES)] = PLANT.truth.shapley(ROWS, BACKGROUND)
    assert np.all(np.abs(found.values - truth) <= EXACT + STANDARD_ERRORS * found.error)
    assert pel.evaluate(found, wide, rows, background=background, seed=0).ok
