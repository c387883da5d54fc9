"""Values that do not occur together are found where theory says they are."""

import numpy as np
import pytest
from scipy import stats

from pellucid.maths.subgroups import Subgroups

NUMBERS = np.zeros(4, dtype=bool)


def subgroups(rows, column, named):
    return Subgroups.of(rows, [column], named)[0]


def normal(rho, n=2000, columns=4, seed=0):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, columns))
    Z[:, 0] = rho * Z[:, 1] + np.sqrt(1 - rho**2) * Z[:, 0]
    return Z


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [120, 1000])
def test_of_independent_columns_hardly_anything_is_outside(n, seed):
    Z = normal(0.0, n=n, seed=seed)
    assert subgroups(Z, 0, NUMBERS).share(np.quantile(Z[:, 0], np.linspace(0, 1, 11))).max() < 0.02


@pytest.mark.parametrize("rho", [0.8, 0.95])
def test_the_share_outside_is_near_that_of_the_true_density(rho):
    """Outside: the tenth of all rows nearest to the value is ten times as rare given the others."""
    Z = normal(rho)
    values = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    start = np.clip(stats.norm.cdf(values) - 0.05, 0, 0.9)
    ends = stats.norm.ppf([start, start + 0.1])[:, None]
    low, high = stats.norm.cdf((ends - rho * Z[:, 1:2]) / np.sqrt(1 - rho**2))
    given = (high - low) / 0.1
    truth = (given < 0.1).mean(axis=0)
    np.testing.assert_allclose(subgroups(Z, 0, NUMBERS).share(values), truth, atol=0.15)


def test_a_dependence_without_correlation_is_found():
    Z = normal(0.0)
    Z[:, 0] = Z[:, 1] ** 2 + 0.1 * Z[:, 0]
    assert subgroups(Z, 0, NUMBERS).share(np.array([4.0]))[0] > 0.5
    assert subgroups(Z, 1, NUMBERS).share(np.array([2.0]))[0] > 0.5


def test_each_row_is_judged_by_its_own_columns():
    Z = normal(0.99)
    rows = np.array([[0.0, -2.0, 0, 0], [0.0, 2.0, 0, 0]])
    found = subgroups(Z, 0, NUMBERS).outside(rows, np.array([-2.0, 2.0]))
    assert found.tolist() == [[False, True], [True, False]]


def test_categories_that_exclude_each_other_are_outside_and_rare_ones_are_not_judged():
    rng = np.random.default_rng(1)
    country = rng.integers(0, 2, 600)
    town = 2.0 * country + rng.integers(0, 2, 600)
    town[:3] = 9.0
    rows = np.column_stack([country, town, rng.normal(size=600)]).astype(float)
    groups = subgroups(rows, 1, np.array([True, True, False]))
    asked = np.array([[0.0, 0, 0], [1.0, 3, 0]])
    found = groups.outside(asked, np.array([0.0, 1.0, 2.0, 3.0, 9.0]))
    assert found.tolist() == [[False, False, True, True, False], [True, True, False, False, False]]


def test_missing_and_constant_columns_and_few_rows_are_borne():
    Z = normal(0.9)
    Z[::3, 1] = np.nan
    Z[:, 2] = 5.0
    Z[:, 3] = np.nan
    assert subgroups(Z, 0, NUMBERS).share(np.array([0.0, 1e300])).shape == (2,)
    assert subgroups(Z, 2, NUMBERS).share(np.array([5.0])).tolist() == [0.0]
    assert not subgroups(Z[:99], 0, NUMBERS).known
    assert not subgroups(Z[:, :1], 0, NUMBERS[:1]).known
