"""Baselines: each from its own sample alone."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.core.errors import CannotExplain
from pellucid.perturb.input_baseline import baseline_of

X = np.random.default_rng(0).normal(size=(3, 2, 10, 20)).astype(np.float32)


def test_numbers_and_means_are_the_same_all_over_the_image() -> None:
    assert not baseline_of(X, "zero").any()
    np.testing.assert_array_equal(baseline_of(X, 0.5), np.full_like(X, 0.5))
    made = baseline_of(X, "mean")
    assert made.dtype == X.dtype
    np.testing.assert_allclose(made[1, 1], X[1, 1].mean(), rtol=1e-6)


def test_the_blur_keeps_the_mean_and_spreads_a_point_to_a_tenth_of_the_shorter_side() -> None:
    point = np.zeros((1, 1, 60, 80), dtype=np.float32)
    point[0, 0, 30, 40] = 1
    made = baseline_of(point, "blur")[0, 0].astype(float)
    assert made.sum() == pytest.approx(1, abs=1e-5)
    rows = np.arange(60) - 30
    assert np.sqrt(made.sum(axis=1) @ rows**2) == pytest.approx(6, rel=0.02)
    both = np.concatenate([X[:1], X[1:2]])
    np.testing.assert_array_equal(baseline_of(both, "blur")[1:], baseline_of(X[1:2], "blur"))


@pytest.mark.parametrize("kind", ["mean", "blur"])
def test_tables_have_no_colour_and_no_blur(kind: str) -> None:
    with pytest.raises(CannotExplain, match="for images"):
        baseline_of(X[:, 0, 0], kind)
