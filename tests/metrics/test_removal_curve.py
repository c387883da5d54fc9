"""Numbers of faithfulness against the papers' formulas, in plain loops over units and samples."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import UnknownName
from pellucid.metrics.faithfulness.curves import SHARES, counts
from pellucid.metrics.faithfulness.random_subsets import RandomSubsets
from pellucid.metrics.faithfulness.removal_curve import NUMBERS, RemovalCurve
from pellucid.metrics.faithfulness.single_removal import SingleRemoval
from pellucid.metrics.gather_images import gather_images
from pellucid.metrics.rows import GOLD, RANDOM, REVERSE
from twins.judged import Linear, of_images, of_rows

RNG = np.random.default_rng(0)
ALL = tuple(NUMBERS)


def fitted(features: int, outputs: int = 1):
    """A fitted model of scikit-learn, rows to explain, a background and values for them."""
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(features)
    train = rng.normal(size=(200, features))
    y = np.stack([train[:, 0] * train[:, 1] + train[:, j % features] for j in range(outputs)], 1)
    model = RandomForestRegressor(20, random_state=0).fit(train, y if outputs > 1 else y[:, 0])
    X = rng.normal(size=(12, features))
    return model.predict, X, train[:8], rng.normal(size=X.shape)


def heights(f, x, order, donors, left=False):
    """Mean outputs with 0, 1, … units of an order replaced, or with them alone: (1 + unit,)."""
    found = []
    for k in range(len(order) + 1):
        gone = set(order[k:]) if left else set(order[:k])
        rows = [[d[j] if j in gone else x[j] for j in range(len(x))] for d in donors]
        found.append(float(np.mean(f(np.array(rows)))))
    return np.array(found)


def by_hand(without, only):
    """Every number of one sample, from its scores with k units gone and k units left."""
    n, full, empty = len(without) - 1, without[0], without[-1]
    eraser = [ceil(round(q * n, 9)) for q in (0.01, 0.05, 0.1, 0.2, 0.5)]
    ferret = [ceil(round(q * n / 10, 9)) for q in range(1, 11)]

    def trapezoids(at):
        return sum((a + b) / 2 / n for a, b in pairwise(at))

    def lost(k):
        return min(max((full - without[k]) / (full - empty), 0), 1)

    def held(k):
        return 1 - min(max((full - only[k]) / (full - empty), 0), 1)

    defined = full > empty
    return {
        "comprehensiveness": np.mean([full - without[k] for k in eraser]),
        "sufficiency": np.mean([full - only[k] for k in eraser]),
        "comprehensiveness_ferret": np.mean([full - without[k] for k in ferret]),
        "sufficiency_ferret": np.mean([full - only[k] for k in ferret]),
        "normalised_comprehensiveness": np.mean([lost(k) for k in eraser]) if defined else np.nan,
        "normalised_sufficiency": np.mean([held(k) for k in eraser]) if defined else np.nan,
        "deletion_area": trapezoids(without),
        "insertion_area": trapezoids(only),
        "pixel_flipping": trapezoids(without),
        "selectivity": sum((a + b) / 2 for a, b in pairwise(without)),
        "region_perturbation": sum(full - without[k] for k in [0, *ferret]) / (len(ferret) + 1),
        "monotonicity": float(all(b <= a + 1e-9 for a, b in pairwise(without))),
    }


def expected(f, X, values, donors):
    """Means of every number over samples."""
    each = []
    for x, row in zip(X, values, strict=True):
        order = sorted(range(len(x)), key=lambda j: -row[j])
        each.append(by_hand(heights(f, x, order, donors), heights(f, x, order, donors, left=True)))
    return {name: np.nanmean([one[name] for one in each]) for name in each[0]}


@pytest.mark.parametrize("way", ["background", "typical"])
def test_of_ten_features_every_number_is_that_of_its_paper(way: str) -> None:
    f, X, background, values = fitted(10)
    typical = np.sort(background, axis=0)[len(background) // 2]
    donors = background if way == "background" else typical[None]
    scores = pel.evaluate(
        of_rows(values), f, X, background=background, seed=0,
        metrics=RemovalCurve(numbers=ALL, removals=(way,)),
    )  # fmt: skip
    for name, number in expected(f, X, values, donors).items():
        found = scores.sel(metric=name, group="", removal=way).rows[0]
        assert found.value == pytest.approx(number, rel=1e-9, abs=1e-12), name


@pytest.mark.parametrize("features", [2, 3, 5, 7, 9])
def test_of_few_features_areas_are_those_of_the_whole_curve(features: int) -> None:
    f, X, background, values = fitted(features)
    names = "deletion_area", "insertion_area", "selectivity"
    scores = pel.evaluate(
        of_rows(values), f, X, background=background, metrics=RemovalCurve(numbers=names), seed=0
    )
    truth = expected(f, X, values, background)
    for name in names:
        assert scores[name].value == pytest.approx(truth[name], rel=1e-9), name


def test_shares_of_units_never_fall_and_complements_add_up() -> None:
    units = np.arange(1, 300)
    found = counts(units)
    assert (np.diff(found, axis=1) >= 0).all()
    assert (found[:, 0] == 0).all()
    assert (found[:, -1] == units).all()
    other = SHARES != 0.5
    both = (found + found[:, ::-1])[:, other]
    assert (both == units[:, None]).all()
    assert (found[1:, 1:] > 0).all()
    assert np.abs(found - SHARES * units[:, None]).max() <= 1


@pytest.mark.parametrize("features", [3, 5, 10])
def test_the_reverse_row_is_the_curve_of_the_reversed_explanation(features: int) -> None:
    f, X, background, values = fitted(features)
    settings = {"background": background, "metrics": RemovalCurve(numbers=ALL), "seed": 0}
    there = pel.evaluate(of_rows(values), f, X, **settings)
    back = pel.evaluate(of_rows(-values), f, X, **settings)
    for name in ALL:
        for way in ("background", "typical"):
            reverse = there.sel(metric=name, group=REVERSE, removal=way).rows[0].value
            own = back.sel(metric=name, group="", removal=way).rows[0].value
            assert reverse == pytest.approx(own, rel=1e-12), name


@pytest.mark.parametrize("features", [3, 5, 8])
def test_where_all_units_do_the_same_all_orders_have_the_same_numbers(features: int) -> None:
    X, nothing = np.ones((12, features)), np.zeros((3, features))
    values = np.random.default_rng(0).normal(size=X.shape)
    scores = pel.evaluate(
        of_rows(values), lambda rows: np.asarray(rows).sum(axis=1), X, background=nothing,
        metrics=RemovalCurve(numbers=ALL, removals=("background",)), seed=0,
    )  # fmt: skip
    for name in ALL:
        own, *others = (row.value for row in scores.sel(metric=name))
        assert others == [pytest.approx(own)] * 2, name
        assert scores[name].passed is (None if name == "monotonicity" else False)


def test_equal_values_are_a_random_order() -> None:
    f, X, background, _ = fitted(5)
    scores = pel.evaluate(
        of_rows(np.ones(X.shape)), f, X, background=background, seed=0,
        metrics=RemovalCurve(numbers=("deletion_area",)),
    )  # fmt: skip
    for way in ("background", "typical"):
        rows = scores.sel(removal=way)
        assert rows.sel(group="").rows[0].value == rows.sel(group=RANDOM).rows[0].value
        assert "cannot be told from random order" in rows.rows[0].text


def test_each_output_of_a_regression_has_a_random_order_of_its_own_scores() -> None:
    f, X, background, values = fitted(4, outputs=2)
    both = pel.Attribution(
        values=np.stack([values, values], axis=2),
        dims=("sample", "feature", "output"),
        coords={"sample": range(12), "feature": ["x0", "x1", "x2", "x3"], "output": ["0", "1"]},
        provenance=of_rows(values).provenance,
    )
    metric = RemovalCurve(numbers=("deletion_area",), removals=("typical",))
    together = pel.evaluate(both, f, X, background=background, metrics=metric, seed=0)
    chance = [row.value for row in together.sel(group=RANDOM)]
    for place, value in enumerate(chance):
        alone = pel.evaluate(
            of_rows(values), lambda rows, p=place: f(rows)[:, p], X, background=background,
            metrics=metric, seed=0,
        )  # fmt: skip
        assert alone.sel(group=RANDOM).rows[0].value == pytest.approx(value)
    assert chance[0] != chance[1]


def test_two_recipes_with_other_donors_do_not_disturb_each_other() -> None:
    f, X, background, values = fitted(4)
    few, many = (
        RemovalCurve(numbers=("deletion_area",), removals=("background",), donors=n) for n in (2, 8)
    )
    att = of_rows(values)

    def judged(*metrics):
        found = pel.evaluate(att, f, X, background=background, metrics=list(metrics), seed=0)
        return [row.value for row in found]

    assert judged(few, many) == [*judged(few), *judged(many)]


SIDE = 10
CELLS = np.arange(10)[:, None] // 5 * 5 + np.arange(10) // 2  # 10 of 5 × 2 pixels


def linear_net(count: int = 16, channels: int = 3):
    """A linear net on images, its images and the exact share of each pixel."""
    rng = np.random.default_rng(5)
    net = Linear(rng.normal(size=(channels, SIDE, SIDE)) * (rng.random((SIDE, SIDE)) < 0.4), 2.0)
    X = rng.normal(size=(count, channels, SIDE, SIDE)).astype(np.float32)
    return net, X, net.shares(X)


def of_cells(values: np.ndarray) -> np.ndarray:
    """Sums over cells of 5 × 2 pixels: (sample, cell)."""
    flat = values.sum(axis=1) if values.ndim == 4 else values
    return flat.reshape(len(flat), 2, 5, 5, 2).sum(axis=(2, 4)).reshape(len(flat), 10)


def test_of_a_linear_net_what_goes_is_what_the_values_say() -> None:
    net, X, shares = linear_net()
    scores = pel.evaluate(
        of_images(shares), net, X, target=0, segments=CELLS, seed=0,
        metrics=RemovalCurve(numbers=ALL, removals=("zero",)),
    )  # fmt: skip
    falling = -np.sort(-of_cells(shares), axis=1)
    each = []
    for row in falling:
        total = row.sum() + 2.0
        gone = np.array([total - row[:k].sum() for k in range(11)])
        left = np.array([2.0 + row[:k].sum() for k in range(11)])
        each.append(by_hand(gone, left))
    for name in ALL:
        truth = np.nanmean([one[name] for one in each])
        assert scores[name].value == pytest.approx(truth, rel=1e-5), name


def test_an_image_loses_its_mean_colour_to_the_mean() -> None:
    net, X, shares = linear_net()
    scores = pel.evaluate(
        of_images(shares), net, X, target=0, segments=CELLS, seed=0,
        metrics=RemovalCurve(numbers=("comprehensiveness",), removals=("mean",)),
    )  # fmt: skip
    falls = []
    for x, values in zip(X, of_cells(shares), strict=True):
        order = np.argsort(-values)
        for k in (1, 1, 1, 2, 5):
            gone = np.isin(CELLS, order[:k])
            changed = np.where(gone, x.mean(axis=(1, 2))[:, None, None], x)
            falls.append(net(x[None])[0, 0] - net(changed[None])[0, 0])
    assert scores["comprehensiveness"].value == pytest.approx(np.mean(falls), rel=1e-5)


SUITE = (
    RemovalCurve(numbers=ALL, removals=("mean",)),
    SingleRemoval(numbers=SingleRemoval.tells),
    RandomSubsets(numbers=RandomSubsets.tells),
)


@pytest.mark.parametrize("cells", [196, 49])
def test_the_whole_suite_takes_sixty_evaluations_of_an_image(cells: int) -> None:
    side = 14 if cells == 196 else 7
    rng = np.random.default_rng(0)
    net = Linear(rng.normal(size=(1, side, side)))
    X = rng.normal(size=(20, 1, side, side)).astype(np.float32)
    scores = pel.evaluate(of_images(net.shares(X)), net, X, target=0, metrics=list(SUITE), seed=0)
    assert {row.metric for row in scores} == {*ALL, *SingleRemoval.tells, *RandomSubsets.tells}
    assert net.asked <= 60 * len(X)
    assert scores.evaluations <= 60 * len(X)


def test_methods_that_are_compared_share_what_does_not_hang_on_them() -> None:
    net, X, shares = linear_net()
    known: dict = {}
    took, values = [], []
    for explained in (shares, -np.abs(shares)):
        (evidence,) = gather_images(
            of_images(explained), net, X, target=0, segments=CELLS, rows=99, seed=0
        )
        object.__setattr__(evidence, "known", known)
        before = net.asked
        found = [row for metric in SUITE for row in metric.score(evidence)]
        took.append((net.asked - before) / len(X))
        values.append({row.metric: row.value for row in found if row.group == RANDOM})
    assert took == [18 + 9 + 1 + 8 + 10, 18]
    assert values[0] == values[1]


def liars(values: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    flat = values.reshape(len(values), -1)
    return {
        "shuffled": rng.permuted(flat, axis=1).reshape(values.shape),
        "reversed": -values,
        "constant": np.full(values.shape, 0.3),
    }


CAUGHT = ("comprehensiveness", "sufficiency", "deletion_area", "insertion_area")


def test_liars_about_images_are_caught_and_the_truth_passes() -> None:
    net, X, shares = linear_net(30)
    flat = shares.sum(axis=1)
    settings = {"target": 0, "segments": CELLS, "metrics": list(SUITE), "seed": 0}
    honest = pel.evaluate(of_images(flat), net, X, **settings)
    assert honest.ok, [row.text for row in honest.failures]
    for name, lie in liars(flat).items():
        scores = pel.evaluate(of_images(lie), net, X, **settings)
        for metric in (*CAUGHT, "tau_loo", "faithfulness_correlation"):
            assert scores[metric].passed is False, f"{name}: {scores[metric].text}"
            assert scores[metric].text.startswith("Warning: it ")


def test_liars_about_rows_are_caught_and_the_truth_passes() -> None:
    rng = np.random.default_rng(0)
    w = np.array([3.0, -2.0, 1.0, 0.5, -4.0, 0.0, 0.2])
    X, background = rng.normal(size=(40, 7)), rng.normal(size=(10, 7))
    shares = (X - background.mean(axis=0)) * w
    settings = {"background": background, "metrics": [RemovalCurve(), SingleRemoval()], "seed": 0}
    honest = pel.evaluate(of_rows(shares), lambda rows: np.asarray(rows) @ w, X, **settings)
    assert honest.ok, [row.text for row in honest.failures]
    for name, lie in liars(shares).items():
        scores = pel.evaluate(of_rows(lie), lambda rows: np.asarray(rows) @ w, X, **settings)
        for metric in CAUGHT:
            assert scores[metric].passed is False, f"{name}: {scores[metric].text}"


def test_the_gold_row_is_the_curve_of_gold() -> None:
    net, X, shares = linear_net()
    cell = of_cells(shares) >= np.sort(of_cells(shares), axis=1)[:, -5:-4]  # its better half
    gold = np.take_along_axis(cell, np.tile(CELLS.ravel(), (len(X), 1)), 1).reshape(-1, SIDE, SIDE)
    scores = pel.evaluate(
        of_images(shares), net, X, target=0, segments=CELLS, gold=gold, seed=0,
        metrics=RemovalCurve(numbers=("comprehensiveness",), removals=("zero",)),
    )  # fmt: skip
    row = scores.sel(group=GOLD).rows[0]
    (evidence,) = gather_images(
        of_images(gold.astype(float)), net, X, target=0, segments=CELLS, rows=99, seed=0
    )
    own = RemovalCurve(numbers=("comprehensiveness",), removals=("zero",)).score(evidence)[0]
    assert row.value == own.value
    assert row.passed is None
    assert scores.sel(group=RANDOM).rows[0].value < row.value < scores["comprehensiveness"].value


def test_there_are_rows_for_each_class() -> None:
    rng = np.random.default_rng(0)
    w = rng.normal(size=(2, 1, SIDE, SIDE))

    def net(images):
        return np.einsum("nchw,ochw->no", np.asarray(images, dtype=float), w)

    X = rng.normal(size=(30, 1, SIDE, SIDE)).astype(np.float32)
    chosen = net(X).argmax(axis=1)
    scores = pel.evaluate(
        of_images(w[chosen, 0] * X[:, 0]), net, X, segments=CELLS, seed=0,
        metrics=RemovalCurve(numbers=("sufficiency",), removals=("zero",)),
    )  # fmt: skip
    sizes = {row.label: row.n for row in scores if row.label}
    assert sizes == {"0": (chosen == 0).sum(), "1": (chosen == 1).sum()}
    parts = [row.value * row.n for row in scores if row.label]
    assert sum(parts) / 30 == pytest.approx(scores["sufficiency"].value)


def test_where_the_empty_image_scores_as_much_normalised_numbers_say_nothing() -> None:
    net, X, _ = linear_net(12)
    minus = Linear(-np.abs(net.weights) * np.sign(X[0]), 0.0)
    scores = pel.evaluate(
        of_images(minus.shares(X[:1])), minus, X[:1], target=0, segments=CELLS, seed=0,
        metrics=RemovalCurve(numbers=("normalised_sufficiency",), removals=("zero",)),
    )  # fmt: skip
    assert np.isnan(scores["normalised_sufficiency"].value)
    assert "not defined for any image" in scores["normalised_sufficiency"].text


def test_names_that_are_not_known_are_refused() -> None:
    net, X, shares = linear_net(2)
    with pytest.raises(UnknownName, match="number of a removal curve"):
        RemovalCurve(numbers=("comprehensivness",))
    with pytest.raises(UnknownName, match="way of removal"):
        pel.evaluate(of_images(shares), net, X, target=0, metrics=RemovalCurve(removals=("means",)))
