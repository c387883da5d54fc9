from itertools import combinations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from pellucid.core.seeds import generator
from pellucid.maths.coalitions import sampled_pairs
from pellucid.maths.relevance import covariance, even, learnt, shares_covariance
from pellucid.maths.shapley_regression import with_everybody

RNG = generator(0, "test relevance")


@pytest.fixture(autouse=True)
def _one_thread():
    with threadpool_limits(1, "blas"):
        yield


def pairs(players: int, count: int) -> np.ndarray:
    return with_everybody(sampled_pairs(players, count, generator(count, "pairs", players))[0])


@pytest.mark.parametrize("players", [4, 5, 8])
def test_covariances_are_the_sums_over_all_odd_sets(players: int) -> None:
    signs = RNG.choice([-1.0, 1.0], size=(20, players))
    relevance = RNG.uniform(0.01, 0.95, size=players)
    whole, share, variance = np.zeros((20, 20)), np.zeros((20, players)), np.zeros(players)
    for order in range(3, players + 1, 2):
        for team in map(list, combinations(range(players), order)):
            product, size = signs[:, team].prod(axis=1), relevance[team].prod()
            whole += size * np.outer(product, product)
            share[:, team] += size * 2 / order * product[:, None]
            variance[team] += size * 4 / order**2
    np.testing.assert_allclose(covariance(signs, relevance), whole, atol=1e-12)
    found = shares_covariance(signs, relevance)
    np.testing.assert_allclose(found[0], share, atol=1e-12)
    np.testing.assert_allclose(found[1], variance, rtol=1e-12)


def test_players_who_interact_are_told_from_players_who_do_not() -> None:
    signs = pairs(15, 200)
    odd = signs[:, 0] * signs[:, 1] * signs[:, 2] + 0.5 * signs[:, 2:5].prod(axis=1)
    odd = odd + signs @ RNG.normal(size=15)
    relevance = learnt(signs, odd)
    assert relevance is not None
    assert relevance[:5].min() > 10 * relevance[5:].max()


def test_the_unit_and_the_main_effects_do_not_matter() -> None:
    signs = pairs(10, 100)
    odd = np.tanh(signs @ RNG.normal(size=10))
    shifted = 8 * odd + 3 * signs[:, 4]
    np.testing.assert_allclose(learnt(signs, odd), learnt(signs, shifted), rtol=0.05)
    np.testing.assert_array_equal(learnt(signs, odd), learnt(signs, 8 * odd))


def test_rounding_in_the_worths_does_not_show() -> None:
    signs = pairs(10, 100)
    odd = np.tanh(signs @ RNG.normal(size=10))
    noisy = odd * (1 + 1e-15 * RNG.normal(size=len(odd)))
    np.testing.assert_array_equal(learnt(signs, odd), learnt(signs, noisy))


def test_nothing_is_learnt_from_a_sum_or_from_too_few_pairs() -> None:
    signs = pairs(12, 60)
    assert learnt(signs, signs @ RNG.normal(size=12)) is None
    assert learnt(signs[:40], RNG.normal(size=40)) is None


def test_when_nothing_is_known_order_5_is_a_fifth_of_order_3() -> None:
    for players in (8, 12, 30):
        relevance = even(players)
        teams = [
            sum(relevance[list(t)].prod() for t in combinations(range(players), order))
            if players < 13
            else relevance[0] ** order * len(list(combinations(range(players), order)))
            for order in (3, 5)
        ]
        assert teams[1] / teams[0] == pytest.approx(0.2)
