"""One row explained: how often the model is asked, written out and read."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)

import pellucid as pel
from pellucid.core.errors import BudgetExceeded, MissingValues
from pellucid.models import catboost_trees, kept_trees, sklearn_asked, sklearn_trees

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
Y = X[:, 0] + X[:, 1] * X[:, 2]
SORTS = (Y > 0).astype(int)

SKLEARN = {  # model, the method that answers
    "forest": (RandomForestClassifier(5, random_state=0).fit(X, SORTS), "predict_proba"),
    "extra trees": (ExtraTreesRegressor(5, random_state=0).fit(X, Y), "predict"),
    "boosting": (GradientBoostingClassifier(n_estimators=5).fit(X, SORTS), "decision_function"),
    "histograms": (HistGradientBoostingRegressor(max_iter=5).fit(X, Y), "predict"),
}
GAMES = pytest.mark.parametrize("background", [None, X], ids=["no background", "background"])


def counted(monkeypatch, owner: type, name: str) -> list[int]:
    """How many rows each call of a method is about."""
    calls: list[int] = []
    own = getattr(owner, name)

    def counting(self, rows, *args, **settings):
        calls.append(len(rows))
        return own(self, rows, *args, **settings)

    monkeypatch.setattr(owner, name, counting)
    return calls


def boosted(library: str):
    """A small model of a boosting library, and the method that answers."""
    room = pytest.importorskip(library)
    if library == "xgboost":
        return room.XGBRegressor(n_estimators=5).fit(X, Y), room.Booster, "inplace_predict"
    if library == "lightgbm":
        model = room.LGBMRegressor(n_estimators=5, verbose=-1).fit(X, Y)
        return model, room.Booster, "predict"
    model = room.CatBoostRegressor(iterations=5, verbose=0, allow_writing_files=False).fit(X, Y)
    return model, room.CatBoost, "predict"


@GAMES
@pytest.mark.parametrize("name", SKLEARN)
def test_one_row_is_one_call_of_a_scikit_learn_model(name, background, monkeypatch) -> None:
    model, method = SKLEARN[name]
    calls = counted(monkeypatch, type(model), method)
    att = pel.explain(model, X[:1], background=background, method="tree_shap")
    assert calls == [1]
    assert att.provenance.evaluations == 1
    assert np.abs(att.gap()).max() < 1e-9


@GAMES
@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost"])
def test_one_row_is_one_call_of_a_boosted_model(library, background, monkeypatch) -> None:
    model, owner, method = boosted(library)
    calls = counted(monkeypatch, owner, method)
    att = pel.explain(model, X[:1], background=background, method="tree_shap")
    assert calls == [1]
    assert np.abs(att.gap()).max() < 1e-5


def test_a_forest_that_answers_by_itself_is_asked_by_its_own_method() -> None:
    class Hesitant(RandomForestClassifier):
        calls = 0

        def predict_proba(self, X):
            type(self).calls += 1
            return super().predict_proba(X)

    model = Hesitant(5, random_state=0).fit(X, SORTS)
    pel.explain(model, X[:1], method="tree_shap")
    assert Hesitant.calls == 1


def test_the_trees_of_a_forest_are_asked_once(monkeypatch) -> None:
    model, _ = SKLEARN["forest"]
    calls: list[int] = []
    own = sklearn_asked._mean

    def counting(forest, verb, rows):
        calls.append(len(rows))
        return own(forest, verb, rows)

    monkeypatch.setattr(sklearn_asked, "_mean", counting)
    for background in (None, X):
        pel.explain(model, X[:1], background=background, method="tree_shap")
    assert calls == [1, 1]


def test_many_rows_are_tried_on_the_doubtful_ones_first(monkeypatch) -> None:
    model, method = SKLEARN["histograms"]
    calls = counted(monkeypatch, type(model), method)
    rows = X.copy()
    rows[7, 2] = np.nan
    pel.explain(model, rows, method="tree_shap")
    assert calls == [2, len(X)]


def test_background_rows_are_asked_about_only_for_gaps_that_no_explained_row_has(
    monkeypatch,
) -> None:
    model, method = SKLEARN["histograms"]
    calls = counted(monkeypatch, type(model), method)
    behind, row = X.copy(), X[:1].copy()
    behind[3, 1] = behind[5, 2] = np.nan
    row[0, 2] = np.nan
    pel.explain(model, row, background=behind, method="tree_shap")
    assert calls == [1, 1]


def test_gaps_of_the_background_that_a_model_refuses_are_named() -> None:
    model, _ = SKLEARN["boosting"]
    behind = X.copy()
    behind[3, 1] = np.nan
    with pytest.raises(MissingValues, match=r"1 \(1 rows\)"):
        pel.explain(model, X[:1], background=behind, method="tree_shap")


def test_no_more_rows_are_asked_about_than_allowed(monkeypatch) -> None:
    model, method = SKLEARN["histograms"]
    calls = counted(monkeypatch, type(model), method)
    with pytest.raises(BudgetExceeded):
        pel.explain(model, X[:10], method="tree_shap", max_evaluations=4)
    assert sum(calls) <= 4


def test_what_was_told_serves_no_other_scale_class_or_row() -> None:
    from dataclasses import replace

    from pellucid.explainers.question import ask

    model, _ = SKLEARN["boosting"]
    question = ask(model, X[:3])
    other = replace(question, scale="probability")
    assert np.array_equal(other.output[:, 0], model.predict_proba(X[:3])[:, 1])
    fewer = replace(question, table=question.table.take([2]))
    assert np.array_equal(fewer.output[:, 0], model.decision_function(X[2:3]))
    against = ask(model, X[:3], target=0)
    assert np.array_equal(against.output, -question.output)


@pytest.mark.parametrize("name", SKLEARN)
def test_the_trees_of_a_model_are_read_once(name, monkeypatch) -> None:
    model, _ = SKLEARN[name]
    monkeypatch.setattr(kept_trees, "_kept", type(kept_trees._kept)())
    read: list[str] = []
    own = sklearn_trees.read
    monkeypatch.setattr(sklearn_trees, "read", lambda source: read.append(name) or own(source))
    prints = {
        pel.explain(model, X[:1], method="tree_shap").provenance.model_fingerprint for _ in range(3)
    }
    assert read == [name]
    assert len(prints) == 1


def test_a_tree_that_was_changed_in_place_is_read_anew() -> None:
    model = RandomForestClassifier(5, random_state=0).fit(X, SORTS)
    before = pel.explain(model, X[:1], method="tree_shap")
    leaves = model.estimators_[0].tree_.value
    leaves[:] = leaves[:, :, ::-1].copy()
    after = pel.explain(model, X[:1], method="tree_shap")
    assert np.abs(after.gap()).max() < 1e-9
    assert not np.allclose(before.values, after.values)
    assert before.provenance.model_fingerprint != after.provenance.model_fingerprint


def test_lightgbm_writes_its_trees_once_and_catboost_not_again(monkeypatch) -> None:
    model, owner, _ = boosted("lightgbm")
    written: list[object] = []
    own = owner.model_to_string

    def counting(self, *args, **settings):
        written.append(settings.get("num_iteration"))
        return own(self, *args, **settings)

    monkeypatch.setattr(owner, "model_to_string", counting)
    pel.explain(model, X[:1], method="tree_shap")
    assert written == [1, None]

    model, *_ = boosted("catboost")
    pel.explain(model, X[:1], method="tree_shap")
    monkeypatch.setattr(catboost_trees, "export", importlib.import_module)  # it would fail
    pel.explain(model, X[:1], method="tree_shap")
