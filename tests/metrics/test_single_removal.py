"""Leaving single units out, against scipy's correlations and loops over units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import pellucid as pel
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.metrics.faithfulness.single_removal import SingleRemoval
from pellucid.metrics.rows import RANDOM
from twins.judged import Linear, of_images, of_rows

RNG = np.random.default_rng(0)
ALL = SingleRemoval(numbers=SingleRemoval.tells)


def forest():
    from sklearn.ensemble import RandomForestRegressor

    train = RNG.normal(size=(200, 6))
    model = RandomForestRegressor(20, random_state=0).fit(train, train[:, 0] * train[:, 1])
    return model.predict, RNG.normal(size=(12, 6)), train[:5], RNG.normal(size=(12, 6))


def test_of_a_table_every_number_is_that_of_its_paper() -> None:
    f, X, background, values = forest()
    scores = pel.evaluate(of_rows(values), f, X, background=background, metrics=ALL, seed=0)
    tau, estimate, monotone = [], [], []
    for x, own in zip(X, values, strict=True):
        full, answers = f(x[None])[0], np.tile(x, (6, 5, 1))
        for j in range(6):
            answers[j, :, j] = background[:, j]
        answers = f(answers.reshape(30, 6)).reshape(6, 5)
        fall = np.round(full - answers.mean(axis=1), 12)
        tau.append(stats.kendalltau(own, fall).statistic)
        estimate.append(stats.pearsonr(own, fall).statistic)
        change = np.square(answers - full).mean(axis=1)
        monotone.append(stats.spearmanr(np.abs(own), change).statistic)
    assert scores["tau_loo"].value == pytest.approx(np.mean(tau))
    assert scores["faithfulness_estimate"].value == pytest.approx(np.mean(estimate))
    assert scores["monotonicity_correlation"].value == pytest.approx(np.mean(monotone))


def unequal() -> np.ndarray:
    """Nine cells of very unequal size on 12 × 12 pixels."""
    at = np.array([0, 1, 1, 1, *[2] * 8])
    return 3 * at[:, None] + at


def net_and_images(count: int = 20):
    rng = np.random.default_rng(3)
    net = Linear(rng.normal(size=(3, 12, 12)))
    X = rng.normal(size=(count, 3, 12, 12)).astype(np.float32)
    return net, X, net.shares(X)


def test_the_exact_values_of_a_linear_net_have_one_also_where_cells_differ_in_size() -> None:
    net, X, shares = net_and_images()
    metric = replace(ALL, removals=("zero",), singles=9)
    scores = pel.evaluate(
        of_images(shares), net, X, target=0, segments=unequal(), metrics=metric, seed=0
    )
    for name in SingleRemoval.tells:
        assert scores[name].value == pytest.approx(1.0)
        assert scores[name].passed
        assert scores.sel(metric=name, group=RANDOM).rows[0].value == 0


def test_lies_are_caught_and_the_truth_passes() -> None:
    net, X, shares = net_and_images(40)
    flat = shares.sum(axis=1)
    lies = {
        "reversed": -flat,
        "constant": np.ones(flat.shape),
        "of another image": np.roll(flat, 1, axis=0) * np.sign(RNG.normal(size=(40, 1, 1))),
    }
    settings = {"target": 0, "metrics": SingleRemoval(removals=("zero",)), "seed": 0}
    assert pel.evaluate(of_images(flat), net, X, **settings).ok
    for name, lie in lies.items():
        for row in pel.evaluate(of_images(lie), net, X, **settings).sel(group=""):
            assert row.passed is False, f"{name}: {row.text}"


def test_single_units_are_the_same_for_all_and_cost_one_evaluation_each() -> None:
    net, X, shares = net_and_images()
    settings = {"target": 0, "metrics": SingleRemoval(singles=5), "seed": 0}
    pel.evaluate(of_images(shares), net, X, **settings)
    assert net.asked == 20 * (1 + 5) + 2  # what the model answers, and two to see its kind


def test_a_unit_that_images_do_not_have_counts_for_nothing() -> None:
    net, X, shares = net_and_images(2)
    cut = np.stack([np.arange(144).reshape(12, 12) // 48, np.arange(144).reshape(12, 12) // 16])
    metric = SingleRemoval(numbers=("faithfulness_estimate",), removals=("zero",), singles=9)
    scores = pel.evaluate(of_images(shares), net, X, target=0, segments=cut, metrics=metric, seed=0)
    assert scores.rows[0].value == pytest.approx(1.0)


def test_settings_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(InvalidSetting):
        SingleRemoval(singles=1)
    with pytest.raises(UnknownName, match="Did you mean 'tau_loo'"):
        SingleRemoval(numbers=("tau_lo",))
