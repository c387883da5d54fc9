from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pellucid.core.errors import InvalidData
from pellucid.core.seeds import generator
from pellucid.maths.correlation import kendall, pearson, spearman
from pellucid.maths.faithfulness import (
    ERASER_SHARES,
    FERRET_SHARES,
    aopc,
    area,
    faithfulness_correlation,
    faithfulness_estimate,
    falls,
    infidelity,
    monotonicity,
    monotonicity_correlation,
    normalised_comprehensiveness,
    normalised_sufficiency,
    sensitivity_n,
)
from twins import explanation_scores as twin

RNG = generator(0, "test faithfulness numbers")
SAMPLES, UNITS = 25, 9
SMOOTH = RNG.normal(size=(2, SAMPLES, UNITS))
TIED = RNG.integers(0, 4, size=(2, SAMPLES, UNITS)).astype(float)
CORRELATIONS = {
    pearson: stats.pearsonr,
    spearman: stats.spearmanr,
    kendall: stats.kendalltau,
}
EACH = pytest.mark.parametrize("correlation", CORRELATIONS)
WEIGHTS = RNG.normal(size=UNITS)
ROWS = RNG.normal(size=(SAMPLES, UNITS))
SHARES = WEIGHTS * ROWS
"""What each unit adds to a linear model whose input is 0 where it is removed."""
FULL = SHARES.sum(axis=1)
SUBSETS = RNG.random((SAMPLES, 20, UNITS)) < 0.5


def without(subsets: np.ndarray) -> np.ndarray:
    """Answers of the linear model: (sample, subset)."""
    return np.array(
        [[row[~one].sum() for one in of] for row, of in zip(SHARES, subsets, strict=True)]
    )


@EACH
@pytest.mark.parametrize("lists", [SMOOTH, TIED], ids=["smooth", "tied"])
def test_correlations_are_those_of_scipy(correlation, lists: np.ndarray) -> None:
    theirs = CORRELATIONS[correlation]
    expected = [theirs(a, b)[0] for a, b in zip(*lists, strict=True)]
    np.testing.assert_allclose(correlation(*lists), expected, atol=1e-12)


@EACH
@pytest.mark.parametrize("lists", [SMOOTH, TIED], ids=["smooth", "tied"])
def test_correlations_do_not_see_units_that_are_not_there(correlation, lists: np.ndarray) -> None:
    there = np.arange(UNITS) < RNG.integers(3, UNITS, size=SAMPLES)[:, None]
    a, b = (np.where(there, each, RNG.choice([np.nan, 7.0])) for each in lists)
    alone = [
        correlation(x[None, exists], y[None, exists])[0]
        for x, y, exists in zip(*lists, there, strict=True)
    ]
    np.testing.assert_allclose(correlation(a, b, there), alone, atol=1e-12)


@EACH
def test_a_flat_list_agrees_with_no_order(correlation) -> None:
    flat, rising = np.full((1, 5), 0.1), np.arange(5.0)[None]
    assert correlation(flat, rising) == correlation(rising, flat) == 0
    assert np.isnan(correlation(flat, flat))


@EACH
def test_correlations_have_their_range_and_ignore_scale(correlation) -> None:
    a, b = SMOOTH
    found = correlation(a, b)
    assert (np.abs(found) <= 1).all()
    np.testing.assert_allclose(correlation(a, a), 1, rtol=1e-12)
    np.testing.assert_allclose(correlation(a, -a), -1, rtol=1e-12)
    np.testing.assert_allclose(correlation(2.0**900 * a, 3 * b), found, atol=1e-12)
    np.testing.assert_allclose(correlation(2.0**-900 * a, b + 1), found, atol=1e-12)


@EACH
def test_a_missing_value_touches_its_own_sample_only(correlation) -> None:
    a, b = SMOOTH.copy()
    a[2, 3] = np.nan
    found = correlation(a, b)
    assert np.isnan(found[2])
    np.testing.assert_array_equal(np.delete(found, 2), np.delete(correlation(*SMOOTH), 2))


def test_rounding_around_a_constant_is_no_correlation() -> None:
    a = 0.1 + 1e-16 * SMOOTH[0]
    np.testing.assert_array_equal(pearson(a, SMOOTH[1]), 0)


def test_aopc_of_eraser_worked_by_hand() -> None:
    full, left = np.array([0.9, 0.6]), np.array([[0.8, 0.7, 0.5, 0.3, 0.1], [0.6] * 5])
    assert left.shape[1] == len(ERASER_SHARES)
    np.testing.assert_allclose(aopc(falls(full, left)), [0.42, 0])
    np.testing.assert_allclose(aopc(falls(full, left), from_start=True), [0.35, 0])


