import numpy as np

from pellucid.maths.level_order import order_levels


def test_levels_along_a_hidden_line_are_put_in_its_order():
    rng = np.random.default_rng(0)
    level = rng.integers(0, 6, 3000)
    hidden = np.array([3, 0, 5, 1, 4, 2])[level]
    others = np.column_stack([hidden + rng.normal(size=3000), rng.normal(size=3000)])
    order = order_levels(level, others, np.array([False, False]))
    assert order.tolist() in ([1, 3, 5, 0, 4, 2], [2, 4, 0, 5, 3, 1])


def test_categories_in_other_columns_count_too():
    level = np.repeat([0, 1, 2], 100)
    shares = [0.1, 0.9, 0.5]
    named = np.concatenate([np.arange(100) < 100 * s for s in shares]).astype(float)
    order = order_levels(level, named[:, None], np.array([True]))
    assert order.tolist() in ([0, 2, 1], [1, 2, 0])


def test_without_a_difference_the_given_order_stays():
    level = np.tile(np.arange(5), 20)
    assert order_levels(level, np.zeros((100, 1)), np.array([False])).tolist() == [0, 1, 2, 3, 4]
    assert order_levels(level, np.empty((100, 0)), np.array([], bool)).tolist() == [0, 1, 2, 3, 4]
    missing = np.full((100, 1), np.nan)
    assert order_levels(level, missing, np.array([False])).tolist() == [0, 1, 2, 3, 4]


def test_the_direction_is_the_one_nearer_to_the_given_order():
    rng = np.random.default_rng(3)
    level = np.repeat(np.arange(4), 500)
    for sign in (1, -1):
        others = sign * level[:, None] + rng.normal(size=(2000, 1))
        assert order_levels(level, others, np.array([False])).tolist() == [0, 1, 2, 3]


def test_it_is_the_order_of_the_authors_definition():
    """Kolmogorov–Smirnov distances at 100 quantiles and halved differences of shares, summed, and
    scaled to one dimension, as the R packages ALEPlot and iml do; written out by pairs."""
    rng = np.random.default_rng(3)
    level = rng.integers(0, 6, 900)
    number = rng.normal(size=900) + np.array([0, 3, 1, 5, 2, 4])[level]
    word = (rng.random(900) < np.array([0.1, 0.5, 0.2, 0.9, 0.3, 0.7])[level]).astype(float)
    steps = np.quantile(number, np.linspace(0, 1, 100))
    apart = np.zeros((6, 6))
    for i in range(6):
        for j in range(6):
            ecdf = [np.mean(number[level == k][:, None] <= steps, axis=0) for k in (i, j)]
            share = [[np.mean(word[level == k] == w) for w in (0.0, 1.0)] for k in (i, j)]
            apart[i, j] = np.abs(ecdf[0] - ecdf[1]).max()
            apart[i, j] += np.abs(np.subtract(*share)).sum() / 2
    centre = np.eye(6) - 1 / 6
    _, axes = np.linalg.eigh(-centre @ apart**2 @ centre / 2)
    truth = np.argsort(axes[:, -1]).tolist()
    found = order_levels(level, np.column_stack([number, word]), np.array([False, True])).tolist()
    assert found in (truth, truth[::-1])
    assert found in ([0, 2, 4, 1, 5, 3], [3, 5, 1, 4, 2, 0])
