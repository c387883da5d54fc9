"""Banzhaf values, against the definition, known games and shapiq."""

import numpy as np
import pytest
import shapiq

import pellucid as pel
from pellucid.core.errors import InvalidSetting
from pellucid.core.seeds import generator
from pellucid.explainers.shapley.banzhaf import Banzhaf
from pellucid.models.callable import CallableModel

RNG = generator(0, "test banzhaf")
PLAYERS = 9
WEIGHT = RNG.normal(size=(PLAYERS, PLAYERS, PLAYERS))


def smooth(Z: np.ndarray) -> np.ndarray:
    Z = np.asarray(Z, dtype=float)
    return np.einsum("zi,zj,zk,ijk->z", Z, Z, Z, WEIGHT, optimize=True)


def smooth_truth() -> np.ndarray:
    """A product of r switches gives each 1 / 2^(r − 1)."""
    values = np.zeros(PLAYERS)
    for index in np.ndindex(WEIGHT.shape):
        team = sorted(set(index))
        values[team] += WEIGHT[index] / 2 ** (len(team) - 1)
    return values


def switched(model: object, players: int, method: Banzhaf, seed: int = 0) -> pel.Attribution:
    return pel.explain(
        CallableModel(model, task="regression"),
        np.ones((1, players)),
        background=np.zeros((1, players)),
        method=method,
        seed=seed,
    )


def test_values_are_those_of_known_games() -> None:
    found = switched(smooth, PLAYERS, Banzhaf())
    np.testing.assert_allclose(found.values[0], smooth_truth(), atol=1e-12)
    assert found.exact
    assert found.base is None
    votes = np.array([4, 2, 1, 1])  # [5; 4, 2, 1, 1]: 7, 1, 1, 1 swings among 8 coalitions
    found = switched(lambda Z: (np.asarray(Z) @ votes >= 5).astype(float), 4, Banzhaf())
    np.testing.assert_allclose(found.values[0], [7 / 8, 1 / 8, 1 / 8, 1 / 8])


def test_values_are_those_of_shapiq() -> None:
    worth = RNG.normal(size=64)
    worth[0] = 0.0

    def game(Z: np.ndarray) -> np.ndarray:
        return worth[(np.asarray(Z) > 0.5) @ (1 << np.arange(6))]

    theirs = shapiq.ExactComputer(game, n_players=6)("BV", order=1)
    found = switched(game, 6, Banzhaf())
    np.testing.assert_allclose(found.values[0], [theirs[(i,)] for i in range(6)], atol=1e-12)


@pytest.mark.parametrize("budget", [82, 160, 400])
def test_the_error_covers_the_exact_value(budget: int) -> None:
    runs = [switched(smooth, PLAYERS, Banzhaf(budget=budget), seed) for seed in range(200)]
    values = np.array([run.values for run in runs])
    error = np.array([run.error for run in runs])
    assert 0.93 < (np.abs(values - smooth_truth()) <= 1.96 * error).mean() < 0.97


def test_an_additive_game_has_no_error_from_sampling() -> None:
    found = switched(lambda Z: np.asarray(Z) @ np.arange(30.0), 30, Banzhaf(budget=130))
    np.testing.assert_allclose(found.values[0], np.arange(30.0), atol=1e-9)
    assert found.error.max() < 1e-9


def test_a_budget_too_small_says_the_least() -> None:
    with pytest.raises(InvalidSetting, match="34"):
        switched(smooth, PLAYERS, Banzhaf(budget=20))
