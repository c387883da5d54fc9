"""Directions of concepts against scikit-learn, and how often chance is taken for a concept."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from pellucid.maths.chance import beyond, welch
from pellucid.maths.concept_vectors import concept_vectors

LEVEL = 0.05


def test_a_direction_is_that_of_ridge_regression_on_the_half_it_is_trained_on() -> None:
    rng = np.random.default_rng(0)
    activations = rng.normal(size=(40, 60)) + 3
    activations[:20, 0] += 2
    concept, others = np.arange(20), np.arange(20, 40)
    found = concept_vectors(
        activations @ activations.T, concept, others, draws=5, penalty=0.3, rng=rng
    )
    for weights, accuracy in zip(found.weights, found.accuracy, strict=True):
        train = weights != 0
        assert train[:20].sum() == train[20:].sum() == 10
        A, y = activations[train], (np.flatnonzero(train) < 20).astype(int)
        level = ((A - A.mean(axis=0)) ** 2).sum(axis=1).mean()
        ridge = RidgeClassifier(alpha=0.3 * level).fit(A, y)
        wanted = np.ravel(ridge.coef_) / np.linalg.norm(ridge.coef_)
        np.testing.assert_allclose(weights @ activations, wanted, atol=1e-9)
        kept = ridge.score(activations[~train], (np.flatnonzero(~train) < 20).astype(int))
        assert accuracy == pytest.approx(kept)


def trial(seed: int, shift: float = 0.0) -> tuple[float, float]:
    """The paper's t-test, and the place among random sets, of a concept `shift` from random."""
    rng = np.random.default_rng(seed)
    activations = rng.normal(size=(80, 20))
    activations[:20, 0] += shift
    slopes = 0.5 * rng.normal(size=(40, 20)) + rng.normal(size=20)
    slopes[:, 0] += 2 * (shift > 0)
    gram, along = activations @ activations.T, slopes @ activations.T
    concept, random = np.arange(20), np.arange(20, 80)

    def scores(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        found = concept_vectors(gram, one, other, draws=15, penalty=0.1, rng=rng)
        return (along @ found.weights.T > 0).mean(axis=0)

    chance = []
    for _ in range(39):
        order = rng.permutation(random)
        chance.append(scores(order[:20], order[20:]))
    found, usual = scores(concept, random), np.array(chance)
    return welch(found, usual[:, 0]), beyond(float(found.mean()), usual.mean(axis=1), 0.5)


def test_random_sets_pass_for_concepts_in_5_percent_where_the_t_test_alone_lets_many_pass() -> None:
    found = np.array([trial(seed) for seed in range(300)]) <= LEVEL
    assert 4 <= found[:, 1].sum() <= 24  # of 300 at 5 % a count lies outside once in 100 times
    assert found[:, 0].sum() >= 75  # the draws share one set of images, and are taken for many


def test_a_concept_that_moves_the_output_passes_both() -> None:
    found = np.array([trial(seed, shift=4.0) for seed in range(10)]) <= LEVEL
    assert found.sum() >= 18


def test_activations_that_do_not_vary_have_no_direction() -> None:
    found = concept_vectors(
        np.ones((20, 20)), np.arange(10), np.arange(10, 20), draws=3, penalty=0.1,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert np.isfinite(found.weights).all()
    assert (found.accuracy == 0).all()
