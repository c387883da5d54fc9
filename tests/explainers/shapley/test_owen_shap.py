"""Owen values, against Owen's definition over all orders and against shap's partition explainer."""

import numpy as np
import pytest
import shap
from scipy.cluster.hierarchy import linkage

import pellucid as pel
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.core.seeds import generator
from pellucid.explainers.shapley.exact_shap import ExactSHAP
from pellucid.explainers.shapley.owen_shap import OwenSHAP
from twins.orders import mean_over, uninterrupted
from twins.shapley_enumeration import marginal_worth

RNG = generator(0, "test owen")
X = RNG.normal(size=(20, 6)) @ RNG.normal(size=(6, 6))
INWARD, OUTWARD = RNG.normal(size=(6, 5)), RNG.normal(size=5)
NESTED = (("x0", ("x3", "x5")), "x1", ("x2", "x4"))
NUMBERED = ((0, (3, 5)), 1, (2, 4))


def network(Z: np.ndarray) -> np.ndarray:
    return np.tanh(np.asarray(Z, dtype=float) @ INWARD / 2) @ OUTWARD


def explained(method: OwenSHAP, rows: np.ndarray = X[:3], seed: int = 0) -> pel.Attribution:
    return pel.explain(network, rows, background=X, method=method, seed=seed)


def owen() -> np.ndarray:
    orders = uninterrupted(NUMBERED)
    return np.array([mean_over(orders, marginal_worth(network, row, X), 6)[:, 0] for row in X[:3]])


def test_values_are_the_mean_over_all_orders_that_interrupt_no_group() -> None:
    found = explained(OwenSHAP(hierarchy=NESTED))
    np.testing.assert_allclose(found.values, owen(), atol=1e-12)
    assert found.exact


def test_values_are_those_of_shaps_partition_explainer() -> None:
    links = linkage(np.abs(np.corrcoef(X.T)), "average")
    nodes: list = [f"x{i}" for i in range(6)]
    for first, second, *_ in links:
        nodes.append((nodes[int(first)], nodes[int(second)]))
    peer = shap.explainers.Partition(network, shap.maskers.Partition(X, clustering=links))
    theirs = peer(X[:3], max_evals=10_000, silent=True)
    found = explained(OwenSHAP(hierarchy=nodes[-1]))
    np.testing.assert_allclose(found.values, theirs.values, atol=1e-10)
    np.testing.assert_allclose(found.base, theirs.base_values, atol=1e-12)


def test_a_flat_hierarchy_gives_shapley_values() -> None:
    flat = explained(OwenSHAP(hierarchy=tuple(f"x{i}" for i in range(6))))
    truth = pel.explain(network, X[:3], background=X, method=ExactSHAP())
    np.testing.assert_allclose(flat.values, truth.values, atol=1e-12)


def test_a_group_gets_what_it_would_get_as_one_player() -> None:
    found = explained(OwenSHAP(hierarchy=NESTED))
    groups = {"a": ["x0", "x3", "x5"], "b": ["x2", "x4"]}
    whole = pel.explain(network, X[:3], background=X, method=ExactSHAP(), groups=groups)
    by_name = dict(zip(whole.features, whole.values.T, strict=True))
    np.testing.assert_allclose(found.values[:, [0, 3, 5]].sum(axis=1), by_name["a"], atol=1e-12)
    np.testing.assert_allclose(found.values[:, [2, 4]].sum(axis=1), by_name["b"], atol=1e-12)


def test_groups_are_players_of_the_hierarchy() -> None:
    groups = {"a": ["x0", "x3", "x5"]}
    method = OwenSHAP(hierarchy=(("a", "x1"), "x2"))
    found = pel.explain(network, X[:3], background=X, method=method, groups=groups)
    assert found.features == ("a", "x1", "x2", "x4")
    np.testing.assert_allclose(found.gap(), 0, atol=1e-12)


def test_columns_that_go_together_are_merged_by_default() -> None:
    twins = np.column_stack([X[:, 0], X[:, 1], X[:, 0] + 0.01 * X[:, 2], X[:, 3]])
    found = pel.explain(
        lambda Z: np.asarray(Z)[:, 0], twins[:2], background=twins, method=OwenSHAP()
    )
    assert any("(x0, x2)" in note or "(x2, x0)" in note for note in found.notes)


def test_the_error_covers_the_exact_value() -> None:
    halves = (tuple(f"x{i}" for i in range(5)), tuple(f"x{i}" for i in range(5, 10)))
    wide = RNG.normal(size=(4, 10))
    weight = RNG.normal(size=(10, 5))

    def run(budget: int, seed: int) -> pel.Attribution:
        method = OwenSHAP(hierarchy=halves, budget=budget)
        return pel.explain(
            lambda Z: np.tanh(np.asarray(Z) @ weight / 2) @ OUTWARD,
            wide[:3],
            background=wide[3:],
            method=method,
            seed=seed,
        )

    truth = run(200, 0)
    assert truth.exact
    runs = [run(110, seed) for seed in range(200)]
    values, error = (np.array([getattr(r, name) for r in runs]) for name in ("values", "error"))
    assert 0.93 < (np.abs(values - truth.values) <= 1.96 * error).mean() < 0.97
    np.testing.assert_allclose(runs[0].gap(), 0, atol=1e-12)


def test_a_column_the_model_ignores_gets_nothing() -> None:
    def first(Z: np.ndarray) -> np.ndarray:
        return np.asarray(Z)[:, 0] * np.asarray(Z)[:, 1]

    for budget in (30, 2048):
        found = pel.explain(first, X[:2], background=X, method=OwenSHAP(budget=budget), seed=1)
        assert np.abs(found.values[:, 2:]).max() < 1e-12


def test_many_columns_halved_again_and_again_need_few_coalitions() -> None:
    wide = RNG.normal(size=(3, 64))
    found = pel.explain(
        lambda Z: np.asarray(Z).max(axis=1),
        wide[:1],
        background=wide[1:2],
        method=OwenSHAP(hierarchy=_halves(0, 64), budget=5000),
    )
    assert found.exact
    assert found.evaluations < 4100


def _halves(start: int, end: int) -> object:
    middle = (start + end) // 2
    if end - start == 1:
        return f"x{start}"
    return (_halves(start, middle), _halves(middle, end))


def test_wrong_hierarchies_are_refused() -> None:
    with pytest.raises(UnknownName, match="x9"):
        explained(OwenSHAP(hierarchy=("x9",)))
    with pytest.raises(InvalidSetting, match="twice"):
        explained(OwenSHAP(hierarchy=(("x0", "x1"), "x0")))
    with pytest.raises(InvalidSetting, match="nested groups"):
        OwenSHAP(hierarchy="x0")  # type: ignore[arg-type]
    with pytest.raises(InvalidSetting, match="budget"):
        explained(OwenSHAP(hierarchy=NESTED, budget=10))
