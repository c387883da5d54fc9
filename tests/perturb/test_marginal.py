import numpy as np
import pytest

from pellucid.core.seeds import generator
from pellucid.data.table import Table
from pellucid.explainers.shapley.stages import played as play
from pellucid.maths.coalitions import every_coalition
from pellucid.perturb.game import Game, enumerated
from pellucid.perturb.marginal import Marginal
from pellucid.perturb.removal import Reference
from twins.shapley_enumeration import marginal_worth, shapley_values

RNG = generator(0, "test marginal")
BACKGROUND = RNG.normal(size=(7, 4))
ROWS = RNG.normal(size=(3, 4))


def two_outputs(X: np.ndarray) -> np.ndarray:
    return np.stack([X[:, 0] * X[:, 1] + np.sin(X[:, 2]), X[:, 3] ** 2 - X[:, 0]], axis=1)


class Meter:
    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, X: np.ndarray) -> np.ndarray:
        self.calls.append(len(X))
        return two_outputs(np.nan_to_num(X, nan=9.0))


def reference(rows: np.ndarray) -> Reference:
    columns = tuple(Table.of(rows).schema.values())
    return Reference(rows=rows, seen=rows, columns=columns)


def game(rows: np.ndarray, background: np.ndarray, batch_size: int = 10_000) -> Game:
    meter = Meter()
    return Game(
        predict=meter,
        rows=rows,
        output=two_outputs(np.nan_to_num(rows, nan=9.0)),
        removal=Marginal(reference(background)),
        player_of=np.arange(rows.shape[1]),
        batch_size=batch_size,
    )


@pytest.mark.parametrize("batch_size", [1, 10, 64, 10_000])
def test_worths_are_the_definition_whatever_the_batches(batch_size: int) -> None:
    teams = every_coalition(4)
    players = np.tile(np.arange(4), (3, 1))
    found = game(ROWS, BACKGROUND, batch_size).worth(np.arange(3), players, teams)
    for row, worths in zip(ROWS, found, strict=True):
        worth = marginal_worth(two_outputs, row, BACKGROUND)
        for team, numbers in zip(teams, worths, strict=True):
            np.testing.assert_allclose(numbers, worth(frozenset(np.flatnonzero(team))), atol=1e-12)


def test_values_are_the_definition() -> None:
    values, error, _ = play(game(ROWS, BACKGROUND), enumerated)
    for row, found in zip(ROWS, values, strict=True):
        truth = shapley_values(marginal_worth(two_outputs, row, BACKGROUND), 4)
        np.testing.assert_allclose(found, truth, atol=1e-12)
    assert not error.any()


def test_a_batch_is_never_exceeded_when_the_background_fits() -> None:
    played = game(ROWS, BACKGROUND, 50)
    play(played, enumerated)
    assert max(played.predict.calls) <= 50


def test_a_feature_equal_to_all_of_the_background_costs_nothing() -> None:
    background = BACKGROUND.copy()
    background[:, 1] = 0.5
    background[:, 3] = np.nan
    rows = ROWS.copy()
    rows[0, [1, 3]] = 0.5, np.nan
    rows[1, 1] = 0.5
    played = game(rows, background)
    values, *_ = play(played, enumerated)
    np.testing.assert_array_equal(played.playing.sum(axis=1), [2, 3, 4])
    assert not values[0, [1, 3]].any()
    assert not values[1, 1].any()
    assert sum(played.predict.calls) == 7 * (2 + 6 + 14) + 7
    np.testing.assert_allclose(played.base + values.sum(axis=1), played.output, atol=1e-12)


def test_equal_background_rows_are_evaluated_once() -> None:
    twice = np.concatenate([BACKGROUND, BACKGROUND, BACKGROUND[:1]])
    weighted = game(ROWS, twice)
    values, *_ = play(weighted, enumerated)
    assert sum(weighted.predict.calls) == 7 * (3 * 14) + 7
    truth = shapley_values(marginal_worth(two_outputs, ROWS[0], twice), 4)
    np.testing.assert_allclose(values[0], truth, atol=1e-12)


def test_a_row_that_is_its_only_background_gets_zeros() -> None:
    played = game(ROWS[:1], ROWS[:1])
    values, error, _ = play(played, enumerated)
    assert not values.any()
    assert not error.any()
