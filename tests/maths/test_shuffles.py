import numpy as np
import pytest

from pellucid.maths.shuffles import donors, donors_within, grouped_error, paired_error


def test_each_shuffle_moves_every_row_and_no_pair_meets_twice():
    given = donors(12, 5, np.random.default_rng(0))
    assert given.shape == (5, 12)
    for turn in given:
        assert sorted(turn) == list(range(12))
        assert np.all(turn != np.arange(12))
    pairs = {(row, int(turn[row])) for turn in given for row in range(12)}
    assert len(pairs) == 60


def test_asked_for_more_there_are_all_pairs_once():
    given = donors(6, 100, np.random.default_rng(1))
    assert given.shape == (5, 6)
    assert len({(row, int(turn[row])) for turn in given for row in range(6)}) == 30


def test_the_error_is_the_scatter_over_new_rows_and_shuffles():
    """Terms with a part of the receiver, a part of the giver, and one of the pair."""
    rng = np.random.default_rng(2)
    for repeats in (2, 10):
        means, errors = [], []
        for _ in range(1500):
            x, z = rng.normal(size=(2, 60))
            given = donors(60, repeats, rng)
            terms = np.array([x + 0.5 * x[turn] + z * z[turn] * 2 for turn in given])
            means.append(terms.mean())
            errors.append(paired_error(terms, given))
        scatter = np.std(means)
        assert abs(np.sqrt(np.mean(np.square(errors))) / scatter - 1) < 0.1


def test_no_change_has_no_error():
    given = donors(5, 3, np.random.default_rng(0))
    assert paired_error(np.zeros((3, 5)), given) == 0


def test_within_strata_every_row_takes_the_value_of_another_of_its_stratum():
    strata = np.array([0] * 7 + [3] * 12 + [5] * 2)
    given = donors_within(strata, 5, np.random.default_rng(0))
    assert given.shape == (5, 21)
    for turn in given:
        assert sorted(turn) == list(range(21))
        assert np.all(turn != np.arange(21))
        np.testing.assert_array_equal(strata[turn], strata)


def test_the_jackknife_error_of_a_mean_is_its_scatter():
    rng = np.random.default_rng(5)
    means, errors = [], []
    for _ in range(600):
        x = rng.normal(size=80)
        given = donors(80, 3, rng)
        terms = np.array([x + 0.5 * x[turn] for turn in given])
        means.append(terms.mean())
        errors.append(
            grouped_error(lambda pairs, rows, r, t=terms: float(t[r][pairs].mean()), given)
        )
    assert np.sqrt(np.mean(np.square(errors))) / np.std(means) == pytest.approx(1, abs=0.2)
