"""Reseeding, sampling error and stability where values are told for pixels or for segments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
from torch import nn

import pellucid as pel
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.gradient.smooth_grad import SmoothGrad
from pellucid.explainers.perturbation.occlusion import Occlusion
from pellucid.explainers.perturbation.rise import RISE
from pellucid.explainers.surrogate.lime import LIME
from pellucid.metrics.robustness.reseeding import Reseeding
from pellucid.perturb.segments import Segments
from twins.networks_of_tests import Linear, Plain, pictures, seeded

IMAGES = pictures(12)
SURENESS = ["stability", "reseeding", "sampling_error"]


@dataclass(frozen=True, kw_only=True)
class Noisy(Explainer):
    """Means of random draws at each pixel of each channel, with `honesty` times their error."""

    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    draws: int = 30
    honesty: float = 1.0

    def compute(self, question: Any) -> Any:
        shape = question.images.values.shape
        drawn = question.rng("draws").normal(2, 1, size=(self.draws, *shape))
        error = drawn.std(axis=0, ddof=1) / np.sqrt(self.draws)
        return question.attribution(drawn.mean(axis=0), error=self.honesty * error)


@dataclass(frozen=True, kw_only=True)
class Quarters(Explainer):
    """Values 1, 2, 4 and 8 of the quarters of each image, and an error of 0.1, spread evenly."""

    takes: ClassVar[frozenset[str]] = frozenset({"image"})

    def compute(self, question: Any) -> Any:
        count = len(question.images)
        segment = np.tile(np.kron([[0, 1], [2, 3]], np.ones((4, 4), dtype=int)), (count, 1, 1))
        drawn = np.array([1, 2, 4, 8]) + question.rng("draws").normal(0, 0.1, size=(count, 4))
        spread = np.take_along_axis(drawn, segment.reshape(count, -1), axis=1) / 16
        return question.attribution(
            spread.reshape(segment.shape),
            error=np.full(segment.shape, 0.1 / 16),
            inputs={"segment": segment},
        )


@dataclass(frozen=True, kw_only=True)
class Heat(Explainer):
    """A heat map in tiny units that is another one as soon as one pixel differs."""

    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    exact = True
    unit: float = 1e-9

    def compute(self, question: Any) -> Any:
        drawn = [
            np.random.default_rng(list(image.tobytes())).normal(size=image.shape[1:])
            for image in question.images.values
        ]
        return question.attribution(self.unit * np.stack(drawn))


def judged(method: Explainer, metrics: Any, net: nn.Module | None = None, **given: Any) -> Any:
    net = seeded(Linear) if net is None else net
    att = method.explain(net, IMAGES, seed=0)
    return pel.evaluate(att, net, IMAGES, metrics=metrics, method=method, seed=0, **given)


@pytest.mark.parametrize("cells", [4, 64])
def test_the_error_stated_at_pixels_is_judged_at_pixels(cells) -> None:
    """Errors of 16 pixels, summed, are four times that of their sum: a liar could hide there."""
    cut, net = Segments(kind="grid", number=cells), seeded(Linear)
    honest, liar = (
        judged(method, Reseeding(seeds=5), net, segments=cut)["stated_error"]
        for method in (Noisy(), Noisy(honesty=0.3))
    )
    assert honest.value == pytest.approx(1.0, abs=0.05)
    assert honest.passed
    assert liar.value == pytest.approx(1 / 0.3, rel=0.05)
    assert liar.passed is False


def test_the_sampling_error_of_pixels_is_relative_to_pixels_and_makes_no_order() -> None:
    scores = judged(Noisy(), "sampling_error")
    # errors of 1 / √30 at values of 2
    assert scores["sampling_error"].value == pytest.approx(1 / np.sqrt(30) / 2, rel=0.05)
    assert scores["certain_order"].passed is None
    assert "single pixels" in scores["certain_order"].text


def test_segments_that_cells_cut_through_are_put_in_order_as_what_they_are() -> None:
    """Cells within a segment share its value, and would be in no order."""
    scores = judged(Quarters(), ["sampling_error", Reseeding(top=2)])
    assert scores["sampling_error"].value == pytest.approx(4 * 0.1 / 15, rel=0.02)
    assert scores["certain_order"].value == 1
    assert scores["certain_order"].passed
    assert "2 most important segments" in scores["reseeding"].text
    assert scores["reseeding"].value == 1
    assert scores["stated_error"].value == pytest.approx(1, abs=0.2)


def test_a_heat_map_in_tiny_units_cannot_hide_behind_the_prediction() -> None:
    """What the prediction moves by is no part of a heat map, whose unit is another one."""
    for unit in (1e-9, 1.0):
        score = judged(Heat(unit=unit), "stability", seeded(Plain))["stability"]
        assert score.value > 1
        assert score.passed is False, score.text


def test_an_honest_gradient_is_stable_and_shares_are_told_with_the_prediction() -> None:
    net = seeded(Plain)
    slopes = pel.explain(net, IMAGES, method="smooth_grad", seed=0)
    found = pel.evaluate(slopes, net, IMAGES, metrics="stability", seed=0)["stability"]
    assert found.passed, found.text
    assert "the values change by" in found.text
    assert "prediction" not in found.text
    shares = pel.explain(net, IMAGES, method="integrated_gradients", seed=0)
    found = pel.evaluate(shares, net, IMAGES, metrics="stability", seed=0)["stability"]
    assert "and the prediction by" in found.text


@pytest.mark.parametrize("method", [SmoothGrad(), Occlusion(), RISE(budget=64), LIME(budget=80)])
def test_sentences_speak_of_images_and_their_parts(method) -> None:
    net, few = seeded(Plain), IMAGES[:3]
    att = pel.explain(net, few, method=method, segments=8, seed=0)
    for score in pel.evaluate(att, net, few, metrics=SURENESS, seed=0):
        assert not {"row", "rows", "feature", "features", "column"} & set(score.text.split())
        assert score.text[-1] == "."


def test_dear_methods_are_explained_again_for_fewer_images_and_it_is_said() -> None:
    net = seeded(Linear)
    att = pel.explain(net, IMAGES, method="smooth_grad", seed=0)
    dear = replace(att, provenance=replace(att.provenance, evaluations=12 * 20_000))
    scores = pel.evaluate(dear, net, IMAGES, metrics=["stability", "reseeding"], seed=0)
    assert scores["stability"].n == 100_000 // 20_000
    assert scores["reseeding"].n == 1
    assert "5 of 12 images were drawn to bound the cost" in " ".join(scores.notes)
