"""Against alibi's own numbers (`alibi.json`, written by `make_alibi.py`), on the same formula."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from peers.patients import COLUMNS, NUMBERS, coded, decoded, disease, far, patients
from pellucid.core.rules import Rule
from pellucid.explainers.effect.ale import ALE
from pellucid.explainers.effect.partial_dependence import PartialDependence
from pellucid.explainers.effect.partial_dependence_importance import PartialDependenceImportance
from pellucid.explainers.effect.permutation_importance import PermutationImportance
from pellucid.explainers.effect.variance_interaction import VarianceInteraction
from pellucid.explainers.surrogate.anchors import Anchors

SAID: dict[str, Any] = json.loads(Path(__file__).with_name("alibi.json").read_text())
X, Y = patients()
ALL = len(X)
ASKED = 0.95
TERM = re.compile(r"(?:([\d.]+) < )?(\w+) (<=|>|=) (\S+)")
"""A condition as alibi writes it."""


def test_both_ask_the_same_model_about_the_same_rows() -> None:
    assert disease(decoded(coded(X))).sum() == pytest.approx(SAID["predictions"], rel=1e-13)


def test_accumulated_local_effects() -> None:
    """On the same edges the steps are equal.

    The curves are shifted by different constants: alibi, as R's ALEPlot, takes the mean over rows
    as if each stood in the middle of its bin; here each row counts where it stands.
    """
    curves = ALE(feature=NUMBERS, bins=8).explain(disease, X)
    for name, curve in zip(NUMBERS, curves, strict=True):
        assert curve.grid.tolist() == SAID["ale"][name]["grid"]
        ours, theirs = np.diff(curve.values), np.diff(SAID["ale"][name]["values"])
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_partial_dependence() -> None:
    curves = PartialDependence(points=ALL).explain(disease, X)
    for name, curve in zip(COLUMNS, curves, strict=True):
        np.testing.assert_allclose(curve.values, SAID["partial"][name], rtol=1e-12)


def test_importance_from_the_spread_of_partial_dependence() -> None:
    found = PartialDependenceImportance(points=ALL).explain(disease, X)
    np.testing.assert_allclose(found.values, SAID["spread"]["importance"], rtol=1e-9)


def test_interactions_from_the_spread_of_importances() -> None:
    """The standard deviation of the importances, as the paper has it.

    Along a category alibi takes a quarter of their range instead, where the paper uses that only
    for the importances themselves.
    """
    found = VarianceInteraction(points=ALL, max_background=ALL).explain(disease, X, seed=0)
    theirs = SAID["spread"]["interaction"]
    for (first, second), ours, said in zip(
        combinations(COLUMNS, 2), found.values, theirs, strict=True
    ):
        if "sex" not in (first, second):
            assert ours == pytest.approx(said, rel=1e-9, abs=1e-12)
    age = PartialDependence(feature="age", points=ALL)
    one, two = (
        np.std(age.explain(disease, X.assign(sex=sex)).values, ddof=1) for sex in ("one", "two")
    )
    apart = abs(one - two) * (1 / np.sqrt(2) - 1 / 4) / 2
    assert found.values[0] - theirs[0] == pytest.approx(apart, rel=1e-9)


def all_pairs(loss: str) -> np.ndarray:
    method = PermutationImportance(metric=loss, repeats=ALL - 1)
    return np.asarray(pel.explain(disease, X, y=Y, method=method, seed=0).values)


@pytest.mark.parametrize("loss", ["mse", "mae"])
def test_permutation_importance_over_all_pairs_of_rows(loss: str) -> None:
    theirs = SAID["permutation_importance"][loss]
    np.testing.assert_allclose(all_pairs(loss), theirs, rtol=1e-9)


def test_of_a_loss_that_rows_do_not_add_up_to_there_are_two_importances() -> None:
    """The root over all pairs of rows (alibi, exact), or the mean of the roots of each shuffle.

    The latter is what scikit-learn and dalex estimate, and alibi itself with fewer pairs.
    """
    theirs = np.array(SAID["permutation_importance"]["rmse"])
    base = np.mean((Y - disease(X)) ** 2)
    np.testing.assert_allclose(np.sqrt(base + all_pairs("mse")) - np.sqrt(base), theirs, rtol=1e-9)
    ours = all_pairs("rmse")
    assert (ours < theirs).all()
    np.testing.assert_allclose(ours, theirs, rtol=0.006)


def meets(rule: list[str]) -> np.ndarray:
    """Which rows meet alibi's rule."""
    met = np.ones(ALL, dtype=bool)
    for text in rule:
        term = TERM.fullmatch(text)
        assert term is not None
        low, name, sign, value = term.groups()
        column = X[name].to_numpy()
        if sign == "=":
            met &= column == value
            continue
        met &= column <= float(value) if sign == "<=" else column > float(value)
        met &= column > float(low or -np.inf)
    return met


def truth_of_ours(rule: Rule, own: int, rng: np.random.Generator) -> float:
    """The rule's precision in fresh draws: each column from the rows whose value meets the rule."""
    rows = X.iloc[rng.integers(ALL, size=20_000)].reset_index(drop=True)
    for condition in rule.conditions:
        values, pool = rows[condition.feature].to_numpy().copy(), X[condition.feature].to_numpy()
        broken = ~condition.holds(values)
        values[broken] = rng.choice(pool[condition.holds(pool)], int(broken.sum()))
        rows[condition.feature] = values
    return float(np.mean(far(rows) == own))


@pytest.fixture(scope="module")
def rules() -> Any:
    rows = X.head(len(SAID["anchors"]))
    return Anchors(precision=ASKED).explain(far, rows, background=X, seed=0)


def test_what_alibi_says_of_an_anchor_is_the_estimate_that_won() -> None:
    """No limits are told. In 20 000 fresh draws of its own some rules are less precise than was
    asked for, and most are less precise than was said."""
    said = np.array([each["precision"] for each in SAID["anchors"]])
    fresh = np.array([each["fresh"] for each in SAID["anchors"]])
    assert (said >= ASKED).all()
    assert fresh.min() < 0.9
    assert np.mean(said > fresh) > 0.8


def test_our_anchors_hold_what_they_state(rules: Any) -> None:
    own, rng = far(X), np.random.default_rng(5)
    true = np.array([truth_of_ours(rule, own[i], rng) for i, rule in enumerate(rules)])
    low = np.array([rule.precision_low for rule in rules])
    high = np.array([rule.precision_high for rule in rules])
    assert (low >= ASKED).all()
    assert (true >= ASKED).all()
    assert np.mean((low <= true) & (true <= high)) >= 0.95


def test_coverage_is_counted_and_no_smaller(rules: Any) -> None:
    """alibi draws rows to estimate the coverage: the same rule gets other figures."""
    theirs: dict[tuple[str, ...], set[float]] = {}
    for each in SAID["anchors"]:
        theirs.setdefault(tuple(each["rule"]), set()).add(each["coverage"])
    assert max(len(figures) for figures in theirs.values()) > 1
    columns = {name: X[name].to_numpy() for name in COLUMNS}
    inside = [r.coverage_low <= r.covers(columns).mean() <= r.coverage_high for r in rules]
    assert np.mean(inside) >= 0.95
    counted = [meets(each["rule"]).mean() for each in SAID["anchors"]]
    assert np.mean([rule.coverage for rule in rules]) >= 0.95 * np.mean(counted)
