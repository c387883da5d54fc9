"""Weighted metrics equal those of scikit-learn, with ties and with weights as repeated rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from pellucid.maths.metrics import (
    confusion_matrix,
    label_metrics,
    mean_terms,
    ranking_areas,
    regression_metrics,
    weighted_median,
)

RNG = np.random.default_rng(0)
N = 120
WEIGHTS = np.vstack([np.ones(N), RNG.integers(0, 4, (3, N)), RNG.random((1, N))])


@pytest.mark.parametrize("decimals", [1, 12], ids=["ties", "no ties"])
def test_ranking_areas(decimals: int) -> None:
    positive = RNG.random(N) < 0.3
    score = np.round(RNG.random(N) + 0.4 * positive, decimals)
    roc, pr = ranking_areas(positive, score, WEIGHTS)
    for resample, weight in enumerate(WEIGHTS):
        assert roc[resample] == pytest.approx(
            sk.roc_auc_score(positive, score, sample_weight=weight), abs=1e-12
        )
        assert pr[resample] == pytest.approx(
            sk.average_precision_score(positive, score, sample_weight=weight), abs=1e-12
        )


def test_the_roc_auc_is_the_share_of_pairs_won_with_ties_as_halves() -> None:
    positive = RNG.random(40) < 0.5
    score = RNG.integers(0, 5, 40).astype(float)
    gaps = score[positive][:, None] - score[~positive][None, :]
    won = np.mean((gaps > 0) + (gaps == 0) / 2)
    roc, _ = ranking_areas(positive, score, np.ones((1, 40)))
    assert roc[0] == pytest.approx(won, abs=1e-12)


def test_a_constant_score_wins_half_and_has_the_precision_of_guessing() -> None:
    positive = np.array([True] * 3 + [False] * 7)
    roc, pr = ranking_areas(positive, np.full(10, 0.4), np.ones((1, 10)))
    assert (roc[0], pr[0]) == (0.5, pytest.approx(0.3))


def test_areas_without_both_kinds_of_rows_are_nan() -> None:
    score = np.array([0.1, 0.2])
    roc, pr = ranking_areas(np.array([False, False]), score, np.ones((1, 2)))
    assert np.isnan(roc[0])
    assert np.isnan(pr[0])
    roc, pr = ranking_areas(np.array([True, True]), score, np.ones((1, 2)))
    assert np.isnan(roc[0])
    assert pr[0] == 1


@pytest.mark.parametrize("k", [2, 3, 5])
def test_confusion_and_label_metrics(k: int) -> None:
    actual = RNG.integers(0, k, N)
    predicted = np.where(RNG.random(N) < 0.5, actual, RNG.integers(0, k, N))
    confusion = confusion_matrix(actual, predicted, k, WEIGHTS)
    found = label_metrics(confusion)
    for resample, weight in enumerate(WEIGHTS):
        assert np.allclose(
            confusion[resample], sk.confusion_matrix(actual, predicted, sample_weight=weight)
        )
        macro = sk.precision_recall_fscore_support(
            actual, predicted, average="macro", sample_weight=weight, zero_division=0
        )
        single = sk.precision_recall_fscore_support(
            actual, predicted, average=None, sample_weight=weight, zero_division=np.nan
        )
        for place, name in enumerate(("precision", "recall", "f1")):
            assert found[name][resample] == pytest.approx(macro[place], abs=1e-12)
            assert found[f"class {name}"][resample] == pytest.approx(single[place], abs=1e-12)
        assert found["accuracy"][resample] == pytest.approx(
            sk.accuracy_score(actual, predicted, sample_weight=weight), abs=1e-12
        )
        assert found["balanced_accuracy"][resample] == pytest.approx(
            sk.balanced_accuracy_score(actual, predicted, sample_weight=weight), abs=1e-12
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("actual", "predicted"),
    [
        ([0, 0, 1, 1], [0, 0, 0, 0]),  # class 1 is never predicted
        ([0, 0, 1, 1], [0, 2, 1, 1]),  # class 2 is predicted and never occurs
        ([0, 0, 1, 1], [1, 1, 0, 0]),  # all wrong
        ([1, 1, 1, 1], [1, 1, 1, 1]),  # one class, all right
    ],
)
def test_label_metrics_with_classes_that_are_absent(
    actual: list[int], predicted: list[int]
) -> None:
    a, p = np.array(actual), np.array(predicted)
    found = label_metrics(confusion_matrix(a, p, 3, np.ones((1, 4))))
    macro = sk.precision_recall_fscore_support(a, p, average="macro", zero_division=0)
    for name, expected in zip(("precision", "recall", "f1"), macro, strict=False):
        assert found[name][0] == pytest.approx(expected, abs=1e-12)
    assert found["balanced_accuracy"][0] == sk.balanced_accuracy_score(a, p)


def test_regression_metrics() -> None:
    y = RNG.normal(1000, 5, N)
    said = y + np.round(RNG.normal(0.5, 2, N), 1)
    found = regression_metrics(y, said, WEIGHTS)
    for resample, weight in enumerate(WEIGHTS):
        for name, peer in (
            ("mae", sk.mean_absolute_error),
            ("rmse", sk.root_mean_squared_error),
            ("r2", sk.r2_score),
        ):
            assert found[name][resample] == pytest.approx(
                peer(y, said, sample_weight=weight), rel=1e-9
            )
        assert found["bias"][resample] == pytest.approx(
            np.average(said - y, weights=weight), abs=1e-9
        )


@pytest.mark.parametrize("n", [1, 2, 3, 10, 11])
def test_the_weighted_median_is_the_median_of_the_repeated_rows(n: int) -> None:
    values = np.round(RNG.normal(size=n), 1)
    weights = RNG.integers(0, 3, (50, n)).astype(float)
    weights = weights[weights.sum(axis=1) > 0]
    expected = [np.median(np.repeat(values, weight.astype(int))) for weight in weights]
    assert weighted_median(values, weights) == pytest.approx(expected, abs=1e-12)


def test_r2_of_a_constant_truth_is_nan() -> None:
    found = regression_metrics(np.full(5, 3.1), np.arange(5.0), np.ones((1, 5)))
    assert np.isnan(found["r2"][0])
    assert found["mae"][0] == pytest.approx(np.mean(np.abs(np.arange(5) - 3.1)))


def test_mean_terms_are_weighted_means() -> None:
    terms = RNG.normal(size=(N, 2))
    expected = [np.average(terms, axis=0, weights=weight) for weight in WEIGHTS]
    assert np.allclose(mean_terms(terms, WEIGHTS), expected)
