"""The report says when a ranking depends on columns that go together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

import pellucid as pel
from pellucid.display.report.grouping import verdict


def planted() -> tuple[LinearRegression, pd.DataFrame, np.ndarray]:
    """One quantity in three copies with effect 1 each, one column with effect 2."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    X = pd.DataFrame({f"copy{i}": x + 0.05 * rng.normal(size=200) for i in range(3)})
    X["alone"], X["noise"] = rng.normal(size=200), rng.normal(size=200)
    model = LinearRegression()
    model.fit(X, np.zeros(200))
    model.coef_ = np.array([1.0, 1.0, 1.0, 2.0, 0.1])
    return model, X, model.predict(X) + rng.normal(size=200)


def test_copies_of_one_quantity_stand_first_together(tmp_path: Path) -> None:
    model, X, y = planted()
    made = pel.report(model, X[:60], y[:60], background=X, path=tmp_path / "r.html")
    page = made.path.read_text()
    assert "Does the ranking depend on columns that go together?" in page
    assert (
        "The ranking depends on it: copy0 + copy1 + copy2 stands at place 1 together, its columns "
        "alone at 2, 3 and 4" in page
    )


def test_without_columns_that_go_together_there_is_no_such_picture(tmp_path: Path) -> None:
    model, X, y = planted()
    few = X[["copy0", "alone", "noise"]]
    model.fit(few, y)
    made = pel.report(model, few[:60], y[:60], background=few, path=tmp_path / "r.html")
    assert "go together?" not in made.path.read_text()


def test_the_verdict_tells_a_change_of_order_from_none() -> None:
    groups = {"a + b": ("a", "b")}
    moved = verdict({"c": 1, "a": 2, "b": 3}, {"a + b": 1, "c": 2}, groups)
    assert moved.startswith("The ranking depends on it: a + b stands at place 1 together")
    many = {"all": tuple("abcd")}
    long = verdict({"c": 1, "a": 2, "b": 3, "d": 9}, {"all": 1}, many)
    assert "its columns alone from place 1 to 9" in long
    kept = verdict({"a": 1, "c": 2, "b": 3}, {"a + b": 1, "c": 2}, groups)
    assert kept.startswith("The first places keep their order")
