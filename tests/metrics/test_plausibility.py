"""Agreement with what people mark, against scikit-learn, loops and all orders there are."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import pellucid as pel
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.metrics.gather import gather
from pellucid.metrics.gather_images import gather_images
from pellucid.metrics.plausibility.plausibility import NUMBERS, UNIFORM, Plausibility
from pellucid.metrics.rows import GOLD, RANDOM
from pellucid.metrics.table_evidence import TableEvidence
from twins.explanation_scores import eraser_iou, points, token_f1
from twins.judged import Linear, of_images, of_rows

RNG = np.random.default_rng(0)
OF_IMAGES = tuple(name for name, number in NUMBERS.items() if "image" in number.kinds)
OF_ROWS = tuple(name for name, number in NUMBERS.items() if "table" in number.kinds)
NET = Linear(np.ones((1, 10, 10)))
X = RNG.normal(size=(20, 1, 10, 10)).astype(np.float32)


def objects(count: int = 20) -> np.ndarray:
    """A rectangle of its own in each image."""
    gold = np.zeros((count, 10, 10), dtype=bool)
    for i, (r, c) in enumerate(np.random.default_rng(1).integers(0, 7, size=(count, 2))):
        gold[i, r : r + 3, c : c + 2 + i % 3] = True
    return gold


def judge(values, gold, **settings):
    return pel.evaluate(
        of_images(values), NET, X[: len(values)], target=0, gold=gold, seed=0,
        metrics=Plausibility(**settings),
    )  # fmt: skip


def test_of_images_every_number_is_that_of_its_paper() -> None:
    values, gold = RNG.normal(size=(20, 10, 10)), objects()
    scores = judge(values, gold, numbers=OF_IMAGES, tolerance=1.5, top=0.12)
    truth = {name: [] for name in OF_IMAGES}
    for each, mask in zip(values, gold, strict=True):
        positive, ranked = np.maximum(each, 0), np.argsort(-each.ravel())
        inside = positive[mask].sum() / positive.sum()
        truth["pointing_game"].append(points(each, mask, 1.5))
        truth["relevance_mass"].append(inside)
        truth["attribution_localisation"].append(inside * mask.size / mask.sum())
        truth["relevance_rank"].append(mask.ravel()[ranked[: mask.sum()]].mean())
        truth["top_k_intersection"].append(mask.ravel()[ranked[:12]].mean())
        truth["localisation_auc"].append(roc_auc_score(mask.ravel(), each.ravel()))
        truth["average_precision"].append(average_precision_score(mask.ravel(), each.ravel()))
    for name, each in truth.items():
        assert scores[name].value == pytest.approx(np.mean(each)), name


def rows(values, gold, **settings):
    return pel.evaluate(
        of_rows(values), lambda table: np.asarray(table).sum(axis=1), np.ones(values.shape),
        gold=gold, seed=0, metrics=Plausibility(**settings),
    )  # fmt: skip


def test_of_rows_the_sizes_of_values_count_on_features() -> None:
    values, gold = RNG.normal(size=(30, 6)), RNG.random((30, 6)) < 0.4
    gold[:, 0] |= ~gold.any(axis=1)
    gold[:, 1] &= ~gold.all(axis=1)
    scores = rows(values, gold, numbers=OF_ROWS)
    size = np.abs(values)
    hits = np.take_along_axis(gold, size.argmax(axis=1)[:, None], axis=1)
    assert scores["pointing_game"].value == pytest.approx(hits.mean())
    mass = [each[mask].sum() / each.sum() for each, mask in zip(size, gold, strict=True)]
    assert scores["relevance_mass"].value == pytest.approx(np.mean(mass))
    few = round(gold.mean(axis=1).mean() * 6)
    chosen = np.argsort(np.argsort(-size, axis=1), axis=1) < few
    assert scores["token_f1"].value == pytest.approx(token_f1(chosen, gold))
    signed = rows(values, gold, numbers=("localisation_auc",), magnitudes=False)
    auc = [roc_auc_score(mask, each) for each, mask in zip(values, gold, strict=True)]
    assert signed["localisation_auc"].value == pytest.approx(np.mean(auc))


def test_the_row_of_random_order_is_the_mean_over_all_orders() -> None:
    gold = np.tile([True, False, True, False, False], (12, 1))
    chance = rows(RNG.normal(size=(12, 5)), gold, numbers=OF_ROWS).sel(group=RANDOM)
    orders = np.array(list(permutations(range(5)))) + 1.0  # all of them, as values
    every = rows(orders, np.tile(gold[:1], (120, 1)), numbers=OF_ROWS)
    for name in OF_ROWS:
        assert chance[name].value == pytest.approx(every[name].value), name


def test_uniform_values_and_gold_have_rows_where_they_tell_something() -> None:
    gold = objects()
    scores = judge(RNG.normal(size=(20, 10, 10)), gold, numbers=OF_IMAGES, top=0.5)
    area = gold.mean(axis=(1, 2))
    assert [row.metric for row in scores.sel(group=UNIFORM)] == ["average_precision"]
    assert scores.sel(group=UNIFORM).rows[0].value == pytest.approx(area.mean())
    limits = {row.metric: row.value for row in scores.sel(group=GOLD)}
    assert limits == {
        "attribution_localisation": pytest.approx((1 / area).mean()),
        "top_k_intersection": pytest.approx((gold.sum(axis=(1, 2)) / 50).mean()),
    }
    perfect = judge(gold.astype(float), gold, numbers=OF_IMAGES)
    for name in set(OF_IMAGES) - set(limits):
        assert perfect[name].value == pytest.approx(1.0), name
        assert perfect[name].passed


def test_maps_that_point_elsewhere_or_nowhere_are_caught() -> None:
    gold = objects()
    lies = {
        "inside out": -gold.astype(float) + RNG.random(gold.shape),
        "shuffled": RNG.permuted(gold.reshape(20, 100), axis=1).reshape(gold.shape) + 0.0,
        "constant": np.full(gold.shape, 3.0),
    }
    for lie, values in lies.items():
        for row in judge(values, gold).sel(group=""):
            assert row.passed is False, f"{lie}: {row.text}"
            assert row.text.startswith("Warning: ")


def test_a_near_miss_is_a_hit_within_the_tolerance() -> None:
    gold = np.zeros((10, 10, 10), dtype=bool)
    gold[:, 2:5, 2:5] = True
    values = np.zeros(gold.shape)
    values[:, 3, 6] = 1.0
    assert judge(values, gold, numbers=("pointing_game",))["pointing_game"].value == 0
    near = judge(values, gold, numbers=("pointing_game",), tolerance=2)["pointing_game"]
    assert near.value == 1


def test_images_without_an_object_say_nothing() -> None:
    gold = objects()
    gold[:4] = False
    scores = judge(RNG.normal(size=(20, 10, 10)), gold)
    for row in scores.sel(group=""):
        assert row.n == 16
        assert "4 of 20 images say nothing" in row.text
    none = judge(RNG.normal(size=(20, 10, 10)), np.zeros(gold.shape, bool))
    assert all(np.isnan(row.value) and row.passed is None for row in none)


def test_gold_is_asked_for_and_costs_the_model_nothing() -> None:
    values = RNG.normal(size=(20, 10, 10))
    asked = NET.asked
    without = pel.evaluate(of_images(values), NET, X, target=0, metrics="plausibility", seed=0)
    assert "give gold=" in without["plausibility"].text
    judge(values, objects(), numbers=OF_IMAGES)
    assert NET.asked - asked == 2 * (20 + 2)


def test_spans_of_images_or_rows_are_not_judged_and_it_is_said() -> None:
    row = judge(RNG.normal(size=(20, 10, 10)), objects(), numbers=("iou_f1",))["iou_f1"]
    assert row.text == "Not measured: iou_f1 does not judge explanations of images."
    assert np.isnan(row.value)


@dataclass(frozen=True, kw_only=True, eq=False)
class Line(TableEvidence):
    """Tokens in a line, of texts of unequal lengths."""

    long: np.ndarray

    @property
    def there(self) -> np.ndarray:
        return np.arange(self.values.shape[1]) < self.long[:, None]


def line(values: np.ndarray, gold: np.ndarray, long: np.ndarray) -> Line:
    (made,) = gather(
        of_rows(values), lambda table: np.asarray(table).sum(axis=1), np.ones(values.shape),
        background=None, method=None, target=None, schema=None, rows=99, seed=0, batch_size=99,
        threads=None, gold=gold,
    )  # fmt: skip
    settings = {field.name: getattr(made, field.name) for field in fields(made)}
    found = Line(**settings, long=long)
    names = made.features
    return replace(found, question=SimpleNamespace(kind="text", player_names=names))


def test_of_a_line_of_tokens_spans_and_tokens_are_those_of_eraser() -> None:
    values, gold = RNG.normal(size=(15, 12)), np.zeros((15, 12), dtype=bool)
    long = RNG.integers(8, 13, size=15)
    for i in range(15):
        gold[i, i % 5 : i % 5 + 2 + i % 3] = True
    values[gold] += 1.0
    scores = Plausibility(numbers=("token_f1", "iou_f1")).score(line(values, gold, long))
    found = {row.metric: row for row in scores if not row.group}
    share = np.mean([gold[i].sum() / long[i] for i in range(15)])
    chosen = np.zeros(gold.shape, dtype=bool)
    for i in range(15):
        chosen[i, np.argsort(-values[i, : long[i]])[: round(share * long[i])]] = True

    def runs(mask):
        on = [j for j in range(12) if mask[j]]
        starts = [j for j in on if j - 1 not in on]
        return [(j, next(k for k in range(j + 1, 14) if k not in on)) for j in starts]

    each = [eraser_iou([runs(a)], [runs(b)], 0.5)[2] for a, b in zip(chosen, gold, strict=True)]
    assert found["token_f1"].value == pytest.approx(token_f1(chosen, gold))
    assert found["iou_f1"].value == pytest.approx(np.mean(each))
    chance = next(row for row in scores if row.metric == "iou_f1" and row.group == RANDOM)
    assert 0 < chance.value < found["iou_f1"].value


def test_settings_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(InvalidSetting, match="tolerance is a distance"):
        Plausibility(tolerance=-1)
    with pytest.raises(InvalidSetting, match="share of the units"):
        Plausibility(top=0)
    with pytest.raises(UnknownName, match="Did you mean 'pointing_game'"):
        Plausibility(numbers=("pointing",))


def test_channels_are_summed_before_they_are_compared() -> None:
    values, gold = RNG.normal(size=(20, 1, 10, 10)), objects()
    (one,) = gather_images(of_images(values), NET, X, target=0, gold=gold, rows=99, seed=0)
    (flat,) = gather_images(of_images(values[:, 0]), NET, X, target=0, gold=gold, rows=99, seed=0)
    assert [a.value for a in Plausibility().score(one)] == [
        b.value for b in Plausibility().score(flat)
    ]
