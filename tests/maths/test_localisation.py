from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score

from pellucid.core.errors import InvalidSetting
from pellucid.core.seeds import generator
from pellucid.maths.localisation import (
    attribution_localisation,
    average_precision,
    localisation_auc,
    pointing_game,
    precision_recall_trapezoid,
    relevance_mass,
    relevance_rank,
    top_k_intersection,
)
from twins import explanation_scores as twin

RNG = generator(0, "test localisation")
SAMPLES, UNITS = 40, 30
SMOOTH = RNG.normal(size=(SAMPLES, UNITS))
TIED = RNG.integers(-3, 4, size=(SAMPLES, UNITS)).astype(float)
GOLD = RNG.random((SAMPLES, UNITS)) < 0.3
GOLD[:, 0], GOLD[:, 1] = True, False
BOTH = pytest.mark.parametrize("values", [SMOOTH, TIED], ids=["smooth", "tied"])
MAP = np.array([[[0.0, 1.0, 2.0], [3.0, -4.0, 0.0]]])
OBJECT = np.array([[[True, False, True], [False, True, False]]])
BY_UNIT = [
    relevance_mass,
    attribution_localisation,
    relevance_rank,
    localisation_auc,
    average_precision,
    precision_recall_trapezoid,
    lambda values, gold, there=None: top_k_intersection(values, gold, 4, there),
]


def test_numbers_worked_by_hand() -> None:
    assert relevance_mass(MAP, OBJECT) == pytest.approx(2 / 6)
    assert attribution_localisation(MAP, OBJECT) == pytest.approx(2 / 6 * 6 / 3)
    assert relevance_rank(MAP, OBJECT) == pytest.approx(1 / 3)  # of 3, 2, 1 one is marked
    assert top_k_intersection(MAP, OBJECT, 2) == pytest.approx(1 / 2)
    assert pointing_game(MAP, OBJECT) == 0.0
    assert pointing_game(MAP, OBJECT, tolerance=1) == 1.0
    # of 3, 2, 1, 0, 0, −4 the second, one of the tied two and the last are marked
    assert average_precision(MAP, OBJECT) == pytest.approx((1 / 2 + 2 / 5 + 3 / 6) / 3)
    assert localisation_auc(MAP, OBJECT) == pytest.approx((2 + 0.5 + 0) / 9)


@BOTH
def test_areas_are_those_of_scikit_learn(values: np.ndarray) -> None:
    def trapezoid(gold: np.ndarray, score: np.ndarray) -> float:
        precision, recall, _ = precision_recall_curve(gold, score)
        return auc(recall, precision)

    for ours, theirs in (
        (localisation_auc, roc_auc_score),
        (average_precision, average_precision_score),
        (precision_recall_trapezoid, trapezoid),
    ):
        expected = [theirs(g, v) for g, v in zip(GOLD, values, strict=True)]
        np.testing.assert_allclose(ours(values, GOLD), expected, rtol=1e-12)


@BOTH
def test_the_area_under_the_roc_curve_counts_pairs(values: np.ndarray) -> None:
    expected = [twin.wins(v, g) for v, g in zip(values, GOLD, strict=True)]
    np.testing.assert_allclose(localisation_auc(values, GOLD), expected, rtol=1e-12)


def test_equal_values_have_even_chances_to_be_among_the_first() -> None:
    values = RNG.integers(0, 3, size=(12, 6)).astype(float)
    gold = RNG.random((12, 6)) < 0.5
    gold[:, 2] = True
    for k in range(1, 7):
        expected = [twin.over_all_orders(v, g, k) for v, g in zip(values, gold, strict=True)]
        np.testing.assert_allclose(top_k_intersection(values, gold, k), expected, rtol=1e-12)
    expected = [twin.over_all_orders(v, g, g.sum()) for v, g in zip(values, gold, strict=True)]
    np.testing.assert_allclose(relevance_rank(values, gold), expected, rtol=1e-12)


@pytest.mark.parametrize("tolerance", [0.0, 1.0, 1.5, 3.0])
def test_a_point_hits_within_the_tolerance_as_the_crow_flies(tolerance: float) -> None:
    values = RNG.integers(0, 12, size=(30, 6, 9)).astype(float)
    gold = np.zeros(values.shape, dtype=bool)
    gold[:, 2:4, 3:5] = True
    expected = [twin.points(v, g, tolerance) for v, g in zip(values, gold, strict=True)]
    np.testing.assert_allclose(pointing_game(values, gold, tolerance), expected)


