"""Structural similarity against scikit-image, the formula window by window, and its ends."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.core.seeds import generator
from pellucid.maths.structural_similarity import ssim
from twins.structural_similarity import ssim_map

RNG = generator(0, "test structural similarity")
A = RNG.random((3, 17, 14))
B = 0.6 * A + 0.4 * RNG.random((3, 17, 14))
WHOLE = np.ones(A.shape, dtype=bool)
SOME = RNG.random(A.shape) < 0.6


@pytest.mark.parametrize("span", [1.0, 2.0])
def test_where_windows_are_whole_it_is_that_of_scikit_image(span: float) -> None:
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed")
    for a, b in zip(A, B, strict=True):
        mean, theirs = metrics.structural_similarity(
            a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=span,
            full=True,
        )  # fmt: skip
        inner = slice(5, -5), slice(5, -5)
        own = ssim_map(a, b, np.ones(a.shape, dtype=bool), span)
        np.testing.assert_allclose(own[inner], theirs[inner], rtol=1e-10)
        assert own[inner].mean() == pytest.approx(mean)


@pytest.mark.parametrize("there", [WHOLE, SOME], ids=["whole", "masked"])
def test_it_is_the_mean_over_windows_of_what_is_there(there: np.ndarray) -> None:
    twin = [np.nanmean(ssim_map(*each, 1.0)) for each in zip(A, B, there, strict=True)]
    np.testing.assert_allclose(ssim(A, B, there), twin, rtol=1e-10)
    two = [np.nanmean(ssim_map(2 * a, 2 * b, t, 2.0)) for a, b, t in zip(A, B, there, strict=True)]
    np.testing.assert_allclose(two, twin, rtol=1e-10)
    np.testing.assert_allclose(ssim(2 * A, 2 * B, there, span=2.0), twin, rtol=1e-10)


def test_what_is_not_there_does_not_matter() -> None:
    other = np.where(SOME, B, RNG.random(B.shape))
    np.testing.assert_allclose(ssim(A, other, SOME), ssim(A, B, SOME), rtol=1e-12)
    assert np.abs(ssim(A, other) - ssim(A, B)).min() > 1e-3
    assert np.isnan(ssim(A, B, np.zeros_like(SOME))).all()


def test_equal_maps_are_1_and_opposite_ones_below_0() -> None:
    np.testing.assert_allclose(ssim(A, A, SOME), 1)
    np.testing.assert_allclose(ssim(A, B), ssim(B, A))
    assert (ssim(A, 1 - A) < 0).all()
    assert (ssim(A, A[:, ::-1].copy()) < ssim(A, B)).all()
    dark = np.zeros((1, 9, 9))
    assert ssim(dark, dark)[0] == 1
