"""Summaries of parts merge to those of the whole, in whatever cut and order."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pellucid.maths.accumulated_effects import accumulate
from pellucid.maths.strongest import strongest
from pellucid.maths.summaries import Counts, Moments, accumulated, chosen, dice, folded


def cuts(rows: int, rng: np.random.Generator) -> list[np.ndarray]:
    """A random cut into parts of uneven sizes, some of them empty."""
    ends = np.sort(rng.integers(0, rows + 1, 6))
    return np.split(np.arange(rows), ends)


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_moments_of_any_cut_in_any_order_are_those_of_the_whole(offset) -> None:
    """Also far from zero, where sums of squares lose every digit."""
    rng = np.random.default_rng(0)
    values = rng.gamma(1.0, size=(5000, 3, 2)) + offset
    for _ in range(5):
        parts = [Moments.of(values[part]) for part in cuts(5000, rng)]
        rng.shuffle(parts)
        restored = (Moments.from_state(part.state(), (3, 2)) for part in parts)
        whole = folded(restored)
        np.testing.assert_array_equal(whole.count, 5000)
        np.testing.assert_allclose(whole.mean, values.mean(axis=0), rtol=1e-13)
        np.testing.assert_allclose(whole.variance, values.var(axis=0, ddof=1), rtol=1e-6)
        expected = values.std(axis=0, ddof=1) / np.sqrt(5000)
        np.testing.assert_allclose(whole.error, expected, rtol=1e-6)


def test_the_same_order_gives_the_same_bits() -> None:
    values = np.random.default_rng(0).normal(size=(999, 4))
    states = [Moments.of(part).state() for part in np.array_split(values, 7)]
    first, second = (folded(Moments.from_state(s, (4,)) for s in states) for _ in range(2))
    assert first.state() == second.state()


def test_nothing_counted_is_neutral() -> None:
    part = Moments.of(np.random.default_rng(0).normal(size=(9, 2)))
    before = part.state()
    part.merge(Moments.none((2,)))
    assert part.state() == before
    none = Moments.none((2,))
    none.merge(part)
    assert none.state() == before
    assert not Moments.none((2,)).error.any()


def test_moments_by_place_are_those_of_each_place() -> None:
    rng = np.random.default_rng(0)
    values, place = rng.normal(size=(300, 2)), rng.integers(0, 4, 300)
    found = Moments.by_place(values, place, 6)
    for k in range(4):
        np.testing.assert_allclose(found.mean[k], values[place == k].mean(axis=0))
        np.testing.assert_allclose(found.variance[k], values[place == k].var(axis=0, ddof=1))
    assert not found.count[4:].any()


def test_counts_merge_by_name() -> None:
    one = Counts({"a": np.array([[1, 2], [3, 4]])})
    one.merge(
        Counts.from_state(Counts({"a": np.eye(2, dtype=int), "b": np.ones((2, 2), int)}).state())
    )
    assert one.cells["a"].tolist() == [[2, 2], [3, 5]]
    assert one.cells["b"].tolist() == [[1, 1], [1, 1]]


def test_accumulated_effects_of_parts_are_those_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    gap = rng.integers(0, 5, 400)
    gap[gap == 3] = 2
    gap[7] = 3  # one row alone in its bin
    delta = rng.normal(gap[:, None], 1.0, size=(400, 2))
    parts = [Moments.by_place(delta[part], gap[part], 5) for part in cuts(400, rng)]
    values, error = accumulated(folded(parts))
    place = np.zeros((400, 6))
    place[np.arange(400), gap] = place[np.arange(400), gap + 1] = 0.5
    from scipy import sparse

    expected = accumulate(np.arange(400), gap, delta, sparse.csr_array(place))
    np.testing.assert_allclose(values, expected[0], atol=1e-12)
    np.testing.assert_allclose(error, expected[1], rtol=1e-9)


def test_dice_belong_to_the_row_and_are_fair() -> None:
    rows = np.arange(200_000)
    bits = dice(rows, 7, 1)
    np.testing.assert_array_equal(dice(rows[5000:6000], 7, 1), bits[5000:6000])
    assert not np.array_equal(dice(rows, 8, 1), bits)
    assert not np.array_equal(dice(rows, 7, 2), bits)
    spread = np.bincount((bits % np.uint64(100)).astype(int), minlength=100)
    assert stats.chisquare(spread).pvalue > 1e-4
    share = bits.astype(float) / 2**64
    assert abs(np.corrcoef(share[1:], share[:-1])[0, 1]) < 0.01
    assert abs(chosen(rows, 0.1, 7).mean() - 0.1) < 0.005
    assert chosen(rows, 1.0, 7).all()
    assert not chosen(rows, 0.0, 7).any()


@pytest.mark.parametrize("count", [1, 3, 6])
def test_the_strongest_are_those_of_a_sort(count) -> None:
    values = np.random.default_rng(0).normal(size=(500, 6)).round(1)  # with ties and zeros
    values[:20] = 0.0
    place, value, rest = strongest(values, count)
    order = np.argsort(-np.abs(values), axis=1, kind="stable")[:, :count]
    np.testing.assert_array_equal(place, order)
    np.testing.assert_array_equal(value, np.take_along_axis(values, order, axis=1))
    np.testing.assert_allclose(value.sum(axis=1) + rest, values.sum(axis=1), atol=1e-12)
