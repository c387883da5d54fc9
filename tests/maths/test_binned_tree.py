import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from pellucid.maths.binned_tree import grow, place


def fitted(bins, targets, leaves):
    found = np.empty(targets.shape)
    for leaf in leaves:
        found[leaf.rows] = targets[leaf.rows].mean(axis=0)
    return found


def problem(rows=600, columns=5, targets=1, seed=0):
    rng = np.random.default_rng(seed)
    bins = rng.integers(1, 9, size=(rows, columns))
    y = np.stack(
        [
            (bins[:, 0] > 3) * 2.0 + bins[:, 1] * (bins[:, 2] > 5) + t * bins[:, 3]
            for t in range(targets)
        ],
        axis=1,
    )
    return bins, y + rng.normal(size=y.shape)


@pytest.mark.parametrize("targets", [1, 3])
def test_it_is_the_tree_of_scikit_learn(targets):
    bins, y = problem(targets=targets)
    leaves = grow(bins, y, [8] * 5, [True] * 5, leaves=9, least=5)
    theirs = DecisionTreeRegressor(max_leaf_nodes=9, min_samples_leaf=5).fit(bins, y)
    expected = theirs.predict(bins).reshape(y.shape)
    np.testing.assert_allclose(fitted(bins, y, leaves), expected, rtol=1e-12)


def test_categories_are_grouped_as_the_best_of_all_groupings():
    rng = np.random.default_rng(1)
    bins = rng.integers(1, 7, size=(400, 1))
    y = rng.normal(size=7)[bins] + 0.3 * rng.normal(size=(400, 1))
    leaves = grow(bins, y, [6], [False], leaves=2, least=1)
    ours = np.square(y - fitted(bins, y, leaves)).sum()
    best = np.inf
    for mask in range(1, 32):
        left = np.array([(mask >> (b - 1)) & 1 for b in bins[:, 0]], bool)
        if 0 < left.sum() < len(left):
            parts = (y[left], y[~left])
            best = min(best, sum(np.square(part - part.mean()).sum() for part in parts))
    assert ours == pytest.approx(best)


def test_missing_values_go_to_the_side_where_they_belong():
    bins = np.repeat([[0], [1], [2], [3]], 50, axis=0)
    for gone, partner in ((1.0, 1), (5.0, 3)):
        y = np.array([gone, 1.0, 1.0, 5.0])[bins]
        leaves = grow(bins, y, [3], [True], leaves=2, least=1)
        with_gone = next(leaf for leaf in leaves if 0 in leaf.allowed[0])
        assert partner in with_gone.allowed[0]


def test_every_row_has_one_leaf_also_rows_never_seen():
    bins, y = problem()
    leaves = grow(bins, y, [8] * 5, [True, True, False, False, True], leaves=12, least=10)
    for leaf in leaves:
        assert np.all(place(bins[leaf.rows], [leaf]) == 0)
    every = np.random.default_rng(2).integers(0, 9, size=(2000, 5))
    inside = [
        np.all([np.isin(every[:, j], list(a)) for j, a in enumerate(leaf.allowed)], axis=0)
        for leaf in leaves
    ]
    assert np.all(np.sum(inside, axis=0) == 1)
    assert np.array_equal(place(every, leaves), np.argmax(inside, axis=0))
    assert min(len(leaf.rows) for leaf in leaves) >= 10


def test_what_does_not_vary_is_one_leaf():
    leaves = grow(np.ones((9, 2), int), np.ones((9, 1)), [3, 3], [True, False], leaves=4, least=1)
    assert len(leaves) == 1
    assert leaves[0].path == ()