def test_bins_of_eraser_and_ferret_give_other_numbers_for_one_linear_model() -> None:
    # 100 equal tokens: the score falls by the share removed.
    full = np.ones(1)
    for shares, expected in ((ERASER_SHARES, 0.172), (FERRET_SHARES, 0.55)):
        left = 1 - np.array([shares])
        assert aopc(falls(full, left)) == pytest.approx(expected)


def test_normalised_numbers_worked_by_hand() -> None:
    full, empty = np.array([0.9, 0.9, 0.5]), np.array([0.4, 0.4, 0.7])
    left = np.array([[0.8, 0.4], [0.3, 0.95], [0.2, 0.6]])
    np.testing.assert_allclose(
        normalised_comprehensiveness(full, left, empty), [[0.2, 1], [1, 0], [np.nan] * 2]
    )
    np.testing.assert_allclose(
        normalised_sufficiency(full, left, empty),
        [[0.8, 0], [0, 1], [np.nan] * 2],
        atol=1e-15,
    )


def test_a_normalised_number_forgets_what_the_empty_input_scores() -> None:
    full, empty = np.array([0.5, 0.95]), np.array([0.1, 0.9])
    left = empty[:, None] + (full - empty)[:, None] * np.array([0.25, 0.5])
    for score, expected in (
        (normalised_comprehensiveness, [0.75, 0.5]),
        (normalised_sufficiency, [0.25, 0.5]),
    ):
        np.testing.assert_allclose(score(full, left, empty), [expected] * 2)


def test_areas_are_sums_of_trapezoids() -> None:
    curve = RNG.random((5, 8))
    at = np.sort(RNG.random((5, 8)), axis=1)
    at[:, 0], at[:, -1] = 0, 1
    expected = [twin.trapezoids(c, a) for c, a in zip(curve, at, strict=True)]
    np.testing.assert_allclose(area(curve, at), expected)
    np.testing.assert_allclose(area(curve), np.trapezoid(curve, dx=1 / 7, axis=1))
    np.testing.assert_allclose(area(curve, at[0]), np.trapezoid(curve, at[0], axis=1))


def test_an_area_is_a_mean_height_that_more_points_on_a_line_do_not_change() -> None:
    line = np.array([[1.0, 0.0]])
    assert area(line) == 0.5
    assert area(np.array([[1.0, 0.9, 0.0]]), np.array([0, 0.1, 1])) == pytest.approx(0.5)
    assert area(np.array([[1.0, 0.8]]), np.array([0, 0.2])) == pytest.approx(0.9)


@pytest.mark.parametrize("removed", [[0, 0.6, 0.5], [0, 0, 0], [0, np.nan, 1]])
def test_shares_that_do_not_rise_have_no_area(removed: list[float]) -> None:
    with pytest.raises(InvalidData, match="rise"):
        area(np.ones((2, 3)), np.array(removed))
    with pytest.raises(InvalidData, match="two points"):
        area(np.ones((2, 1)))


def test_monotonicity_is_that_no_step_falls() -> None:
    curve = np.array(
        [[0, 0.2, 0.2, 0.9], [0, 0.5, 0.499, 0.9], [0.3, 0.2, 0.5, 0.9], [0, 1, np.nan, 2]]
    )
    np.testing.assert_array_equal(monotonicity(curve), [1, 0, 0, np.nan])
    np.testing.assert_array_equal(monotonicity(curve, slack=0.01), [1, 1, 0, np.nan])


def test_shares_of_a_linear_model_have_the_best_scores() -> None:
    answers = without(SUBSETS)
    alone = without(np.broadcast_to(np.eye(UNITS, dtype=bool), (SAMPLES, UNITS, UNITS)))
    np.testing.assert_allclose(faithfulness_correlation(SHARES, SUBSETS, FULL, answers), 1)
    np.testing.assert_allclose(faithfulness_estimate(SHARES, FULL, alone), 1)
    np.testing.assert_allclose(infidelity(SHARES, SUBSETS, FULL, answers), 0, atol=1e-25)
    noise = RNG.normal(size=(SAMPLES, UNITS, 50))
    drawn = FULL[:, None, None] + SHARES[:, :, None] * noise / np.abs(noise)
    np.testing.assert_allclose(monotonicity_correlation(SHARES, FULL, drawn), 1)


