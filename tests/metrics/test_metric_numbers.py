"""The numbers of each metric against values worked out by hand or known in closed form."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import pellucid as pel
from pellucid.maths.correlation import spearman
from pellucid.metrics.agreement.agreement import Agreement
from pellucid.metrics.axioms.additivity import Additivity
from pellucid.metrics.faithfulness.deletion import Deletion
from pellucid.metrics.ranks import overlap
from pellucid.metrics.resample import mean_interval
from pellucid.metrics.robustness.reseeding import Reseeding
from pellucid.metrics.robustness.sampling_error import SamplingError
from pellucid.metrics.robustness.stability import Stability
from twins.honest_methods import Brute, Sampled, linear


def judge(att, model, X, metric, background, method, seed=0):
    return pel.evaluate(
        att, model, X, background=background, metrics=metric, method=method, seed=seed
    )


def numbers(text: str) -> list[float]:
    return [float(n) for n in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)]


def test_deletion_of_a_linear_model_is_the_sum_of_the_shares_removed() -> None:
    model, zero = linear([4.0, -3.0, 1.0, 0.5]), np.zeros((1, 4))
    X = np.array([[1.0, 1.0, 1.0, 1.0], [0.5, 2.0, 0.0, 4.0]])
    att = Brute().explain(model, X, background=zero)
    score = judge(att, model, X, Deletion(orders=4000), zero, Brute())["deletion"]
    # shares 4 −3 1 .5 and 2 −6 0 2: the first two of each row move by 4 + 3 and 6 + 2
    first = (7 + 8) / 2
    random = 2 * np.mean([[4, 3, 1, 0.5], [2, 6, 0, 2]])
    assert numbers(score.text)[1] == pytest.approx(first, rel=1e-3)
    assert score.value == pytest.approx(first - random, abs=0.06)  # 4 standard errors of the orders


def test_deletion_averages_the_prediction_over_the_background() -> None:
    model, background = linear([2.0, 1.0]), np.array([[1.0, 0.0], [3.0, 0.0]])
    X = np.array([[0.0, 0.5]])
    att = Brute().explain(model, X, background=background)
    text = judge(att, model, X, "deletion", background, Brute())["deletion"].text
    assert numbers(text)[1] == pytest.approx(4.0)  # 2 · (0 − mean of 1 and 3)


def test_additivity_is_the_largest_gap_over_the_spread() -> None:
    model, zero = linear([1.0, 1.0]), np.zeros((1, 2))
    X = np.array([[0.0, 1.0], [2.0, 8.0], [1.0, 1.0]])
    att = Brute().explain(model, X, background=zero)
    values = np.array(att.values)
    values[1, 0] += 0.3
    score = judge(replace(att, values=values), model, X, Additivity(), zero, Brute())["additivity"]
    assert score.value == pytest.approx(0.3 / 10)
    assert score.passed is False
    assert "row 1" in score.text
    assert "0.1 on average" in score.text


def test_additivity_asks_the_model_and_not_the_explanation() -> None:
    model, X, zero = linear([1.0, 1.0]), np.eye(2), np.zeros((1, 2))
    att = Brute().explain(model, X, background=zero)
    liar = replace(att, values=2 * att.values, output=att.base + 2 * att.values.sum(axis=1))
    assert not liar.gap().any()
    assert judge(liar, model, X, "additivity", zero, Brute())["additivity"].passed is False


def test_sampling_error_by_hand() -> None:
    model, X, zero = linear([1.0, 1.0, 1.0, 1.0]), np.eye(4)[:1], np.zeros((1, 4))
    att = Sampled().explain(model, X, background=zero, seed=0)
    att = replace(
        att, values=np.array([[4.0, 2.0, 1.9, 0.1]]), error=np.array([[0.2, 0.1, 0.1, 0.1]])
    )
    scores = judge(att, model, X, SamplingError(), zero, Sampled())
    assert scores["sampling_error"].value == pytest.approx(0.5 / 8.0)
    assert scores["sampling_error"].passed
    assert scores["certain_order"].value == pytest.approx(2 / 3)  # 2.0 and 1.9 may trade places


def test_exact_values_carry_no_sampling_error() -> None:
    model, X, zero = linear([1.0, 2.0]), np.eye(2), np.zeros((1, 2))
    att = Brute().explain(model, X, background=zero)
    scores = judge(att, model, X, ["sampling_error", "reseeding"], zero, Brute())
    assert scores["sampling_error"].value == 0
    assert scores["sampling_error"].passed
    assert scores["reseeding"].passed is None
    assert "no random numbers" in scores["reseeding"].text


def test_occlusion_agrees_wholly_with_the_shares_of_a_linear_model() -> None:
    rng = np.random.default_rng(0)
    model, X, background = (
        linear([5, 2, 1, 0.1]),
        rng.normal(size=(30, 4)),
        rng.normal(size=(15, 4)),
    )
    att = Brute().explain(model, X, background=background)
    scores = judge(att, model, X, Agreement(), background, Brute())
    assert scores["agreement"].value == pytest.approx(1.0)
    assert scores["agreement_global"].value == pytest.approx(1.0)


def test_the_shares_of_a_linear_model_change_as_much_as_the_noise() -> None:
    """E|w·noise| over E|w·x| is the noise, 1 %, when the rows are normal."""
    rng = np.random.default_rng(1)
    model, X = linear([3.0, -1.0, 2.0]), rng.normal(size=(200, 3))
    att = Brute().explain(model, X, background=np.zeros((1, 3)))
    far = rng.normal(size=(2000, 3))
    score = judge(att, model, X, Stability(), far, Brute())["stability"]
    assert "Not measured" in score.text  # another background than the explanation's own
    att = Brute().explain(model, X, background=X)
    score = judge(att, model, X, Stability(), X, Brute())["stability"]
    assert score.value == pytest.approx(0.01, rel=0.1)
    assert score.low < 0.01 < score.high
    assert score.passed


def test_an_honest_error_scatters_by_one_standard_error() -> None:
    rng = np.random.default_rng(2)

    def model(X):
        return X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3] + X[:, 0]

    X, background = rng.normal(size=(12, 4)), rng.normal(size=(5, 4))
    att = Sampled(draws=60).explain(model, X, background=background, seed=3)
    score = judge(att, model, X, Reseeding(seeds=15), background, Sampled(draws=60))["stated_error"]
    assert score.value == pytest.approx(1.0, abs=0.25)
    assert score.passed


def test_rank_correlation_is_that_of_scipy_and_flat_rows_are_told() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 4, size=(2, 50, 7)).astype(float)
    truth = [stats.spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(spearman(a, b), truth, atol=1e-12)
    flat = np.zeros((1, 7))
    assert spearman(flat, a[:1])[0] == 0
    assert np.isnan(spearman(flat, flat)[0])


def test_overlap_is_that_of_sets() -> None:
    a, b = np.array([[5.0, -4, 3, 0]]), np.array([[0.0, -4, 3, 9]])
    assert overlap(a, b, 2)[0] == 0.5
    assert overlap(a, b, 3)[0] == pytest.approx(2 / 3)
    assert overlap(a, a, 9)[0] == 1


def test_the_interval_of_a_mean_is_close_to_students() -> None:
    values = np.random.default_rng(4).normal(1, 2, size=150)
    low, high = mean_interval(values, np.random.default_rng(0))
    truth = stats.t.interval(0.95, 149, values.mean(), stats.sem(values))
    assert (low, high) == pytest.approx(truth, abs=0.06)
    assert mean_interval(np.full(20, 3.0), np.random.default_rng(0)) == (3.0, 3.0)
    assert np.isnan(mean_interval(values[:5], np.random.default_rng(0))[0])


def test_random_shares_rarely_pass_the_deletion_test() -> None:
    """Under the null the lower limit of a 95 % interval is above zero in 2.5 % of cases."""
    rng = np.random.default_rng(5)
    model, X, background = linear(rng.normal(size=8)), rng.normal(size=(60, 8)), np.zeros((1, 8))
    att = Brute().explain(model, X, background=background)
    passed = 0
    for seed in range(100):
        liar = replace(att, values=np.random.default_rng(seed).normal(size=att.values.shape))
        passed += bool(
            judge(liar, model, X, "deletion", background, Brute(), seed)["deletion"].passed
        )
    assert passed <= stats.binom.ppf(0.999, 100, 0.025)
