"""What is handed in about images, and what of it does not belong together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import AxisError, InvalidData, InvalidSetting, UnknownName
from pellucid.explainers.gradient.saliency import Saliency
from pellucid.metrics.faithfulness.removal_curve import RemovalCurve

pytest.importorskip("torch")

from twins.judged import of_images
from twins.networks_of_tests import Linear, Plain, pictures, seeded

NET, X = seeded(Linear).eval(), pictures(12)
QUICK = RemovalCurve(numbers=("comprehensiveness",), removals=("zero",))


@pytest.fixture(scope="module")
def att():
    return pel.explain(NET, X, method="input_x_gradient")


def judge(att, model=NET, images=X, **settings):
    return pel.evaluate(att, model, images, **{"metrics": QUICK, "seed": 0, **settings})


def test_what_belongs_together_is_judged(att) -> None:
    score = judge(att)["comprehensiveness"]
    assert score.passed
    assert score.n == 12


def test_gold_of_another_shape_is_refused(att) -> None:
    for wrong in (np.ones((12, 8, 7), bool), np.ones((8, 8), bool), np.ones((12, 3, 8, 8), bool)):
        with pytest.raises(InvalidData, match="gold marks pixels"):
            judge(att, gold=wrong)
    with pytest.raises(InvalidData, match="gold marks pixels"):
        judge(att, gold=np.full((12, 8, 8), 0.5))


def test_images_of_another_size_or_number_are_refused(att) -> None:
    with pytest.raises(InvalidData, match="another number of images"):
        judge(att, images=X[:5])
    bigger = pel.explain(seeded(Plain).eval(), pictures(12, side=12), method="saliency")
    with pytest.raises(InvalidData, match="images of another size"):
        judge(bigger, seeded(Plain).eval(), X)


def test_another_number_of_channels_is_refused() -> None:
    grey = of_images(np.ones((12, 1, 8, 8)))
    with pytest.raises(InvalidData, match="images of another size"):
        judge(grey)


def test_other_images_are_refused(att) -> None:
    with pytest.raises(InvalidData, match="other images"):
        judge(att, images=X + 0.1)
    with pytest.raises(InvalidData, match="other images"):
        judge(att, images=X[::-1].copy())


def test_another_model_is_refused_and_a_copy_is_not(att) -> None:
    import copy

    import torch

    with pytest.raises(InvalidData, match="another model"):
        judge(att, seeded(Plain).eval())
    twin = copy.deepcopy(NET)
    with torch.no_grad():
        twin.head.bias += 1e-9
    assert judge(att, twin).ok
    unknown = replace(att, output=None, base=None)
    with pytest.raises(InvalidData, match="another model"):
        judge(unknown, seeded(Plain).eval())


def test_what_has_no_value_for_each_pixel_is_refused(att) -> None:
    inside = pel.explain(seeded(Plain).eval(), X, method=Saliency(site="features.4"))
    with pytest.raises(AxisError, match="no value for each pixel"):
        judge(inside, seeded(Plain).eval())
    for wrong in (att.mean("sample"), att.isel(sample=0)):
        with pytest.raises(AxisError, match="no value for each pixel"):
            judge(wrong)
    with pytest.raises(InvalidSetting, match="Only attributions"):
        judge(judge(att))


def test_cells_of_another_size_and_unknown_ways_are_refused(att) -> None:
    with pytest.raises(InvalidSetting, match="a label for each pixel"):
        judge(att, segments=np.zeros((7, 7), int))
    with pytest.raises(UnknownName, match="way of removal"):
        judge(att, metrics=RemovalCurve(removals=("background",)))


def test_few_of_many_images_are_drawn_with_their_own_gold(att) -> None:
    gold = np.zeros((12, 8, 8), bool)
    gold[np.arange(12), np.arange(12) % 8] = True
    scores = judge(att, gold=gold, rows=10, metrics="pointing_game")
    assert scores["pointing_game"].n == 10
    assert "10 of 12 images were drawn" in " ".join(scores.notes)
    all_of_it = judge(att.isel(sample=range(12)), gold=att.values.sum(axis=1) > 0)
    assert all_of_it.ok
