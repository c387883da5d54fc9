"""Bad input from Python: the named error, which says what was found, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

import pellucid as pel
from pellucid.core import errors

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(60, 3)), columns=["age", "debt", "rate"])
GOOD = np.where(X["age"] > 0, "good", "bad")
HOLED = X.mask(RNG.random(X.shape) < 0.05)
INFINITE = X.replace(X.loc[4, "debt"], np.inf)

logistic = LogisticRegression().fit(X, GOOD)
linear = LinearRegression().fit(X, X["age"])
forest = RandomForestClassifier(5, max_depth=3, random_state=0).fit(X, GOOD)
one_class = RandomForestClassifier(3).fit(X, np.zeros(60))


def explain(model: Any = logistic, rows: Any = X, **settings: Any) -> Any:
    return pel.explain(model, rows, **settings)


def report(model: Any = forest, rows: Any = X, y: Any = GOOD, **settings: Any) -> Any:
    return pel.report(model, rows, y, **settings)


def with_nothing(value: Any) -> Callable[[Any], np.ndarray]:
    return lambda rows: np.full(len(rows), value)


Wrong = tuple[Callable[[], Any], type[errors.PellucidError], str]

ROWS: dict[str, Wrong] = {
    "no rows": (lambda: explain(rows=X.head(0)), errors.EmptyData, "no rows"),
    "no columns": (lambda: explain(rows=X[[]]), errors.EmptyData, "no columns"),
    "no background rows": (lambda: explain(background=X.head(0)), errors.EmptyData, "no rows"),
    "missing values": (
        lambda: explain(rows=HOLED, background=X), errors.MissingValues, r"age \(\d rows\)"),
    "missing values in the background": (
        lambda: explain(background=HOLED), errors.MissingValues, r"age \(\d rows\)"),
    "infinite values": (
        lambda: explain(rows=INFINITE, background=X), errors.MissingValues, r"debt \(1 rows\)"),
    "text for numbers": (
        lambda: explain(rows=X.assign(debt="much"), background=X),
        errors.WrongType, "'debt' must hold numbers"),
    "text without a background": (
        lambda: explain(rows=X.assign(debt="much")), errors.WrongType, "much"),
    "other columns": (
        lambda: explain(rows=X.rename(columns={"age": "years"})),
        errors.ColumnMismatch, "missing age; not known years"),
    "a column too many": (
        lambda: explain(rows=X.assign(risk=1)), errors.ColumnMismatch, "not known risk"),
    "a column too few": (
        lambda: explain(rows=X.to_numpy()[:, :2]), errors.ColumnMismatch, "2 columns"),
    "another background": (
        lambda: explain(background=X[["age", "debt"]]), errors.ColumnMismatch, "rate"),
    "columns twice": (
        lambda: explain(rows=pd.concat([X, X], axis=1)), errors.InvalidData, "share a name"),
    "one axis": (
        lambda: explain(rows=X.to_numpy()[0]), errors.InvalidData, r"reshape\(1, -1\)"),
    "three axes": (lambda: explain(rows=X.to_numpy()[None]), errors.InvalidData, "3 axes"),
    "no table": (lambda: explain(rows="X"), errors.WrongType, "Got str"),
    "nothing": (lambda: explain(rows=None), errors.WrongType, "Got NoneType"),
    "one row against itself": (
        lambda: explain(rows=X.head(1)), errors.InvalidSetting, "Give background="),
}  # fmt: skip

MODELS: dict[str, Wrong] = {
    "a number": (lambda: explain(model=3), errors.CannotExplain, "not a model"),
    "a class": (lambda: explain(model=LogisticRegression), errors.NotFitted, "is a class"),
    "never fitted": (lambda: explain(model=LogisticRegression()), errors.NotFitted, "fit"),
    "a single class": (lambda: explain(model=one_class), errors.CannotExplain, "single class"),
    "answers that are missing": (
        lambda: explain(model=with_nothing(np.nan)), errors.CannotExplain, "not finite"),
    "answers that are text": (
        lambda: explain(model=with_nothing("a")), errors.CannotExplain, "not numbers"),
    "answers for other rows": (
        lambda: explain(model=lambda rows: np.zeros(3)), errors.CannotExplain, "wrong shape"),
    "a report of outliers": (
        lambda: report(model=IsolationForest().fit(X)), errors.CannotExplain, "predicts a target"),
    "a report without probabilities": (
        lambda: report(model=LinearSVC().fit(X, GOOD)), errors.CannotExplain, "no probabilities"),
}  # fmt: skip

SETTINGS: dict[str, Wrong] = {
    "a misspelt method": (
        lambda: explain(method="kernel_shp"), errors.UnknownName, "Did you mean 'kernel_shap'"),
    "a method that does not fit": (
        lambda: explain(method="tree_shap"), errors.CannotExplain, "linear_shap"),
    "no method": (lambda: explain(method=3), errors.InvalidSetting, "Got 3"),
    "an unknown class": (
        lambda: explain(target="goood"), errors.UnknownName, "Did you mean 'good'"),
    "a class of a number": (
        lambda: explain(model=linear, target="good"), errors.UnknownName, "no output 'good'"),
    "an output too many": (
        lambda: explain(model=linear, target=1), errors.UnknownName, "no output '1'"),
    "a misspelt scale": (
        lambda: explain(scale="logits"), errors.UnknownName, "Did you mean 'logit'"),
    "a scale it does not have": (
        lambda: explain(scale="raw"), errors.CannotExplain, "logit, probability"),
    "a negative budget": (
        lambda: explain(method="kernel_shap", budget=-1), errors.InvalidSetting, "Got -1"),
    "a fractional budget": (
        lambda: explain(method="kernel_shap", budget=9.5), errors.InvalidSetting, "Got 9.5"),
    "a budget for an exact method": (
        lambda: explain(method="linear_shap", budget=9), errors.InvalidSetting, "no budget"),
    "a negative seed": (lambda: explain(seed=-1), errors.InvalidSetting, "Got -1"),
    "no threads": (lambda: explain(threads=0), errors.InvalidSetting, "threads"),
    "empty batches": (lambda: explain(batch_size=0), errors.InvalidSetting, "batch_size"),
    "negative seconds": (lambda: explain(max_seconds=-1), errors.InvalidSetting, "max_seconds"),
    "no evaluations": (
        lambda: explain(max_evaluations=0), errors.InvalidSetting, "max_evaluations"),
    "too few evaluations": (
        lambda: explain(max_evaluations=3), errors.BudgetExceeded, "Allowed: 3"),
    "a schema of another table": (
        lambda: explain(schema={"weight": {"unit": "kg"}}), errors.UnknownName, "'weight'"),
    "no answers": (
        lambda: explain(method="permutation_importance"), errors.CannotExplain, "Give y="),
    "too few answers": (
        lambda: explain(method="permutation_importance", y=GOOD[:5]),
        errors.InvalidSetting, "one answer for each row"),
}  # fmt: skip

REPORTS: dict[str, Wrong] = {
    "no answers": (lambda: report(y=None), errors.WrongTarget, "needs the true answers"),
    "too few answers": (lambda: report(y=GOOD[:5]), errors.WrongTarget, "do not fit the rows"),
    "answers the model never saw": (
        lambda: report(y=np.where(X["age"] > 1, "ugly", GOOD)), errors.WrongTarget, "Got ugly"),
    "answers that are missing": (
        lambda: report(model=linear, y=X["age"].mask(X["age"] > 1)),
        errors.MissingValues, "missing"),
    "text for numbers": (lambda: report(model=linear), errors.WrongType, "must be numbers"),
    "a threshold above one": (lambda: report(threshold=7), errors.InvalidSetting, "0 to 1"),
    "a row that is not there": (
        lambda: pel.report(forest, X, GOOD, rows=[999]), errors.UnknownName, "no row '999'"),
    "a folder that is not there": (
        lambda: report(path="none/report.html"), errors.InvalidSetting, "There is no folder"),
    "a folder for a file": (lambda: report(path="."), errors.InvalidSetting, "is a folder"),
}  # fmt: skip

FILES: dict[str, Wrong] = {
    "no such model": (lambda: pel.load_model("none.json"), errors.UnreadableFile, "none.json"),
    "a folder for a model": (lambda: pel.load_model("."), errors.UnreadableFile, "folder"),
    "no such table": (lambda: pel.read_table("none.csv"), errors.UnreadableFile, "none.csv"),
    "a folder for a table": (lambda: pel.read_table("."), errors.UnreadableFile, "directory"),
    "no such explanation": (
        lambda: pel.Explanation.load("none.pel"), errors.UnreadableFile, "none.pel"),
    "an explanation in no folder": (
        lambda: explain().save("none/shares.pel"), errors.InvalidSetting, "There is no folder"),
    "an explanation for a folder": (
        lambda: explain().save("."), errors.InvalidSetting, "is a folder"),
    "a data set nobody knows": (
        lambda: pel.load_dataset("germn_credit"), errors.UnknownName, "'german_credit'"),
}  # fmt: skip

JUDGED: dict[str, Wrong] = {
    "another model": (
        lambda: pel.evaluate(explain(), forest, X), errors.InvalidData, "another model"),
    "other rows": (
        lambda: pel.evaluate(explain(), logistic, X.head(9)), errors.InvalidData, "9 rows"),
    "no attribution": (
        lambda: pel.evaluate(SimpleNamespace(), logistic, X), errors.InvalidSetting, "Attribution"),
    "an unknown metric": (
        lambda: pel.evaluate(explain(), logistic, X, metrics="additivty"),
        errors.UnknownName, "'additivity'"),
    "no explanation to show": (lambda: pel.show(3), errors.InvalidSetting, "cannot be drawn"),
    "an unknown picture": (
        lambda: pel.show(explain(), kind="bars"), errors.UnknownName, "Did you mean 'bar'"),
}  # fmt: skip

TABLES = {
    "rows": ROWS, "models": MODELS, "settings": SETTINGS,
    "reports": REPORTS, "files": FILES, "judged": JUDGED,
}  # fmt: skip
EVERY = [(room, what) for room, table in TABLES.items() for what in table]


@pytest.mark.filterwarnings("ignore:.*does not have valid feature names")
@pytest.mark.parametrize(("room", "what"), EVERY, ids=[f"{r}: {w}" for r, w in EVERY])
def test_it_is_the_named_error_and_nothing_is_written(
    room: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, kind, words = TABLES[room][what]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.PellucidError, match=words) as caught:
        call()
    assert type(caught.value) is kind
    assert not list(tmp_path.iterdir())


def test_a_failing_report_keeps_the_older_one(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("older")
    with pytest.raises(errors.WrongTarget):
        report(y=GOOD[:5], path=path)
    assert path.read_text() == "older"
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_a_constant_column_works_with_a_note() -> None:
    constant = X.assign(debt=2.0)
    for model in (logistic, forest):
        found = pel.explain(model, constant)
        assert "The same value in every row explained: debt." in found.notes
        assert np.abs(found.gap()).max() < 1e-9
    assert not any("same value" in note for note in pel.explain(forest, X).notes)
    assert not any("same value" in note for note in pel.explain(forest, X.head(1)).notes)


def test_one_row_is_explained_where_there_is_a_reference() -> None:
    assert pel.explain(logistic, X.head(1), background=X).values.shape == (1, 3)
    assert pel.explain(forest, X.head(1)).values.shape == (1, 3)


def test_a_constant_answer_in_new_rows_is_reported(tmp_path: Path) -> None:
    """Twenty loans that were all repaid are a possible, if poor, test of a model."""
    made = pel.report(forest, X.head(20), ["good"] * 20, path=tmp_path / "report.html")
    assert made.path.exists()


def test_missing_values_are_explained_where_the_model_takes_them() -> None:
    model = RandomForestClassifier(5, random_state=0).fit(HOLED, GOOD)
    found = pel.explain(model, HOLED, background=HOLED)
    assert np.abs(found.gap()).max() < 1e-9
