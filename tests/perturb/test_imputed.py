"""Blending removed pixels: a dense system of equations, and functions it must not change."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.perturb.imputed import noisy_linear

SILENT = np.zeros(1)


def dense(image: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Every removed pixel the weighted mean of those around it: one equation for each pixel."""
    rows, columns = gone.shape
    matrix, known = np.eye(rows * columns), np.array(image, dtype=float).ravel()
    for r, c in np.argwhere(gone):
        weights = {
            (r + i, c + j): 1 / 6 if i == 0 or j == 0 else 1 / 12
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            if (i or j) and 0 <= r + i < rows and 0 <= c + j < columns
        }
        total = sum(weights.values())
        for (i, j), weight in weights.items():
            matrix[r * columns + c, i * columns + j] -= weight / total
        known[r * columns + c] = 0
    return np.linalg.solve(matrix, known).reshape(rows, columns)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_removed_pixels_solve_the_equations_of_the_paper(share: float) -> None:
    rng = np.random.default_rng(int(100 * share))
    images = rng.normal(size=(3, 2, 9, 7))
    gone = rng.random((3, 9, 7)) < share
    gone[:, 4, 3] = False
    found = noisy_linear(images, gone, SILENT)
    for image, mask, filled in zip(images, gone, found, strict=True):
        for channel, told in zip(image, filled, strict=True):
            np.testing.assert_allclose(told, dense(channel, mask), atol=1e-10)


def test_a_plane_is_restored_inside() -> None:
    row, column = np.mgrid[:12, :15].astype(float)
    image = (3 * row - 2 * column + 1)[None, None]
    gone = np.zeros((1, 12, 15), dtype=bool)
    gone[0, 1:-1, 1:-1] = np.random.default_rng(0).random((10, 13)) < 0.9
    np.testing.assert_allclose(noisy_linear(image, gone, SILENT), image, atol=1e-10)


def test_what_is_filled_in_lies_between_what_is_left() -> None:
    rng = np.random.default_rng(0)
    image, gone = rng.normal(size=(1, 1, 20, 20)), rng.random((1, 20, 20)) < 0.95
    found, left = noisy_linear(image, gone, SILENT), image[0, 0][~gone[0]]
    assert found.min() >= left.min() - 1e-12
    assert found.max() <= left.max() + 1e-12


def test_noise_falls_on_removed_pixels_only() -> None:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, 3, 6, 6)).astype(np.float32)
    gone, noise = rng.random((2, 6, 6)) < 0.4, rng.normal(size=(3, 6, 6))
    found = noisy_linear(images, gone, noise)
    away = found - noisy_linear(images, gone, SILENT)
    everywhere = np.broadcast_to(noise, images.shape)
    mask = np.broadcast_to(gone[:, None], images.shape)
    np.testing.assert_allclose(away[mask], everywhere[mask], atol=1e-6)
    np.testing.assert_array_equal(found[~mask], images[~mask])
    assert found.dtype == np.float32


def test_nothing_or_everything_can_be_removed() -> None:
    images = np.random.default_rng(0).normal(size=(2, 3, 5, 5))
    before = images.copy()
    gone = np.zeros((2, 5, 5), dtype=bool)
    gone[1] = True
    found = noisy_linear(images, gone, SILENT)
    np.testing.assert_array_equal(found[0], images[0])
    means = images[1].mean(axis=(1, 2))
    np.testing.assert_allclose(found[1], np.tile(means[:, None, None], (1, 5, 5)))
    np.testing.assert_array_equal(images, before)
