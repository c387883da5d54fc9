"""Same explanation, same class? Against counting by hand, and what chance would count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import InvalidSetting
from pellucid.metrics.robustness.consistency import SHUFFLED, Consistency
from twins.honest_methods import Brute, linear
from twins.networks_of_tests import Plain, pictures, seeded

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))


def steep(rows):
    """Probabilities of two classes: mostly the first column decides."""
    p = 1 / (1 + np.exp(-20 * np.asarray(rows)[:, 0]))
    return np.column_stack([1 - p, p])


def measured(values, top=1, model=steep, rows=X):
    att = Brute().explain(model, rows, background=X[:5], target=1)
    att = replace(att, values=np.asarray(values, dtype=float))
    return pel.evaluate(
        att, model, rows, background=X[:5], method=Brute(), target=1, seed=0,
        metrics=Consistency(top=top),
    )  # fmt: skip


def counted(values, top):
    """The mean over rows of the share of other rows alike that have the row's class."""
    kinds = []
    for row in values:
        first = sorted(range(len(row)), key=lambda j: -abs(row[j]))[:top]
        kinds.append(frozenset((j, np.sign(row[j])) for j in first))
    shares = []
    for i, x in enumerate(X):
        alike = [k for k in range(len(X)) if k != i and kinds[k] == kinds[i]]
        if alike:
            shares.append(np.mean([(X[k, 0] > 0) == (x[0] > 0) for k in alike]))
    return np.mean(shares), len(shares)


@pytest.mark.parametrize("top", [1, 2])
def test_it_is_what_counting_by_hand_gives(top) -> None:
    values = RNG.normal([1, 0, 0], size=X.shape)
    score = measured(values, top)["consistency"]
    wanted, said = counted(values, top)
    assert score.value == pytest.approx(wanted)
    assert score.n == said


def test_an_explanation_whose_sign_is_the_class_is_wholly_consistent() -> None:
    scores = measured(X * [1, 0.001, 0.001])
    assert scores["consistency"].value == 1
    chance = scores.sel(group=SHUFFLED)["consistency"]
    ones = int((X[:, 0] > 0).sum())
    pairs = (ones * (ones - 1) + (60 - ones) * (59 - ones)) / (60 * 59)
    assert chance.value == pytest.approx(pairs, abs=0.03)


def test_explanations_given_to_other_rows_are_no_better_than_shuffled_ones() -> None:
    scores = measured((X * [1, 0.001, 0.001])[RNG.permutation(60)])
    chance = scores.sel(group=SHUFFLED)["consistency"]
    assert scores["consistency"].value == pytest.approx(chance.value, abs=0.05)
    assert scores["consistency"].passed is None


def test_rows_that_nothing_is_like_say_nothing_and_are_counted() -> None:
    values = np.tile([1.0, 0.0, 0.0], (60, 1))
    values[0] = [0.0, 1.0, 0.0]
    score = measured(values)["consistency"]
    assert score.n == 59
    assert "1 of 60 rows say nothing" in score.text


def test_a_model_without_classes_is_not_judged() -> None:
    att = Brute().explain(linear([1.0, 2, 3]), X, background=X[:5])
    scores = pel.evaluate(att, linear([1.0, 2, 3]), X, background=X[:5], method=Brute(),
                          metrics="consistency", seed=0)  # fmt: skip
    assert np.isnan(scores["consistency"].value)
    assert "predicts no classes" in scores["consistency"].text


def test_images_have_the_class_that_the_network_gives_them() -> None:
    net, images = seeded(Plain), pictures(12)
    att = pel.explain(net, images, method="saliency", seed=0)
    same = replace(att, values=np.broadcast_to(att.values[:1], att.values.shape))
    scores = pel.evaluate(same, net, images, metrics="consistency", seed=0)
    told = list(att.inputs["target"])
    wanted = np.mean([(told.count(each) - 1) / 11 for each in told])
    assert scores["consistency"].value == pytest.approx(wanted)
    assert "images with the same 3 most important cells" in scores["consistency"].text


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(InvalidSetting):
        Consistency(top=0)
