import warnings

import numpy as np
import pytest

import pellucid as pel
from pellucid.core.errors import InvalidSetting
from pellucid.core.seeds import generator
from pellucid.explainers.shapley.kernel_shap import KernelSHAP
from pellucid.models.callable import CallableModel
from twins.shapley_enumeration import marginal_worth, shapley_values

RNG = generator(0, "test kernel")
SAMPLERS = ["kernel_shap", "permutation_shap"]


def forest(columns: int) -> tuple[object, np.ndarray]:
    from sklearn.ensemble import RandomForestRegressor

    X = RNG.normal(size=(300, columns))
    y = X[:, 0] * X[:, 1] + X[:, 2] + (X[:, 3] > 0) * X[:, 4]
    return RandomForestRegressor(20, max_depth=6, random_state=0).fit(X, y), X


def switches(worth: object, players: int, **settings: object) -> tuple[np.ndarray, np.ndarray]:
    """A game of switches, all on against all off: values and errors, both (game, player)."""
    model = CallableModel(worth, task="regression")
    one, zero = np.ones((1, players)), np.zeros((1, players))
    found = pel.explain(model, one, background=zero, **settings)
    values, error = np.asarray(found.values)[0], np.asarray(found.error)[0]
    return values.reshape(players, -1).T, error.reshape(players, -1).T


def six_games(Z: np.ndarray) -> np.ndarray:
    Z = np.asarray(Z) > 0.5
    sign = 2.0 * Z - 1
    teams = Z[:, [0, 1, 2]].all(axis=1) - 2.0 * Z[:, [2, 3, 4]].all(axis=1) + Z[:, 5]
    columns = [
        teams,
        Z[:, :5].all(axis=1),
        sign[:, :3].prod(axis=1),
        sign[:, :5].prod(axis=1),
        np.where(Z, np.arange(1, Z.shape[1] + 1), 0).max(axis=1),
        (Z[:, 0] ^ Z[:, 1]) + 3.0 * Z[:, 2] * Z[:, 3],
    ]
    return np.stack(columns, axis=1).astype(float)


def six_truths(players: int) -> np.ndarray:
    first = np.arange(players)
    steps = 1 / np.arange(players, 0, -1)
    return np.array(
        [
            np.isin(first, [0, 1, 2]) / 3 - 2 * np.isin(first, [2, 3, 4]) / 3 + (first == 5),
            (first < 5) / 5,
            (first < 3) * 2 / 3,
            (first < 5) * 2 / 5,
            np.cumsum(steps),
            1.5 * np.isin(first, [2, 3]),
        ]
    )


@pytest.mark.parametrize("method", SAMPLERS)
def test_a_budget_for_all_coalitions_is_exact(method: str) -> None:
    model, X = forest(6)
    found = pel.explain(model, X[:2], method=method, background=X[50:58], budget=64)
    for row, values in zip(X[:2], found.values, strict=True):
        truth = shapley_values(marginal_worth(model.predict, row, X[50:58]), 6)[:, 0]
        np.testing.assert_allclose(values, truth, atol=1e-12)
    assert found.exact


def network_games(players: int) -> tuple[object, np.ndarray]:
    """Six games that no short sum of products explains, and their values."""
    rng = np.random.default_rng(3)
    inward, outward = rng.normal(size=(players, 12)), rng.normal(size=(12, 6))

    def worth(Z: np.ndarray) -> np.ndarray:
        return np.tanh(np.asarray(Z) @ inward) @ outward

    exact, _ = switches(worth, players, method="exact_shap")
    return worth, exact


@pytest.mark.parametrize(("budget", "draws"), [(48, 60), (100, 40), (300, 20)])
def test_the_error_covers_the_exact_value_in_95_of_100_draws(budget: int, draws: int) -> None:
    worth, truth = network_games(10)
    runs = [
        switches(worth, 10, method=KernelSHAP(budget=budget), seed=seed) for seed in range(draws)
    ]
    values, error = (np.array(part) for part in zip(*runs, strict=True))
    inside = np.abs(values - truth) <= 1.96 * error + 1e-12
    by_draw = inside.mean(axis=(1, 2))  # values of one draw hang together
    doubt = 3 * by_draw.std() / np.sqrt(draws)
    assert 0.93 - doubt < inside.mean() < 0.97 + doubt
    said, made = (error**2).mean(), ((values - truth) ** 2).mean()
    assert 0.85 < np.sqrt(said / made) < (1.3 if budget > 48 else 1.5)


