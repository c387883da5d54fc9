"""Intervals agree with statsmodels, with enumeration and with the coverage they promise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from pellucid.maths import intervals
from pellucid.maths.subsets import excess_p


def test_wilson_agrees_with_statsmodels() -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    hits = np.array([0, 1, 7, 19, 20])
    expected = proportion.proportion_confint(hits, 20, method="wilson")
    assert np.allclose(intervals.wilson(hits, 20), expected, atol=1e-12)


def test_wilson_without_rows_is_nan_and_stays_within_0_and_1() -> None:
    low, high = intervals.wilson([0, 0, 5], [0, 5, 5])
    assert np.isnan([low[0], high[0]]).all()
    assert (low[1], high[2]) == (0, 1)
    assert 0 < high[1] < 1


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_the_interval_of_a_quantile_covers_whatever_the_distribution(share: float) -> None:
    rng = np.random.default_rng(0)
    truth = stats.lognorm.ppf(share, 1)
    samples = np.sort(rng.lognormal(size=(2000, 200)), axis=1)
    limits = np.array([intervals.quantile(sample, share) for sample in samples])
    coverage = np.mean((limits[:, 0] <= truth) & (truth <= limits[:, 1]))
    assert 0.94 < coverage < 0.985  # discrete: at least 95 % up to simulation error


def test_a_quantile_beyond_the_rows_has_no_limit_there() -> None:
    low, high = intervals.quantile(np.arange(10.0), 0.05)
    assert np.isnan(low)
    assert np.isfinite(high)


def test_the_interval_of_a_mean_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).normal(size=20)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert intervals.mean(values) == pytest.approx(tuple(expected))
    assert np.isnan(intervals.mean(values[:1])).all()


def test_percentile_is_nan_where_nothing_moves_or_much_is_undefined() -> None:
    assert np.isnan(intervals.percentile(np.full(100, 0.3))).all()
    draws = np.arange(100.0)
    draws[:10] = np.nan
    assert np.isnan(intervals.percentile(draws)).all()
    draws = np.arange(1000.0)
    draws[0] = np.nan
    assert intervals.percentile(draws) == pytest.approx((25.95, 974.05), abs=0.1)


def test_the_basic_interval_mirrors_the_percentile_interval_and_holds_the_value() -> None:
    draws = np.random.default_rng(0).normal(1.0, 0.1, 5000)
    low, high = intervals.percentile(draws)
    assert intervals.basic(draws, 1.05) == pytest.approx((2.1 - high, 2.1 - low))
    assert intervals.basic(draws, 0.5)[1] == 0.5


def test_excess_of_zeros_and_ones_equals_enumeration_of_all_subsets() -> None:
    values = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 1], dtype=float)
    all_sums = np.array([values[list(rows)].sum() for rows in itertools.combinations(range(10), 4)])
    for observed in (3, 4):
        p = excess_p(np.array([observed]), np.array([4]), values)
        assert p[0] == pytest.approx(np.mean(all_sums >= observed), abs=1e-12)


@pytest.mark.parametrize("rows", [30, 300])
def test_excess_of_a_skewed_loss_keeps_its_promise_on_random_subsets(rows: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.exponential(size=1000)
    sums = np.array([values[rng.permutation(1000)[:rows]].sum() for _ in range(20_000)])
    p = excess_p(sums, np.full(20_000, rows), values)
    for level in (0.05, 0.01, 0.001):
        error = np.sqrt(level * (1 - level) / 20_000)
        assert abs(np.mean(p <= level) - level) < 4 * error


def test_excess_is_1_for_the_whole_for_nothing_and_for_constant_values() -> None:
    values = np.arange(10.0)
    assert excess_p(np.array([45.0, 0.0]), np.array([10, 0]), values).tolist() == [1, 1]
    assert excess_p(np.array([4.0]), np.array([4]), np.ones(10)).tolist() == [1]
