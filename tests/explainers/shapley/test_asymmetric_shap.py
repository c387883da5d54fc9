"""Values on an order of causes, against all orders and planted causes."""

from itertools import permutations

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.core.seeds import generator
from pellucid.explainers.shapley.asymmetric_shap import AsymmetricSHAP
from pellucid.explainers.shapley.exact_shap import ExactSHAP
from twins.orders import causes_first, mean_over
from twins.shapley_enumeration import gaussian_worth, marginal_worth

RNG = generator(0, "test asymmetric")
X = RNG.normal(size=(25, 6)) @ RNG.normal(size=(6, 6))
INWARD, OUTWARD = RNG.normal(size=(6, 5)), RNG.normal(size=5)
ORDER = (("x2", "x0"), ("x1",), ("x3", "x4", "x5"))
CHAIN = [(2, 0), (1,), (3, 4, 5)]


def network(Z: np.ndarray) -> np.ndarray:
    return np.tanh(np.asarray(Z, dtype=float) @ INWARD / 2) @ OUTWARD


def explained(method: AsymmetricSHAP, seed: int = 0) -> pel.Attribution:
    return pel.explain(network, X[:3], background=X, method=method, seed=seed)


def truth() -> np.ndarray:
    orders = causes_first(CHAIN)
    worths = [marginal_worth(network, row, X) for row in X[:3]]
    return np.array([mean_over(orders, worth, 6)[:, 0] for worth in worths])


def test_values_are_the_mean_over_all_orders_with_causes_first() -> None:
    found = explained(AsymmetricSHAP(order=ORDER))
    np.testing.assert_allclose(found.values, truth(), atol=1e-12)
    assert found.exact
    assert found.evaluations < 3 * 25 * (4 + 2 + 8)


def test_conditional_values_are_those_of_the_normal_distribution() -> None:
    coef = RNG.normal(size=6)
    method = AsymmetricSHAP(order=ORDER, removal="gaussian", max_background=None)
    found = pel.explain(lambda Z: np.asarray(Z) @ coef, X[:2], background=X, method=method)
    for row, values in zip(X, found.values, strict=False):
        worth = gaussian_worth(coef, 0.0, row, X.mean(axis=0), np.cov(X.T, bias=True))
        wanted = mean_over(causes_first(CHAIN), worth, 6)[:, 0]
        np.testing.assert_allclose(values, wanted, atol=1e-8)


def test_without_an_order_values_are_shapley_values() -> None:
    found = explained(AsymmetricSHAP())
    plain = pel.explain(network, X[:3], background=X, method=ExactSHAP())
    np.testing.assert_allclose(found.values, plain.values, atol=1e-12)


def test_the_error_covers_the_exact_value() -> None:
    wide = RNG.normal(size=(13, 13))
    weight = RNG.normal(size=(13, 5))

    def run(budget: int, seed: int) -> pel.Attribution:
        return pel.explain(
            lambda Z: np.tanh(np.asarray(Z) @ weight / 2) @ OUTWARD,
            wide[:3],
            background=wide[3:],
            method=AsymmetricSHAP(order=(("x4",), ("x1", "x8")), budget=budget),
            seed=seed,
        )

    exact = run(2048, 0)
    assert exact.exact
    runs = [run(202, seed) for seed in range(200)]
    values, error = (np.array([getattr(r, name) for r in runs]) for name in ("values", "error"))
    drawn = error.mean(axis=0) > 1e-12
    covered = np.abs(values - exact.values) <= 1.96 * error
    assert 0.93 < covered[:, drawn].mean() < 0.97
    np.testing.assert_allclose(runs[0].gap(), 0, atol=1e-12)


