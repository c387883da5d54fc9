"""SAGE, against closed forms and the definition."""

from itertools import product

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression

import pellucid as pel
from pellucid.core.errors import CannotExplain, InvalidSetting, UnknownName
from pellucid.core.seeds import generator
from pellucid.explainers.shapley.sage import SAGE
from twins.shapley_enumeration import marginal_worth, shapley_values

RNG = generator(0, "test sage")
GRID = np.array(list(product((-1.0, 0.0, 2.0), (1.0, 3.0), (0.0, 1.0, 5.0, 6.0))))
COEF = np.array([1.0, 2.0, 0.5])

X = RNG.normal(size=(40, 6)) @ RNG.normal(size=(6, 6))
Y = np.where(X[:, 0] + X[:, 1] * X[:, 2] + RNG.normal(size=40) > 0, "yes", "no")
FOREST = RandomForestClassifier(10, max_depth=4, random_state=0).fit(X, Y)


def explained(method: SAGE, seed: int = 0) -> pel.Attribution:
    return pel.explain(FOREST, X[:20], y=Y[:20], background=X[20:], method=method, seed=seed)


def by_definition(loss: object) -> np.ndarray:
    """Shapley values of minus the mean loss of the mean prediction, one row at a time."""
    total = np.zeros(6)
    for row, answer in zip(X[:20], Y[:20], strict=True):
        worth = marginal_worth(FOREST.predict_proba, row, X[20:])
        place = list(FOREST.classes_).index(answer)
        total += shapley_values(lambda t, w=worth, p=place: np.array([-loss(w(t), p)]), 6)[:, 0]
    return total / 20


def test_a_sum_of_independent_columns_gets_its_variances() -> None:
    """With f = y = Xβ and independent columns, the value is β² · variance."""
    found = pel.explain(
        lambda Z: np.asarray(Z) @ COEF,
        GRID,
        background=GRID,
        y=GRID @ COEF,
        method=SAGE(tolerance=None),
    )
    np.testing.assert_allclose(found.values, COEF**2 * GRID.var(axis=0), atol=1e-12)
    assert found.exact
    assert found.dims == ("feature",)
    assert found.base == pytest.approx(0)


@pytest.mark.parametrize("metric", ["log_loss", "brier"])
def test_values_are_the_definition(metric: str) -> None:
    losses = {
        "log_loss": lambda chance, place: -np.log(max(chance[place], 1e-6)),
        "brier": lambda chance, place: (1 - chance[place]) ** 2,
    }
    found = explained(SAGE(metric=metric, tolerance=None))
    np.testing.assert_allclose(found.values, by_definition(losses[metric]), atol=1e-12)


def test_accuracy_rises_by_the_values() -> None:
    found = explained(SAGE(metric="accuracy", tolerance=None))
    whole = (FOREST.predict(X[:20]) == Y[:20]).mean()
    nobody = FOREST.classes_[FOREST.predict_proba(X[20:]).mean(axis=0).argmax()]
    assert found.base == pytest.approx(whole)
    assert found.values.sum() == pytest.approx(whole - (Y[:20] == nobody).mean())


@pytest.mark.parametrize("budget", [22, 42])
def test_the_error_covers_the_exact_value(budget: int) -> None:
    exact = explained(SAGE(tolerance=None)).values
    method = SAGE(tolerance=1e-9, budget=budget)
    runs = [explained(method, seed) for seed in range(200)]
    values, error = (np.array([getattr(r, name) for r in runs]) for name in ("values", "error"))
    assert 0.93 < (np.abs(values - exact) <= 1.96 * error).mean() < 0.97
    assert any("budget ended" in note for note in runs[0].notes)


def test_tolerance_stops_when_the_values_are_sure_enough() -> None:
    loose, tight = (explained(SAGE(tolerance=each, budget=5000)) for each in (0.1, 0.02))
    assert loose.evaluations < tight.evaluations
    for found, share in ((loose, 0.1), (tight, 0.02)):
        assert found.error.max() <= share * np.ptp(found.values)
    exact = explained(SAGE(tolerance=None)).values
    assert np.abs(tight.values - exact).max() < 5 * tight.error.max()


def test_equal_columns_share_what_permutation_importance_gives_to_neither() -> None:
    twice = np.column_stack([X[:, 0], X[:, 0], X[:, 1]])
    model = LinearRegression().fit(twice, X[:, 0])
    found = pel.explain(
        model, twice, y=X[:, 0], background=twice, method=SAGE(tolerance=None, metric="mse")
    )
    assert found.values[0] == pytest.approx(found.values[1])
    assert found.values[0] > 0.3 * X[:, 0].var()


def test_conditional_removal_gives_to_what_tells_of_others() -> None:
    related = np.column_stack([X[:, 0], X[:, 0] + 0.1 * X[:, 1]])
    found = pel.explain(
        lambda Z: np.asarray(Z)[:, 0],
        related,
        y=related[:, 0],
        background=related,
        method=SAGE(tolerance=None, removal="gaussian"),
    )
    assert found.values[1] > 0.4 * found.values[0]


def test_groups_are_players() -> None:
    found = pel.explain(
        FOREST,
        X[:20],
        y=Y[:20],
        background=X[20:],
        method=SAGE(tolerance=None),
        groups={"both": ["x1", "x2"]},
    )
    assert found.features == ("x0", "both", "x3", "x4", "x5")


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(UnknownName, match="brier"):
        SAGE(metric="roc_auc")
    with pytest.raises(CannotExplain, match="true answers"):
        pel.explain(FOREST, X[:3], background=X, method=SAGE())
    with pytest.raises(CannotExplain, match="mse"):
        explained(SAGE(metric="mse"))
    with pytest.raises(InvalidSetting, match="22"):
        explained(SAGE(budget=10))
    with pytest.raises(InvalidSetting, match="tolerance"):
        SAGE(tolerance=-1.0)
