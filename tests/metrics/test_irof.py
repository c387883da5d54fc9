"""IROF against a loop over superpixels, on nets whose output is known by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import InvalidSetting
from pellucid.data.images import Images
from pellucid.maths.superpixels import slic
from pellucid.metrics.faithfulness.irof import IROF
from pellucid.metrics.rows import GOLD, RANDOM, REVERSE
from twins.judged import Linear, of_images, of_rows

RNG = np.random.default_rng(0)


def patches(count: int = 16) -> np.ndarray:
    """Noise, and images of two colours, which have fewer superpixels."""
    X = RNG.random((count, 3, 16, 16)).astype(np.float32)
    X[::2] = 0.05 * X[::2] + 0.9 * (np.arange(16)[:, None] < 8)
    return X


X = patches()
NET = Linear(np.abs(RNG.normal(size=(3, 16, 16))) * (RNG.random((16, 16)) < 0.3), 5.0)


def brute(net, x: np.ndarray, cell: np.ndarray, values: np.ndarray) -> float:
    """Area over the curve, one superpixel after another by mean value, as a share of the whole."""
    labels = sorted(set(cell.ravel()), key=lambda k: -values[cell == k].mean())
    now, curve = x.copy(), [net(x[None])[0, 0]]
    for k in labels:
        now[:, cell == k] = x.mean(axis=(1, 2))[:, None]
        curve.append(net(now[None])[0, 0])
    shares = np.array(curve) / curve[0]
    return 1 - sum((a + b) / 2 for a, b in pairwise(shares)) / len(labels)


def judge(values, net=NET, images=X, **settings):
    return pel.evaluate(
        of_images(values),
        net,
        images,
        target=0,
        seed=0,
        **{"metrics": IROF(segments=8), **settings},
    )


def test_it_is_the_area_over_the_curve_of_superpixels() -> None:
    values = RNG.normal(size=(16, 16, 16))
    cells = [slic(pixels, 8) for pixels in Images.of(X).pixels]
    assert len({cell.max() for cell in cells}) > 1
    truth = [brute(NET, *each) for each in zip(X, cells, values, strict=True)]
    back = [brute(NET, *each) for each in zip(X, cells, -values, strict=True)]
    scores = judge(values)
    assert scores["irof"].value == pytest.approx(np.mean(truth), abs=1e-7)
    assert scores.sel(group=REVERSE).rows[0].value == pytest.approx(np.mean(back), abs=1e-7)


def test_the_truth_is_ahead_of_random_order_and_lies_are_not() -> None:
    above = NET.shares(X) - NET.weights * X.mean(axis=(2, 3), keepdims=True)
    truth = above.sum(axis=1)
    scores = judge(truth, gold=truth > 0)
    assert scores["irof"].passed
    assert scores["irof"].value > scores.sel(group=GOLD).rows[0].value
    assert scores["irof"].value > scores.sel(group=RANDOM).rows[0].value
    for lie in (-truth, np.ones(truth.shape), np.roll(truth, 1, axis=0)):
        assert judge(lie)["irof"].passed is False


def test_it_costs_three_evaluations_for_each_superpixel() -> None:
    before = NET.asked
    judge(np.ones((16, 16, 16)), metrics=IROF(segments=10))
    assert NET.asked - before <= 16 * (1 + 3 * 10) + 2


def test_an_image_whose_output_is_not_positive_says_nothing() -> None:
    below = Linear(NET.weights, -float(np.median((X * NET.weights).sum(axis=(1, 2, 3)))))
    told = int((below(X)[:, 0] > 0).sum())
    assert 0 < told < 16
    scores = judge(RNG.normal(size=(16, 16, 16)), below)
    assert scores["irof"].n == told
    assert "say nothing" in scores["irof"].text


def test_rows_of_a_table_have_no_superpixels() -> None:
    rows = RNG.normal(size=(12, 3))
    scores = pel.evaluate(
        of_rows(rows), lambda table: np.asarray(table)[:, 0], rows, metrics="irof"
    )
    assert "does not judge explanations of rows" in scores["irof"].text


def test_settings_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(InvalidSetting):
        IROF(segments=1)
