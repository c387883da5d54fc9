"""ROAR and KAR: trained again without what is called important, or without the rest."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pellucid as pel
from pellucid.core.errors import InvalidSetting
from pellucid.metrics.faithfulness.roar import ROAR, WHOLE
from pellucid.metrics.rows import RANDOM
from pellucid.models.small_network import train_network
from twins.image_liars import EdgeDetector

torch.set_num_threads(1)


def planted(n: int = 300, seed: int = 0):
    """Noise images whose class is whether a spot is bright or dark; the rest says nothing."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    X = 0.3 * rng.normal(size=(n, 1, 8, 8)).astype(np.float32)
    X[:, 0, 3, 3] = np.where(y, 3, -3)
    return X, y


@pytest.fixture(scope="module")
def world():
    X, y = planted()
    return X, y, train_network(X[:200], y[:200], epochs=15)


def fit(inputs, labels):
    return train_network(inputs, labels, epochs=12)


def test_without_the_planted_spot_nothing_is_learnt_and_with_it_alone_everything(world) -> None:
    X, y, net = world
    att = pel.explain(net, X[:20], method="integrated_gradients", seed=0)
    metric = ROAR(fit=fit, X=X, y=y, shares=(0.1, 0.5))
    scores = pel.evaluate(att, net, X[:20], metrics=metric, seed=0)
    assert scores.sel(group=WHOLE).rows[0].value > 0.95
    assert scores["roar"].passed is True, scores["roar"].text
    assert scores["roar"].value < 0.75
    assert scores["kar"].value > 0.95
    assert scores["roar"].n == 75
    labels = {row.label for row in scores if row.label}
    assert labels == {"10% removed", "50% removed"}


def test_an_explanation_that_marks_the_wrong_places_is_not_ahead_of_random_order(world) -> None:
    X, y, net = world

    class Corners(EdgeDetector):
        """The last two rows, where nothing is."""

        @classmethod
        def name(cls) -> str:
            return "edge_detector"

        def compute(self, question):
            values = np.zeros((question.size, 8, 8))
            values[:, 6:] = 1
            return question.attribution(values)

    att = Corners().explain(net, X[:20], seed=0)
    metric = ROAR(fit=fit, X=X, y=y, shares=(0.2,))
    scores = pel.evaluate(att, net, X[:20], metrics=metric, method=Corners(), seed=0)
    assert scores["roar"].passed is False
    assert scores["roar"].text.startswith("Warning: ")


@pytest.fixture(scope="module")
def table():
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 8))
    y = np.where(X[:, 0] + 0.5 * X[:, 1] > 0, "yes", "no")
    return X, y, RandomForestClassifier(30, random_state=0).fit(X, y)


def test_tables_are_trained_again_by_the_estimator_itself(table) -> None:
    X, y, forest = table
    att = pel.explain(forest, X[:30], background=X[:100], seed=0)
    metric = ROAR(fit=forest, X=X, y=y, shares=(0.25, 0.5))
    scores = pel.evaluate(att, forest, X[:30], background=X[:100], metrics=metric, seed=0)
    assert scores.sel(group=WHOLE).rows[0].value > 0.9
    assert scores["roar"].passed is True, scores["roar"].text
    assert scores["kar"].passed is True
    assert scores["kar"].value > 0.85


def test_what_is_trained_on_and_judged_by_lacks_the_units_that_come_first(table) -> None:
    X, y, forest = table
    seen = []

    class Remembers:
        def __init__(self, inputs):
            self.inputs = inputs

        def __call__(self, rows):
            seen.append((self.inputs, np.asarray(rows)))
            return np.zeros(len(rows))

    att = pel.explain(forest, X[:30], background=X[:100], seed=0)
    metric = ROAR(fit=lambda a, b: Remembers(a), X=X, y=y, shares=(0.25,), removal="typical")
    pel.evaluate(att, forest, X[:30], background=X[:100], metrics=metric, seed=0)
    typical = np.sort(X[:100], axis=0)[50]
    whole, gone = seen[0][0], [each for each, rows in seen if len(rows) == 150][1:]
    assert len(whole) == 450
    assert not (whole == typical).all(axis=0).any()
    assert len(gone) == 3  # ROAR, KAR and random
    shares = pel.explain(forest, X, background=X[:100], seed=0).values
    shares = shares if shares.ndim == 2 else shares[:, :, -1]
    for inputs in gone:
        np.testing.assert_array_equal((inputs == typical).sum(axis=1) >= 2, True)
    first = (gone[0] == typical).mean(axis=0)
    assert first[:2].sum() > first[2:].max()
    assert (gone[1] == typical).mean(axis=0)[0] < 0.2


def test_the_same_seed_trains_on_the_same_inputs(table) -> None:
    X, y, forest = table
    att = pel.explain(forest, X[:30], background=X[:100], seed=0)
    metric = ROAR(fit=forest, X=X, y=y, shares=(0.5,))
    rows = [
        pel.evaluate(att, forest, X[:30], background=X[:100], metrics=metric, seed=0).rows
        for _ in range(2)
    ]
    assert rows[0] == rows[1]
    assert {row.group for row in rows[0] if row.metric == "kar"} >= {RANDOM}


def test_what_cannot_be_told_is_said(table) -> None:
    X, y, forest = table
    att = pel.explain(forest, X[:30], background=X[:100], seed=0)
    said = pel.evaluate(att, forest, X[:30], background=X[:100], metrics="roar", seed=0)
    assert "give fit=" in said["roar"].text
    for wrong in (
        lambda: ROAR(fit=forest),
        lambda: ROAR(fit=forest, X=X, y=y[:3]),
        lambda: ROAR(shares=(1.0,)),
        lambda: ROAR(shares=()),
        lambda: ROAR(held_out=0),
        lambda: ROAR(repeats=0),
    ):
        with pytest.raises(InvalidSetting):
            wrong()


def test_regressions_have_no_accuracy() -> None:
    from sklearn.linear_model import LinearRegression

    X = np.random.default_rng(0).normal(size=(40, 3))
    line = LinearRegression().fit(X, X[:, 0])
    att = pel.explain(line, X, background=X, seed=0)
    metric = ROAR(fit=line, X=X, y=X[:, 0])
    score = pel.evaluate(att, line, X, background=X, metrics=metric, seed=0)["roar"]
    assert "has none" in score.text
