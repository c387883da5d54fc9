import numpy as np

from pellucid.maths.shuffles import donors, paired_error


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
