"""Reason codes: right reasons, in an order that no draw can change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier

import pellucid as pel
from pellucid.core.errors import AxisError, CannotExplain, InvalidSetting


def applicants(rows: int = 400) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(rows, 4)), columns=["debt", "late", "income", "colour"])
    X["job"] = rng.choice(["none", "clerk", "driver"], rows, p=[0.2, 0.6, 0.2])
    return X, 3 * X.debt.to_numpy() + 2 * X.late.to_numpy() - 2 * X.income.to_numpy()


def risk(X: pd.DataFrame) -> np.ndarray:
    """A sum, so that its Shapley values are known: coefficient × distance from the mean."""
    return (3 * X["debt"] + 2 * X["late"] - 2 * X["income"] + (X["job"] == "none")).to_numpy()


@pytest.fixture(scope="module")
def boosted() -> tuple[object, pd.DataFrame]:
    X, score = applicants()
    X = X.drop(columns="job")
    model = GradientBoostingClassifier(n_estimators=30, random_state=0).fit(X, score > 0)
    return model, X


def test_the_reasons_are_those_of_the_formula() -> None:
    X, _ = applicants()
    row = pd.DataFrame(
        {"debt": [2.0], "late": [2.0], "income": [2.0], "colour": [9.0], "job": ["none"]}
    )
    found = pel.reason_codes(risk, row, reference=X, k=4)
    assert found.names[0].tolist() == ["debt", "late", "job", ""]
    wanted = [6 - 3 * X.debt.mean(), 4 - 2 * X.late.mean(), 1 - (X.job == "none").mean(), 0]
    assert found.shares[0] == pytest.approx(wanted, abs=1e-9)
    assert found.held[0].tolist()[1:] == ["2", "none", ""]
    assert found.typical[0, 2] == f"clerk ({(X.job == 'clerk').mean():.0%})"
    assert "1. debt: 2, usually" in found.text()
    assert found.base == pytest.approx(risk(X).mean())


def test_what_helped_is_never_a_reason(boosted: tuple[object, pd.DataFrame]) -> None:
    model, X = boosted
    shares = pel.explain(model, X[:50], background=X).values
    for adverse, side in (("higher", 1), ("lower", -1)):
        found = pel.reason_codes(model, X[:50], reference=X, adverse=adverse, resamples=0)
        for i in range(50):
            named = [X.columns.get_loc(name) for name in found.names[i] if name]
            assert (side * shares[i, named] > 0).all()
            others = np.delete(side * shares[i], named)
            assert (others <= 1e-9).all()  # four columns, four places: every adverse one is named
        assert (np.diff(found.shares, axis=1) <= 0).all()


def test_nothing_moves_them_neither_seed_nor_company(boosted: tuple[object, pd.DataFrame]) -> None:
    model, X = boosted
    whole = pel.reason_codes(model, X[:60], reference=X, seed=1, resamples=2)
    for seed in (2, 3):
        again = pel.reason_codes(model, X[10:30], reference=X, seed=seed, resamples=2, threads=1)
        assert np.array_equal(again.names, whole.names[10:30])
        assert again.shares == pytest.approx(whole.shares[10:30], rel=1e-12)
    assert whole.fingerprint == again.fingerprint == pel.Table.of(X).fingerprint()


def test_the_population_is_the_good_side_nearest_to_the_cut_off(
    boosted: tuple[object, pd.DataFrame],
) -> None:
    model, X = boosted
    chance = model.predict_proba(X)[:, 1]  # type: ignore[attr-defined]
    good = np.flatnonzero(chance <= 0.4)
    near = np.sort(good[np.argsort(-chance[good], kind="stable")[:25]])
    found = pel.reason_codes(model, X[:3], reference=X, cutoff=0.4, nearest=25, resamples=0)
    theirs = pel.reason_codes(model, X[:3], reference=X.iloc[near], resamples=0)
    assert found.population == 25
    assert np.array_equal(found.names, theirs.names)
    assert np.array_equal(found.shares, theirs.shares)
    every = pel.reason_codes(model, X[:3], reference=X, cutoff=0.4, resamples=0)
    assert every.population == len(good)


def test_stability_is_low_where_reasons_are_close_and_one_where_they_are_not() -> None:
    X, _ = applicants(100)
    rows = pd.DataFrame({"debt": [5.0, 1.0], "late": [2.0, 1.52], "income": [0.0, 9.0]})
    rows["colour"], rows["job"] = 0.0, "clerk"
    model = LinearRegression().fit(X.drop(columns="job"), risk(X.assign(job="clerk")))
    found = pel.reason_codes(model, rows.drop(columns="job"), reference=X.drop(columns="job"), k=2)
    assert found.stability is not None
    assert found.stability[0] == 1.0
    assert 0.2 < found.stability[1] < 0.9


def test_equal_shares_come_in_the_order_of_columns() -> None:
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 3)), columns=list("bac"))
    X["a"] = X["b"]
    found = pel.reason_codes(
        lambda T: np.asarray(T["a"]) / 3 + np.asarray(T["b"]) / 3 + 0 * np.asarray(T["c"]),
        X[X.a > X.a.mean()], reference=X, k=3, resamples=0,
    )  # fmt: skip
    assert (found.names == np.array(["b", "a", ""])).all()


def test_groups_are_one_reason(boosted: tuple[object, pd.DataFrame]) -> None:
    model, X = boosted
    money = {"money": ["debt", "income"]}
    found = pel.reason_codes(model, X[:9], reference=X, groups=money, k=1, resamples=0)
    shares = pel.explain(model, X[:9], background=X, groups=money)
    assert found.names[:, 0].tolist() == [
        shares.features[i] if shares.values.max(axis=1)[n] > 0 else ""
        for n, i in enumerate(shares.values.argmax(axis=1))
    ]
    money_row = list(found.names[:, 0]).index("money")
    assert found.held[money_row, 0].startswith("debt ")


def test_they_are_saved_and_read_again(
    boosted: tuple[object, pd.DataFrame], tmp_path: Path
) -> None:
    model, X = boosted
    found = pel.reason_codes(model, X[:5], reference=X, resamples=3)
    again = pel.Reasons.load(found.save(tmp_path / "why.pel"))
    assert again.to_dict() == found.to_dict()
    frame = found.to_frame()
    assert list(frame.columns[:4]) == ["sample", "place", "reason", "value"]
    assert found.sel(X.index[2]).text() == found.text(2)
    assert len(found.isel(slice(1, 3))) == 2
    with pytest.raises(AxisError):
        found.sel("nobody")


def test_what_cannot_be_is_said(boosted: tuple[object, pd.DataFrame]) -> None:
    model, X = boosted
    with pytest.raises(InvalidSetting, match="side"):
        pel.reason_codes(model, X[:2], reference=X, adverse="up")
    with pytest.raises(InvalidSetting, match="good side"):
        pel.reason_codes(model, X[:2], reference=X, cutoff=-1.0)
    with pytest.raises(InvalidSetting, match="cutoff="):
        pel.reason_codes(model, X[:2], reference=X, nearest=5)
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 14))).add_prefix("x")
    neighbours = KNeighborsClassifier().fit(wide, wide.x0 > 0)
    with pytest.raises(CannotExplain, match="groups="):
        pel.reason_codes(neighbours, wide[:2], reference=wide)
    three = KNeighborsClassifier().fit(wide, np.arange(30) % 3)
    with pytest.raises(InvalidSetting, match="target="):
        pel.reason_codes(three, wide[:2], reference=wide)


def test_it_is_noted_where_the_rows_stand_on_the_good_side(
    boosted: tuple[object, pd.DataFrame],
) -> None:
    model, X = boosted
    chance = model.predict_proba(X)[:, 1]  # type: ignore[attr-defined]
    good, bad = X[chance < 0.2][:5], X[chance > 0.8][:5]
    for rows, said in ((good, True), (bad, False)):
        found = pel.reason_codes(model, rows, reference=X, resamples=0)
        assert any("better output" in note for note in found.notes) == said


def test_a_value_that_is_the_usual_one_is_not_called_unusual() -> None:
    X = pd.DataFrame({"debt": [0.0, 1.0, 1.0, 1.0, 5.0], "job": ["a", "b", "b", "b", "c"]})

    def both(rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(np.minimum(rows["debt"], 1) + (rows["job"] == "b"), dtype=float)

    found = pel.reason_codes(both, X.iloc[[1, 4]], reference=X, resamples=0)
    assert found.text(0) == "1. job: b, as is usual (+0.4 raw)\n2. debt: 1, as is usual (+0.2 raw)"
    assert found.text(1) == "1. debt: 5, usually 1 (+0.2 raw)"
    picture = str(pel.show(found, row=1).to_dict())
    assert "b, as is usual" in picture


def test_a_reason_that_may_be_a_protected_group_is_said() -> None:
    X, _ = applicants()
    X = X.rename(columns={"colour": "sex"})

    def unfair(X: pd.DataFrame) -> np.ndarray:
        return (3 * X["debt"] + X["sex"]).to_numpy()

    row = X.iloc[:1].assign(debt=2.0, sex=3.0)
    found = pel.reason_codes(unfair, row, reference=X)
    assert any(note.startswith("Among the reasons: sex, which may") for note in found.notes)
    fair = pel.reason_codes(risk, row, reference=X)
    assert not any("protected" in note for note in fair.notes)
