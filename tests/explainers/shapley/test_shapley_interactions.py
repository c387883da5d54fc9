"""Interactions, against unanimity games, shapiq and long sums."""

import numpy as np
import pytest
import shapiq

import pellucid as pel
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.core.seeds import generator
from pellucid.core.terms import folded
from pellucid.explainers.shapley.exact_shap import ExactSHAP
from pellucid.explainers.shapley.shapley_interactions import ShapleyInteractions
from pellucid.maths.coalitions import every_coalition
from pellucid.maths.interactions import EFFICIENT, INDICES, coefficients, exact_interactions, terms
from pellucid.models.callable import CallableModel

RNG = generator(0, "test interactions")
THEIRS = {"k-SII": "k-SII", "SII": "SII", "STII": "STII", "Faith-SHAP": "FSII", "Banzhaf": "BII"}


def switched(model: object, players: int, method: object, seed: int = 0) -> pel.Attribution:
    return pel.explain(
        CallableModel(model, task="regression"),
        np.ones((1, players)),
        background=np.zeros((1, players)),
        method=method,
        seed=seed,
    )


def tabled(players: int) -> object:
    """A game without any structure: a random worth for each coalition."""
    worth = RNG.normal(size=2**players)
    worth[0] = 0.0
    return lambda Z: worth[(np.asarray(Z) > 0.5) @ (1 << np.arange(players))]


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("index", INDICES)
def test_every_index_is_that_of_shapiq(index: str, order: int) -> None:
    game = tabled(6)
    theirs = shapiq.ExactComputer(game, n_players=6)(THEIRS[index], order=order)
    found = switched(game, 6, ShapleyInteractions(index=index, order=order))
    truth = [theirs[team] for team in terms(6, order)]
    np.testing.assert_allclose(found.values[0], truth, atol=1e-8)


@pytest.mark.parametrize("index", INDICES)
def test_a_team_that_must_be_complete_shares_as_published(index: str) -> None:
    """Four players of whom three must join: the pairs and the singles inside the team."""
    found = switched(
        lambda Z: np.asarray(Z)[:, :3].prod(axis=1), 4, ShapleyInteractions(index=index)
    )
    one, two = {
        "k-SII": (-1 / 6, 1 / 2),
        "SII": (1 / 3, 1 / 2),
        "STII": (0.0, 1 / 3),
        "Faith-SHAP": (-1 / 6, 1 / 2),
        "Banzhaf": (1 / 4, 1 / 2),
    }[index]
    np.testing.assert_allclose(found.values[0, :4], [one, one, one, 0], atol=1e-12)
    np.testing.assert_allclose(found.values[0, 4:], [two, two, 0, two, 0, 0], atol=1e-12)


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("budget", [64, 256])
def test_terms_add_up_for_the_efficient_indices_only(index: str, budget: int) -> None:
    X = RNG.normal(size=(12, 8))
    weight = RNG.normal(size=(8, 5))
    found = pel.explain(
        lambda Z: np.tanh(np.asarray(Z) @ weight).prod(axis=1),
        X[:2],
        background=X,
        method=ShapleyInteractions(index=index, budget=budget),
        seed=0,
    )
    assert found.dims == ("sample", "term")
    assert found.coords["term"][:9] == (*(f"x{i}" for i in range(8)), "x0 × x1")
    if index in EFFICIENT:
        np.testing.assert_allclose(found.gap(), 0, atol=1e-10)
    else:
        assert found.base is None


def test_k_sii_handed_out_and_sii_alone_are_shapley_values() -> None:
    X = RNG.normal(size=(12, 6))

    def model(Z: np.ndarray) -> np.ndarray:
        return np.asarray(Z)[:, 0] * np.asarray(Z)[:, 1] * np.asarray(Z)[:, 2] + np.asarray(Z)[:, 3]

    truth = pel.explain(model, X[:3], background=X, method=ExactSHAP())
    pairs = pel.explain(model, X[:3], background=X, method=ShapleyInteractions())
    np.testing.assert_allclose(folded(pairs).values, truth.values, atol=1e-12)
    single = pel.explain(model, X[:3], background=X, method=ShapleyInteractions(index="SII"))
    np.testing.assert_allclose(single.values[:, :6], truth.values, atol=1e-12)


def test_an_additive_model_has_no_interactions() -> None:
    X = RNG.normal(size=(12, 20))
    found = pel.explain(
        lambda Z: np.sin(np.asarray(Z)).sum(axis=1),
        X[:1],
        background=X,
        method=ShapleyInteractions(budget=500),
        seed=0,
    )
    np.testing.assert_allclose(found.values[0, 20:], 0, atol=1e-9)
    np.testing.assert_allclose(
        found.values[0, :20], np.sin(X[0]) - np.sin(X).mean(axis=0), atol=1e-9
    )


@pytest.mark.parametrize("index", INDICES)
def test_the_weights_of_worths_are_those_of_the_transform(index: str) -> None:
    worth = RNG.normal(size=2**6)
    teams = every_coalition(6)
    table = coefficients(index, 3, 6)
    for place, team in enumerate(terms(6, 3)):
        common = teams[:, list(team)].sum(axis=1)
        total = (table[len(team), teams.sum(axis=1), common] * worth).sum()
        truth = exact_interactions(worth[None, :, None], index, 3)[0, place, 0]
        assert total == pytest.approx(truth, abs=1e-12)


PLAYERS = 10
INWARD, OUTWARD = RNG.normal(size=(PLAYERS, 6)), RNG.normal(size=6)
SEVERAL = RNG.normal(size=(4, PLAYERS))


def network(Z: np.ndarray) -> np.ndarray:
    Z = np.asarray(Z, dtype=float)
    return np.tanh(Z @ INWARD / 2) @ OUTWARD + Z[:, :3].prod(axis=1)


@pytest.mark.parametrize(
    ("index", "order", "budget"),
    [
        ("k-SII", 2, 300),
        ("k-SII", 2, 500),
        ("STII", 2, 300),
        ("Faith-SHAP", 2, 300),
        ("SII", 3, 400),
        ("Banzhaf", 2, 300),
    ],
)
def test_the_error_covers_the_exact_value(index: str, order: int, budget: int) -> None:
    def run(method: ShapleyInteractions, seed: int = 0) -> pel.Attribution:
        zero = np.zeros((1, PLAYERS))
        return pel.explain(network, SEVERAL, background=zero, method=method, seed=seed)

    truth = run(ShapleyInteractions(index=index, order=order)).values
    method = ShapleyInteractions(index=index, order=order, budget=budget)
    runs = [run(method, seed) for seed in range(80)]
    values = np.array([run.values for run in runs])
    error = np.array([run.error for run in runs])
    sampled = error.mean(axis=0) > 1e-12
    covered = np.abs(values - truth) <= 1.96 * error
    assert 0.93 < covered[:, sampled].mean() < 0.975
    off = (values - truth)[:, ~sampled]
    np.testing.assert_allclose(off, 0, atol=1e-9)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UnknownName, match="STII"):
        ShapleyInteractions(index="STI")  # type: ignore[arg-type]
    with pytest.raises(InvalidSetting, match="order"):
        ShapleyInteractions(order=4)
    with pytest.raises(InvalidSetting, match="42"):
        switched(network, PLAYERS, ShapleyInteractions(budget=30))
