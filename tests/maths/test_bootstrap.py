"""Resampled rows follow the multinomial law, and intervals cover the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from pellucid.core.errors import InvalidSetting
from pellucid.core.seeds import generator
from pellucid.maths import intervals
from pellucid.maths.bootstrap import BLOCK, bootstrap, row_weights
from pellucid.maths.metrics import mean_terms, ranking_areas, regression_metrics


def all_weights(n: int, resamples: int, seed: int, strata: np.ndarray | None = None) -> np.ndarray:
    return np.concatenate(list(row_weights(n, resamples, generator(seed, "test"), strata)))


def test_each_resample_draws_as_many_rows_as_there_are() -> None:
    weights = all_weights(37, 500, 0)
    assert weights.shape == (500, 37)
    assert np.all(weights == np.rint(weights))
    assert np.all(weights.sum(axis=1) == 37)


@pytest.mark.parametrize("strata", [None, np.repeat([0, 1, 2], [5, 15, 20])])
def test_weights_have_the_moments_of_the_multinomial(strata: np.ndarray | None) -> None:
    n, resamples = 40, 20_000
    weights = all_weights(n, resamples, 1, strata)
    assert np.allclose(weights.mean(axis=0), 1, atol=5 / np.sqrt(resamples))
    covariance = np.cov(weights.T)
    expected = np.eye(n) - 1 / n
    assert np.abs(covariance - expected).max() < 8 / np.sqrt(resamples)


def test_no_class_goes_missing_however_rare() -> None:
    strata = np.array([0] * 97 + [1] * 2 + [2])
    weights = all_weights(100, 2000, 2, strata)
    for group in range(3):
        assert weights[:, strata == group].sum(axis=1).min() >= 1
    plain = all_weights(100, 2000, 2)
    assert plain[:, strata == 2].sum(axis=1).min() == 0


def test_many_classes_of_one_row_each_are_all_kept() -> None:
    strata = np.arange(30)
    weights = all_weights(30, 200, 3, strata)
    assert np.all(weights == 1)


def test_class_sizes_vary_as_binomial_counts() -> None:
    strata = np.repeat([0, 1], [70, 30])
    sizes = all_weights(100, 20_000, 4, strata)[:, strata == 1].sum(axis=1)
    assert sizes.mean() == pytest.approx(30, abs=5 * np.sqrt(21 / 20_000))
    assert sizes.var() == pytest.approx(21, rel=0.05)


def test_same_seed_same_weights_and_other_seed_other_weights() -> None:
    assert np.array_equal(all_weights(50, 100, 7), all_weights(50, 100, 7))
    assert not np.array_equal(all_weights(50, 100, 7), all_weights(50, 100, 8))


def test_large_data_come_in_blocks_of_bounded_size() -> None:
    blocks = list(row_weights(60_000, 100, generator(0, "test")))
    assert len(blocks) > 1
    assert max(block.size for block in blocks) <= BLOCK
    assert sum(len(block) for block in blocks) == 100


def test_a_draw_is_the_statistic_of_the_repeated_rows() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(60) < 0.4
    score = np.round(rng.random(60) + 0.3 * truth, 1)

    def areas(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"auc": ranking_areas(truth, score, weights)[0]}

    values, draws = bootstrap(
        areas, 60, resamples=100, rng=generator(5, "test"), strata=truth.astype(int)
    )
    assert values["auc"] == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    weights = all_weights(60, 100, 5, truth.astype(int)).astype(int)
    for draw, weight in zip(draws["auc"], weights, strict=True):
        rows = np.repeat(np.arange(60), weight)
        assert draw == pytest.approx(roc_auc_score(truth[rows], score[rows]), abs=1e-12)


def test_the_spread_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(0).gamma(2, size=200)
    _, draws = bootstrap(
        lambda weights: {"mean": mean_terms(values[:, None], weights)[:, 0]},
        200,
        resamples=20_000,
        rng=generator(0, "test"),
    )
    assert draws["mean"].std() == pytest.approx(values.std() / np.sqrt(200), rel=0.02)


def test_too_few_resamples_are_refused() -> None:
    with pytest.raises(InvalidSetting, match="at least 100"):
        bootstrap(lambda w: {"n": w.sum(axis=1)}, 5, resamples=99, rng=generator(0, "test"))


def covered(hits: int, repetitions: int) -> bool:
    """Whether a coverage of 95 % is credible, three binomial standard errors and 1.5 % around."""
    return abs(hits / repetitions - 0.95) < 0.015 + 3 * np.sqrt(0.95 * 0.05 / repetitions)


def test_the_interval_of_the_roc_auc_covers_the_known_truth() -> None:
    truth = stats.norm.cdf(1 / np.sqrt(2))  # two normal distributions one standard deviation apart
    hits, repetitions = 0, 300
    for repetition in range(repetitions):
        rng = generator(repetition, "data")
        ill = rng.random(150) < 0.3
        score = rng.normal(size=150) + ill
        _, draws = bootstrap(
            lambda w, ill=ill, score=score: {"auc": ranking_areas(ill, score, w)[0]},
            150,
            resamples=400,
            rng=generator(repetition, "bootstrap"),
            strata=ill.astype(int),
        )
        low, high = intervals.percentile(draws["auc"])
        hits += low <= truth <= high
    assert covered(hits, repetitions)


def test_the_interval_of_accuracy_covers_when_the_class_mix_is_random() -> None:
    hits, repetitions = 0, 300
    truth = 0.3 * 0.5 + 0.7 * 0.99
    for repetition in range(repetitions):
        rng = generator(repetition, "data")
        ill = (rng.random(300) < 0.3).astype(int)
        right = rng.random(300) < np.where(ill, 0.5, 0.99)
        _, draws = bootstrap(
            lambda w, right=right: {"accuracy": mean_terms(right[:, None] * 1.0, w)[:, 0]},
            300,
            resamples=400,
            rng=generator(repetition, "bootstrap"),
            strata=ill,
        )
        low, high = intervals.percentile(draws["accuracy"])
        hits += low <= truth <= high
    assert covered(hits, repetitions)


@pytest.mark.parametrize(
    ("metric", "truth"), [("mae", np.sqrt(2 / np.pi)), ("r2", 0.8), ("median_absolute_error", None)]
)
def test_intervals_of_regression_metrics_cover_the_known_truth(
    metric: str, truth: float | None
) -> None:
    truth = stats.norm.ppf(0.75) if truth is None else truth
    hits, repetitions = 0, 200
    for repetition in range(repetitions):
        rng = generator(repetition, "data")
        said = 2 * rng.normal(size=200)
        y = said + rng.normal(size=200)
        _, draws = bootstrap(
            lambda w, y=y, said=said: regression_metrics(y, said, w),
            200,
            resamples=300,
            rng=generator(repetition, "bootstrap"),
        )
        low, high = intervals.percentile(draws[metric])
        hits += low <= truth <= high
    assert covered(hits, repetitions)
