"""Columns explained as one: who plays, and what the groups are by default."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import pellucid as pel
from pellucid.core.errors import InvalidSetting, UnknownName
from twins.shapley_enumeration import shapley_values

METHODS = ["tree_shap", "exact_shap", "kernel_shap", "permutation_shap"]
GROUPS = {"money": ["income", "savings"], "person": ["sex", "age"]}


@pytest.fixture(scope="module")
def loans() -> tuple[object, pd.DataFrame]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 80, 300),
            "income": rng.normal(3000, 800, 300),
            "sex": rng.choice(["f", "m", "x"], 300),
            "savings": rng.exponential(500, 300),
            "debt": rng.exponential(900, 300),
        }
    )
    y = X.income * (X.age > 30) + X.savings > X.debt * 3
    coded = make_column_transformer((OneHotEncoder(), ["sex"]), remainder="passthrough")
    return make_pipeline(coded, RandomForestClassifier(20, max_depth=6, random_state=0)).fit(
        X, y
    ), X


def by_definition(model: object, row: pd.DataFrame, background: pd.DataFrame) -> np.ndarray:
    """Values of (person, money, debt) from all coalitions of the user's own predict_proba."""
    held = [["age", "sex"], ["income", "savings"], ["debt"]]

    def worth(coalition: frozenset[int]) -> float:
        mixed = background.copy()
        for column in (c for player in coalition for c in held[player]):
            mixed[column] = row[column].iloc[0]
        return float(model.predict_proba(mixed)[:, 1].mean())  # type: ignore[attr-defined]

    return np.array(shapley_values(worth, 3))


@pytest.mark.parametrize("method", METHODS)
def test_a_group_is_one_player_of_the_game(method: str, loans: tuple[object, pd.DataFrame]) -> None:
    model, X = loans
    att = pel.explain(model, X[:2], method=method, background=X[50:90], groups=GROUPS, seed=0)
    assert att.features == ("person", "money", "debt")
    assert att.values[1] == pytest.approx(by_definition(model, X[1:2], X[50:90]), abs=1e-9)
    assert att.inputs["money"][1] == f"income {X.income[1]:g}, savings {X.savings[1]:g}"
    assert att.provenance.groups == {"money": ("income", "savings"), "person": ("sex", "age")}


def test_groups_survive_a_file_and_are_judged(
    loans: tuple[object, pd.DataFrame], tmp_path: object
) -> None:
    model, X = loans
    att = pel.explain(model, X[:20], background=X[50:90], groups=GROUPS)
    att.save(tmp_path / "a.pel")  # type: ignore[operator]
    again = pel.Attribution.load(tmp_path / "a.pel")  # type: ignore[operator]
    assert again.provenance == att.provenance
    scores = pel.evaluate(again, model, X[:20], background=X[50:90], seed=0)
    assert scores.ok
    assert len(scores.rows) > 3


@pytest.mark.parametrize(
    ("groups", "error"),
    [
        ({"a": ["no such"]}, UnknownName),
        ({"a": ["age"], "b": ["age"]}, InvalidSetting),
        ({"a": []}, InvalidSetting),
        ({"debt": ["age", "sex"]}, InvalidSetting),
        ({"a": "age"}, InvalidSetting),
        (["age", "sex"], InvalidSetting),
    ],
)
def test_groups_that_cannot_be_are_refused(
    groups: object, error: type[Exception], loans: tuple[object, pd.DataFrame]
) -> None:
    model, X = loans
    with pytest.raises(error):
        pel.explain(model, X[:2], background=X[50:60], groups=groups)


def test_a_method_of_single_columns_refuses_groups(loans: tuple[object, pd.DataFrame]) -> None:
    model, X = loans
    with pytest.raises(InvalidSetting, match="single columns"):
        pel.explain(model, X[:20], method="partial_dependence", groups=GROUPS)


def test_correlated_columns_of_every_kind_are_found() -> None:
    rng = np.random.default_rng(1)
    town = rng.choice(["a", "b", "c"], 400)
    X = pd.DataFrame(
        {
            "x": rng.normal(size=400),
            "town": town,
            "noise": rng.normal(size=400),
            "region": np.where(town == "a", "north", "south"),
            "rent": (town == "a") * 9 + rng.normal(size=400),
        }
    )
    X["squared"] = np.exp(X.x)
    assert pel.correlated_groups(X) == {
        "x + squared": ("x", "squared"),
        "town + region + rent": ("town", "region", "rent"),
    }
    assert "rent" not in str(pel.correlated_groups(X, threshold=0.99))
    assert pel.correlated_groups(X[["noise"]]) == {}


def test_a_wrong_threshold_or_measure_is_refused() -> None:
    X = {"a": [1.0, 2.0], "b": [2.0, 1.0]}
    with pytest.raises(InvalidSetting, match="threshold"):
        pel.correlated_groups(X, threshold=0)
    with pytest.raises(UnknownName, match="spearman"):
        pel.correlated_groups(X, measure="spear")
