"""Comparing methods on images: digits whose label is given away by a coloured patch, or is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain, InvalidData, InvalidSetting
from pellucid.data.planted_digits import planted_digits
from pellucid.explainers.explainer import Explainer

torch = pytest.importorskip("torch", reason="networks need torch")

from pellucid.models.small_network import train_network  # noqa: E402

METHODS = ("integrated_gradients", "saliency", "occlusion", "guided_backprop", "lrp")
IMAGES = 24


@dataclass(frozen=True, kw_only=True)
class Noise(Explainer):
    """A map drawn at random."""

    takes: ClassVar[frozenset[str]] = frozenset({"image"})

    def compute(self, question: Any) -> Attribution:
        values = question.images.values
        drawn = question.rng("noise").normal(size=(10_000, *values.shape[2:]))
        place = np.abs(values.sum(axis=(1, 2, 3)) * 1e3).astype(int) % 10_000
        return question.attribution(drawn[place])


@pytest.fixture(scope="module")
def worlds() -> dict[str, tuple[Any, Any]]:
    torch.set_num_threads(1)
    found = {}
    for kind in ("hans", "honest"):
        digits = planted_digits(kind, seed=0)
        found[kind] = (
            train_network(digits.train.images, digits.train.labels, epochs=12),
            digits.test,
        )
    return found


@pytest.fixture(scope="module")
def compared(worlds: dict[str, tuple[Any, Any]]) -> dict[str, pel.Scores]:
    found = {}
    for kind, (net, digits) in worlds.items():
        some = digits.take(np.arange(IMAGES))
        found[kind] = pel.compare(
            net, some.images, methods=[*METHODS, Noise()], gold=some.patch, seed=0
        )
    return found


def values(found: pel.Scores, metric: str, removal: str = "") -> dict[str, float]:
    return {s.group: s.value for s in found.sel(metric=metric, removal=removal)}


@pytest.mark.parametrize("kind", ["hans", "honest"])
def test_random_maps_come_last(compared: dict[str, pel.Scores], kind: str) -> None:
    found = compared[kind]
    for removal in ("mean", "blur"):
        for metric in ("normalised_comprehensiveness", "normalised_sufficiency"):
            told = values(found, metric, removal)
            assert min((*METHODS, "noise"), key=told.__getitem__) == "noise"
        check = found.sel(metric="comprehensiveness", removal=removal, group="noise").rows[0]
        assert check.passed is False
    assert "noise" in found["verdict"].text.split("no better than random order")[0]
    assert "noise" not in found["verdict"].text.split("here believe")[1].split(";")[0]


def test_guided_backpropagation_is_exposed_by_random_weights_and_by_another_class(
    compared: dict[str, pel.Scores],
) -> None:
    """Its map is one of edges (Adebayo et al. 2018, Sixt et al. 2020), and no good order tells."""
    found = compared["hans"]
    for metric in ("parameter_randomisation", "random_logit"):
        told = {s.group: s.passed for s in found.sel(metric=metric)}
        assert told["guided_backprop"] is False
        assert told["integrated_gradients"] is True
        assert told["lrp"] is True
    text = found["verdict"].text
    assert "guided_backprop hardly changes when the network is random" in text
    assert "guided_backprop" not in text.split("here believe")[1].split(";")[0]


def test_the_maps_of_hans_are_on_the_patch_and_those_of_honest_are_not(
    compared: dict[str, pel.Scores],
) -> None:
    for name in ("integrated_gradients", "occlusion", "lrp"):
        assert values(compared["hans"], "relevance_mass")[name] > 0.4
        assert values(compared["honest"], "relevance_mass")[name] < 0.1


def test_the_patch_is_gold_where_it_is_what_the_network_looks_at(
    compared: dict[str, pel.Scores],
) -> None:
    gold = {
        kind: values(found, "normalised_comprehensiveness", "mean")
        for kind, found in compared.items()
    }
    assert gold["hans"]["gold order"] > 2 * gold["hans"]["random order"]
    assert gold["honest"]["gold order"] < 1.2 * gold["honest"]["random order"]


def test_reference_rows_stand_there_once_for_all_methods(compared: dict[str, pel.Scores]) -> None:
    found = compared["hans"].sel(metric="comprehensiveness", removal="blur")
    groups = [score.group for score in found]
    assert sorted(groups) == sorted(
        {*METHODS, "noise", "random order", "reverse order", "gold order"}
    )


def test_two_runs_with_one_seed_say_the_same(worlds: dict[str, tuple[Any, Any]]) -> None:
    net, digits = worlds["hans"]
    runs = [
        pel.compare(net, digits.images[:6], methods=["saliency", "grad_cam"], seed=1)
        for _ in range(2)
    ]
    one, two = ([s for s in run if s.metric != "seconds"] for run in runs)
    skip = ("verdict",)  # names the fastest
    pairs = [(a, b) for a, b in zip(one, two, strict=True) if a.metric not in skip]
    assert all(repr(a) == repr(b) for a, b in pairs)


def test_any_function_of_images_is_compared_by_what_it_answers() -> None:
    def bright(images: np.ndarray) -> np.ndarray:
        return images[:, 0, :8, :8].mean(axis=(1, 2))

    X = np.random.default_rng(0).random((12, 1, 16, 16)).astype(np.float32)
    found = pel.compare(bright, X, methods=["occlusion", "rise"], seed=0)
    assert values(found, "normalised_sufficiency", "mean")["occlusion"] > 0.9
    with pytest.raises(CannotExplain, match="gradient"):
        pel.compare(bright, X, methods=["occlusion", "saliency"], seed=0)


def test_what_cannot_be_compared_is_said(worlds: dict[str, tuple[Any, Any]]) -> None:
    net, digits = worlds["hans"]
    X = digits.images[:4]
    with pytest.raises(InvalidSetting, match="two methods"):
        pel.compare(net, X, methods=["saliency"])
    with pytest.raises(InvalidData, match="gold marks pixels"):
        pel.compare(net, X, methods=["saliency", "lrp"], gold=np.ones((4, 8, 8), dtype=bool))
    with pytest.raises(InvalidSetting, match="groups is for tables"):
        pel.compare(net, X, methods=["saliency", "lrp"], groups={"a": ["b"]})
    with pytest.raises(InvalidSetting, match="segments is for images"):
        pel.compare(lambda X: X[:, 0], np.eye(5), methods=["lime", "kernel_shap"], segments=4)


def test_the_picture_says_all_of_it(compared: dict[str, pel.Scores]) -> None:
    drawn = pel.show(compared["hans"]).to_dict()
    text = str(drawn)
    for words in ("replaced by blur", "cells of an image", "Checks", "random order"):
        assert words in text


@pytest.mark.parametrize(("count", "words"), [(1, "one image is"), (3, "3 images are")])
def test_on_a_few_images_nobody_is_believed(
    worlds: dict[str, tuple[Any, Any]], count: int, words: str
) -> None:
    net, digits = worlds["hans"]
    some = digits.images[:count]
    text = pel.compare(net, some, methods=["saliency", "guided_backprop", "lrp"], seed=0)[
        "verdict"
    ].text
    assert f"{words} too few to say which to believe" in text
    assert "here believe" not in text
    assert "ahead" not in text
