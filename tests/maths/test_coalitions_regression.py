import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from pellucid.core.seeds import generator
from pellucid.maths.coalitions import every_coalition, exact_shapley, sampled_pairs
from pellucid.maths.relevance import learnt
from pellucid.maths.shapley_regression import ShapleyRegression, widening, with_everybody


@pytest.fixture(autouse=True)
def _one_thread():
    with threadpool_limits(1, "blas"):
        yield


def adapted(players: int, pairs: int, seed: int, worth: np.ndarray) -> np.ndarray:
    """Values from a regression that has learnt who matters: (player,)."""
    drawn, chance = sampled_pairs(players, pairs, generator(seed, "test regression", players))
    odd = odd_half(worth, drawn)
    relevance = learnt(with_everybody(drawn), odd[0, :, 0])
    assert relevance is not None
    return ShapleyRegression.of(drawn, chance, relevance).estimate(odd)[0][0, :, 0]


def fitted(players: int, pairs: int, seed: int = 0) -> tuple[ShapleyRegression, np.ndarray]:
    drawn, chance = sampled_pairs(players, pairs, generator(seed, "test regression", players))
    return ShapleyRegression.of(drawn, chance), drawn


def odd_half(worth: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """From the worth of all coalitions: half the difference within pairs, everybody first."""
    number = drawn @ (1 << np.arange(drawn.shape[1]))
    last = len(worth) - 1
    pairs = np.concatenate([[last], number])
    return ((worth[pairs] - worth[last - pairs]) / 2)[None, :, None]


@pytest.mark.parametrize(("players", "pairs"), [(4, 6), (6, 11), (9, 40), (9, 200)])
def test_sums_of_players_and_of_pairs_of_players_are_exact(players: int, pairs: int) -> None:
    regression, drawn = fitted(players, pairs)
    member = every_coalition(players).astype(float)
    rng = generator(0, "pairs")
    worth = member @ rng.normal(size=players) + 3
    strength = rng.normal(size=(players, players))
    worth = worth + np.einsum("ci,ij,cj->c", member, strength, member)
    values, error = regression.estimate(odd_half(worth, drawn))
    exact = exact_shapley(worth[None, :, None])
    np.testing.assert_allclose(values, exact, atol=1e-9)
    assert error.max() < 1e-9


@pytest.mark.parametrize(("players", "pairs"), [(7, 62), (8, 126)])
def test_nearly_all_coalitions_give_nearly_the_exact_values(players: int, pairs: int) -> None:
    worth = generator(0, "any game").normal(size=1 << players)
    exact = exact_shapley(worth[None, :, None])[0, :, 0]
    assert np.abs(adapted(players, pairs, 0, worth) - exact).max() < 0.1 * np.abs(exact).mean()


def test_values_always_add_up() -> None:
    regression, _ = fitted(25, 60)
    odd = generator(0, "adds up").normal(size=(3, 61, 2))
    values, error = regression.estimate(odd)
    assert values.shape == error.shape == (3, 25, 2)
    np.testing.assert_allclose(values.sum(axis=1), 2 * odd[:, 0], atol=1e-12)


@pytest.mark.parametrize("pairs", [60, 120])
def test_the_mean_over_many_draws_is_nearly_the_exact_value(pairs: int) -> None:
    """What is left is a small part of the error of one draw."""
    players, draws = 9, 100
    rng = generator(0, "a network")
    inner = every_coalition(players) @ rng.normal(size=(players, 6))
    worth = np.tanh(inner) @ rng.normal(size=6)
    exact = exact_shapley(worth[None, :, None])[0, :, 0]
    off = np.array([adapted(players, pairs, seed, worth) - exact for seed in range(draws)])
    assert np.sqrt((off.mean(axis=0) ** 2).mean() / (off**2).mean()) < 0.5


@pytest.mark.parametrize("order", [3, 5])
def test_one_product_of_signs_is_found(order: int) -> None:
    players = 10
    worth = np.prod(2.0 * every_coalition(players)[:, :order] - 1, axis=1)
    truth = np.where(np.arange(players) < order, 2 / order, 0)
    np.testing.assert_allclose(adapted(players, 200, 0, worth), truth, atol=1e-4)


def test_few_degrees_of_freedom_widen_the_error_as_students_t_does() -> None:
    np.testing.assert_allclose(widening(1), 12.706 / 1.95996, rtol=1e-4)
    np.testing.assert_allclose(widening(1e6), 1, rtol=1e-5)