def test_small_groups_are_exact_and_the_rest_stops_when_it_is_certain() -> None:
    wide, weight = RNG.normal(size=(23, 16)), RNG.normal(size=(16, 5))

    def run(**settings: object) -> pel.Attribution:
        method = AsymmetricSHAP(order=(("x4",), ("x1", "x8", "x9")), **settings)  # type: ignore[arg-type]
        network = lambda Z: np.tanh(np.asarray(Z) @ weight / 4) @ OUTWARD  # noqa: E731
        return pel.explain(network, wide[:3], background=wide[3:], method=method, seed=1)

    exact, whole = run(budget=1 << 13), run(budget=1024)
    small = [4, 1, 8, 9]
    np.testing.assert_allclose(whole.values[:, small], exact.values[:, small], atol=1e-12)
    assert whole.error is not None
    assert not whole.error[:, small].any()
    early = run(budget=1024, tolerance=5 * 1.96 * float(whole.error.max()))
    assert early.evaluations < 0.6 * whole.evaluations
    assert np.abs(early.values - exact.values).max() < 10 * 1.96 * whole.error.max()


# a planted chain of causes: a → b → c, with b = 2a + noise, c = b + noise; means and covariances
# of the eight equally likely rows are exactly those of the chain

NOISE = np.array([[a, b, c] for a in (-1.0, 1) for b in (-1, 1) for c in (-1, 1)])
CAUSES = NOISE @ np.array([[1.0, 2.0, 2.0], [0, 1.0, 1.0], [0, 0, 1.0]])
ROW = np.array([[1.0, 3.0, 2.0]])


def planted(model: object, **settings: object) -> np.ndarray:
    method = AsymmetricSHAP(order=(("x0",), ("x1",), ("x2",)), **settings)  # type: ignore[arg-type]
    return pel.explain(model, ROW, background=CAUSES, method=method, seed=0).values[0]


def only_the_effect(Z: np.ndarray) -> np.ndarray:
    return np.asarray(Z)[:, 2]


def test_a_cause_gets_what_it_does_through_its_effects() -> None:
    """E c = 0; E[c | a = 1] = 2; E[c | a = 1, b = 3] = 3; c = 2."""
    for removal in ("gaussian", "causal"):
        values = planted(only_the_effect, removal=removal)
        np.testing.assert_allclose(values, [2, 1, -1], atol=1e-12)


def test_setting_an_effect_says_nothing_of_its_cause() -> None:
    """For a model of a alone, do(c) and do(b) leave a at its mean; given c, a is expected at
    2/6 · c: causal Shapley values give a everything, conditional ones do not."""

    def only_the_cause(Z: np.ndarray) -> np.ndarray:
        return np.asarray(Z)[:, 0]

    causal = planted(only_the_cause, removal="causal", symmetric=True)
    np.testing.assert_allclose(causal, [1, 0, 0], atol=1e-12)
    given = planted(only_the_cause, removal="gaussian", symmetric=True)
    assert given[1] > 0.25


def test_causal_shapley_values_are_those_of_the_planted_interventions() -> None:
    """Worths of c under do(S): do(a) 2, do(b) 3, do(a, b) 3, with c known 2."""
    worth = {(): 0, (0,): 2, (1,): 3, (0, 1): 3}

    def do(team: frozenset[int]) -> np.ndarray:
        known = tuple(sorted(team))
        return np.array([2.0 if 2 in team else worth[known]])

    wanted = mean_over(permutations(range(3)), do, 3)[:, 0]
    found = planted(only_the_effect, removal="causal", symmetric=True)
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_columns_that_are_not_named_come_last_and_that_is_said() -> None:
    found = explained(AsymmetricSHAP(order=("x1", ("x0", "x2"))))
    whole = explained(AsymmetricSHAP(order=(("x1",), ("x0", "x2"), ("x3", "x4", "x5"))))
    np.testing.assert_array_equal(found.values, whole.values)
    assert any("x3, x4, x5" in note for note in found.notes)


def test_wrong_orders_are_refused() -> None:
    with pytest.raises(UnknownName, match="x7"):
        explained(AsymmetricSHAP(order=(("x7",),)))
    with pytest.raises(InvalidSetting, match="twice"):
        AsymmetricSHAP(order=(("x1",), ("x1", "x2")))
    with pytest.raises(InvalidSetting, match="chain of groups"):
        AsymmetricSHAP(order="x1")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="causal"):
        AsymmetricSHAP(removal="casual")
