"""Calibration, confusion, thresholds and residuals against scikit-learn and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from pellucid.core.errors import InvalidSetting, WrongTarget
from pellucid.debug import (
    calibration,
    calibration_error,
    choose_threshold,
    confusion,
    residuals,
)


def calibrated(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.beta(2, 3, n)
    return (rng.random(n) < p).astype(int), p


@pytest.mark.parametrize("decimals", [12, 1], ids=["no ties", "ties"])
def test_the_calibration_curve_is_that_of_scikit_learn(decimals: int) -> None:
    y, p = calibrated(500, 0)
    p = np.round(p, decimals)
    curve = calibration(y, p, [0, 1])
    observed, predicted = calibration_curve(y, p, n_bins=10, strategy="quantile")
    assert np.allclose(curve.values, observed, atol=1e-12)
    assert np.allclose(curve.grid, predicted, atol=1e-12)
    assert curve.weight.sum() == 500
    assert np.all(curve.band[0] <= curve.values)
    assert np.all(curve.values <= curve.band[1])


def test_bins_hold_equal_numbers_of_rows() -> None:
    y, p = calibrated(1000, 1)
    assert np.all(calibration(y, p, [0, 1]).weight == 100)


def test_few_rows_get_fewer_bins_and_a_note() -> None:
    y, p = calibrated(35, 2)
    curve = calibration(y, p, [0, 1])
    assert len(curve.grid) == 3
    assert any("too few for 10 bins" in note for note in curve.notes)
    assert len(calibration([1], [0.4], [0, 1]).grid) == 1


def test_constant_probabilities_make_one_bin_and_a_note() -> None:
    curve = calibration([0, 1] * 50, np.full(100, 0.5), [0, 1])
    assert curve.values.tolist() == [0.5]
    assert any("Equal probabilities" in note for note in curve.notes)


def test_calibration_of_many_classes_speaks_of_the_named_one() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], 300)
    y = np.array([rng.choice(3, p=row) for row in p])
    curve = calibration(y, p, ["a", "b", "c"][:0] or [0, 1, 2], positive=2)
    observed, _ = calibration_curve(y == 2, p[:, 2], n_bins=10, strategy="quantile")
    assert np.allclose(curve.values, observed)
    assert curve.target == "2"
    with pytest.raises(InvalidSetting, match="positive="):
        calibration(y, p, [0, 1, 2])


def test_the_calibration_error_by_hand() -> None:
    y = np.array([0] * 8 + [1] * 2 + [0] * 4 + [1] * 6)
    p = np.array([0.1] * 10 + [0.9] * 10)
    scores = calibration_error(y, p, [0, 1], bins=2, seed=0)
    error, bias = scores.rows
    assert error.value == pytest.approx((0.1 + 0.3) / 2)
    assert bias.value == pytest.approx((0.9 * 10 + 0.1 * 10 - 8) / 20)


def test_a_calibrated_model_passes_about_19_times_in_20() -> None:
    passed = {"ece": 0, "calibration_bias": 0}
    for seed in range(200):
        scores = calibration_error(*calibrated(300, seed), [0, 1], seed=seed, resamples=200)
        for row in scores:
            passed[row.metric] += bool(row.passed)
    assert 178 <= passed["ece"] <= 199  # 190 expected, standard deviation 3
    assert 178 <= passed["calibration_bias"] <= 199


def test_an_overconfident_model_fails() -> None:
    y, p = calibrated(1000, 0)
    logit = np.log(p / (1 - p))
    error, _ = calibration_error(y, 1 / (1 + np.exp(-3 * logit)), [0, 1], seed=0).rows
    assert error.passed is False
    assert error.low > 0.05
    high = calibration_error(y, np.sqrt(p), [0, 1], seed=0).rows[1]
    assert high.passed is False
    assert high.low > 0


@pytest.mark.parametrize("k", [2, 3])
def test_confusion_counts_as_scikit_learn(k: int) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, k, 100)
    p = rng.dirichlet(np.ones(k), 100)
    scores = confusion(y, p, list(range(k)))
    said = p.argmax(axis=1)
    matrix = sk.confusion_matrix(y, said)
    for actual in range(k):
        for predicted in range(k):
            (row,) = scores.sel(metric=f"predicted {predicted}", group=f"actual {actual}").rows
            assert row.value == matrix[actual, predicted]
            assert row.n == matrix[actual].sum()
            assert row.low <= row.value <= row.high <= row.n


def test_confusion_without_rows_of_a_class_says_so() -> None:
    (row,) = confusion([0, 0], [0.1, 0.9], [0, 1]).sel(metric="predicted 1", group="actual 1").rows
    assert row.value == 0
    assert row.text == "No row is of class 1."


GOALS = {
    "youden": lambda y, said: sk.recall_score(y, said) + sk.recall_score(1 - y, ~said) - 1,
    "f1": lambda y, said: sk.f1_score(y, said, zero_division=0),
    "cost": lambda y, said: -np.mean(np.where(y == 1, 5.0 * ~said, 1.0 * said)),
}


@pytest.mark.parametrize("goal", list(GOALS))
@pytest.mark.parametrize("decimals", [1, 12], ids=["ties", "no ties"])
def test_the_threshold_is_the_best_of_all(goal: str, decimals: int) -> None:
    y, p = calibrated(80, 5)
    p = np.round(p, decimals)
    asked = {"false_positive": 1, "false_negative": 5} if goal == "cost" else goal
    scores = choose_threshold(y, p, [0, 1], asked, seed=0)
    threshold, there, usual = scores.rows
    best = max(GOALS[goal](y, p >= cut) for cut in [*np.unique(p), 2.0])
    reached = GOALS[goal](y, p >= threshold.value)
    assert reached == pytest.approx(best, abs=1e-12)
    assert abs(there.value) == pytest.approx(abs(best), abs=1e-12)
    assert abs(usual.value) == pytest.approx(abs(GOALS[goal](y, p >= 0.5)), abs=1e-12)
    assert threshold.low <= threshold.high
    assert any("flatters" in note for note in scores.notes)


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ({"false_positive": 1, "false_negative": 0}, 0),
        ({"false_positive": 0, "false_negative": 1}, 1),
    ],
)
def test_one_sided_costs_predict_one_class_only(costs: dict[str, float], said: int) -> None:
    y, p = np.array([0, 1] * 10), np.tile([1.0, 0.0], 10)
    threshold = choose_threshold(y, p, [0, 1], costs, seed=0).rows[0].value
    assert np.all((p >= threshold) == bool(said))
    confusion(y, p, [0, 1], threshold=threshold)


def test_a_threshold_needs_both_classes_and_a_known_goal() -> None:
    with pytest.raises(WrongTarget, match="every row"):
        choose_threshold([1, 1], [0.1, 0.2], [0, 1])
    for goal in ("gmean", {"false_positive": 1}, {"false_positive": -1, "false_negative": 1}):
        with pytest.raises(InvalidSetting):
            choose_threshold([0, 1], [0.1, 0.2], [0, 1], goal)


def test_residuals_are_quantiles_and_the_worst_rows() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=200)
    said = y + rng.normal(size=200)
    said[17] = y[17] + 50
    scores = residuals(y, said, worst=2)
    assert [row.group for row in scores][-2] == "row 17"
    assert scores.rows[-2].value == pytest.approx(-50)
    assert "50 too high" in scores.rows[-2].text
    for row, share in zip(scores.rows, (0.05, 0.25, 0.5, 0.75, 0.95), strict=False):
        assert row.value == pytest.approx(np.quantile(y - said, share))
        assert row.low <= row.value <= row.high


def test_residuals_of_one_row_have_no_interval() -> None:
    scores = residuals([1.0], [3.0])
    assert all(np.isnan(row.low) for row in scores)
    with pytest.raises(InvalidSetting):
        residuals([1.0], [3.0], worst=-1)
