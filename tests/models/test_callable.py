"""Functions as models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

import pellucid as pel
from pellucid.core.errors import (
    CannotExplain,
    ColumnMismatch,
    InvalidData,
    InvalidSetting,
    MissingExtra,
    WrongType,
)
from pellucid.models import frames
from pellucid.models.as_model import as_model
from pellucid.models.callable import CallableModel

X, Y = make_classification(100, 5, random_state=0)
FITTED = LogisticRegression().fit(X, Y)


def total(table: np.ndarray) -> np.ndarray:
    return table.sum(axis=1)


def shares(table: np.ndarray, k: int) -> np.ndarray:
    p = np.exp(table[:, :k])
    return p / p.sum(axis=1, keepdims=True)


def test_a_function_of_one_number_is_regression() -> None:
    model = as_model(total)
    assert (model.task, model.scales, model.can) == ("regression", ("raw",), {"predict"})
    np.testing.assert_array_equal(model.predict(X, "raw"), X.sum(axis=1, keepdims=True))
    assert as_model(lambda t: t[:, :3]).predict(X, "raw").shape == (100, 3)


def test_two_probabilities_are_two_classes_and_the_second_is_explained() -> None:
    model = as_model(lambda t: shares(t, 2))
    model.check(X)
    assert (model.task, model.scales) == ("classification", ("probability", "logit"))
    np.testing.assert_array_equal(model.predict(X, "probability"), shares(X, 2)[:, 1:])
    np.testing.assert_allclose(model.predict(X, "logit")[:, 0], X[:, 1] - X[:, 0])
    assert model.classes == (0, 1)


def test_a_function_is_learnt_before_its_first_answer() -> None:
    seen: list[int] = []

    def spy(table: np.ndarray) -> np.ndarray:
        seen.append(len(table))
        return shares(table, 3)

    model = as_model(spy)
    with pytest.raises(InvalidSetting, match="probability, logit"):
        model.predict(X, "raw")
    assert seen == [3]
    assert model.predict(X, "probability").shape == (100, 3)
    assert model.classes == (0, 1, 2)
    assert seen == [3, 100]


def test_a_bound_predict_proba_is_known_as_one_and_brings_its_classes() -> None:
    named = LogisticRegression().fit(X, np.where(Y == 1, "b", "a"))
    model = as_model(named.predict_proba)
    assert model.name == "LogisticRegression.predict_proba"
    assert (model.task, model.classes) == ("classification", ("a", "b"))
    assert "proba" in model.can
    np.testing.assert_allclose(
        model.predict(X, "logit")[:, 0], named.decision_function(X), rtol=1e-9
    )


def test_what_a_function_returns_can_be_said() -> None:
    chance = CallableModel(lambda t: shares(t, 2)[:, 1], task="classification", classes=("n", "y"))
    assert chance.scales == ("probability", "logit")
    np.testing.assert_array_equal(chance.predict(X, "probability")[:, 0], shares(X, 2)[:, 1])
    margins = CallableModel(lambda t: t[:, :2], scale="logit")
    assert margins.task == "classification"
    np.testing.assert_array_equal(margins.predict(X, "logit")[:, 0], X[:, 1] - X[:, 0])
    score = CallableModel(total, task="classification", scale="raw")
    assert score.scales == ("raw",)
    for wrong in ({"scale": "percent"}, {"task": "clustering"}):
        with pytest.raises(InvalidSetting):
            CallableModel(total, **wrong)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda t: 1.0, r"wrong shape.*\(\)"),
        (lambda t: t.sum(), "wrong shape"),
        (lambda t: t[:3, 0], r"wrong shape.*\(3,\) for 100 rows|\(3,\) for"),
        (lambda t: t[:, :, None], "wrong shape"),
        (lambda t: np.full(len(t), np.nan), "not finite.*3 of 3"),
        (lambda t: np.full(len(t), np.inf), "not finite"),
        (lambda t: np.array(["a"] * len(t)), "not numbers.*<U1"),
        (lambda t: [None] * len(t), "not numbers.*object"),
    ],
)
def test_a_bad_answer_is_refused_and_shown(function, message) -> None:
    with pytest.raises(CannotExplain, match=message):
        as_model(function).predict(X[:100] if "100" in message else X[:3], "raw")


def test_answers_that_break_a_promise_are_refused() -> None:
    with pytest.raises(CannotExplain, match="not probabilities"):
        CallableModel(total, task="classification").predict(X, "probability")
    with pytest.raises(CannotExplain, match="2 outputs for the classes"):
        CallableModel(lambda t: shares(t, 2), classes=("a", "b", "c")).predict(X, "probability")


def test_a_function_gets_the_users_own_kind_of_table() -> None:
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frame = pd.DataFrame(X, columns=list("abcde"))
    kinds: list[str] = []

    def named(table) -> np.ndarray:
        kinds.append(type(table).__module__.split(".")[0])
        return np.asarray(table["a"])

    for table in (frame, pl.from_pandas(frame), pl.from_pandas(frame).to_arrow()):
        np.testing.assert_array_equal(as_model(named).predict(table, "raw")[:, 0], X[:, 0])
    assert list(dict.fromkeys(kinds)) == ["pandas", "polars", "pyarrow"]
    model = CallableModel(named, columns=list("abcde"))
    np.testing.assert_array_equal(model.predict(frame[list("edcba")], "raw")[:, 0], X[:, 0])
    with pytest.raises(ColumnMismatch):
        model.check(frame[["a", "b"]])


def test_an_error_inside_the_function_keeps_its_cause() -> None:
    def broken(table: np.ndarray) -> np.ndarray:
        raise ValueError("no such thing")

    with pytest.raises(InvalidData, match="no such thing") as caught:
        as_model(broken).predict(X, "raw")
    assert isinstance(caught.value.__cause__, ValueError)


def test_the_fingerprint_of_a_function_follows_its_code_and_what_it_holds() -> None:
    def scaled(by: float):
        return lambda table: table.sum(axis=1) * by

    same = as_model(scaled(2.0)).fingerprint()
    assert as_model(scaled(2.0)).fingerprint() == same
    assert as_model(scaled(3.0)).fingerprint() != same
    assert as_model(lambda table: table.sum(axis=1)).fingerprint() != same
    assert as_model(FITTED.predict_proba).fingerprint().startswith("sha256:")


def test_what_is_no_table_is_refused() -> None:
    mixed = np.array([[1.0, "a"], ["b", 2.0]] * 3, dtype=object)
    named = LogisticRegression().fit(pytest.importorskip("pandas").DataFrame({"a": Y, "b": Y}), Y)
    with pytest.raises(WrongType, match="mixes"):
        as_model(named).predict(mixed, "logit")
    for wrong in ("text", 3, [1, 2], None, {"a": [1, 2], "b": [1]}, [{"a": 1}, {"a": "x"}]):
        with pytest.raises(WrongType):
            as_model(total).predict(wrong, "raw")


def test_repeated_names_are_refused() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X[:, :2], columns=["a", "a"])
    with pytest.raises(ColumnMismatch, match="repeat"):
        CallableModel(total, columns=["a", "b"]).predict(frame, "raw")


def test_named_models_work_without_pandas(monkeypatch) -> None:
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frame = pd.DataFrame(X, columns=list("abcde"))
    source = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, Y)
    monkeypatch.setattr(frames.importlib.util, "find_spec", lambda name: None)
    arrow = pl.from_pandas(frame).to_arrow()
    want = source.predict_proba(frame)[:, 1]
    for table in (arrow, X, frame.to_dict("records")):
        np.testing.assert_allclose(as_model(source).predict(table, "probability")[:, 0], want)
    texts = pl.DataFrame({"a": ["x", None] * 50, **dict.fromkeys("bcde", X[:, 0])})
    with pytest.raises(MissingExtra, match="pandas"):
        as_model(source).predict(texts, "logit")


def test_a_function_of_a_structured_array_is_asked_in_structured_arrays() -> None:
    rng = np.random.default_rng(0)
    rows = np.zeros(30, dtype=[("city", "U5"), ("income", "f4"), ("kind", object)])
    rows["city"], rows["kind"] = rng.choice(["rome", "oslo"], 30), rng.choice(["u", "v"], 30)
    rows["income"] = rng.normal(size=30)

    def score(table: np.ndarray) -> np.ndarray:
        assert table.dtype == rows.dtype
        return (table["city"] == "oslo") * 2.0 + table["income"] * (table["kind"] == "u")

    found = pel.explain(score, rows[:4], background=rows[5:])
    assert found.features == ("city", "income", "kind")
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), score(rows[:4]), atol=1e-7)
    one = as_model(lambda table: table["income"])
    np.testing.assert_array_equal(one.predict(rows, "raw")[:, 0], rows["income"])


def test_an_estimator_takes_a_structured_array_by_name_or_by_place() -> None:
    rng = np.random.default_rng(0)
    rows = np.zeros(40, dtype=[("b", "f8"), ("a", "i8")])
    rows["b"], rows["a"] = rng.normal(size=40), rng.integers(0, 5, 40)
    frame = pd.DataFrame({"a": rows["a"], "b": rows["b"]})
    model = DecisionTreeRegressor(max_depth=3).fit(frame, frame["a"] * frame["b"])
    found = pel.explain(model, rows[:5], background=rows)
    same = pel.explain(model, frame.iloc[:5], background=frame)
    np.testing.assert_array_equal(found.sel(feature="a").values, same.sel(feature="a").values)
