"""Stopping before the budget is spent: at a tolerance, or when the order is certain."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.shapley.asymmetric_shap import AsymmetricSHAP
from pellucid.explainers.shapley.banzhaf import Banzhaf
from pellucid.explainers.shapley.exact_shap import ExactSHAP
from pellucid.explainers.shapley.kernel_shap import KernelSHAP
from pellucid.explainers.shapley.owen_shap import OwenSHAP
from pellucid.explainers.shapley.permutation_shap import PermutationSHAP
from pellucid.explainers.shapley.proxy_shap import ProxySHAP
from pellucid.explainers.shapley.shapley_interactions import ShapleyInteractions
from pellucid.explainers.shapley.stages import doubling, ordered, within

FLAT = tuple(f"x{i}" for i in range(10))
SAMPLERS = [
    KernelSHAP,
    PermutationSHAP,
    ProxySHAP,
    AsymmetricSHAP,
    Banzhaf,
    ShapleyInteractions,
    partial(OwenSHAP, hierarchy=FLAT),
]
RNG = np.random.default_rng(11)
INWARD, OUTWARD = RNG.normal(size=(10, 12)) / 2, RNG.normal(size=12)
X = RNG.normal(size=(12, 10))
BACKGROUND = RNG.normal(size=(4, 10))


def network(X: np.ndarray) -> np.ndarray:
    return np.tanh(X @ INWARD) @ OUTWARD


def ask(
    method: Callable = KernelSHAP, rows: np.ndarray = X, seed: int = 0, **settings: object
) -> object:
    recipe = method(**settings)
    return pel.explain(network, rows, method=recipe, background=BACKGROUND, seed=seed)


TRUTH = ask(ExactSHAP).values


@pytest.mark.parametrize("method", SAMPLERS)
def test_every_value_is_as_certain_as_asked(method: Callable) -> None:
    found = ask(method, X[:3], budget=900, tolerance=0.3)
    assert 1.96 * found.error.max() <= 0.3
    assert not any("not certain" in note for note in found.provenance.notes)
    assert found.evaluations < ask(method, X[:3], budget=900).evaluations


def test_a_row_stops_alone_when_it_is_certain() -> None:
    ways = {"budget": 900, "tolerance": 0.1}
    together = ask(**ways)
    spent = 0
    for i in range(len(X)):
        alone = ask(KernelSHAP, X[i : i + 1], **ways)
        np.testing.assert_allclose(alone.values[0], together.values[i], atol=1e-10)
        np.testing.assert_allclose(alone.error[0], together.error[i], atol=1e-10)
        spent += alone.evaluations - len(BACKGROUND) - 1
    assert together.evaluations == spent + len(BACKGROUND) + len(X)


def test_nothing_is_evaluated_twice() -> None:
    seen: list[bytes] = []

    def noted(rows: np.ndarray) -> np.ndarray:
        seen.extend(row.tobytes() for row in np.ascontiguousarray(rows))
        return network(rows)

    pel.explain(
        noted, X[:1], method=KernelSHAP(budget=900, tolerance=1e-9), background=BACKGROUND, seed=0
    )
    repeated = len(seen) - len(set(seen))
    assert repeated <= 8  # the model is tried on a few rows before it is explained


def test_the_budget_is_the_most_and_the_reader_is_told() -> None:
    tight, plain = ask(budget=200, tolerance=1e-6), ask(budget=200)
    assert tight.evaluations == plain.evaluations
    np.testing.assert_allclose(tight.values, plain.values, atol=1e-12)
    assert any(
        "12 of 12 rows are not certain to ± 1e-06 with 200" in note
        for note in tight.provenance.notes
    )


def test_all_coalitions_are_evaluated_where_nothing_less_will_do() -> None:
    found = ask(KernelSHAP, X[:2], budget=2048, tolerance=1e-9)
    np.testing.assert_allclose(found.values, TRUTH[:2], atol=1e-12)
    assert found.exact


def test_the_order_of_the_first_is_certain() -> None:
    wrong = rows = 0
    for seed in range(6):
        found = ask(seed=seed, budget=900, top=2)
        order = np.argsort(-np.abs(found.values), axis=1)[:, :2]
        wrong += int((order != np.argsort(-np.abs(TRUTH), axis=1)[:, :2]).any(axis=1).sum())
        rows += len(X)
    assert found.evaluations < ask(budget=900).evaluations
    assert wrong / rows <= 0.1


def test_errors_stay_calibrated_when_they_decide_when_to_stop() -> None:
    inside = []
    for seed in range(25):
        found = ask(seed=seed, budget=900, tolerance=0.15)
        inside.append(np.abs(found.values - TRUTH) <= 1.96 * found.error + 1e-12)
    by_draw = np.mean(inside, axis=(1, 2))
    doubt = 3 * by_draw.std() / np.sqrt(len(by_draw))
    assert 0.93 - doubt < np.mean(inside) < 0.98 + doubt


def test_rules_by_hand() -> None:
    values = np.array([[[3.0], [-5.0], [1.0]], [[3.0], [-3.1], [1.0]]])
    error = np.full(values.shape, 0.1)
    np.testing.assert_array_equal(within(0.2)(values, error), [True, True])
    np.testing.assert_array_equal(within(0.1)(values, error), [False, False])
    np.testing.assert_array_equal(ordered(1)(values, error), [True, False])
    np.testing.assert_array_equal(ordered(5)(values[:1], error[:1]), [True])
    assert doubling(40, 500) == (40, 80, 160, 320, 500)
    assert doubling(40, 30) == (30,)


@pytest.mark.parametrize("settings", [{"tolerance": 0}, {"tolerance": "low"}, {"top": 0}])
def test_rules_that_say_nothing_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(InvalidSetting, match=next(iter(settings))):
        KernelSHAP(**settings)


def test_the_front_door_takes_a_tolerance() -> None:
    X = np.random.default_rng(0).normal(size=(40, 14))

    def model(rows: np.ndarray) -> np.ndarray:
        return np.tanh(rows[:, 0] * rows[:, 1] + rows[:, 2]) + rows[:, 3]

    asked = {"background": X[10:], "method": "kernel_shap", "seed": 0}
    loose = pel.explain(model, X[:2], tolerance=0.2, **asked)
    whole = pel.explain(model, X[:2], **asked)
    assert 1.96 * np.asarray(loose.error).max() <= 0.2
    assert loose.evaluations < whole.evaluations
    exact = pel.explain(model, X[:2, :4].repeat(1, axis=0), background=X[10:, :4], tolerance=0.2)
    assert exact.exact  # the default needs no sampling there
    with pytest.raises(InvalidSetting, match="takes no tolerance"):
        pel.explain(model, X[:2, :4], background=X[10:, :4], method="exact_shap", tolerance=0.2)


def test_nothing_is_said_of_certainty_that_was_not_asked_for() -> None:
    X = np.random.default_rng(0).normal(size=(40, 9))
    found = pel.explain(
        lambda T: T[:, 0] * T[:, 1], X[:3], background=X, method="kernel_shap", budget=64
    )
    assert not any("certain" in note for note in found.notes)


@pytest.mark.parametrize("method", [KernelSHAP, ProxySHAP])
def test_of_many_columns_no_more_than_half_of_all_coalitions_is_evaluated_or_all(
    method: Callable,
) -> None:
    half, more = (ask(method, X[:2], budget=budget) for budget in (512, 900))
    np.testing.assert_array_equal(more.values, half.values)
    assert more.evaluations == half.evaluations
    assert not any("With 1024 coalitions" in note for note in half.notes)
    assert any("room for 900" in note and "With 1024" in note for note in more.notes)
    assert ask(method, X[:2], budget=1024).error.max() == 0


@pytest.mark.parametrize("method", [KernelSHAP, PermutationSHAP, Banzhaf, ShapleyInteractions])
def test_of_few_columns_all_coalitions_must_be_within_the_budget(method: Callable) -> None:
    def game(X: np.ndarray) -> np.ndarray:
        return network(np.pad(X, ((0, 0), (0, 4))))

    asked = {"background": BACKGROUND[:, :6], "seed": 0}
    with pytest.raises(InvalidSetting, match="budget ≥ 64"):
        pel.explain(game, X[:2, :6], method=method(budget=63), **asked)
    assert pel.explain(game, X[:2, :6], method=method(budget=64), **asked).error.max() == 0
