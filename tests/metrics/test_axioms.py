"""Axioms of explanations, on planted networks: methods that keep each and such that break it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import pellucid as pel
from pellucid.core.errors import InvalidSetting
from pellucid.metrics.axioms.batch_invariance import BatchInvariance
from pellucid.metrics.axioms.completeness import Completeness
from pellucid.metrics.axioms.input_invariance import InputInvariance
from pellucid.metrics.axioms.non_sensitivity import REACTS, NonSensitivity
from twins.honest_methods import Brute, Sampled
from twins.image_liars import EdgeDetector, SharedScale, WeightsTimesInput
from twins.networks_of_tests import Plain, pictures, seeded

torch.set_num_threads(1)

X = np.random.default_rng(0).normal(size=(12, 1, 6, 6)).astype(np.float32)


def linear_net(weights: np.ndarray) -> nn.Module:
    head = nn.Linear(weights.shape[1], len(weights))
    with torch.no_grad():
        head.weight.copy_(torch.tensor(weights))
        head.bias.fill_(0.5)
    return nn.Sequential(nn.Flatten(), head).eval()


def planted(silent: np.ndarray) -> nn.Module:
    """A network with a hidden layer that does not see some pixels."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 24), nn.Tanh(), nn.Linear(24, 3)).eval()
    with torch.no_grad():
        net[1].weight[:, torch.tensor(silent.ravel())] = 0
    return net


LINEAR = linear_net(np.random.default_rng(1).normal(size=(3, 36)))
DEEP = seeded(Plain)
PICTURES = pictures(12)


def judge(net, images, method, metric, *, background=None, **settings):
    given = isinstance(method, str)
    asked = {"scale": "logit", "background": background, "seed": 0}
    att = (
        pel.explain(net, images, method=method, **asked)
        if given
        else method.explain(net, images, **asked)
    )
    scores = pel.evaluate(
        att, net, images, metrics=metric, method=None if given else method, seed=0,
        background=background, **settings,
    )  # fmt: skip
    return scores


# completeness


@pytest.mark.parametrize(
    "method",
    ["integrated_gradients", "deep_lift", "deep_shap", "expected_gradients", "kernel_shap"],
)
def test_methods_that_start_from_a_base_are_complete(method) -> None:
    behind = PICTURES[:4] if method in ("deep_shap", "expected_gradients") else None
    score = judge(DEEP, PICTURES, method, "completeness", background=behind)["completeness"]
    assert score.passed is True, score.text
    assert score.n == 12


def test_the_gap_of_a_scaled_explanation_is_what_was_scaled_away() -> None:
    whole = LINEAR(torch.tensor(X)).detach().numpy().astype(float)
    own = whole.max(axis=1)
    honest = judge(LINEAR, X, WeightsTimesInput(), Completeness())["completeness"]
    assert honest.passed is True
    assert honest.value < 1e-6
    scores = judge(LINEAR, X, WeightsTimesInput(scale=0.7), Completeness())
    gap = 0.3 * (own - 0.5)
    drop = np.abs(own - LINEAR(torch.tensor(np.broadcast_to(
        X.mean(axis=(2, 3), keepdims=True), X.shape).copy())).detach().numpy().astype(float)[
            np.arange(12), whole.argmax(axis=1)])  # fmt: skip
    spread = max(np.ptp(own), drop.max())
    assert scores["completeness"].value == pytest.approx(np.abs(gap / spread).mean(), rel=1e-4)
    assert scores["completeness"].passed is False
    assert scores["completeness"].text.startswith("Warning: ")


def test_no_verdict_where_no_sum_is_promised_and_nothing_without_a_base() -> None:
    lrp = judge(DEEP, PICTURES, "lrp", "completeness")["completeness"]
    assert lrp.passed is None
    assert lrp.value > 0
    assert "promises no sum" in lrp.text
    assert "no base" in judge(DEEP, PICTURES, "saliency", "completeness")["completeness"].text


def test_tables_are_judged_and_sampled_values_within_their_errors() -> None:
    rng = np.random.default_rng(0)
    rows, background = rng.normal(size=(15, 4)), rng.normal(size=(8, 4))

    def model(X):
        return X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3]

    for method in (Brute(), Sampled(draws=60)):
        att = method.explain(model, rows, background=background, seed=0)
        score = pel.evaluate(
            att, model, rows, background=background, metrics="completeness", method=method, seed=0
        )["completeness"]
        assert score.passed is True, score.text


# non-sensitivity


def test_a_planted_dummy_is_found_and_honest_methods_give_it_nothing() -> None:
    silent = np.zeros((6, 6), dtype=bool)
    silent[2:4, 1:5] = True
    net = planted(silent)
    metric = NonSensitivity(units=36)
    for method in ("saliency", "integrated_gradients", "kernel_shap", "occlusion"):
        scores = judge(net, X, method, metric)
        assert scores["non_sensitivity"].passed is True, (method, scores["non_sensitivity"].text)
        assert scores["non_sensitivity"].value == 0
    liar = judge(net, X, EdgeDetector(), metric)["non_sensitivity"]
    assert liar.passed is False
    assert f"of {12 * silent.sum()} cells" in liar.text
    down, across = np.gradient(X[:, 0].astype(float), axis=(1, 2))
    edges = np.hypot(down, across)
    seen = edges > 0.05 * edges.max(axis=(1, 2), keepdims=True)
    assert liar.value == pytest.approx(seen[:, silent].mean())


