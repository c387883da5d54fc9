"""What random subsets do together, against loops over the subsets that were drawn."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.metrics.faithfulness.random_subsets import RandomSubsets
from pellucid.metrics.gather_images import gather_images
from pellucid.metrics.rows import RANDOM
from twins.judged import Linear, of_images

ALL = RandomSubsets(numbers=RandomSubsets.tells, sizes=(0.2, 0.5), removals=("zero",))
CELLS = np.arange(10)[:, None] // 2 * 5 + np.arange(10) // 2  # 25 of 2 × 2 pixels


def curved(count: int = 15):
    """A network that is not linear, images, and values at random."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=(1, 10, 10))
    X = rng.normal(size=(count, 1, 10, 10)).astype(np.float32)

    def net(images):
        first = np.tanh((np.asarray(images, dtype=float) * w).sum(axis=(1, 2, 3)) / 5)
        return np.stack([first, -np.ones(len(images))], axis=1)

    return net, X, (w * X)[:, 0] + rng.normal(size=(count, 10, 10))


def test_every_number_is_that_of_its_paper() -> None:
    net, X, values = curved()
    (evidence,) = gather_images(
        of_images(values), net, X, target=0, segments=CELLS, rows=99, seed=0
    )
    found = {row.metric: row.value for row in ALL.score(evidence) if not row.group}
    drawn, _ = ALL.drawn(evidence, "zero")
    assert (drawn.sum(axis=2) == [5] * 10 + [12] * 10).all()
    parts = {name: [] for name in RandomSubsets.tells}
    for x, own, subsets in zip(X, values, drawn, strict=True):
        said, fell = [], []
        for subset in subsets:
            gone = subset[CELLS]
            said.append(own[gone].sum())
            fell.append(net(x[None])[0, 0] - net((x * ~gone)[None])[0, 0])
        said, fell = np.array(said), np.array(fell)
        by_size = [np.corrcoef(said[at], fell[at])[0, 1] for at in (slice(10), slice(10, 20))]
        factor = (said * fell).sum() / (said * said).sum()
        parts["faithfulness_correlation"].append(by_size[0])
        parts["sensitivity_n"].append(np.mean(by_size))
        parts["infidelity"].append(np.mean((said - fell) ** 2))
        parts["infidelity_scaled"].append(np.mean((factor * said - fell) ** 2) / np.mean(fell**2))
    for name, each in parts.items():
        assert found[name] == pytest.approx(np.mean(each), rel=1e-5), name


def test_exact_values_of_a_linear_net_are_perfect_and_lies_are_caught() -> None:
    rng = np.random.default_rng(1)
    net = Linear(rng.normal(size=(3, 10, 10)))
    X = rng.normal(size=(30, 3, 10, 10)).astype(np.float32)
    shares = net.shares(X).sum(axis=1)
    settings = {"target": 0, "segments": CELLS, "metrics": ALL, "seed": 0}
    scores = pel.evaluate(of_images(shares), net, X, **settings)
    assert scores.ok
    for name in ("faithfulness_correlation", "sensitivity_n"):
        assert scores[name].value == pytest.approx(1.0)
        assert scores.sel(metric=name, group=RANDOM).rows[0].value == 0
    assert scores["infidelity"].value == pytest.approx(0, abs=1e-8)
    assert scores["infidelity"].passed is None
    doubled = pel.evaluate(of_images(2 * shares), net, X, **settings)
    assert doubled["infidelity_scaled"].value == pytest.approx(0, abs=1e-8)
    assert doubled["infidelity"].value > 1
    for lie in (-shares, np.ones(shares.shape), np.roll(shares, 3, axis=2)):
        caught = pel.evaluate(of_images(lie), net, X, **settings)
        assert caught["faithfulness_correlation"].passed is False
        assert caught["sensitivity_n"].passed is False
    rolled = pel.evaluate(of_images(np.roll(shares, 3, axis=2)), net, X, **settings)
    assert rolled["infidelity_scaled"].passed is False


def test_settings_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(InvalidSetting, match="sizes are shares"):
        RandomSubsets(sizes=(0.0,))
    with pytest.raises(InvalidSetting):
        RandomSubsets(subsets=2)
    with pytest.raises(UnknownName, match="number of random subsets"):
        RandomSubsets(numbers=("sensitivity",))
