from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pellucid.core.errors import InvalidSetting
from pellucid.core.seeds import generator
from pellucid.maths.complexity import effective_complexity, entropy, gini
from twins import explanation_scores as twin

RNG = generator(0, "test complexity")
VALUES = RNG.normal(size=(30, 4, 6)) ** 3 * (RNG.random((30, 4, 6)) < 0.7)
FLAT = VALUES.reshape(30, -1)
SCORES = [gini, entropy, effective_complexity]


def test_numbers_worked_by_hand() -> None:
    values = np.array([[0.0, -1.0, 3.0, 5.0]])
    assert gini(values) == pytest.approx(17 / 36)
    assert entropy(np.array([[2.0, -1.0, 1.0, 0.0]])) == pytest.approx(1.5 * np.log(2))
    assert effective_complexity(values, 0.2) == 2  # 1 is not more than a fifth of 5
    assert effective_complexity(values, 0.0) == 3


def test_the_gini_index_is_half_the_relative_mean_difference() -> None:
    np.testing.assert_allclose(gini(VALUES), [twin.gini(v) for v in FLAT], rtol=1e-12)


def test_entropies_are_those_of_scipy_and_of_a_plain_loop() -> None:
    np.testing.assert_allclose(entropy(VALUES), stats.entropy(np.abs(FLAT), axis=1), rtol=1e-12)
    np.testing.assert_allclose(entropy(VALUES), [twin.entropy(v) for v in FLAT], rtol=1e-12)


@pytest.mark.parametrize("score", SCORES)
def test_neither_scale_nor_sign_nor_order_matters(score) -> None:
    found = score(VALUES)
    for other in (VALUES * 2.0**900, VALUES * 2.0**-900, -VALUES, VALUES[:, ::-1], 3 * VALUES):
        np.testing.assert_allclose(score(other), found, rtol=1e-12)


def test_the_ends_of_the_ranges() -> None:
    alike, single = np.full((1, 8), -0.2), np.eye(8)[:1]
    assert gini(alike) == pytest.approx(0, abs=1e-15)
    assert gini(single) == pytest.approx(1 - 1 / 8)
    assert entropy(alike) == pytest.approx(np.log(8))
    assert entropy(single) == 0
    assert effective_complexity(alike) == 8
    assert effective_complexity(single) == 1
    assert ((gini(VALUES) >= 0) & (gini(VALUES) <= 1 - 1 / 24)).all()
    assert ((entropy(VALUES) >= 0) & (entropy(VALUES) <= np.log(24))).all()


def test_moving_from_a_large_value_to_a_small_one_makes_an_explanation_less_sparse() -> None:
    moved = np.array([[6.0, 3.0, 1.0], [5.0, 3.0, 2.0]])
    assert np.diff(gini(moved)) < 0 < np.diff(entropy(moved))


def test_an_explanation_that_is_0_has_no_distribution() -> None:
    nothing = np.zeros((2, 5))
    assert np.isnan(gini(nothing)).all()
    assert np.isnan(entropy(nothing)).all()
    np.testing.assert_array_equal(effective_complexity(nothing), 0)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers_touch_their_own_sample_only(score, bad: float) -> None:
    values = VALUES.copy()
    values[3, 0, 0] = bad
    found = score(values)
    assert np.isnan(found[3])
    np.testing.assert_array_equal(np.delete(found, 3), np.delete(score(VALUES), 3))


@pytest.mark.parametrize("score", SCORES)
def test_units_that_are_not_there_do_not_matter(score) -> None:
    there = np.arange(24) < RNG.integers(4, 24, size=30)[:, None]
    found = score(np.where(there, FLAT, np.nan), there=there)
    alone = [score(v[None, exists])[0] for v, exists in zip(FLAT, there, strict=True)]
    np.testing.assert_allclose(found, alone, rtol=1e-12)


def test_the_explanation_itself_is_left_as_it_was() -> None:
    before = VALUES.copy()
    for score in SCORES:
        score(VALUES)
    np.testing.assert_array_equal(VALUES, before)


@pytest.mark.parametrize("share", [-0.1, 1.0, np.nan])
def test_a_share_outside_its_range_is_named(share: float) -> None:
    with pytest.raises(InvalidSetting, match="share"):
        effective_complexity(VALUES, share)
