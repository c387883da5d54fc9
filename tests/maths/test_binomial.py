import numpy as np
import pytest
from scipy import stats

from pellucid.maths.binomial import clopper_pearson, kl_bounds


@pytest.mark.parametrize("level", [0.9, 0.95, 0.999])
def test_the_exact_interval_is_scipys(level):
    for hits, n in ((0, 7), (7, 7), (3, 7), (480, 512), (1, 1)):
        low, high = clopper_pearson(hits, n, level)
        theirs = stats.binomtest(hits, n).proportion_ci(level, method="exact")
        assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_nothing_is_known_without_trials():
    assert clopper_pearson(0, 0, 0.95).tolist() == [0.0, 1.0]
    low, high = kl_bounds(np.zeros(1), np.zeros(1), np.ones(1))
    assert (low[0], high[0]) == (0.0, 1.0)


def test_the_bounds_stand_where_the_divergence_reaches_the_level():
    hits, n = np.array([30.0, 95.0, 1.0]), np.array([100.0, 100.0, 64.0])
    level = np.array([3.0, 5.0, 2.0])
    share = hits / n
    for bound in kl_bounds(hits, n, level):
        divergence = stats.entropy([share, 1 - share], [bound, 1 - bound])
        np.testing.assert_allclose(n * divergence, level, rtol=1e-6)


def test_at_the_ends_the_bounds_have_a_closed_form():
    low, high = kl_bounds(np.array([0.0, 50.0]), np.array([50.0, 50.0]), np.full(2, 4.0))
    assert (low[0], high[1]) == pytest.approx((0.0, 1.0), abs=1e-8)
    assert (high[0], low[1]) == pytest.approx((1 - np.exp(-4 / 50), np.exp(-4 / 50)), abs=1e-8)


def test_the_exact_interval_holds_the_truth_at_least_as_often_as_it_says():
    rng = np.random.default_rng(0)
    for truth in (0.02, 0.5, 0.95):
        hits = rng.binomial(200, truth, size=4000)
        low, high = clopper_pearson(hits, 200, 0.95)
        assert np.mean((low <= truth) & (truth <= high)) >= 0.945
