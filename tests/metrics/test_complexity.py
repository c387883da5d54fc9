"""Gini index, entropy and effective complexity of explanations, beside equal and random values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.metrics.complexity.complexity import EVEN, RANDOM, Complexity
from twins import explanation_scores as twins
from twins.honest_methods import Brute, linear
from twins.networks_of_tests import Plain, pictures, seeded

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 6))
MODEL = linear([3.0, -2, 1, 0.5, 0, 0])


def measured(values=None, metric="complexity"):
    att = Brute().explain(MODEL, X, background=X[:4])
    if values is not None:
        att = replace(att, values=values)
    return pel.evaluate(att, MODEL, X, background=X[:4], method=Brute(), metrics=metric, seed=0)


def test_numbers_are_the_means_of_what_the_definitions_give_each_row() -> None:
    values = RNG.normal(size=X.shape)
    scores = measured(values)
    assert scores["gini"].value == pytest.approx(np.mean([twins.gini(row) for row in values]))
    wanted = np.mean([twins.entropy(row) for row in values])
    assert scores["entropy"].value == pytest.approx(wanted)
    many = np.mean([(abs(row) > 0.01 * abs(row).max()).sum() for row in values])
    assert scores["effective_complexity"].value == pytest.approx(many)
    assert all(row.passed is None for row in scores)


def test_one_value_is_as_simple_as_can_be_and_equal_ones_as_complex() -> None:
    one = np.zeros_like(X)
    one[:, 2] = -5
    scores = measured(one)
    assert scores["gini"].value == pytest.approx(5 / 6)
    assert scores["entropy"].value == 0
    assert scores["effective_complexity"].value == 1
    even = scores.sel(group=EVEN)
    assert even["gini"].value == pytest.approx(0, abs=1e-12)
    assert even["entropy"].value == pytest.approx(np.log(6))
    assert even["effective_complexity"].value == 6


def test_random_values_score_what_a_normal_distribution_has() -> None:
    """The Gini index of half-normal values is √2 − 1; their entropy follows from E[|z| ln |z|]."""
    net, images = seeded(Plain), pictures(12, 32)
    att = pel.explain(net, images, method="saliency", seed=0)
    chance = pel.evaluate(att, net, images, metrics="complexity", seed=0).sel(group=RANDOM)
    assert chance["gini"].value == pytest.approx(np.sqrt(2) - 1, abs=0.005)
    # entropy: ln n + ln E|z| − E[|z| ln|z|] / E|z|, where the last is (ln 2 − γ) / 2
    mean = np.sqrt(2 / np.pi)
    wanted = np.log(32 * 32) + np.log(mean) - (np.log(2) - np.euler_gamma) / 2
    assert chance["entropy"].value == pytest.approx(wanted, abs=0.01)


def test_of_images_every_pixel_counts_whatever_cells_they_are_judged_by() -> None:
    net, images = seeded(Plain), pictures(3)
    att = pel.explain(net, images, method="saliency", seed=0)
    scores = [
        pel.evaluate(att, net, images, metrics="complexity", segments=number, seed=0)
        for number in (4, 64)
    ]
    assert scores[0]["gini"].value == scores[1]["gini"].value
    wanted = np.mean([twins.gini(each.sum(axis=0).ravel()) for each in att.values])
    assert scores[0]["gini"].value == pytest.approx(wanted)
    assert "64 pixels" in scores[0]["gini"].text
    assert scores[0].sel(group=EVEN)["effective_complexity"].value == 64


def test_rows_without_any_value_say_nothing() -> None:
    values = RNG.normal(size=X.shape)
    values[:3] = 0
    scores = measured(values)
    assert scores["gini"].n == 17
    assert "3 of 20 rows say nothing" in scores["gini"].text
    assert scores["effective_complexity"].n == 20


def test_a_number_is_found_by_its_name() -> None:
    assert measured(metric="entropy").metrics == ("entropy",)


@pytest.mark.parametrize("wrong", [{"numbers": ("ginni",)}, {"share": 1}, {"share": True}])
def test_wrong_settings_are_refused(wrong) -> None:
    with pytest.raises((InvalidSetting, UnknownName)):
        Complexity(**wrong)
