"""Drop-column and LOCO: against refits by hand, closed forms, and what cannot be trained again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import pellucid as pel
from pellucid.core.errors import CannotExplain, InvalidData, InvalidSetting, UnknownName


def planted(rows: int = 4000) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(rows, 4)), columns=["strong", "weak", "none", "base"])
    X["copy"] = X["base"] + 1e-3 * rng.normal(size=rows)
    y = 3 * X.strong + X.weak + 2 * X.base + rng.normal(size=rows)
    return X, y.to_numpy()


def test_the_rise_is_the_variance_that_the_column_explains() -> None:
    """Without an independent column of effect w the mean squared error grows by w² var(x)."""
    X, y = planted()
    found = pel.drop_column(LinearRegression(), X, y, seed=0)
    value = dict(zip(found.features, found.values, strict=True))
    error = dict(zip(found.features, found.error, strict=True))
    wanted = {"strong": 9 * X.strong.var(), "weak": X.weak.var(), "none": 0.0}
    for name, truth in wanted.items():
        assert abs(value[name] - truth) < 4 * error[name] + 2e-3
    assert abs(value["base"]) < 0.01  # its copy stands in for it
    together = pel.drop_column(LinearRegression(), X, y, seed=0, groups={"both": ["base", "copy"]})
    assert together.sel(feature="both").values == pytest.approx(4 * X.base.var(), rel=0.1)
    assert float(together.base) == pytest.approx(1, rel=0.1)


def test_the_values_are_those_of_cross_val_predict() -> None:
    X, y = planted(300)
    found = pel.drop_column(LinearRegression(), X, y, folds=4, seed=3)
    rows = pel.loco(LinearRegression(), X, y, folds=4, seed=3)
    fold = np.empty(300, dtype=int)  # the same folds, found out from the explanation's own seed
    from pellucid.core.seeds import generator

    fold[np.lexsort((generator(3, "folds").random(300), y))] = np.arange(300) % 4
    cuts = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(4)]
    whole = cross_val_predict(LinearRegression(), X, y, cv=cuts)
    for j, name in enumerate(X.columns):
        less = cross_val_predict(LinearRegression(), X.drop(columns=name), y, cv=cuts)
        rise = mean_squared_error(y, less) - mean_squared_error(y, whole)
        assert found.values[j] == pytest.approx(rise, abs=1e-9)
        assert rows.values[:, j] == pytest.approx(np.abs(y - less) - np.abs(y - whole), abs=1e-9)
    assert rows.base == pytest.approx(np.abs(y - whole))


def test_classes_are_judged_by_log_loss_in_a_pipeline_that_names_its_columns() -> None:
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"town": rng.choice(["a", "b", "c"], 400), "age": rng.normal(size=400)})
    y = np.where((X.town == "a") ^ (rng.random(400) < 0.1), "yes", "no")
    coded = make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough")
    model = make_pipeline(coded, LogisticRegression())
    found = pel.drop_column(model, X, y, seed=0)
    assert found.features == ("town", "age")
    assert found.values[0] > 20 * found.error[0] / 1.96
    assert abs(found.values[1]) < 4 * found.error[1] + 0.01
    assert float(found.base) < log_loss(y, np.full(400, (y == "yes").mean()))
    auc = pel.drop_column(model, X, y, metric="roc_auc", seed=0)
    assert auc.values[0] == pytest.approx(float(auc.base) - 0.5, abs=0.1)


def test_the_error_covers_other_rows() -> None:
    """Over fresh samples, value ± 1.96 errors holds the mean value of all of them."""
    runs = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X = pd.DataFrame(rng.normal(size=(300, 2)), columns=["x", "z"])
        y = X.x.to_numpy() + rng.normal(size=300)
        one = pel.drop_column(LinearRegression(), X, y, seed=0)
        runs.append((one.values[0], one.error[0]))
    value, error = np.array(runs).T
    inside = np.abs(value - 1.0) <= 1.96 * error  # truth: w² var(x) = 1, and 1/n of the fit
    assert inside.mean() >= 0.85


def test_the_model_given_stays_as_it_is() -> None:
    X, y = planted(120)
    model = RandomForestClassifier(5, random_state=0).fit(X, y > 0)
    before = model.predict_proba(X)
    pel.loco(model, X, y > 0, folds=2, seed=0)
    assert np.array_equal(model.predict_proba(X), before)


def test_what_cannot_be_trained_again_is_said() -> None:
    X, y = planted(40)
    with pytest.raises(CannotExplain, match="trained again"):
        pel.drop_column(lambda T: np.zeros(len(T)), X, y)
    with pytest.raises(InvalidData, match="folds"):
        pel.drop_column(LinearRegression(), X[:4], y[:4], folds=5)
    with pytest.raises(UnknownName):
        pel.drop_column(LinearRegression(), X, y, metric="msee")
    with pytest.raises((InvalidSetting, CannotExplain)):
        pel.drop_column(LogisticRegression(), X, np.arange(40) == 3, folds=4)
