"""Against dalex's own numbers (`dalex.json`, written by `make_dalex.py`), on the same formula."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from peers.patients import COLUMNS, NUMBERS, along_together, disease, patients, product
from pellucid.explainers.effect.ale import ALE
from pellucid.explainers.effect.ceteris_paribus import CeterisParibus
from pellucid.explainers.effect.partial_dependence import PartialDependence
from pellucid.explainers.effect.permutation_importance import PermutationImportance
from pellucid.explainers.shapley.break_down import BreakDown
from pellucid.explainers.shapley.exact_shap import ExactSHAP

SAID: dict[str, Any] = json.loads(Path(__file__).with_name("dalex.json").read_text())
X, Y = patients()
ROWS = SAID["rows"]
ALL = len(X)
SURE = 4.0
"""Standard errors that a mean of random draws may lie from the truth."""


def test_both_ask_the_same_model_about_the_same_rows() -> None:
    assert disease(X).sum() == pytest.approx(SAID["predictions"], rel=1e-13)


@pytest.mark.parametrize("place", range(len(ROWS)))
def test_break_down_along_the_same_order(place: int) -> None:
    theirs, row = SAID["break_down"][place], X.iloc[[ROWS[place]]]
    method = BreakDown(order=tuple(theirs["order"]), max_background=None)
    ours = pel.explain(disease, row, background=X, method=method)
    shares = dict(zip(ours.features, ours.values[0], strict=True))
    assert [shares[name] for name in theirs["order"]] == pytest.approx(
        theirs["contributions"], abs=1e-9
    )


def test_dalex_orders_by_the_signed_change_and_the_paper_by_its_size() -> None:
    start = disease(X).mean()
    backwards = 0
    for place, row in enumerate(ROWS):
        alone = {name: disease(X.assign(**{name: X[name].iloc[row]})).mean() for name in COLUMNS}
        signed = sorted(COLUMNS, key=lambda name: -alone[name])
        sized = sorted(COLUMNS, key=lambda name: -abs(alone[name] - start))
        assert SAID["break_down"][place]["order"] == signed
        ours = pel.explain(
            disease, X.iloc[[row]], background=X, method=BreakDown(max_background=None)
        )
        assert any(", ".join(sized) in note for note in ours.notes)
        backwards += signed != sized
    assert backwards == len(ROWS)


def test_random_orders_of_dalex_come_to_the_exact_shapley_values() -> None:
    ours = pel.explain(disease, X.iloc[ROWS], background=X, method=ExactSHAP(max_background=None))
    theirs = np.array([each["mean"] for each in SAID["shapley"]])
    error = np.array([each["error"] for each in SAID["shapley"]])
    assert (np.abs(theirs - ours.values) <= SURE * error + 1e-9).all()


def test_ceteris_paribus_profiles() -> None:
    curves = CeterisParibus(points=ALL).explain(disease, X.iloc[ROWS], background=X)
    for name, curve in zip(COLUMNS, curves, strict=True):
        order = np.argsort([str(each) for each in curve.grid]) if name == "sex" else slice(None)
        theirs = np.array(SAID["ceteris_paribus"][name])
        np.testing.assert_allclose(curve.values[:, order], theirs, rtol=1e-12)


def test_partial_dependence() -> None:
    curves = PartialDependence(points=ALL).explain(disease, X)
    for name, curve in zip(COLUMNS, curves, strict=True):
        theirs = SAID["partial"][name] if name in NUMBERS else SAID["partial_sex"][name]
        np.testing.assert_allclose(curve.values, theirs, rtol=1e-12)


def test_accumulated_effects_step_by_step_where_dalex_is_kept_to_the_rows_at_each_point() -> None:
    """dalex weighs all rows by a bell around each point; a narrow one leaves the rows there.

    Then its steps are those of the paper, but for the first: the paper's first bin holds its
    lower edge too, dalex leaves the rows there out.
    """
    curves = ALE(feature=NUMBERS, bins=ALL).explain(disease, X)
    for name, curve in zip(NUMBERS, curves, strict=True):
        theirs = np.diff(SAID["accumulated"][name])
        ours = np.diff(curve.values)
        np.testing.assert_allclose(ours[1:], theirs[1:], rtol=1e-9, atol=1e-9)


def test_with_its_usual_bell_dalex_takes_rows_from_elsewhere_into_a_local_effect() -> None:
    rows, _ = along_together()
    curve = ALE(feature="a", bins=10).explain(product, rows)
    truth = (curve.grid**2 - curve.grid[0] ** 2) / 2
    theirs = np.array(SAID["accumulated_pair"]["a"])
    assert np.abs(curve.values - curve.values[0] - truth).max() < 0.03
    assert np.abs(theirs - truth).max() > 0.2


def exact_importance(metric: str, groups: dict[str, list[str]] | None = None) -> np.ndarray:
    """Every pair of rows used once, so that shuffling adds no noise."""
    method = PermutationImportance(metric=metric, repeats=ALL - 1)
    return np.asarray(pel.explain(disease, X, y=Y, method=method, groups=groups, seed=0).values)


@pytest.mark.parametrize("loss", ["mse", "mae"])
def test_shuffles_of_dalex_leave_some_rows_as_they_are(loss: str) -> None:
    theirs = SAID["importance"][loss]
    gap = np.array(theirs["mean"]) - exact_importance(loss) * (ALL - 1) / ALL
    assert (np.abs(gap) <= SURE * np.array(theirs["error"])).all()


def test_a_loss_that_rows_do_not_add_up_to() -> None:
    theirs = SAID["importance"]["rmse"]
    ours = exact_importance("rmse")
    gap = np.array(theirs["mean"]) - ours * (ALL - 1) / ALL
    assert (np.abs(gap) <= SURE * np.array(theirs["error"])).all()


def test_columns_shuffled_together() -> None:
    theirs = SAID["importance_together"]
    ours = exact_importance("mse", {"age and sex": ["age", "sex"]})
    gap = np.array(theirs["mean"]) - ours * (ALL - 1) / ALL
    assert (np.abs(gap) <= SURE * np.array(theirs["error"])).all()
