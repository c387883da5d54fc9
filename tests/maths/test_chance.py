"""Tests of chance against scipy and statsmodels, and by counting."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pellucid.maths.chance import beyond, holm, welch

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("sizes", [(2, 3), (30, 200), (5, 5)])
def test_welch_is_that_of_scipy(sizes: tuple[int, int]) -> None:
    first, second = RNG.normal(0.3, 2, sizes[0]), RNG.normal(0, 1, sizes[1])
    wanted = stats.ttest_ind(first, second, equal_var=False).pvalue
    assert welch(first, second) == pytest.approx(wanted, rel=1e-10)


def test_welch_of_values_that_do_not_vary_says_whether_they_differ() -> None:
    assert welch(np.ones(5), np.ones(9)) == 1
    assert welch(np.full(5, 0.1 + 0.2), np.full(9, 0.3)) == 1
    assert welch(np.ones(5), np.zeros(9)) == 0
    assert welch(np.zeros(5), np.zeros(9)) == 1


def test_holm_is_that_of_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    for _ in range(20):
        given = RNG.uniform(size=7) ** 3
        np.testing.assert_allclose(holm(given), multitest.multipletests(given, method="holm")[1])


def test_how_rare_a_value_is_counts_itself_and_both_sides() -> None:
    chance = np.array([0.1, 0.4, 0.5, 0.6, 0.8])
    assert beyond(0.9, chance, 0.5) == pytest.approx(2 / 6)
    assert beyond(0.2, chance, 0.5) == pytest.approx(3 / 6)
    assert beyond(1.0, chance, 0.5) == pytest.approx(1 / 6)
