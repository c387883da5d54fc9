"""Sabotaged explanations, each caught by the check that is there for it; honest ones pass all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import pellucid as pel
from twins.honest_methods import Brute, Fragile, Sampled, linear


def planted(seed: int = 0):
    """A model with strong, weak and useless features and one interaction; rows; a background."""
    rng = np.random.default_rng(seed)

    def model(X):
        return 4 * X[:, 0] + 2 * X[:, 1] + X[:, 2] * X[:, 3] + 0.2 * X[:, 4]

    return model, rng.normal(size=(60, 6)), rng.normal(size=(20, 6))


def forest(seed: int = 0):
    from sklearn.ensemble import RandomForestRegressor

    model, _, _ = planted()
    rng = np.random.default_rng(seed)
    train = rng.normal(size=(500, 6))
    fitted = RandomForestRegressor(30, min_samples_leaf=3, random_state=seed)
    return fitted.fit(train, model(train)).predict, rng.normal(size=(40, 6)), train[:12]


def boosting(seed: int = 0):
    from sklearn.ensemble import GradientBoostingClassifier

    rng = np.random.default_rng(seed)
    train = rng.normal(size=(600, 6))
    y = (2 * train[:, 0] - train[:, 1] + rng.logistic(size=600) > 0).astype(int)
    fitted = GradientBoostingClassifier(n_estimators=40, random_state=seed).fit(train, y)
    return fitted.predict_proba, rng.normal(size=(40, 6)), train[:12]


def weighted_sum(seed: int = 0):
    rng = np.random.default_rng(seed)
    return linear([3, -2, 1, 0.5, 0, 0]), rng.normal(size=(60, 6)), rng.normal(size=(20, 6))


WORLDS = [planted, forest, boosting, weighted_sum]


@pytest.fixture(scope="module", params=WORLDS, ids=lambda world: world.__name__)
def world(request):
    model, X, background = request.param()
    return model, X, background, Brute().explain(model, X, background=background)


def judge(att, world, *metrics, method=None, seed=0):
    model, X, background, _ = world
    return pel.evaluate(
        att,
        model,
        X,
        background=background,
        metrics=metrics or None,
        method=method or Brute(),
        seed=seed,
    )


def caught(scores, *names) -> None:
    for name in names:
        assert scores[name].passed is False, scores[name].text
        assert scores[name].text.startswith("Warning: ")


def test_an_honest_explanation_passes_every_check(world) -> None:
    scores = judge(world[3], world)
    assert scores.ok, [row.text for row in scores.failures]
    decided = {row.metric for row in scores if row.passed}
    assert decided == {
        "additivity", "agreement", "agreement_global", "deletion", "sampling_error", "stability"
    }  # fmt: skip


def test_an_honest_sampler_passes_every_check() -> None:
    model, X, background = planted()
    recipe = Sampled(draws=150)
    att = recipe.explain(model, X[:25], background=background, seed=1)
    scores = judge(att, (model, X[:25], background, None), method=recipe)
    assert scores.ok, [row.text for row in scores.failures]
    assert scores["reseeding"].passed
    assert scores["stated_error"].passed


def test_shares_given_to_the_wrong_features_are_caught(world) -> None:
    turned = replace(world[3], values=world[3].values[:, ::-1])
    caught(judge(turned, world), "deletion", "agreement", "agreement_global", "stability")


def test_shares_shuffled_within_each_row_are_caught(world) -> None:
    mixed = np.random.default_rng(0).permuted(world[3].values, axis=1)
    caught(judge(replace(world[3], values=mixed), world), "deletion", "agreement", "stability")


def test_shares_of_other_rows_are_caught(world) -> None:
    values = np.roll(world[3].values, 1, axis=0)
    caught(judge(replace(world[3], values=values), world), "additivity", "agreement", "stability")


def test_shares_twice_too_large_are_caught(world) -> None:
    caught(judge(replace(world[3], values=2 * world[3].values), world), "additivity")


def test_shares_shifted_by_a_hundredth_are_caught(world) -> None:
    values = np.array(world[3].values)
    values += 0.01 * np.ptp(world[3].output) / values.shape[1]
    caught(judge(replace(world[3], values=values), world), "additivity")


def test_shares_with_the_wrong_sign_are_caught(world) -> None:
    caught(judge(replace(world[3], values=-world[3].values), world), "additivity", "agreement")


@pytest.mark.parametrize("seed", [101, 102, 103])
def test_random_numbers_are_caught(world, seed) -> None:
    random = np.random.default_rng(seed).normal(size=world[3].values.shape)
    caught(judge(replace(world[3], values=random), world), "additivity", "deletion", "agreement")


def test_the_same_random_numbers_for_every_row_are_caught(world) -> None:
    same = np.tile([0.1, 0.2, 0.3, 0.8, 0.7, 0.9], (len(world[1]), 1))
    caught(
        judge(replace(world[3], values=same), world),
        "additivity", "deletion", "agreement", "agreement_global", "stability",
    )  # fmt: skip


def test_one_number_for_every_feature_is_caught_and_does_not_win_by_the_order_of_columns(
    world,
) -> None:
    flat = np.ones_like(world[3].values)
    caught(judge(replace(world[3], values=flat), world), "additivity", "deletion", "agreement")


def test_a_method_that_hangs_on_the_last_digits_is_caught(world) -> None:
    model, X, background, _ = world
    att = Fragile().explain(model, X, background=background)
    scores = judge(att, world, "additivity", "stability", method=Fragile())
    assert scores["additivity"].passed
    caught(scores, "stability")


@pytest.mark.parametrize("honesty", [0.0, 0.2])
def test_an_understated_error_is_caught(honesty) -> None:
    model, X, background = planted()
    recipe = Sampled(draws=10, honesty=honesty)
    att = recipe.explain(model, X[:30], background=background, seed=0)
    scores = judge(att, (model, X[:30], background, None), "reseeding", method=recipe)
    caught(scores, "stated_error")


def test_too_few_draws_are_caught_by_their_own_error_and_by_other_seeds() -> None:
    rng = np.random.default_rng(0)

    def model(X):
        return np.prod(X, axis=1)

    X, background, recipe = rng.normal(size=(30, 5)), rng.normal(size=(3, 5)), Sampled(draws=3)
    att = recipe.explain(model, X, background=background, seed=0)
    scores = judge(att, (model, X, background, None), method=recipe)
    caught(scores, "sampling_error", "reseeding")
