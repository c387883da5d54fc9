"""What is true of all samplers is tested with KernelSHAP."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.seeds import generator
from pellucid.explainers.shapley.permutation_shap import PermutationSHAP
from pellucid.models.callable import CallableModel

RNG = generator(0, "test permutation")
PLAYERS = 9
WEIGHT = RNG.normal(size=(PLAYERS, PLAYERS, PLAYERS))


def smooth_game(Z: np.ndarray) -> np.ndarray:
    Z = np.asarray(Z)
    return np.einsum("zi,zj,zk,ijk->z", Z, Z, Z, WEIGHT, optimize=True)


def smooth_truth() -> np.ndarray:
    """A product of three switches is shared equally by the different players in it."""
    values = np.zeros(PLAYERS)
    for index in np.ndindex(WEIGHT.shape):
        team = sorted(set(index))
        values[team] += WEIGHT[index] / len(team)
    return values


def run(budget: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    found = pel.explain(
        CallableModel(smooth_game, task="regression"),
        np.ones((1, PLAYERS)),
        background=np.zeros((1, PLAYERS)),
        method=PermutationSHAP(budget=budget),
        seed=seed,
    )
    return np.asarray(found.values)[0], np.asarray(found.error)[0]


@pytest.mark.parametrize("budget", [34, 82, 322])
def test_the_error_covers_the_exact_value_with_two_five_and_twenty_pairs(budget: int) -> None:
    runs = [run(budget, seed) for seed in range(250)]
    values, error = (np.array(part) for part in zip(*runs, strict=True))
    inside = (np.abs(values - smooth_truth()) <= 1.96 * error).mean()
    assert 0.93 < inside < 0.975


def test_a_column_the_model_ignores_gets_exactly_nothing() -> None:
    X = RNG.normal(size=(8, 10))
    found = pel.explain(
        lambda X: X[:, 0] * X[:, 1] * X[:, 2],
        X[:2],
        method="permutation_shap",
        background=X[2:],
        budget=100,
        seed=0,
    )
    assert np.abs(found.values[:, 3:]).max() < 1e-15
    assert np.all(found.error[:, :3] > 0)


def test_pairs_of_columns_are_exact_with_reversed_orders() -> None:
    def model(X: np.ndarray) -> np.ndarray:
        return X[:, 0] * X[:, 1] + 3 * X[:, 2]

    X = RNG.normal(size=(6, 8))
    exact = pel.explain(model, X[:2], method="exact_shap", background=X[2:]).values
    found = pel.explain(
        model, X[:2], method="permutation_shap", background=X[2:], budget=30, seed=0
    )
    np.testing.assert_allclose(found.values, exact, atol=1e-12)


def test_shap_estimates_the_same() -> None:
    shap = pytest.importorskip("shap")
    values, error = run(2 + 16 * 15, 0)
    sampler = shap.explainers.Permutation(smooth_game, np.zeros((1, PLAYERS)), seed=0)
    peer = sampler(np.ones((1, PLAYERS)), max_evals=4000, silent=True).values[0]
    assert np.all(np.abs(values - peer) <= 4 * error)
