"""Sensitivity, Lipschitz, continuity and relative stabilities against formulas and closed forms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import nn

import pellucid as pel
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.gradient.input_x_gradient import InputXGradient
from pellucid.explainers.gradient.saliency import Saliency
from pellucid.metrics.gather_images import gather_images
from pellucid.metrics.robustness.neighbours import FRESH, NUMBERS, OTHER_CLASS, Neighbours
from twins.honest_methods import Brute, Fragile, linear
from twins.networks_of_tests import Linear, Plain, pictures, seeded

RNG = np.random.default_rng(0)
X, BACKGROUND = RNG.normal(1, 1, size=(14, 4)), RNG.normal(size=(50, 4)) * [1, 2, 0.5, 3]
WEIGHTS = np.array([1.0, -2.0, 0.5, 3.0])
ALL = tuple(NUMBERS)
ON_TABLES = tuple(name for name in NUMBERS if "representation" not in name)

SEEN: list[np.ndarray] = []
"""Rows that `Cubic` has been asked to explain."""


@dataclass(frozen=True, kw_only=True)
class Cubic(Explainer):
    """Values that are a known function of the row."""

    exact = True

    def compute(self, question: Any) -> Any:
        SEEN.append(np.array(question.table.codes))
        values = WEIGHTS * question.table.codes**3
        return question.attribution(
            np.repeat(values[:, :, None], len(question.columns), 2), np.zeros(len(question.columns))
        )


@dataclass(frozen=True, kw_only=True)
class Dice(Explainer):
    """Random values for whatever image, other ones as soon as one pixel differs."""

    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    exact = True

    def compute(self, question: Any) -> Any:
        drawn = [
            np.random.default_rng(list(image.tobytes())).normal(size=image.shape[1:])
            for image in question.images.values
        ]
        return question.attribution(np.stack(drawn))


class Squares(nn.Module):
    """The sum of squared pixels: the gradient is twice the image."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.square().flatten(1).sum(dim=1)