def test_the_error_covers_games_of_few_players_too() -> None:
    """Games that are found nearly exactly: their errors are tiny and rather too large."""
    draws = 40
    runs = [switches(six_games, 9, method=KernelSHAP(budget=150), seed=s) for s in range(draws)]
    values, error = (np.array(part) for part in zip(*runs, strict=True))
    inside = np.abs(values - six_truths(9)) <= 1.96 * error + 1e-12
    assert np.all(inside.mean(axis=(0, 2)) > 0.89), inside.mean(axis=(0, 2))


def test_the_error_covers_the_exact_value_with_the_least_budget_too() -> None:
    """Few terms make the error: without its widening 89 of 100 would be covered here."""
    rng = np.random.default_rng(5)
    inward, outward = rng.normal(size=(9, 20)), rng.normal(size=20)
    rows, background = rng.normal(size=(6, 9)), rng.normal(size=(3, 9))
    ask = {"model": lambda X: np.tanh(X @ inward) @ outward, "X": rows, "background": background}
    truth = pel.explain(**ask, method="exact_shap").values
    runs = [pel.explain(**ask, method="kernel_shap", budget=34, seed=s) for s in range(60)]
    inside = [np.abs(found.values - truth) <= 1.96 * found.error for found in runs]
    assert 0.93 < np.mean(inside) < 0.98


def test_pairs_of_columns_are_exact_even_with_the_least_budget() -> None:
    values, error = switches(six_games, 12, method="kernel_shap", budget=46, seed=0)
    np.testing.assert_allclose(values[5], six_truths(12)[5], atol=1e-9)
    assert error[5].max() < 1e-9