def test_a_map_that_is_the_same_everywhere_scores_as_chance() -> None:
    flat = np.full(GOLD.shape, 0.3)
    share = GOLD.mean(axis=1)
    for score in (relevance_mass, relevance_rank, average_precision):
        np.testing.assert_allclose(score(flat, GOLD), share, rtol=1e-12)
    np.testing.assert_allclose(attribution_localisation(flat, GOLD), 1.0, rtol=1e-12)
    np.testing.assert_allclose(localisation_auc(flat, GOLD), 0.5)
    np.testing.assert_allclose(top_k_intersection(flat, GOLD, 3), share, rtol=1e-12)
    np.testing.assert_allclose(pointing_game(flat.reshape(40, 5, 6), GOLD.reshape(40, 5, 6)), share)


def test_trapezoids_flatter_a_map_that_is_the_same_everywhere() -> None:
    flat, share = np.zeros(GOLD.shape), GOLD.mean(axis=1)
    np.testing.assert_allclose(precision_recall_trapezoid(flat, GOLD), (1 + share) / 2)


def test_gold_as_its_own_explanation_has_the_best_score() -> None:
    for score in BY_UNIT[:1] + BY_UNIT[2:6]:
        np.testing.assert_allclose(score(GOLD.astype(float), GOLD), 1.0)
    most = UNITS / GOLD.sum(axis=1)
    np.testing.assert_allclose(attribution_localisation(GOLD.astype(float), GOLD), most)


@BOTH
@pytest.mark.parametrize("score", BY_UNIT)
def test_neither_scale_nor_the_order_of_units_matters(score, values: np.ndarray) -> None:
    found = score(values, GOLD)
    shuffled = RNG.permutation(UNITS)
    np.testing.assert_allclose(score(values[:, shuffled], GOLD[:, shuffled]), found, rtol=1e-12)
    np.testing.assert_allclose(score(values * 2.0**900, GOLD), found, rtol=1e-12)
    np.testing.assert_allclose(score(values * 2.0**-900, GOLD), found, rtol=1e-12)


@BOTH
@pytest.mark.parametrize("score", BY_UNIT)
def test_units_that_are_not_there_do_not_matter(score, values: np.ndarray) -> None:
    there = np.arange(UNITS) < RNG.integers(6, UNITS, size=SAMPLES)[:, None]
    filled = np.where(there, values, RNG.choice([np.nan, 99.0, -99.0], size=values.shape))
    found = score(filled, GOLD, there)
    for i, exists in enumerate(there):
        alone = score(values[i : i + 1, exists], GOLD[i : i + 1, exists])
        np.testing.assert_allclose(found[i : i + 1], alone, rtol=1e-12)


@pytest.mark.parametrize("score", [*BY_UNIT, pointing_game])
def test_nothing_marked_and_missing_values_are_nan_and_touch_no_other_sample(score) -> None:
    values, gold = SMOOTH.reshape(40, 5, 6).copy(), GOLD.reshape(40, 5, 6).copy()
    before = score(values, gold)
    gold[0] = False
    values[1, 2, 2] = np.nan
    found = score(values, gold)
    assert np.isnan(found[:2]).all()
    np.testing.assert_array_equal(found[2:], before[2:])


def test_relevance_without_a_positive_value_has_no_shares() -> None:
    assert np.isnan(relevance_mass(-np.abs(SMOOTH), GOLD)).all()
    assert np.isnan(relevance_mass(np.zeros_like(SMOOTH), GOLD)).all()


def test_everything_marked_leaves_nothing_to_tell_apart() -> None:
    assert np.isnan(localisation_auc(SMOOTH, np.ones_like(GOLD))).all()


def test_settings_outside_their_range_are_named() -> None:
    with pytest.raises(InvalidSetting, match="1 or more"):
        top_k_intersection(MAP, OBJECT, 0)
    with pytest.raises(InvalidSetting, match="0 pixels or more"):
        pointing_game(MAP, OBJECT, tolerance=-1)