def tripled() -> nn.Module:
    """Three times the pixels, then a head."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(48, 48, bias=False), nn.Linear(48, 3))
    with torch.no_grad():
        net[1].weight.copy_(3 * torch.eye(48))
    return net


def judged(model, rows, method, metric, **given):
    behind = {"background": given.pop("background")} if "background" in given else {}
    att = method.explain(model, rows, seed=0, **behind)
    return pel.evaluate(att, model, rows, metrics=metric, method=method, seed=0, **given, **behind)


def classes(rows: Any) -> np.ndarray:
    """Probabilities of two classes, undecided near 1.2 of the first column."""
    p = 1 / (1 + np.exp(-40 * (np.asarray(rows)[:, 0] - 1.2)))
    return np.column_stack([1 - p, p])


def by_hand(name: str, near: np.ndarray, model: Any, elementwise: bool, stays: Any) -> float:
    """One number as the papers write it, neighbour by neighbour; the mean over rows."""

    def norm(values: np.ndarray) -> float:
        return float(np.sqrt(sum(float(v) ** 2 for v in values)))

    def relative(before: np.ndarray, after: np.ndarray) -> float:
        if elementwise:
            return norm([(b - a) / a for a, b in zip(before, after, strict=True)])
        return norm(after - before) / norm(before)

    spread, told = BACKGROUND.std(axis=0), []
    for i, x in enumerate(X):
        found = []
        for rows in near:
            y = rows[i]
            if not stays(x, y):
                continue
            e, f = WEIGHTS * x**3, WEIGHTS * y**3
            away = norm((y - x) / spread)
            outputs = norm(np.atleast_1d(model(y[None])[0] - model(x[None])[0]))
            found.append({
                "max_sensitivity": norm(f - e) / norm(e),
                "avg_sensitivity": norm(f - e) / norm(e),
                "local_lipschitz": norm(f - e) / away,
                "continuity": sum(abs(f - e)) / away,
                "relative_input_stability": relative(e, f) / relative(x / spread, y / spread),
                "relative_output_stability": relative(e, f) / max(outputs, 1e-6),
            }[name])  # fmt: skip
        if found:
            told.append(np.mean(found) if name == "avg_sensitivity" else max(found))
    return float(np.mean(told))


@pytest.mark.parametrize("elementwise", [False, True])
def test_every_number_is_that_of_its_paper_neighbour_by_neighbour(elementwise) -> None:
    SEEN.clear()
    model, metric = linear(WEIGHTS), Neighbours(numbers=ON_TABLES, elementwise=elementwise)
    scores = judged(model, X, Cubic(), metric, background=BACKGROUND)
    near = np.stack(SEEN[1:])
    assert near.shape == (10, 14, 4)
    for name in ON_TABLES:
        wanted = by_hand(name, near, model, elementwise, lambda x, y: True)
        assert scores[name].value == pytest.approx(wanted, rel=1e-9), name


def test_neighbours_of_another_class_are_told_apart() -> None:
    SEEN.clear()
    att = Cubic().explain(classes, X, background=BACKGROUND, target=1)
    scores = pel.evaluate(
        att, classes, X, background=BACKGROUND, method=Cubic(), target=1, seed=0,
        metrics=Neighbours(numbers=("max_sensitivity",), noise=0.3),
    )  # fmt: skip

    def same(x: np.ndarray, y: np.ndarray) -> bool:
        return bool((x[0] > 1.2) == (y[0] > 1.2))

    near = np.stack(SEEN[1:])
    stays = by_hand("max_sensitivity", near, classes, False, same)
    leaves = by_hand("max_sensitivity", near, classes, False, lambda x, y: not same(x, y))
    number = sum(not same(x, y) for each in near for x, y in zip(X, each, strict=True))
    assert 0 < number < near.size
    assert scores["max_sensitivity"].value == pytest.approx(stays)
    other = scores.sel(group=OTHER_CLASS)["max_sensitivity"]
    assert other.value == pytest.approx(leaves)
    assert f"{number} of 140 neighbours are of another class" in scores["max_sensitivity"].text


def test_the_largest_sensitivity_is_captums_for_the_same_neighbours() -> None:
    from captum.metrics import sensitivity_max

    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)).eval()
    images, method = pictures(12)[:, :1], Saliency(absolute=False)
    att = method.explain(net, images, target=1, seed=0)
    (evidence,) = gather_images(att, net, images, rows=12, seed=0)
    every = np.arange(12)
    near = np.stack([evidence.nudged(every, 0.02, "neighbour", k) for k in range(10)], axis=1)

    def slopes(given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        x = given[0].detach().requires_grad_(True)
        with torch.enable_grad():
            return torch.autograd.grad(net(x)[:, 1].sum(), x)

    theirs = sensitivity_max(
        slopes, torch.tensor(images), n_perturb_samples=10, max_examples_per_batch=120,
        perturb_func=lambda x: (torch.tensor(near).flatten(0, 1),),
    )  # fmt: skip
    everyone = Neighbours(numbers=("max_sensitivity",))
    scores = pel.evaluate(att, net, images, metrics=everyone, seed=0)
    assert "another class" not in scores["max_sensitivity"].text
    assert scores["max_sensitivity"].value == pytest.approx(float(theirs.mean()), rel=1e-3)


@pytest.mark.parametrize("kind", ["table", "image"])
def test_the_gradient_of_a_linear_model_never_moves(kind) -> None:
    if kind == "image":
        net, rows = seeded(Linear), pictures(12)
    else:
        net, rows = nn.Linear(4, 1), X
    scores = judged(net, rows, Saliency(), Neighbours(numbers=ALL))
    for name in ALL:
        assert scores[name].value == 0
        assert scores[name].passed


def test_the_gradient_of_squares_has_the_lipschitz_constant_2() -> None:
    grey = pictures(12)[:, :1]  # maps are summed over channels, so that one channel is the whole
    scores = judged(Squares(), grey, Saliency(absolute=False), "local_lipschitz")
    assert scores["local_lipschitz"].value == pytest.approx(2.0, rel=1e-4)
    assert scores["local_lipschitz"].passed


def test_distances_of_tables_are_in_standard_deviations() -> None:
    """Values 5 x of one column with deviation s change by 5 s for each deviation."""
    rows, behind = np.linspace(1, 3, 12)[:, None], np.array([[0.0], [8.0]])

    @dataclass(frozen=True, kw_only=True)
    class Five(Explainer):
        exact = True

        def compute(self, question: Any) -> Any:
            return question.attribution(5 * question.table.codes[:, :, None], np.zeros(1))

    scores = judged(
        linear([1.0]), rows, Five(), ["local_lipschitz", "continuity"], background=behind
    )
    assert scores["local_lipschitz"].value == pytest.approx(5 * 4)
    assert scores["continuity"].value == pytest.approx(5 * 4)
    assert "standard deviation" in scores["local_lipschitz"].text


def test_gradient_times_input_of_a_linear_model_is_as_stable_as_the_input_relative_to_it() -> None:
    """Value by value, w x changes by the same part as x, whatever the weights."""
    rows = np.random.default_rng(1).uniform(1, 2, size=(12, 1, 4, 4)).astype(np.float32)
    torch.manual_seed(1)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
    metric = Neighbours(numbers=("relative_input_stability",), elementwise=True)
    score = judged(net, rows, InputXGradient(), metric)["relative_input_stability"]
    assert score.value == pytest.approx(1.0, rel=1e-4)
    assert score.passed


def test_the_penultimate_layer_is_looked_at_unless_a_site_is_named() -> None:
    """Three times the image changes by the same part as the image."""
    images = pictures(12, 4)
    names = ("relative_input_stability", "relative_representation_stability")
    method = InputXGradient()
    for site in (None, "1"):
        scores = judged(tripled(), images, method, Neighbours(numbers=names, site=site))
        inside, outside = (scores[name].value for name in reversed(names))
        assert inside == pytest.approx(outside, rel=1e-3)
    head = judged(tripled(), images, method, Neighbours(numbers=names, site="2"))
    assert head[names[1]].value != pytest.approx(inside, rel=0.05)
    with pytest.raises(UnknownName, match="site"):
        judged(tripled(), images, method, Neighbours(numbers=names, site="7"))


def test_a_function_has_nothing_inside_to_look_at() -> None:
    scores = judged(
        linear(WEIGHTS), X, Brute(), ["relative_representation_stability", "max_sensitivity"],
        background=BACKGROUND[:10],
    )  # fmt: skip
    told = scores["relative_representation_stability"]
    assert np.isnan(told.value)
    assert told.passed is None
    assert "no network" in told.text


def test_values_drawn_afresh_are_as_far_apart_as_any_two_directions() -> None:
    scores = judged(seeded(Plain), pictures(12), Saliency(), "avg_sensitivity")
    chance = scores.sel(group=FRESH)["avg_sensitivity"]
    assert chance.value == pytest.approx(np.sqrt(2), rel=0.02)
    assert chance.passed is None


def test_random_values_are_caught_by_every_number() -> None:
    net, images = seeded(Plain), pictures(12)
    scores = judged(net, images, Dice(), Neighbours(numbers=ALL))
    for name in ALL:
        assert scores[name].passed is False, scores[name].text
        assert scores[name].text.startswith("Warning: it moves by more than 50 %")
        chance = scores.sel(group=FRESH)[name]
        assert scores[name].value == pytest.approx(chance.value, rel=0.1)


def test_a_method_that_hangs_on_the_last_digits_is_caught_and_an_honest_one_passes() -> None:
    model, rows, behind = linear(WEIGHTS), X + 1, BACKGROUND[:8]
    names = ["max_sensitivity", "avg_sensitivity", "local_lipschitz", "relative_output_stability"]
    honest = judged(model, rows, Brute(), Neighbours(), background=behind)
    liar = judged(model, rows, Fragile(noise=3.0), Neighbours(), background=behind)
    for name in names:
        assert honest[name].passed, honest[name].text
        assert liar[name].passed is False, liar[name].text


def test_an_explanation_of_other_rows_is_caught() -> None:
    model, behind = linear(WEIGHTS), BACKGROUND[:8]
    att = Brute().explain(model, X, background=behind)
    moved = replace(att, values=-att.values)
    scores = pel.evaluate(
        moved, model, X, background=behind, method=Brute(), metrics="avg_sensitivity", seed=0
    )
    assert scores["avg_sensitivity"].passed is False
    assert scores["avg_sensitivity"].value == pytest.approx(2.0, abs=0.1)


def test_a_number_is_the_same_alone_and_among_others() -> None:
    net, images = seeded(Plain), pictures(4)
    whole = judged(net, images, Saliency(), Neighbours(numbers=ALL))
    alone = judged(net, images, Saliency(), "continuity")
    assert alone["continuity"] == whole["continuity"]


def test_few_samples_give_no_verdict() -> None:
    score = judged(seeded(Plain), pictures(4), Saliency(), "max_sensitivity")["max_sensitivity"]
    assert score.passed is None
    assert score.value > 0
    assert "no verdict" in score.text


def test_the_cost_is_that_of_one_explanation_for_each_neighbour() -> None:
    images, calls = pictures(6), []

    class Counting(Plain):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            calls.append(len(x))
            return super().forward(x)

    net = seeded(Counting)
    att = pel.explain(net, images, method="saliency", seed=0)
    calls.clear()
    metric = Neighbours(neighbours=5, numbers=tuple(name for name in ALL if "repres" not in name))
    scores = pel.evaluate(att, net, images, metrics=metric, seed=0)
    # each neighbour: its class, and its explanation, with the output that it carries
    assert sum(calls) <= 6 * 5 * 3 + 2 * 6 + 8
    assert scores.evaluations <= 6 * 5 * 3 + 2 * 6
    few = pel.evaluate(att, net, images, metrics=replace(metric, budget=20), seed=0)
    assert few["max_sensitivity"].n == 20 // (5 * att.evaluations // 6)
    assert "images were drawn to bound the cost" in " ".join(few.notes)


def test_what_cannot_change_a_little_is_not_measured() -> None:
    import pandas as pd

    def model(frame: Any) -> np.ndarray:
        return np.asarray(frame["n"], dtype=float)

    rows = pd.DataFrame({"n": np.arange(12)})
    scores = judged(model, rows, Brute(), "max_sensitivity", background=rows)
    assert "do not change by so little" in scores.rows[0].text
    words = pd.DataFrame({"n": pd.Categorical([f"{i % 3}" for i in range(12)])})
    scores = judged(model, words, Brute(), "max_sensitivity", background=words)
    assert "no column holds numbers" in scores.rows[0].text
    grey = np.full((3, 3, 8, 8), 0.5, dtype=np.float32)
    scores = judged(seeded(Plain), grey, Saliency(), ["max_sensitivity", "stability"])
    assert ["single colour" in row.text for row in scores] == [True, True]


def test_neighbours_that_leave_the_output_as_it_is_are_not_divided_by_nothing() -> None:
    """A model of steps: nearly all neighbours have the sample's own output."""

    def steps(rows: Any) -> np.ndarray:
        return np.floor(4 * np.asarray(rows)[:, 0])

    scores = judged(steps, X, Cubic(), "relative_output_stability", background=BACKGROUND)
    score, chance = scores["relative_output_stability"], scores.sel(group=FRESH).rows[0]
    assert 0 < score.n < 14
    assert chance.value < 10
    assert "neighbours leave the output as it is, and are not counted" in score.text


def test_an_explanation_that_is_0_has_no_relative_change() -> None:
    score = judged(lambda rows: np.ones(len(rows)), X, Brute(), "max_sensitivity",
                   background=BACKGROUND[:5]).rows[0]  # fmt: skip
    assert np.isnan(score.value)
    assert score.passed is None
    assert "not defined for any row" in score.text


@pytest.mark.parametrize(
    "wrong",
    [{"numbers": ("sensitivity",)}, {"noise": 0}, {"neighbours": 0}, {"elementwise": 1},
     {"site": 3}, {"budget": 0}, {"tolerance": -1}],
)  # fmt: skip
def test_wrong_settings_are_refused(wrong) -> None:
    with pytest.raises((InvalidSetting, UnknownName)):
        Neighbours(**wrong)
