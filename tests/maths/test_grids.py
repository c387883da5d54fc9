from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pellucid.maths.grids import bin_edges, quantile_grid, support

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60).map(np.array)


@given(values, st.integers(2, 12))
def test_a_grid_holds_observed_values_in_order(x, points):
    grid = quantile_grid(x, points)
    assert 1 <= len(grid) <= points
    assert set(grid) <= set(x)
    assert np.all(np.diff(grid) > 0)


@given(values, st.integers(1, 12))
def test_every_bin_has_a_row(x, bins):
    edges = bin_edges(x, bins)
    assert edges[0] == x.min()
    assert edges[-1] == x.max()
    assert len(edges) <= bins + 1
    for low, high in pairwise(edges):
        assert np.any((low < x) & (x <= high))


@given(values, st.integers(2, 12))
def test_support_counts_every_row_once(x, points):
    grid = quantile_grid(x, points)
    counts = support(x, grid)
    assert counts.sum() == len(x)
    assert len(counts) == len(grid)


def test_few_different_values_are_all_points():
    assert quantile_grid(np.array([2.0, 1.0, 2.0, 9.0]), 5).tolist() == [1, 2, 9]
