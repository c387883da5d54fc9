from math import comb

import numpy as np
import pytest

from pellucid.core.seeds import generator
from pellucid.maths.coalitions import (
    antithetic_orders,
    chances,
    distinct,
    every_coalition,
    exact_shapley,
    prefixes,
    sampled_pairs,
)


def rng(*path: int) -> np.random.Generator:
    return generator(0, "test coalitions", *path)


def test_every_coalition_is_listed_once() -> None:
    listed = every_coalition(4)
    assert listed.shape == (16, 4)
    assert len(np.unique(listed, axis=0)) == 16
    assert not listed[0].any()
    assert listed[-1].all()


@pytest.mark.parametrize("players", [1, 2, 5])
def test_a_unanimity_game_is_shared_equally_by_its_team(players: int) -> None:
    team = np.arange(players) < max(1, players - 1)
    worth = every_coalition(players)[:, team].all(axis=1).astype(float)
    values = exact_shapley(worth[None, :, None])[0, :, 0]
    np.testing.assert_allclose(values, team / team.sum(), atol=1e-15)


@pytest.mark.parametrize(
    ("worth", "values"),
    [
        ([0, 0, 0, 1], [0.5, 0.5]),  # AND
        ([0, 1, 1, 1], [0.5, 0.5]),  # OR
        ([0, 1, 1, 0], [0.0, 0.0]),  # XOR
        ([0, 3, 1, 4], [3.0, 1.0]),  # a sum
        ([2, 3, 2, 7], [3.0, 2.0]),
    ],
)
def test_games_of_two_players_known_by_hand(worth: list[float], values: list[float]) -> None:
    found = exact_shapley(np.array(worth, dtype=float)[None, :, None])
    np.testing.assert_allclose(found[0, :, 0], values)


@pytest.mark.parametrize(
    ("players", "pairs"),
    [(2, 1), (4, 7), (5, 9), (7, 40), (12, 22), (12, 2047), (30, 511), (90, 300)],
)
def test_sampled_pairs_are_as_many_as_asked_and_differ(players: int, pairs: int) -> None:
    for seed in range(5):
        drawn, chance = sampled_pairs(players, pairs, rng(seed))
        assert drawn.shape == (pairs, players)
        assert chance.shape == (pairs,)
        assert np.all((chance > 0) & (chance <= 1 + 1e-12))
        both = np.concatenate([drawn, ~drawn])
        assert len(np.unique(both, axis=0)) == 2 * pairs
        assert both.any(axis=1).all()


def test_a_pair_is_drawn_as_often_as_its_chance_says() -> None:
    players, pairs, draws = 6, 12, 4000
    seen, said = np.zeros(64), np.zeros(64)
    power = 1 << np.arange(players)
    random = rng(1)
    for _ in range(draws):
        drawn, chance = sampled_pairs(players, pairs, random)
        number = drawn @ power
        seen[number] += 1
        said[number] = chance
    listed = said > 0
    assert listed.sum() == 31
    spread = np.sqrt(said[listed] * (1 - said[listed]) / draws)
    assert np.all(np.abs(seen[listed] / draws - said[listed]) <= 4.5 * spread + 1e-12)


def test_sizes_with_few_coalitions_are_taken_whole() -> None:
    drawn, chance = sampled_pairs(20, 500, rng(2))
    size = drawn.sum(axis=1)
    assert (size == 1).sum() == 20
    assert np.all(chance[size == 1] == 1)
    assert np.all(chance[size == 5] < 1)
    larger = np.bincount(size)[3:10]
    assert larger.max() - larger.min() <= 1


def test_any_beginning_is_a_sample_of_its_own_length() -> None:
    drawn, _ = sampled_pairs(20, 800, rng(6))
    for count in (50, 200, 799):
        some = drawn[:count]
        size = np.bincount(some.sum(axis=1), minlength=11)
        chance = chances(some)
        for k in range(1, 11):
            wanted = chance[some.sum(axis=1) == k].mean() * (92378 if k == 10 else comb(20, k))
            assert abs(size[k] - wanted) < 1 + 1e-9


def test_prefixes_grow_by_the_next_player_of_the_order() -> None:
    orders = antithetic_orders(6, 3, rng(3))
    grown = prefixes(orders)
    assert grown.shape == (3, 5, 6)
    for order, teams in zip(orders, grown, strict=True):
        for step, team in enumerate(teams):
            assert set(np.flatnonzero(team)) == set(order[: step + 1])


def test_distinct_coalitions_lead_back_to_the_given_ones() -> None:
    given = rng(4).random((50, 4)) < 0.5
    different, place = distinct(given)
    assert len(np.unique(given, axis=0)) == len(different)
    np.testing.assert_array_equal(different[place], given)
    assert np.all(np.diff([np.argmax(place == k) for k in range(len(different))]) > 0)
