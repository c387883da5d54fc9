"""Randomisation: explanations that do not need the network, or the class, are found out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

import pellucid as pel
from pellucid.core.errors import InvalidSetting
from pellucid.metrics.gather import gather
from pellucid.metrics.gather_images import gather_images
from pellucid.metrics.randomisation.label_randomisation import LabelRandomisation
from pellucid.metrics.randomisation.likeness import FLOOR, Likeness
from pellucid.metrics.randomisation.parameter_randomisation import ParameterRandomisation
from pellucid.metrics.randomisation.random_logit import EFFECTS, RandomLogit
from pellucid.models.small_network import train_network
from twins.image_liars import EdgeDetector, SameMap
from twins.structural_similarity import ssim_map

torch.set_num_threads(1)

HONEST = ("saliency", "input_x_gradient", "integrated_gradients", "deep_lift", "grad_cam", "lrp")


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    found = load_digits()
    images = (found.images / 16).astype(np.float32)[:, None]
    larger = np.kron(images, np.ones((1, 1, 2, 2), np.float32)).astype(np.float32)
    return larger, found.target


@pytest.fixture(scope="module")
def world(digits):
    X, y = digits
    return train_network(X[:1300], y[:1300], epochs=12), X[1300:1330]


def judged(world, method, *metrics, seed=0):
    net, X = world
    recipe = None if isinstance(method, str) else method
    att = (
        pel.explain(net, X, method=method, seed=0, scale="logit")
        if recipe is None
        else recipe.explain(net, X, seed=0)
    )
    return pel.evaluate(att, net, X, metrics=list(metrics), method=recipe, seed=seed)


@pytest.mark.parametrize("method", HONEST)
def test_methods_that_read_the_network_pass(world, method) -> None:
    scores = judged(world, method, ParameterRandomisation(), RandomLogit())
    assert scores["parameter_randomisation"].passed is True, scores["parameter_randomisation"].text
    if method != "saliency":  # it has no signs, so classes look alike
        assert scores["random_logit"].passed is True, scores["random_logit"].text


@pytest.mark.parametrize("method", ["guided_backprop", EdgeDetector(), SameMap()], ids=str)
def test_what_shows_the_image_or_nothing_fails_both(world, method) -> None:
    scores = judged(world, method, ParameterRandomisation(), RandomLogit())
    for name in ("parameter_randomisation", "random_logit"):
        assert scores[name].passed is False, scores[name].text
        assert scores[name].text.startswith("Warning: ")
    if not isinstance(method, str):
        assert scores["parameter_randomisation"].value == pytest.approx(1)
        assert scores["random_logit"].value == pytest.approx(1)


def test_magnitudes_of_what_multiplies_by_the_input_stay_alike_and_give_no_verdict(world) -> None:
    scores = judged(world, "input_x_gradient", ParameterRandomisation())
    sizes = scores["parameter_randomisation_magnitudes"]
    assert sizes.value > 0.4 > 0.2 > scores["parameter_randomisation"].value
    assert sizes.passed is None


def test_every_step_of_the_cascade_has_a_row_and_each_layer_alone_where_asked(world) -> None:
    scores = judged(world, "saliency", ParameterRandomisation(draws=1, alone=True))
    labels = [row.label for row in scores if row.label]
    names = ("head", "conv3", "conv2", "conv1")
    assert labels == [
        *(f"layers down to {name}" for name in names), *(f"{name} alone" for name in names)
    ]  # fmt: skip
    steps = [scores.sel(label=label).rows[0].value for label in labels]
    assert steps[0] == steps[4]  # the first block, drawn with the same seed
    assert scores["parameter_randomisation"].value == pytest.approx(np.mean(steps[:4]), abs=1e-9)


def test_the_network_keeps_every_bit_even_where_the_method_breaks_in_the_middle(world) -> None:
    net, _ = world
    before = {name: value.clone() for name, value in net.state_dict().items()}
    calls = []

    class Breaks(EdgeDetector):
        def compute(self, question):
            calls.append(question.model.module)
            if len(calls) == 4:
                raise RuntimeError("out of memory")
            return super().compute(question)

        @classmethod
        def name(cls) -> str:
            return "edge_detector"

    with pytest.raises(RuntimeError, match="out of memory"):
        judged(world, Breaks(), ParameterRandomisation())
    assert calls[0] is net
    assert net not in calls[1:]
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_the_same_seed_gives_the_same_scores_and_another_draws_others(world) -> None:
    rows = [
        judged(world, "saliency", ParameterRandomisation(draws=1), RandomLogit(), seed=seed)
        .to_dict()["rows"]
        for seed in (0, 0, 1)
    ]  # fmt: skip
    assert rows[0] == rows[1] != rows[2]


def test_likeness_is_the_rank_correlation_of_scipy_on_the_foreground() -> None:
    rng = np.random.default_rng(0)
    own, other = rng.normal(size=(2, 4, 5, 5))
    there = rng.random((4, 5, 5)) < 0.7
    found = Likeness.of(own, other, there)
    for i in range(4):
        at, after = there[i], there[i] & there[i - 1]
        same = stats.spearmanr(own[i][at], other[i][at]).statistic
        sizes = stats.spearmanr(np.abs(own[i][at]), np.abs(other[i][at])).statistic
        beside = stats.spearmanr(own[i][after], other[i - 1][after]).statistic
        assert found.signed[i] == pytest.approx(same)
        assert found.magnitudes[i] == pytest.approx(sizes)
        assert found.floor[i] == pytest.approx(beside)


def test_the_look_of_maps_is_that_of_magnitudes_scaled_to_the_foreground() -> None:
    rng = np.random.default_rng(3)
    own, other = rng.normal(size=(2, 3, 9, 9))
    there = rng.random((3, 9, 9)) < 0.7
    found = Likeness.of(own, other, there)

    def alike(one, two, at) -> float:
        one, two = (np.abs(each) / np.abs(each[at]).max() for each in (one, two))
        return float(np.nanmean(ssim_map(one, two, at, 1.0)))

    for i in range(3):
        assert found.look[i] == pytest.approx(alike(own[i], other[i], there[i]))
        both = there[i] & there[i - 1]
        shown = [np.where(both, each, 0.0) for each in (own[i], other[i - 1])]
        assert found.floor_of_look[i] == pytest.approx(alike(*shown, both))
    empty = Likeness.of(np.zeros((2, 9, 9)), np.zeros((2, 9, 9)), there[:2])
    assert np.isnan(empty.look).all()
    rows = Likeness.of(own.reshape(3, -1), other.reshape(3, -1), there.reshape(3, -1))
    assert np.isnan(rows.look).all()  # a table has no look


def test_the_look_of_explanations_is_told_beside_its_floor_without_a_verdict(world) -> None:
    scores = judged(world, EdgeDetector(), ParameterRandomisation(draws=1))
    own, floor = scores.sel(metric="parameter_randomisation_ssim")
    assert own.value == pytest.approx(1)
    assert floor.group == FLOOR
    assert floor.value < 0.5
    honest = judged(world, "saliency", ParameterRandomisation(draws=1))
    look, floor = honest.sel(metric="parameter_randomisation_ssim")
    assert abs(look.value - floor.value) < 0.2
    assert own.passed is floor.passed is look.passed is None


@dataclass(frozen=True, kw_only=True)
class NoisyEdges(EdgeDetector):
    """Where the image changes, hidden below noise that any change of weights or pixels changes."""

    def compute(self, question):
        edges = super().compute(question)
        head = next(iter(question.model.module.parameters())).detach().numpy()
        noise = [
            np.random.default_rng([*image.tobytes()[:64], *head.tobytes()[:64]])
            .normal(0, 1.0, edges.values.shape[1:])
            for image in question.images.values + 1e-7
        ]  # fmt: skip
        return replace(edges, values=edges.values + np.stack(noise))

    @classmethod
    def name(cls) -> str:
        return "noisy_edges"


def test_noise_hides_a_liar_until_explanations_of_noisy_copies_are_averaged(world) -> None:
    alone = judged(world, NoisyEdges(), ParameterRandomisation(draws=1, blocks=1))
    assert alone["parameter_randomisation"].passed is True
    smooth = ParameterRandomisation(draws=1, blocks=1, copies=120, noise=0.02)
    found = judged(world, NoisyEdges(), smooth)["parameter_randomisation"]
    assert found.value > alone["parameter_randomisation"].value + 0.3
    assert found.passed is False
    few = replace(smooth, copies=8)
    honest = judged(world, "saliency", few)["parameter_randomisation"]
    assert honest.passed is True


@pytest.mark.parametrize("on", ["images", "rows"])
def test_averages_over_noisy_copies_are_those_of_the_method_itself(on) -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(12, 1, 6, 6) if on == "images" else (12, 7)).astype(np.float32)
    weights = rng.normal(size=(3, X[0].size))
    net = linear_net(weights) if on == "images" else linear_net(weights)[1]
    att = pel.explain(net, X, method="input_x_gradient", target=2, scale="logit", seed=0)
    recipe = ParameterRandomisation(copies=6, noise=0.5)
    given = {"background": None, "method": None, "target": None, "schema": None}
    (evidence,) = (
        gather_images(att, net, X, rows=12, seed=0)
        if on == "images"
        else gather(att, net, X, rows=12, seed=0, batch_size=64, threads=None, **given)
    )
    rows = np.array([1, 4, 7])
    found = recipe._explained(evidence, rows, evidence.question.model)
    moved = [evidence.nudged(rows, 0.5, "parameter_randomisation", copy) for copy in range(6)]
    mean = np.mean(moved, axis=0).reshape(3, -1)
    assert not np.allclose(mean, X[rows].reshape(3, -1), atol=0.05)
    np.testing.assert_allclose(found.reshape(3, -1), weights[2] * mean, atol=1e-5)
    still = pel.explain(net, X, method="saliency", target=2, scale="logit", seed=0)
    plain, smooth = (
        pel.evaluate(still, net, X, metrics=each, seed=0)["parameter_randomisation"].value
        for each in (ParameterRandomisation(), recipe)
    )
    assert smooth == pytest.approx(plain, abs=1e-6)  # slopes of a plane are the same everywhere


def test_the_foreground_is_all_but_the_most_frequent_colour_where_that_is_frequent(world) -> None:
    net, X = world
    noise = np.random.default_rng(0).random((2, 1, 16, 16), dtype=np.float32)
    noise[1, :, :5] = 0.25  # 5 of 16 rows
    for images, wanted in ((X[:3], X[:3, 0] != 0), (noise, noise[:, 0] != 0.25)):
        att = pel.explain(net, images, method="saliency", seed=0)
        (evidence,) = gather_images(att, net, images, rows=9, seed=0)
        np.testing.assert_array_equal(evidence.foreground, wanted)


def test_black_pixels_would_make_unrelated_explanations_look_alike(world) -> None:
    net, X = world
    att = pel.explain(net, X, method="input_x_gradient", seed=0)
    (evidence,) = gather_images(att, net, X, rows=99, seed=0)
    rng = np.random.default_rng(0)
    other = rng.normal(size=evidence.finest.shape) * (X[:, 0] != 0)
    whole = Likeness.of(evidence.finest, other, np.ones_like(evidence.foreground))
    masked = Likeness.of(evidence.finest, other, evidence.foreground)
    assert whole.magnitudes.mean() > masked.magnitudes.mean() + 0.3


def linear_net(rows: np.ndarray) -> nn.Module:
    head = nn.Linear(rows.shape[1], len(rows))
    with torch.no_grad():
        head.weight.copy_(torch.tensor(rows))
        head.bias.zero_()
    return nn.Sequential(nn.Flatten(), head).eval()


def test_random_logit_of_a_linear_network_is_the_rank_correlation_of_weights_times_input() -> None:
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(3, 36))
    X = rng.normal(size=(12, 1, 6, 6)).astype(np.float32)
    net = linear_net(weights)
    att = pel.explain(net, X, method="input_x_gradient", target=0, seed=0, scale="logit")
    score = pel.evaluate(att, net, X, metrics="random_logit", seed=0)["random_logit"]
    shares = weights[:, None] * X.reshape(12, 36)
    alike = [
        [stats.spearmanr(shares[0, i], shares[k, i]).statistic for k in (1, 2)] for i in range(12)
    ]
    among = [{np.float64(round(a, 6)), np.float64(round(b, 6))} for a, b in alike]
    (evidence,) = gather_images(att, net, X, rows=12, seed=0)
    step = evidence.rng("random_logit").integers(1, 3, 12)
    assert score.value == pytest.approx(np.mean([alike[i][k - 1] for i, k in enumerate(step)]))
    assert len(set(step)) == 2
    assert all(round(alike[i][k - 1], 6) in among[i] for i, k in enumerate(step))


def test_classes_that_the_model_itself_treats_alike_are_no_fault_of_the_explanation() -> None:
    rng = np.random.default_rng(2)
    one = rng.normal(size=36)
    weights = np.stack([one, one + 0.1 * rng.normal(size=36), one + 0.1 * rng.normal(size=36)])
    X = rng.normal(size=(30, 1, 6, 6)).astype(np.float32)
    net = linear_net(weights)
    scores = judged((net, X), "input_x_gradient", RandomLogit(singles=36))
    assert scores["random_logit"].value > 0.9
    assert scores.sel(group=EFFECTS).rows[0].value > 0.9
    assert scores["random_logit"].passed is not False
    opposite = linear_net(np.stack([one, -one, rng.normal(size=36)]))
    assert judged((opposite, X), EdgeDetector(), RandomLogit())["random_logit"].passed is False


def test_models_of_shuffled_labels_are_trained_or_given(digits, world) -> None:
    X, y = digits
    seen = []

    def fit(inputs, labels):
        seen.append((inputs, labels))
        return train_network(inputs, labels, epochs=25, seed=1)

    trained = LabelRandomisation(fit=fit, X=X[:300], y=y[:300])
    first = judged(world, "saliency", trained)["label_randomisation"]
    assert seen[0][0].shape == (300, 1, 16, 16)
    assert sorted(seen[0][1]) == sorted(y[:300])
    assert (seen[0][1] == y[:300]).mean() < 0.3
    again = judged(world, "saliency", LabelRandomisation(shuffled=fit(*seen[0])))
    assert again["label_randomisation"].value == pytest.approx(first.value, abs=1e-6)
    assert first.passed is True
    liar = judged(world, EdgeDetector(), LabelRandomisation(shuffled=world[0]))
    assert liar["label_randomisation"].passed is False


def test_the_explanation_of_the_same_model_is_found_to_be_the_same(world) -> None:
    score = judged(world, "integrated_gradients", LabelRandomisation(shuffled=world[0]))
    assert score["label_randomisation"].value == pytest.approx(1)
    assert score["label_randomisation"].passed is False


@pytest.fixture(scope="module")
def table():
    from sklearn.datasets import load_wine
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import scale

    X, y = load_wine(return_X_y=True)
    X = scale(X)
    return X, y, LogisticRegression(max_iter=500).fit(X, y)


def test_tables_and_their_networks_are_judged_too(table) -> None:
    X, _, line = table
    head = nn.Linear(13, 3)
    with torch.no_grad():
        head.weight.copy_(torch.tensor(line.coef_))
        head.bias.copy_(torch.tensor(line.intercept_))
    net = nn.Sequential(head).eval()
    rows = X.astype(np.float32)[::4]
    att = pel.explain(net, rows, method="input_x_gradient", scale="logit", seed=0)
    scores = pel.evaluate(
        att, net, rows, metrics=[ParameterRandomisation(draws=5), RandomLogit()], seed=0
    )
    assert scores["random_logit"].passed is True
    assert abs(scores["parameter_randomisation"].value) < 0.5


def test_what_cannot_be_told_is_said(table) -> None:
    X, y, line = table
    att = pel.explain(line, X[:20], background=X, seed=0)
    said = pel.evaluate(
        att, line, X[:20], background=X, metrics=["parameter_randomisation", "label_randomisation"],
        seed=0,
    )  # fmt: skip
    assert "no network" in said["parameter_randomisation"].text
    assert "shuffled=" in said["label_randomisation"].text
    two = y < 2
    from sklearn.linear_model import LogisticRegression

    pair = LogisticRegression(max_iter=500).fit(X[two], y[two])
    att = pel.explain(pair, X[:20], background=X, seed=0)
    found = pel.evaluate(att, pair, X[:20], background=X, metrics="random_logit", seed=0)
    assert "no other classes" in found["random_logit"].text
    shuffled = LogisticRegression(max_iter=500).fit(X, np.random.default_rng(0).permutation(y))
    att = pel.explain(line, X[::3], background=X, seed=0)
    metric = LabelRandomisation(shuffled=shuffled)
    score = pel.evaluate(att, line, X[::3], background=X, metrics=metric, seed=0)
    assert score["label_randomisation"].passed is True
    assert score.sel(group=FLOOR).rows[0].n == 60


def test_few_images_give_no_verdict(world) -> None:
    net, X = world
    scores = judged((net, X[:4]), "saliency", ParameterRandomisation(draws=1), RandomLogit())
    assert all(row.passed is None for row in scores)
    assert "fewer than 10" in scores["random_logit"].text


def test_what_is_too_dear_for_a_verdict_is_not_begun(world) -> None:
    metrics = ParameterRandomisation(budget=50), RandomLogit(budget=5)
    scores = judged(world, "saliency", *metrics)
    assert [row.n for row in scores] == [0, 0]
    assert "8 times takes" in scores["parameter_randomisation"].text
    assert "budget is 5" in scores["random_logit"].text
    (evidence,) = gather_images(
        pel.explain(*world, method="saliency", seed=0), *world, rows=99, seed=0
    )
    each = int(evidence.cost)
    some = judged(world, "saliency", ParameterRandomisation(budget=15 * 8 * each))
    assert some["parameter_randomisation"].n == 15


def test_settings_that_cannot_be_used_are_refused() -> None:
    for wrong in (
        lambda: ParameterRandomisation(blocks=0),
        lambda: ParameterRandomisation(margin=-1),
        lambda: ParameterRandomisation(copies=-1),
        lambda: ParameterRandomisation(copies=3, noise=0),
        lambda: RandomLogit(singles=2),
        lambda: LabelRandomisation(X=[1], y=[1]),
        lambda: LabelRandomisation(fit=len, X=[1], y=[1], shuffled=len),
        lambda: LabelRandomisation(fit=3, X=[1], y=[1]),
        lambda: LabelRandomisation(fit=len, X=[1, 2], y=[1]),
    ):
        with pytest.raises(InvalidSetting):
            wrong()
