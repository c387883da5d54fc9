"""Reports of odd models and odd data: written, honest, and in plain words; no browser needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression

import pellucid as pel
from pellucid.core.errors import CannotExplain, UnknownName, WrongTarget

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(160, 4)), columns=list("abcd"))
Y = (X["a"] + 0.5 * X["b"] > 0).astype(int)
SEEN = slice(60, None)
BOOSTED = GradientBoostingClassifier(n_estimators=8, random_state=0).fit(X[SEEN], Y[SEEN])


def written(model: Any, data: Any, y: Any, path: Path, **options: Any) -> tuple[Any, str]:
    """The report and its words: what stands between the tags, without scripts."""
    made = pel.report(model, data, y, path=path / "r.html", progress=False, **options)
    page = made.path.read_text(encoding="utf-8")
    body = page[page.index("<body>") : page.index("</main>")]
    bare = re.sub(r"<script.*?</script>|<[^>]+>", " ", body, flags=re.DOTALL)
    return made, " ".join(bare.split())


def test_no_name_of_the_code_reaches_the_reader(tmp_path: Path) -> None:
    _, words = written(BOOSTED, X[:60], Y[:60], tmp_path, background=X[SEEN])
    assert set(re.findall(r"\b[a-z]+_[a-z_]+\b", words)) == set()
    for name in ("tree SHAP", "ROC AUC", "Brier score", "balanced accuracy"):
        assert name in words
    assert not re.search(r"\de-(?:09|1\d)\b", words)


def test_the_glance_agrees_with_scikit_learn(tmp_path: Path) -> None:
    from sklearn.metrics import roc_auc_score

    _, words = written(BOOSTED, X[:60], Y[:60], tmp_path, background=X[SEEN])
    auc = roc_auc_score(Y[:60], BOOSTED.predict_proba(X[:60])[:, 1])
    assert f"ROC AUC {auc:.3g} 95" in words
    assert "Rows judged 60 with 4 columns" in words
    assert re.search(r"Strongest column a [\d.]+\s% of all movement", words)
    assert re.search(r"Checks passed \d of \d tests", words)


@pytest.mark.parametrize("rows", [1, 2])
def test_one_row_is_no_reason_for_a_picture_of_groups(rows: int, tmp_path: Path) -> None:
    _, words = written(BOOSTED, X[:rows], Y[:rows], tmp_path, background=X[SEEN])
    assert "groups of rows" not in words
    assert ("row by row?" in words) is (rows > 1)
    assert f"Measured on the {rows} row{'s' * (rows > 1)} judged" in words


def test_one_column(tmp_path: Path) -> None:
    model = LogisticRegression().fit(X[["a"]], Y)
    made, _ = written(model, X[["a"]][:60], Y[:60], tmp_path, background=X[["a"]][SEEN])
    assert made.findings[1] == "a is its only column, and moves its predictions."


def test_a_hundred_columns_stay_a_small_page(tmp_path: Path) -> None:
    wide = pd.DataFrame(RNG.normal(size=(120, 100)), columns=[f"c{i}" for i in range(100)])
    y = (wide["c3"] > 0).astype(int)
    model = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(wide[60:], y[60:])
    made, _ = written(model, wide[:60], y[:60], tmp_path, background=wide[60:])
    assert "c3" in made.findings[1]
    assert made.path.stat().st_size < 3_000_000


def test_a_plain_function_and_columns_that_it_does_not_use(tmp_path: Path) -> None:
    def model(rows: np.ndarray) -> np.ndarray:
        return 2 * rows[:, 0] + rows[:, 1]

    data = X.to_numpy()
    made, words = written(model, data[:40], model(data[:40]), tmp_path, background=data[60:])
    assert "x0 and x1 move its predictions most: 100 %" in made.findings[1]
    assert "How does x1 act?" in words
    assert "How does x2 act?" not in words


def test_a_model_that_says_one_thing_is_said_to_be_moved_by_nothing(tmp_path: Path) -> None:
    data = X.to_numpy()
    made, words = written(
        lambda rows: np.full(len(rows), 3.0), data[:40], data[:40, 0], tmp_path, background=data
    )
    assert made.findings[1] == "No column moves any of the predictions explained."
    assert "Strongest column none" in words


def test_a_forest_speaks_in_probabilities(tmp_path: Path) -> None:
    model = RandomForestClassifier(10, random_state=0).fit(X[SEEN], Y[SEEN])
    _, words = written(model, X[:40], Y[:40], tmp_path, background=X[SEEN])
    assert "in probability of 1" in words
    assert "points" in words


def test_constant_columns_gaps_and_names_of_all_kinds(tmp_path: Path) -> None:
    odd = X.assign(const=5.0, **{"größe <年齢> & 👩": X["c"]})
    odd.loc[::5, "a"] = np.nan
    model = HistGradientBoostingClassifier(max_iter=8).fit(odd[SEEN], Y[SEEN])
    _, words = written(model, odd[:60], Y[:60], tmp_path, background=odd[SEEN])
    assert "const: one value in all of these rows." in words
    assert "größe &lt;年齢&gt; &amp; 👩" in words
    assert "How does const act?" not in words
    assert "missing" in words


@pytest.mark.parametrize(
    ("labels", "answers"), [(bool, bool), (int, float), (int, bool), (int, int)]
)
def test_classes_may_be_numbers_or_truth_values(
    labels: type, answers: type, tmp_path: Path
) -> None:
    model = LogisticRegression().fit(X, Y.astype(labels))
    made, _ = written(model, X[:60], Y[:60].astype(answers), tmp_path, background=X[SEEN])
    assert f"class {labels(1)} above" in made.findings[0]


def test_answers_of_one_class_are_judged_by_what_is_defined(tmp_path: Path) -> None:
    ones = (Y == 1) & (X.index < 60)
    made, words = written(BOOSTED, X[ones], Y[ones], tmp_path, background=X[SEEN])
    assert made.findings[0].startswith("The model is right for")
    assert "is not defined: every row is of class 1." in words


def test_a_class_that_the_model_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongTarget, match="does not know"):
        written(BOOSTED, X[:20], np.full(20, 7), tmp_path, background=X[SEEN])
    assert not list(tmp_path.iterdir())


def test_a_row_that_was_asked_for_is_explained_first(tmp_path: Path) -> None:
    named = X[:60].set_axis([f"customer {i}" for i in range(60)])
    options: dict[str, Any] = {"background": X[SEEN]}
    _, words = written(BOOSTED, named, Y[:60], tmp_path, rows=["customer 7"], **options)
    assert words.index("Row customer 7") < words.index("The model is most confident")
    assert "You asked for this row." in words
    with pytest.raises(UnknownName, match="Did you mean 'customer 7'"):
        written(BOOSTED, named, Y[:60], tmp_path, rows=["custmer 7"], **options)


def test_a_model_without_a_target_is_refused(tmp_path: Path) -> None:
    from sklearn.ensemble import IsolationForest

    with pytest.raises(CannotExplain, match="predicts a target"):
        written(IsolationForest(n_estimators=5).fit(X), X[:20], Y[:20], tmp_path)
