"""Comparing methods: planted agreement, faithfulness and cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression

import pellucid as pel
from pellucid.core.errors import CannotExplain, InvalidSetting, UnknownName
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.shapley.kernel_shap import KernelSHAP
from pellucid.metrics.faithfulness.areas import areas
from pellucid.metrics.gather import each_output
from pellucid.metrics.table_evidence import repeat


def planted(rows: int = 60) -> tuple[LinearRegression, pd.DataFrame]:
    """Independent columns whose effects are 6, 5, 4, … 0 standard deviations."""
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(rows, 7))).add_prefix("x")
    return LinearRegression().fit(X, X.to_numpy() @ np.arange(6, -1, -1.0)), X


@dataclass(frozen=True, kw_only=True)
class Backwards(Explainer):
    """Names the least important features first, with the sign turned."""

    def compute(self, question: Question) -> pel.Attribution:
        linear = question.model.linear(question.scale)
        own = linear.coef[0] * (question.table.codes - question.reference(None).mean(axis=0))
        turned = -own[:, np.argsort(np.argsort(np.abs(own).mean(axis=0)))]
        ranks = np.argsort(np.argsort(-np.abs(own), axis=1), axis=1) + 1.0
        return question.attribution((np.sign(turned) * ranks)[..., None], np.zeros(1))


def test_equal_methods_agree_in_everything() -> None:
    model, X = planted()
    found = pel.compare(model, X, methods=["linear_shap", "exact_shap"], seed=0, rows=40)
    pair = found.sel(group="linear_shap ~ exact_shap")
    assert [score.value for score in pair] == pytest.approx([1, 1, 1, 1])
    assert found["verdict"].value == pytest.approx(1)
    assert "agree" in found["verdict"].text
    assert "none is ahead" in found["verdict"].text


def test_a_wrong_method_disagrees_and_is_worse_than_random() -> None:
    model, X = planted()
    found = pel.compare(model, X, methods=["linear_shap", Backwards()], seed=0, top=3)
    pair = {s.metric: s.value for s in found.sel(group="linear_shap ~ backwards")}
    assert pair["rank correlation"] == pytest.approx(-1, abs=1e-9)
    assert pair["same features"] == 0
    for metric in ("deletion", "insertion"):
        scores = {score.group: score for score in found.sel(metric=metric)}
        assert scores["linear_shap"].passed is True
        assert scores["backwards"].passed is False
        assert scores["backwards"].high < scores["random order"].low
    text = found["verdict"].text
    assert "linear_shap finds what moves the prediction best" in text
    assert "backwards no better than random order" in text


def test_areas_are_those_of_the_definition() -> None:
    """Brute force with one prediction at a time, every background row in turn."""
    model, X = planted(12)
    att = pel.explain(model, X, method="linear_shap")
    from pellucid.explainers.question import ask
    from pellucid.explainers.shapley.linear_shap import LinearSHAP

    question = repeat(first := ask(model, X, seed=0), first)
    (evidence,) = each_output(
        question, att, recipe=LinearSHAP(), first=first, unrepeatable="", cost=1.0, seed=0
    )
    rows = np.array([0, 5, 7])
    orders = np.argsort(np.random.default_rng(1).random((4, 3, 7)), axis=2)
    found = areas(evidence, orders, rows, steps=10, most=100)
    assert found is not None
    codes, deletion, insertion, scale = X.to_numpy(), np.zeros((4, 3)), np.zeros((4, 3)), []
    for i, row in enumerate(rows):
        own = model.predict(X.iloc[[row]])[0]
        whole = abs(own - model.predict(X).mean())
        scale.append(whole)
        for order in range(4):
            away, left = [], []
            for count in range(8):
                top, rest = orders[order, i, :count], orders[order, i, count:]
                for columns, into in ((top, away), (rest, left)):
                    mixed = np.tile(codes[row], (12, 1))
                    mixed[:, columns] = codes[:, columns]
                    answer = model.predict(pd.DataFrame(mixed, columns=X.columns)).mean()
                    into.append(abs(own - answer))
            deletion[order, i] = np.trapezoid(away, dx=1 / 7)
            insertion[order, i] = whole - np.trapezoid(left, dx=1 / 7)
    assert found.deletion == pytest.approx(deletion / np.mean(scale), abs=1e-9)
    assert found.insertion == pytest.approx(insertion / np.mean(scale), abs=1e-9)


def test_sampling_is_seen_in_reseeding_and_cost() -> None:
    model, X = planted()
    recipes = [KernelSHAP(budget=40), KernelSHAP(budget=128)]
    found = pel.compare(model, X, methods=recipes, seed=0, rows=20)
    few, exact = (repr(recipe) for recipe in recipes)
    evaluations = {s.group: s.value for s in found.sel(metric="evaluations")}
    assert evaluations[exact] > 2 * evaluations[few]
    assert found.sel(metric="stated_error", group=exact)["stated_error"].value == 0


def test_of_several_classes_the_predicted_one_is_compared_and_the_seed_repeats_all() -> None:
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X, y = X.iloc[:, :6], (y + 2 * (X["mean radius"] > 15)) % 3
    model = RandomForestClassifier(20, random_state=0).fit(X, y)
    runs = [
        pel.compare(
            model, X, methods=["tree_shap", "lime"], background=X[:50], seed=3, rows=30, budget=64
        )
        for _ in range(2)
    ]
    timed = {"seconds", "verdict"}
    first, second = (
        [(s.metric, s.group, s.value, s.low) for s in run if s.metric not in timed] for run in runs
    )
    assert str(first) == str(second)
    assert any("30 of 569" in note for note in runs[0].notes)


def test_it_is_saved_read_and_drawn(tmp_path: Path) -> None:
    from pellucid.display import save

    model, X = planted()
    found = pel.compare(model, X, methods=["linear_shap", "lime"], seed=0, budget=500)
    again = pel.Scores.load(found.save(tmp_path / "c.pel"))
    picture = save(pel.show(again), tmp_path / "c.svg")
    drawn = picture.read_text()
    for words in ("Top 5 features of a row in common", "Deletion", "Insertion", "LIME"):
        assert words in drawn


@pytest.mark.parametrize(
    ("methods", "error", "words"),
    [
        (["lime"], InvalidSetting, "two methods"),
        ("lime", InvalidSetting, "two methods"),
        (["lime", "lime"], InvalidSetting, "itself"),
        (["lime", "no_such"], UnknownName, "no_such"),
        (["lime", "partial_dependence"], InvalidSetting, "each row and feature"),
        (["lime", "tree_shap"], CannotExplain, "trees"),
    ],
)
def test_what_cannot_be_compared_is_said(
    methods: object, error: type[Exception], words: str
) -> None:
    model, X = planted()
    with pytest.raises(error, match=words):
        pel.compare(model, X, methods=methods, seed=0, rows=12)  # type: ignore[arg-type]


def test_one_row_and_a_constant_model_are_no_mistake() -> None:
    model, X = planted()
    one = pel.compare(model, X[:1], methods=["linear_shap", "lime"], background=X, seed=0)
    assert one["verdict"].n == 1
    flat = LinearRegression().fit(X, np.ones(len(X)))
    found = pel.compare(flat, X, methods=["linear_shap", "exact_shap"], seed=0, rows=15)
    assert "cannot be told" in found["verdict"].text


def test_all_methods_start_from_the_same_background() -> None:
    """A sampler that enumerates is then equal to the exact method, whatever it would draw."""
    model, X = planted(400)
    found = pel.compare(model, X[:10], background=X, methods=["exact_shap", "linear_shap"], seed=0)
    assert [s.value for s in found.sel(group="exact_shap ~ linear_shap")] == pytest.approx([1] * 4)
    assert any("same 100 of 400" in note for note in found.notes)


def test_without_a_background_the_rows_given_are_that_of_every_method() -> None:
    """Trees then have no reference of their own: both methods share the same exact values."""
    rng = np.random.default_rng(1)
    a = rng.normal(size=150)
    X = pd.DataFrame({"a": a, "b": a + 0.1 * rng.normal(size=150), "c": rng.normal(size=150)})
    model = RandomForestClassifier(10, random_state=0).fit(X, a + X["c"] > 0)
    path_dependent = pel.explain(model, X, method="tree_shap", scale="probability").values
    exact = pel.explain(model, X, method="exact_shap", scale="probability").values
    assert np.abs(path_dependent - exact).max() > 0.05
    found = pel.compare(
        model, X, methods=["tree_shap", "exact_shap"], scale="probability", rows=20, seed=0
    )
    assert [s.value for s in found.sel(group="tree_shap ~ exact_shap")] == pytest.approx([1] * 4)
    assert any("No background was given" in note for note in found.notes)
    assert any("same 100 of 150" in note for note in found.notes)
    assert not any("path-dependent" in note for note in found.notes)