def test_it_is_closer_than_shap_with_the_same_evaluations() -> None:
    shap = pytest.importorskip("shap")
    model, X = forest(12)
    background, rows = X[100:115], X[:2]
    exact = pel.explain(model, rows, method="exact_shap", background=background).values
    mine = [
        np.abs(
            pel.explain(
                model, rows, method="kernel_shap", background=background, budget=512, seed=s
            ).values
            - exact
        ).mean()
        for s in range(3)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = shap.KernelExplainer(model.predict, background)
        theirs = []
        for seed in range(3):
            np.random.seed(seed)  # noqa: NPY002 (the peer draws from the global stream)
            found = peer.shap_values(rows, nsamples=512, l1_reg=0, silent=True)
            theirs.append(np.abs(found - exact).mean())
    assert np.mean(mine) < np.mean(theirs) / 2


@pytest.mark.parametrize("method", SAMPLERS)
def test_values_add_up_and_repeat_and_do_not_depend_on_other_rows(method: str) -> None:
    model, X = forest(10)
    X[:, 9] = 1.0
    X[3, 9] = 2.0
    ask = {"method": method, "background": X[100:108], "budget": 100}
    whole = pel.explain(model, X[:5], seed=4, **ask)
    assert np.abs(whole.gap()).max() < 1e-12
    np.testing.assert_array_equal(pel.explain(model, X[:5], seed=4, **ask).values, whole.values)
    for i in (0, 3):
        alone = pel.explain(model, X[i : i + 1], seed=4, **ask)
        np.testing.assert_allclose(alone.values[0], whole.values[i], atol=1e-12)
        np.testing.assert_allclose(alone.error[0], whole.error[i], atol=1e-12)
    assert np.abs(pel.explain(model, X[:5], seed=5, **ask).values - whole.values).max() > 1e-6
    assert not whole.values[[0, 1, 2, 4], 9].any()
    assert not whole.error[[0, 1, 2, 4], 9].any()


@pytest.mark.parametrize("method", SAMPLERS)
def test_no_more_coalitions_are_evaluated_than_the_budget(method: str) -> None:
    model, X = forest(10)
    found = pel.explain(model, X[:3], method=method, background=X[100:108], budget=200, seed=0)
    assert found.evaluations <= 3 * 8 * 198 + 8 + 3
    assert found.evaluations >= 3 * 8 * 120


@pytest.mark.parametrize("method", SAMPLERS)
def test_a_sum_of_models_has_the_sum_of_values(method: str) -> None:
    def twice(Z: np.ndarray) -> np.ndarray:
        games = six_games(Z)
        return np.stack([games[:, 0], games[:, 1], games[:, 0] - 2 * games[:, 1]], axis=1)

    values, error = switches(twice, 10, method=method, budget=80, seed=1)
    exactly = method == "permutation_shap"  # the other learns from the worths
    apart = np.abs(values[2] - values[0] + 2 * values[1])
    assert np.all(apart <= (1e-9 if exactly else 3 * np.sqrt((error**2).sum(axis=0) + 1e-18)))
    once, _ = switches(lambda Z: six_games(Z)[:, 4], 10, method=method, budget=80, seed=1)
    twice_as_much, _ = switches(
        lambda Z: 2 * six_games(Z)[:, 4] + 3, 10, method=method, budget=80, seed=1
    )
    np.testing.assert_allclose(twice_as_much, 2 * once, atol=1e-12)


@pytest.mark.parametrize("method", SAMPLERS)
def test_several_classes_at_once_are_each_class_alone(method: str) -> None:
    from sklearn.ensemble import ExtraTreesClassifier

    X = RNG.normal(size=(150, 8))
    y = np.array(["low", "mid", "high"])[np.digitize(X[:, 0] + X[:, 1] * X[:, 2], [-0.5, 0.5])]
    model = ExtraTreesClassifier(10, random_state=0).fit(X, y)
    ask = {"method": method, "background": X[50:56], "budget": 70, "seed": 2}
    together = pel.explain(model, X[:2], scale="probability", **ask)
    assert together.dims == ("sample", "feature", "class")
    assert np.abs(together.values.sum(axis=2)).max() <= 4 * together.error.max() + 1e-12
    for label in ("low", "mid", "high"):
        alone = pel.explain(model, X[:2], target=label, scale="probability", **ask)
        np.testing.assert_allclose(
            together.sel(**{"class": label}).values, alone.values, atol=1e-12
        )


@pytest.mark.parametrize("method", SAMPLERS)
def test_a_budget_below_the_columns_is_refused_with_the_least_one(method: str) -> None:
    X = RNG.normal(size=(6, 1000))
    with pytest.raises(InvalidSetting, match="budget ≥ 3998"):
        pel.explain(lambda X: X.sum(axis=1), X[:1], method=method, background=X[1:], budget=2048)


@pytest.mark.parametrize("method", SAMPLERS)
def test_a_thousand_columns_of_which_few_vary_need_a_small_budget(method: str) -> None:
    X = np.zeros((6, 1000))
    X[:, ::100] = RNG.normal(size=(6, 10))
    found = pel.explain(
        lambda X: X.sum(axis=1), X[:1], method=method, background=X[1:], budget=40, seed=0
    )
    np.testing.assert_allclose(found.values, X[:1] - X[1:].mean(axis=0), atol=1e-9)


@pytest.mark.parametrize("method", SAMPLERS)
def test_one_background_row_and_one_column(method: str) -> None:
    X = RNG.normal(size=(2, 1))
    found = pel.explain(lambda X: X[:, 0] ** 2, X[:1], method=method, background=X[1:])
    np.testing.assert_allclose(found.values, X[:1] ** 2 - X[1:] ** 2)
    same = pel.explain(lambda X: X[:, 0] ** 2, X[:1], method=method, background=X[:1])
    assert not same.values.any()


@pytest.mark.parametrize("budget", [0, 1, 2.0, "many", None])
def test_a_budget_that_is_no_number_of_coalitions_is_refused(budget: object) -> None:
    with pytest.raises(InvalidSetting, match="budget"):
        KernelSHAP(budget=budget)


def test_large_budgets_are_cut_into_several_regressions() -> None:
    rng = np.random.default_rng(8)
    inward, outward = rng.normal(size=(14, 20)) / 2, rng.normal(size=20)
    ask = {"worth": lambda Z: np.tanh(np.asarray(Z) @ inward) @ outward, "players": 14}
    truth, _ = switches(**ask, method="exact_shap")
    values, error = switches(**ask, method=KernelSHAP(budget=5000), seed=0)
    few, _ = switches(**ask, method=KernelSHAP(budget=1000), seed=0)
    assert np.all(np.abs(values - truth) <= 5 * error + 1e-9)
    assert np.abs(values - truth).mean() < np.abs(few - truth).mean() / 2
