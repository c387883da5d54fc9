"""ROAD against a loop over images and shares, and on a net that looks at a patch alone."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.metrics.faithfulness.road import ROAD
from pellucid.metrics.gather_images import gather_images
from pellucid.metrics.rows import GOLD, RANDOM, REVERSE
from pellucid.perturb.imputed import noisy_linear
from twins.judged import of_images

RNG = np.random.default_rng(0)
SHARES = [tenths / 10 for tenths in range(1, 10)]


class Patch:
    """Answers with the class of the brightest of four corners."""

    asked = 0

    def __call__(self, images):
        self.asked += len(images)
        images = np.asarray(images, dtype=float)[:, 0]
        corners = [images[:, r : r + 3, c : c + 3] for r in (0, 7) for c in (0, 7)]
        return np.stack([corner.mean(axis=(1, 2)) for corner in corners], axis=1)


NET = Patch()


def pictures(count: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Noise with one bright corner, and the mask of that corner."""
    X = 0.1 * RNG.normal(size=(count, 1, 10, 10)).astype(np.float32)
    gold = np.zeros((count, 10, 10), dtype=bool)
    for i in range(count):
        r, c = 7 * (i // 2 % 2), 7 * (i % 2)
        gold[i, r : r + 3, c : c + 3] = True
    X[:, 0][gold] += 1
    return X, gold


X, GOLDEN = pictures()
HONEST = np.where(GOLDEN, 1.0, 0.0) + 0.1 * RNG.random(GOLDEN.shape)


def judge(values, **settings):
    return pel.evaluate(of_images(values), NET, X, seed=0, **{"metrics": ROAD(), **settings})


def test_it_is_the_accuracy_that_is_kept_as_pixels_are_blended_away() -> None:
    (evidence,) = gather_images(of_images(HONEST), NET, X, rows=99, seed=0)
    drawn = evidence.donors(1, "noisy_linear")
    kept = {"road_most_first": [], "road_least_first": []}
    for i, (x, values) in enumerate(zip(X, HONEST, strict=True)):
        for name, ranked in (("road_most_first", -values), ("road_least_first", values)):
            for share in SHARES:
                gone = np.zeros(100, dtype=bool)
                gone[np.argsort(ranked.ravel())[: round(100 * share)]] = True
                changed = drawn(np.array([i]), gone.reshape(1, 10, 10))
                blended = noisy_linear(x[None], gone.reshape(1, 10, 10), np.zeros(1))
                assert np.abs(changed - blended).max() < 0.05 * x.std()
                kept[name].append(NET(changed).argmax() == NET(x[None]).argmax())
    scores = judge(HONEST)
    for name, each in kept.items():
        assert scores[name].value == pytest.approx(np.mean(each)), name
        assert scores[name].removal == "noisy_linear"


def test_the_truth_passes_and_lies_are_caught() -> None:
    scores = judge(HONEST, gold=GOLDEN)
    assert scores["road_most_first"].passed
    assert scores["road_least_first"].passed
    assert scores.sel(metric="road_least_first", group=GOLD).rows[0].value == 1
    for lie in (-HONEST, np.ones(HONEST.shape), np.roll(HONEST, 1, axis=0)):
        caught = judge(lie)
        assert caught["road_most_first"].passed is False
        assert caught["road_least_first"].passed is False


def test_the_reverse_order_is_that_of_the_reversed_map() -> None:
    there, back = judge(HONEST), judge(-HONEST)
    for name in ROAD.tells:
        assert there.sel(metric=name, group=REVERSE).rows[0].value == back[name].value


def test_the_curve_is_told_and_the_random_order_is_the_same_for_all() -> None:
    one, other = judge(HONEST), judge(-HONEST)
    assert one.sel(group=RANDOM).rows[0].text == other.sel(group=RANDOM).rows[0].text
    assert "from 10 to 90 % it is" in one["road_most_first"].text


def test_what_it_costs() -> None:
    before = NET.asked
    judge(HONEST)
    assert NET.asked - before == 20 * (1 + 1 + 27) + 2


def test_images_explained_for_another_class_say_nothing() -> None:
    target = NET(X).argmax(axis=1)
    target[:5] = (target[:5] + 1) % 4
    scores = judge(HONEST, target=target.tolist())
    assert scores["road_most_first"].n == 15


def test_few_images_are_drawn_where_there_are_many() -> None:
    scores = judge(HONEST, metrics=ROAD(images=12))
    assert scores["road_most_first"].n == 12
    assert "12 of 20 images" in " ".join(scores.notes)


def test_one_output_has_no_class() -> None:
    def net(images):
        return NET(images)[:, :1]

    scores = pel.evaluate(of_images(HONEST), net, X, metrics=ROAD(), seed=0)
    assert "one output" in scores["road"].text


def test_settings_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(InvalidSetting, match="shares are of the pixels"):
        ROAD(shares=(0.0, 0.5))
    with pytest.raises(UnknownName, match="number of ROAD"):
        ROAD(numbers=("road",))
