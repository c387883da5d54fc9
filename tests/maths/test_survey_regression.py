"""Shapley values from a large part of few coalitions, against enumeration."""

from itertools import combinations

import numpy as np
import pytest

from pellucid.maths.coalitions import every_coalition, exact_shapley, sampled_pairs
from pellucid.maths.survey_regression import surveyed

RNG = np.random.default_rng(3)
WEIGHT = RNG.normal(size=(9, 5))


def games(inside: np.ndarray) -> np.ndarray:
    """Steps, a network, a product and a logistic answer: (coalition, game)."""
    x = inside @ WEIGHT[: inside.shape[1]]
    steps = (x > 0.3).astype(float)
    return np.column_stack([
        steps[:, 0] + steps[:, 1] * steps[:, 2],
        np.tanh(x).sum(axis=1),
        (x[:, 0] + 2) * (x[:, 1] - 1) * x[:, 2],
        1 / (1 + np.exp(-2 * x[:, 3])),
    ])  # fmt: skip


def truth(players: int) -> np.ndarray:
    return exact_shapley(games(every_coalition(players).astype(float))[None])[0]


def odd_half(pairs: np.ndarray) -> np.ndarray:
    all_ = np.concatenate([np.ones((1, pairs.shape[1]), dtype=bool), pairs])
    return (games(all_.astype(float)) - games((~all_).astype(float)))[None] / 2


@pytest.mark.parametrize(("players", "pairs"), [(7, 50), (8, 31), (8, 63), (9, 64), (9, 200)])
def test_the_exact_value_is_covered_in_95_of_100_draws_and_hit_in_the_mean(
    players: int, pairs: int
) -> None:
    exact, draws = truth(players), 600
    found = [
        surveyed(drawn, odd_half(drawn))
        for drawn, _ in (
            sampled_pairs(players, pairs, np.random.default_rng(seed)) for seed in range(draws)
        )
    ]
    values, error = (np.concatenate(part) for part in zip(*found, strict=True))
    inside = np.abs(values - exact) <= 1.96 * error
    assert 0.93 < inside.mean() < 0.97
    assert inside.mean(axis=(0, 1)).min() > 0.92, "each game, even one of steps"
    bias = (values - exact).mean(axis=0) / values.std(axis=0)
    assert np.abs(bias).max() < 1 / 3, "nearly unbiased, as regression estimators are"


def test_all_pairs_give_the_exact_values_and_no_error() -> None:
    players = 7
    pairs = np.array([
        [i in chosen for i in range(players)]
        for size in (1, 2, 3)
        for chosen in combinations(range(players), size)
    ])  # fmt: skip
    values, error = surveyed(pairs, odd_half(pairs))
    np.testing.assert_allclose(values[0], truth(players), atol=1e-12)
    assert error.max() < 1e-12


def test_a_sum_of_players_is_exact_and_values_add_up() -> None:
    pairs, _ = sampled_pairs(8, 40, np.random.default_rng(0))
    weight = np.arange(8.0)
    signs = np.concatenate([np.ones((1, 8)), 2.0 * pairs - 1])
    values, error = surveyed(pairs, (signs @ weight / 2)[None, :, None])
    np.testing.assert_allclose(values[0, :, 0], weight, atol=1e-12)
    assert error.max() < 1e-12
    odd = odd_half(pairs)
    np.testing.assert_allclose(surveyed(pairs, odd)[0].sum(axis=1), 2 * odd[:, 0], atol=1e-12)
