"""Break-down: against the definition, and what its order does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression

import pellucid as pel
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.explainers.shapley.break_down import BreakDown


def data(rows: int = 150) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(rows, 4)), columns=list("abcd"))


def by_definition(
    model: RandomForestClassifier, row: pd.DataFrame, background: pd.DataFrame, output: int
) -> dict[str, float]:
    """One prediction after the other, in iBreakDown's order."""

    def worth(known: list[str]) -> float:
        mixed = background.copy()
        for name in known:
            mixed[name] = row[name].iloc[0]
        return float(model.predict_proba(mixed)[:, output].mean())

    start = worth([])
    moved = {name: abs(worth([name]) - start) for name in row.columns}
    found, known, before = {}, [], start
    for name in sorted(moved, key=lambda each: -moved[each]):
        known.append(name)
        found[name] = worth(known) - before
        before = worth(known)
    return found


@pytest.mark.parametrize("classes", [2, 3])
def test_it_is_the_algorithm_of_the_paper(classes: int) -> None:
    X = data()
    y = (X.a * X.b > 0).astype(int) + (classes == 3) * (X.c > 1)
    model = RandomForestClassifier(10, max_depth=5, random_state=0).fit(X, y)
    att = pel.explain(model, X[:3], method="break_down", background=X[50:90])
    for row in range(3):
        for output in range(1 if classes == 2 else 3):
            wanted = by_definition(model, X[row : row + 1], X[50:90], 1 if classes == 2 else output)
            own = att.values[row] if classes == 2 else att.values[row, :, output]
            assert dict(zip("abcd", own, strict=True)) == pytest.approx(wanted, abs=1e-12)
    assert np.abs(att.gap()).max() < 1e-12


def test_of_a_sum_it_is_the_shapley_values_in_any_order() -> None:
    X = data()
    model = LinearRegression().fit(X, X.a - 2 * X.b + X.c)
    exact = pel.explain(model, X[:9], background=X, method="linear_shap")
    for order in (None, ("d", "a"), ("c", "b", "a", "d")):
        method = BreakDown(order=order, max_background=None)
        att = pel.explain(model, X[:9], background=X, method=method)
        assert att.values == pytest.approx(exact.values, abs=1e-9)


def test_what_columns_do_together_goes_to_the_later_one() -> None:
    X = pd.DataFrame({"a": [0.0, 1.0], "b": [0.0, 1.0]})

    def both(rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(rows["a"] * rows["b"])

    for order, wanted in ((("a", "b"), [0, 1]), (("b", "a"), [1, 0])):
        att = pel.explain(both, X[1:], background=X[:1], method=BreakDown(order=order))
        assert att.values[0].tolist() == wanted
        assert any(", ".join(order) in note for note in att.notes)


def test_a_group_becomes_known_at_once() -> None:
    X = data()
    model = RandomForestClassifier(10, max_depth=5, random_state=0).fit(X, X.a * X.b > 0)
    att = pel.explain(
        model, X[:4], method="break_down", background=X[50:90], groups={"ab": ["a", "b"]}
    )
    assert att.features == ("ab", "c", "d")
    assert np.abs(att.gap()).max() < 1e-12


def test_a_wrong_order_is_refused() -> None:
    X = data()
    with pytest.raises(InvalidSetting, match="twice"):
        BreakDown(order=("a", "a"))
    with pytest.raises(InvalidSetting, match="names"):
        BreakDown(order="abcd")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="z"):
        pel.explain(lambda T: np.zeros(len(T)), X, method=BreakDown(order=("z",)))
