"""The planted truth is true: checked by counting over all coalitions of raw values."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest

from pellucid.core.errors import InvalidSetting
from pellucid.data.planted import planted_additive


def brute_force(model, x: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Shapley values by the definition: absent features come from whole background rows."""
    n = x.shape[0]

    def worth(present: tuple[int, ...]) -> float:
        rows = background.copy()
        rows[:, list(present)] = x[list(present)]
        return model(rows).mean()

    values = np.zeros(n)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            for present in combinations(others, size):
                values[i] += weight * (worth((*present, i)) - worth(present))
    return values


def test_the_closed_form_is_the_definition() -> None:
    X, _, truth = planted_additive(seed=1, n=40)
    background = np.random.default_rng(0).normal(0.5, 1, (7, 6))
    background[:, 3] += background[:, 2]
    expected = [brute_force(truth.model, row, background) for row in X.codes[:4]]
    np.testing.assert_allclose(truth.shapley(X, background)[:4], expected, atol=1e-12)


def test_the_truth_adds_up_and_the_useless_columns_are_zero() -> None:
    X, _, truth = planted_additive(seed=2, n=60)
    for background in (None, X, X.codes[:5]):
        values = truth.shapley(X, background)
        total = truth.model(X) - truth.base(background)
        np.testing.assert_allclose(values.sum(axis=1), total, atol=1e-12)
        assert not values[:, [X.position(name) for name in truth.useless]].any()


def test_the_interaction_is_the_discrete_derivative() -> None:
    X, _, truth = planted_additive(seed=3, n=5)
    z, x = X.codes[4], X.codes[0]
    corners = np.array([[*x[:2], c, d, 0, 0] for c in (z[2], x[2]) for d in (z[3], x[3])])
    none, d, c, both = truth.model(corners)
    assert truth.interaction(x[None], z[None])[0] == pytest.approx(both - c - d + none, abs=1e-12)


def test_the_values_without_a_background_are_those_of_the_distribution() -> None:
    X, _, truth = planted_additive(seed=4, n=3)
    a, b, c, d, _, _ = X.codes.T
    np.testing.assert_allclose(
        truth.shapley(X)[:, :4], np.column_stack([2 * a, -3 * b, 0.75 * c * d, 0.75 * c * d])
    )


def test_the_copy_is_exact_and_the_noise_is_small() -> None:
    X, y, truth = planted_additive(seed=5, n=4000)
    np.testing.assert_array_equal(X.codes[:, 5], X.codes[:, 0])
    assert 0.095 < (y - truth.model(X)).std() < 0.105
    assert abs(X.codes.mean(axis=0)).max() < 0.06


def test_the_classes_follow_the_logit() -> None:
    X, y, truth = planted_additive(seed=6, n=4000, task="classification")
    assert truth.scale == "logit"
    assert set(y.tolist()) == {0, 1}
    sure = truth.probability(X) > 0.8
    assert abs(y[sure].mean() - truth.probability(X)[sure].mean()) < 0.02


def test_the_same_seed_gives_the_same_table_and_any_kind_of_table_is_read() -> None:
    X, y, truth = planted_additive(seed=7, n=20)
    again = planted_additive(seed=7, n=20)
    np.testing.assert_array_equal(again.y, y)
    assert again.X.fingerprint() == X.fingerprint()
    shuffled = pd.DataFrame(X.native(), columns=X.names)[[*reversed(X.names)]]
    np.testing.assert_array_equal(truth.model(shuffled), truth.model(X))
    assert planted_additive(seed=None, n=5).y.shape == (5,)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(InvalidSetting):
        planted_additive(n=1)
    with pytest.raises(InvalidSetting):
        planted_additive(task="ranking")