def test_the_gradient_of_a_linear_model_has_no_infidelity() -> None:
    taken = RNG.normal(size=(SAMPLES, 7, UNITS))
    answers = (ROWS[:, None] - taken) @ WEIGHTS
    gradient = np.broadcast_to(WEIGHTS, ROWS.shape)
    np.testing.assert_allclose(infidelity(gradient, taken, FULL, answers), 0, atol=1e-25)
    wrong = infidelity(3 * gradient, taken, FULL, answers)
    np.testing.assert_allclose(wrong, np.square(2 * taken @ WEIGHTS).mean(axis=1))
    scaled = infidelity(3 * gradient, taken, FULL, answers, scaled=True)
    np.testing.assert_allclose(scaled, 0, atol=1e-25)


def test_numbers_from_subsets_are_those_of_plain_loops() -> None:
    values, answers = SMOOTH[0], RNG.normal(size=(SAMPLES, 20))
    sums = [twin.subset_sums(v, s) for v, s in zip(values, SUBSETS, strict=True)]
    expected = [stats.pearsonr(s, f - a)[0] for s, f, a in zip(sums, FULL, answers, strict=True)]
    found = faithfulness_correlation(values, SUBSETS, FULL, answers)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    shared = faithfulness_correlation(values, SUBSETS[0], FULL, answers)
    repeated = np.broadcast_to(SUBSETS[0], SUBSETS.shape)
    np.testing.assert_allclose(shared, faithfulness_correlation(values, repeated, FULL, answers))
    expected = [twin.infidelity(*each) for each in zip(values, SUBSETS, FULL, answers, strict=True)]
    np.testing.assert_allclose(infidelity(values, SUBSETS, FULL, answers), expected)


def test_the_best_factor_is_the_least_squares_one() -> None:
    values, answers = SMOOTH[0], RNG.normal(size=(SAMPLES, 20))
    scaled = infidelity(values, SUBSETS, FULL, answers, scaled=True)
    for i in range(SAMPLES):
        said = SUBSETS[i] @ values[i]
        _, left, *_ = np.linalg.lstsq(said[:, None], FULL[i] - answers[i], rcond=None)
        assert scaled[i] == pytest.approx(left[0] / 20)
    assert (scaled <= infidelity(values, SUBSETS, FULL, answers)).all()
    zero = infidelity(np.zeros_like(values), SUBSETS, FULL, answers, scaled=True)
    np.testing.assert_allclose(zero, np.square(FULL[:, None] - answers).mean(axis=1))


def test_sensitivity_n_is_the_correlation_within_each_size() -> None:
    order = RNG.permuted(np.tile(np.arange(UNITS), (SAMPLES, 24, 1)), axis=2)
    sizes = np.tile([1, 4, 7], 8)
    subsets = np.concatenate(
        [order < sizes[:, None], np.ones((SAMPLES, 1, UNITS), dtype=bool)], axis=1
    )
    answers = RNG.normal(size=(SAMPLES, 25))
    found, correlations = sensitivity_n(SMOOTH[0], subsets, FULL, answers)
    np.testing.assert_array_equal(found, [1, 4, 7])
    for n, column in zip(found, correlations.T, strict=True):
        some = np.flatnonzero(sizes == n)
        expected = faithfulness_correlation(SMOOTH[0], subsets[:, some], FULL, answers[:, some])
        np.testing.assert_allclose(column, expected)
    np.testing.assert_allclose(sensitivity_n(SHARES, subsets, FULL, without(subsets))[1], 1)
    with pytest.raises(InvalidData, match="unequal sizes"):
        sensitivity_n(SMOOTH[0], SUBSETS, FULL, without(SUBSETS))


def test_monotonicity_correlation_is_spearman_of_magnitudes_and_mean_squares() -> None:
    answers = RNG.normal(size=(SAMPLES, UNITS, 6))
    found = monotonicity_correlation(SMOOTH[0], FULL, answers)
    for i in range(SAMPLES):
        change = [np.mean([(a - FULL[i]) ** 2 for a in unit]) / FULL[i] ** 2 for unit in answers[i]]
        assert found[i] == pytest.approx(stats.spearmanr(np.abs(SMOOTH[0, i]), change)[0])


def test_a_random_explanation_is_worse_than_the_shares_and_their_reverse_is_worst() -> None:
    answers = without(SUBSETS)
    random = faithfulness_correlation(SMOOTH[0], SUBSETS, FULL, answers)
    assert abs(random.mean()) < 0.3
    reverse = faithfulness_correlation(-SHARES, SUBSETS, FULL, answers)
    np.testing.assert_allclose(reverse, -1)
