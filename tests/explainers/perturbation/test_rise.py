"""RISE against its expectation, written out, and planted truth; its errors against many draws."""

from itertools import product

import numpy as np
import pytest
import torch

import pellucid as pel
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.perturbation.rise import RISE
from twins.networks_of_tests import Plain, pictures, seeded


def explained(model: object, X: object, seed: int = 0, **settings: object) -> pel.Attribution:
    return pel.explain(model, X, method=RISE(**settings), target=0, seed=seed, progress=False)


def squared(images: np.ndarray) -> np.ndarray:
    """A function of four pixels that is not a sum of them."""
    flat = images.reshape(len(images), -1).astype(float)
    return flat[:, 0] * flat[:, 1] + 3 * flat[:, 2] ** 2 - flat[:, 3]


def test_values_are_the_mean_output_with_the_pixel_kept() -> None:
    # One cell in all, 2 × 2 pixels: a mask interpolates between 3 × 3 nodes, shifted by 0 or 1.
    X = np.array([[[[1.0, 2.0], [3.0, 4.0]]]], dtype=np.float32)
    keep, total, weight = 0.3, np.zeros(4), 0.0
    for nodes in product((0, 1), repeat=9):
        chance = np.prod([keep if node else 1 - keep for node in nodes])
        grid = np.reshape(nodes, (3, 3))
        for i, j in product((0, 1), repeat=2):
            mask = np.empty(4)
            for place, (row, column) in enumerate(product((0, 1), repeat=2)):
                y, x = (row + i) / 2, (column + j) / 2
                a, b = int(y), int(x)
                fy, fx = y - a, x - b
                mask[place] = (
                    grid[a, b] * (1 - fy) * (1 - fx)
                    + grid[min(a + 1, 2), b] * fy * (1 - fx)
                    + grid[a, min(b + 1, 2)] * (1 - fy) * fx
                    + grid[min(a + 1, 2), min(b + 1, 2)] * fy * fx
                )
            shown = (X.ravel() * mask).reshape(1, 1, 2, 2)
            total += chance / 4 * squared(shown)[0] * mask
            weight += chance / 4
    assert abs(weight - 1) < 1e-9
    truth = total / keep
    settings = {"cells": 1, "keep": keep, "removal": "zero"}
    found = explained(squared, X, budget=200_000, **settings)
    assert (np.abs(found.values.ravel() - truth) < 4 * found.error.ravel()).all()
    held = []
    for seed in range(200):
        few = explained(squared, X, seed=seed, budget=300, **settings)
        held.append(np.abs(few.values.ravel() - truth) <= 1.96 * few.error.ravel())
    assert 0.92 <= np.mean(held) <= 0.98


def test_errors_of_a_network_cover_many_draws() -> None:
    net, X = seeded(Plain).eval(), pictures(1)
    long = explained(net, X, budget=40_000, cells=4).values
    held = []
    for seed in range(60):
        found = explained(net, X, seed=1 + seed, budget=100, cells=4)
        held.append(np.abs(found.values - long) <= 1.96 * found.error)
    assert 0.9 <= np.mean(held) <= 0.99


def test_the_error_is_smaller_than_that_of_the_plain_mean() -> None:
    X = np.random.default_rng(0).random((1, 1, 8, 8)).astype(np.float32)

    def high(images: np.ndarray) -> np.ndarray:
        return 10 + images[:, 0, :2, :2].sum(axis=(1, 2))

    values = [explained(high, X, seed=seed, budget=100, cells=4).values for seed in range(20)]
    # (1 / N p) Σ f M varies at least as f · sd(M) / (p √N), where masks keep half or all.
    assert np.std(values, axis=0).max() < 0.2 * 10 * 0.35 / 0.5 / 10


def test_a_constant_output_is_its_value_without_error() -> None:
    X = pictures(2)
    found = explained(lambda images: np.full(len(images), 2.5), X, budget=50)
    np.testing.assert_allclose(found.values, 2.5)
    assert not found.error.any()


def test_images_together_are_images_apart_and_batches_do_not_matter() -> None:
    net, X = seeded(Plain), pictures(3)
    together = explained(net, X, budget=60)
    assert together.dims == ("sample", "row", "column")
    assert together.provenance.evaluations == 3 * 61
    for i in range(3):
        apart = pel.explain(
            net, X[i : i + 1], method=RISE(budget=60), target=0, seed=0, batch_size=7
        )
        np.testing.assert_allclose(apart.values[0], together.values[i], atol=1e-6)
        np.testing.assert_allclose(apart.error[0], together.error[i], atol=1e-6)


def test_the_corner_a_network_looks_at_is_found() -> None:
    class Corner(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(4 * x[:, :, :8, :8].mean(dim=(1, 2, 3)) - 1)[:, None]

    X = np.random.default_rng(3).random((2, 3, 32, 32)).astype(np.float32) * 0.3
    X[:, :, :8, :8] += 0.6
    found = explained(Corner(), X, budget=600)
    inside = found.values[:, :8, :8].mean(axis=(1, 2))
    outside = found.values[:, 16:, 16:]
    assert (inside > outside.max(axis=(1, 2))).all()
    spread = np.abs(outside - outside.mean(axis=(1, 2), keepdims=True))
    assert (spread < 5 * found.error[:, 16:, 16:]).all()


def test_settings_are_checked() -> None:
    for wrong in ({"budget": 1}, {"cells": 0}, {"keep": 1}, {"keep": 0.0}, {"removal": "noise"}):
        with pytest.raises(InvalidSetting):
            RISE(**wrong)