def test_a_unit_without_value_that_the_model_reacts_to_is_told_without_a_verdict() -> None:
    weights = np.random.default_rng(1).normal(size=(3, 36))
    net = linear_net(weights)
    images = X.copy()
    images[:, :, 0] = 0  # six pixels are what input × gradient compares with
    scores = judge(net, images, "input_x_gradient", NonSensitivity(units=36))
    assert scores["non_sensitivity"].passed is None
    assert "none is a dummy" in scores["non_sensitivity"].text
    zero = np.abs(weights[net(torch.tensor(images)).argmax(1)] * images.reshape(12, 36))
    share = (zero <= 0.05 * zero.max(axis=1, keepdims=True)).mean()
    assert scores.sel(group=REACTS).rows[0].value == pytest.approx(share)
    assert scores.sel(group=REACTS).rows[0].passed is None


def test_two_columns_that_stand_in_for_each_other_are_no_dummies() -> None:
    """Shapley values share an OR; replacing one of the two alone changes nothing."""
    rng = np.random.default_rng(0)
    background = rng.integers(0, 2, size=(30, 3)).astype(float)
    rows = np.ones((15, 3))

    def model(X):
        return np.maximum(X[:, 0], X[:, 1])

    att = Brute().explain(model, rows, background=background)
    assert (np.abs(att.values[:, :2]) > 0.05).all()
    score = pel.evaluate(
        att, model, rows, background=background, metrics="non_sensitivity", method=Brute(), seed=0
    )["non_sensitivity"]
    assert score.passed is True
    assert score.value == 0  # the third column is the dummy, and has nothing


# input invariance


def test_a_shift_that_the_network_takes_away_is_no_matter_to_gradients() -> None:
    for method in ("saliency", "guided_backprop", "grad_cam", "lrp", "occlusion"):
        score = judge(DEEP, PICTURES, method, "input_invariance")["input_invariance"]
        assert score.passed is True, (method, score.text)


def test_a_shift_is_no_matter_to_a_background_or_a_baseline_that_moves_along() -> None:
    moved = pel.explainers.IntegratedGradients(baseline="mean")
    assert judge(DEEP, PICTURES, moved, "input_invariance")["input_invariance"].passed is True
    score = judge(DEEP, PICTURES, "deep_shap", "input_invariance", background=PICTURES[:4])
    assert score["input_invariance"].passed is True


@pytest.mark.parametrize("method", ["input_x_gradient", "integrated_gradients", "deep_lift"])
def test_methods_that_compare_with_zero_depend_on_the_shift(method) -> None:
    score = judge(DEEP, PICTURES, method, "input_invariance")["input_invariance"]
    assert score.passed is False
    assert score.text.startswith("Warning: ")


def test_input_times_gradient_of_a_linear_network_moves_by_the_weights_times_the_shift() -> None:
    score = judge(LINEAR, X, "input_x_gradient", InputInvariance(shift=1.0))["input_invariance"]
    weights = LINEAR[1].weight.detach().numpy()[LINEAR(torch.tensor(X)).argmax(1)]
    by = 2.0 ** np.round(np.log2(X.std()))
    part = np.abs(weights * by).sum(1) / np.abs(weights * X.reshape(12, 36)).sum(1)
    assert score.value == pytest.approx(part.mean(), rel=1e-5)


def test_a_site_inside_the_network_is_found_again() -> None:
    cam = pel.explainers.GradCAM(site="features.4")
    assert judge(DEEP, PICTURES, cam, "input_invariance")["input_invariance"].passed is True


# batch invariance


@pytest.mark.parametrize("method", ["deep_lift", "lrp", "integrated_gradients", "smooth_grad"])
def test_an_image_alone_is_as_among_others(method) -> None:
    score = judge(DEEP, PICTURES, method, "batch_invariance")["batch_invariance"]
    assert score.passed is True, score.text
    assert score.n == 10


def test_values_divided_by_the_largest_of_the_batch_are_caught() -> None:
    largest = np.abs(X).reshape(12, -1).max(axis=1)
    score = judge(LINEAR, X, SharedScale(), BatchInvariance(samples=12))["batch_invariance"]
    assert score.value == pytest.approx(np.mean(largest.max() / largest - 1), rel=1e-5)
    assert score.passed is False
    assert score.text.startswith("Warning: ")


def test_one_image_has_no_others() -> None:
    score = judge(LINEAR, X[:1], "saliency", "batch_invariance")["batch_invariance"]
    assert "only one image" in score.text


def test_settings_that_cannot_be_used_are_refused() -> None:
    for wrong in (
        lambda: Completeness(tolerance=0),
        lambda: NonSensitivity(units=0),
        lambda: InputInvariance(shift=0),
        lambda: BatchInvariance(samples=1),
    ):
        with pytest.raises(InvalidSetting):
            wrong()
