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
