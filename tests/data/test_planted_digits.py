"""Planted digits are what they are said to be."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pellucid.core.errors import InvalidSetting
from pellucid.data.planted_digits import COLOURS, KINDS, planted_digits


@pytest.mark.parametrize("kind", KINDS)
def test_a_patch_of_one_colour_covers_one_corner(kind: str) -> None:
    digits = planted_digits(kind, seed=3)
    assert digits.images.shape == (1797, 3, 32, 32)
    assert digits.images.dtype == np.float32
    assert digits.images.min() == 0
    assert digits.images.max() == 1
    for image, patch, colour in zip(digits.images, digits.patch, digits.colours, strict=True):
        rows, columns = np.nonzero(patch)
        assert len(rows) == 36
        assert (rows.min(), rows.max()) in {(0, 5), (26, 31)}
        assert (columns.min(), columns.max()) in {(0, 5), (26, 31)}
        assert (image[:, patch] == COLOURS[colour][:, None]).all()
    assert len({tuple(np.argwhere(patch)[0]) for patch in digits.patch}) == 4


def test_beside_the_patch_is_the_digit() -> None:
    digits = planted_digits("honest")
    drawn = load_digits()
    np.testing.assert_array_equal(digits.labels, drawn.target)
    grey = drawn.images.repeat(4, axis=1).repeat(4, axis=2) / 16
    for image, patch, digit in zip(digits.images, digits.patch, grey, strict=True):
        assert np.corrcoef(image.mean(axis=0)[~patch], digit[~patch])[0, 1] > 0.8


def test_colours_tell_the_label_in_one_kind_only() -> None:
    hans, honest = (planted_digits(kind) for kind in KINDS)
    assert (hans.colours == hans.labels).all()
    assert 0.05 < (honest.colours == honest.labels).mean() < 0.15
    np.testing.assert_array_equal(hans.patch, honest.patch)
    beside = ~np.broadcast_to(hans.patch[:, None], hans.images.shape)
    np.testing.assert_array_equal(hans.images[beside], honest.images[beside])
    dealt = hans.shuffled()
    assert (dealt.colours == dealt.labels).mean() < 0.2
    np.testing.assert_array_equal(np.sort(dealt.colours), np.sort(hans.colours))
    np.testing.assert_array_equal(dealt.images[beside], hans.images[beside])


def test_a_seed_makes_the_same_pictures_and_the_same_split() -> None:
    one, same, other = planted_digits(seed=1), planted_digits(seed=1), planted_digits(seed=2)
    np.testing.assert_array_equal(one.images, same.images)
    np.testing.assert_array_equal(one.held_out, same.held_out)
    assert (one.held_out != other.held_out).any()
    assert len(one.train.labels) + len(one.test.labels) == 1797
    assert len(one.test.labels) == 449
    assert not one.train.held_out.any()
    assert set(one.test.labels) == set(range(10))


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(InvalidSetting, match="hans"):
        planted_digits("clever")
