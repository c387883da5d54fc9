"""Planted weak slices are found and named, and data without any mostly yield none."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.core.errors import EmptyData, InvalidData, InvalidSetting, UnknownName, WrongType
from pellucid.debug import weak_spots

DATA = Path(os.environ.get("PELLUCID_DATA", Path(__file__).parents[3] / "shared" / "data"))


def data(seed: int, n: int = 1500) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        "age": rng.uniform(20, 80, n),
        "income": rng.lognormal(10, 1, n),
        "rooms": rng.integers(1, 6, n),
        "housing": rng.choice(["own", "rent", "free"], n, p=[0.5, 0.3, 0.2]),
        "region": rng.choice(list("abcde"), n),
        "phone": rng.random(n) < 0.5,
    }
    y = rng.integers(0, 2, n)
    wrong = rng.random(n) < 0.15
    p = np.where(wrong, 1 - y, y) * 0.6 + 0.2
    return columns, y, p


def spoil(y: np.ndarray, p: np.ndarray, where: np.ndarray, share: float) -> np.ndarray:
    flipped = where & (np.random.default_rng(99).random(len(y)) < share)
    return np.where(flipped, (1 - y) * 0.6 + 0.2, p)


def test_a_weak_slice_of_one_column_is_the_only_finding() -> None:
    columns, y, p = data(0)
    p = spoil(y, p, columns["housing"] == "free", 0.4)
    scores = weak_spots(columns, y, p, [0, 1], noun="loans")
    whole, weak = scores.rows
    inside = columns["housing"] == "free"
    wrong = (p >= 0.5) != y
    assert weak.group == "housing = free"
    assert weak.value == pytest.approx(wrong[inside].mean())
    assert whole.value == pytest.approx(wrong.mean())
    assert weak.n == inside.sum()
    assert weak.low > whole.high
    assert weak.text == (
        f"Among the {inside.sum()} loans with housing = free the error is"
        f" {100 * weak.value:.1f} % (95 % interval {100 * weak.low:.1f} to {100 * weak.high:.1f})"
        f" against {100 * whole.value:.1f} % overall."
    )


def test_a_weak_slice_of_two_columns_is_found_as_such() -> None:
    columns, y, p = data(1)
    planted = (columns["age"] > 65) & (columns["region"] == "c")
    scores = weak_spots(columns, y, spoil(y, p, planted, 0.9), [0, 1])
    assert len(scores) == 2
    weak = scores.rows[1]
    assert weak.group.startswith("age 6")
    assert weak.group.endswith(" and region = c")


def test_two_separate_weak_slices_are_both_found() -> None:
    columns, y, p = data(2)
    p = spoil(y, p, columns["housing"] == "free", 0.4)
    p = spoil(y, p, columns["rooms"] == 5, 0.4)
    groups = weak_spots(columns, y, p, [0, 1], pairs=False).groups
    assert set(groups[1:]) == {"housing = free", "rooms = 5"}


def test_data_without_weak_slices_mostly_yield_none() -> None:
    found = [len(weak_spots(*data(seed), [0, 1])) > 1 for seed in range(100, 180)]
    assert sum(found) <= 10  # 5 % of 80 is 4; more than 10 has a probability of 0.2 %


@pytest.mark.parametrize("loss", ["log_loss", "brier"])
def test_confident_errors_are_found_by_losses_that_see_them(loss: str) -> None:
    columns, y, p = data(3)
    sure = columns["phone"]
    p = np.where(sure, np.where(p > 0.5, 0.99, 0.01), p)
    assert weak_spots(columns, y, p, [0, 1], pairs=False).groups == ("",)
    assert "phone = yes" in weak_spots(columns, y, p, [0, 1], loss="log_loss", pairs=False).groups


def test_a_weak_slice_of_a_regression_is_found() -> None:
    columns, _, _ = data(4)
    rng = np.random.default_rng(0)
    y = rng.normal(size=1500)
    said = y + rng.standard_t(3, size=1500) * np.where(columns["region"] == "b", 2.0, 1.0)
    for loss in ("absolute_error", "squared_error"):
        weak = weak_spots(columns, y, said, loss=loss, pairs=False).rows[1]
        assert weak.group == "region = b"
        assert weak.metric == loss
        inside = columns["region"] == "b"
        power = 1 if loss == "absolute_error" else 2
        assert weak.value == pytest.approx(np.mean(np.abs(y - said)[inside] ** power))


def test_heavy_tails_raise_no_false_alarms() -> None:
    found = 0
    for seed in range(200, 240):
        columns, _, _ = data(seed, 600)
        noise = np.random.default_rng(seed).standard_t(3, size=600)
        found += len(weak_spots(columns, np.zeros(600), noise, loss="squared_error")) > 1
    assert found <= 7  # 5 % of 40 is 2; more than 7 has a probability of 0.1 %


def test_missing_values_and_dates_are_slices_too() -> None:
    columns, y, p = data(5)
    age = columns["age"].copy()
    gap = np.random.default_rng(0).random(1500) < 0.1
    age[gap] = np.nan
    text = columns["region"].astype(object)
    text[gap] = None
    day = np.datetime64("2024-01-01") + np.arange(1500)
    weak = weak_spots({"age": age}, y, spoil(y, p, gap, 0.6), [0, 1]).rows[1]
    assert (weak.group, weak.n) == ("age missing", gap.sum())
    weak = weak_spots({"region": text}, y, spoil(y, p, gap, 0.6), [0, 1]).rows[1]
    assert (weak.group, weak.n) == ("region missing", gap.sum())
    late = np.arange(1500) >= 1125
    weak = weak_spots({"day": day}, y, spoil(y, p, late, 0.6), [0, 1]).rows[1]
    assert weak.group == f"day {day[1125]} to {day[-1]}"


def test_slices_below_the_least_number_of_rows_are_not_looked_at() -> None:
    _, y, p = data(6)
    rare = np.where(np.arange(1500) < 20, "rare", "usual")
    p = spoil(y, p, np.arange(1500) < 20, 1.0)
    assert weak_spots({"kind": rare}, y, p, [0, 1]).groups == ("",)
    assert weak_spots({"kind": rare}, y, p, [0, 1], min_rows=20).groups == ("", "kind = rare")
    ids = np.array([f"row {i}" for i in range(1500)])
    assert "no part of them is large enough" in weak_spots({"id": ids}, y, p, [0, 1]).rows[0].text


def test_empty_columns_and_infinite_values_are_no_obstacle() -> None:
    n = 80
    columns = {
        "never": np.full(n, np.nan),
        "undated": np.full(n, np.datetime64("NaT")),
        "endless": np.append(np.arange(n - 1.0), np.inf),
    }
    said = np.append(np.zeros(n // 2), np.arange(1.0, n // 2 + 1))
    groups = weak_spots(columns, np.zeros(n), said, min_rows=15).groups
    assert all(group.startswith("endless") for group in groups[1:])
    assert len(groups) > 1


@pytest.mark.parametrize("n", [1, 2, 40])
def test_few_rows_yield_an_answer(n: int) -> None:
    columns, y, p = data(7, n)
    assert len(weak_spots(columns, y, p, [0, 1])) == 1


def test_a_model_that_is_always_right_has_no_weak_spot() -> None:
    columns, y, _ = data(8)
    assert len(weak_spots(columns, y, y * 1.0, [0, 1])) == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"columns": {}}, EmptyData),
        ({"columns": [1, 2]}, WrongType),
        ({"columns": {"a": np.zeros(3)}}, InvalidData),
        ({"columns": {"a": np.zeros(1500, complex)}}, WrongType),
        ({"loss": "hinge"}, UnknownName),
        ({"loss": "absolute_error"}, UnknownName),
        ({"bins": 1}, InvalidSetting),
        ({"min_rows": 0}, InvalidSetting),
        ({"rate": 1.5}, InvalidSetting),
        ({"top": 0}, InvalidSetting),
    ],
)
def test_wrong_input_is_named(changes: dict[str, Any], error: type[Exception]) -> None:
    columns, y, p = data(9)
    given = {"columns": columns, "y": y, "prediction": p, "classes": [0, 1], **changes}
    with pytest.raises(error):
        weak_spots(**given)


def test_loans_with_long_duration_are_a_weak_spot_of_a_simple_model() -> None:
    path = DATA / "german_credit" / "south_german_credit.csv"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    numeric = {"duration", "amount", "age"}
    columns = {
        name: np.array([row[name] for row in rows], dtype=float if name in numeric else object)
        for name in rows[0]
        if name != "credit_risk"
    }
    y = np.array([row["credit_risk"] for row in rows])
    share_good = np.full(len(y), np.mean(y == "good"))
    scores = weak_spots(columns, y, share_good, ["bad", "good"], noun="loans")
    assert scores.rows[0].value == pytest.approx(0.3)
    assert len(scores) > 1
    for weak in scores.rows[1:]:
        assert weak.value > 0.3
        assert weak.low > 0.25
        assert weak.text.startswith("Among the ")


def test_what_is_worse_than_the_rest_and_better_than_all_is_not_weak() -> None:
    """Once a great weak slice is set aside, the others are judged among good rows only."""
    rng = np.random.default_rng(0)
    n = 6000
    kind = rng.choice(["bad", "middling", "good"], n, p=[0.4, 0.2, 0.4])
    wrong = rng.random(n) < np.select([kind == "bad", kind == "middling"], [0.4, 0.08], 0.01)
    y = rng.integers(0, 2, n)
    whole, *weak = weak_spots({"kind": kind}, y, np.where(wrong, 1 - y, y), [0, 1]).rows
    assert [each.group for each in weak] == ["kind = bad"]
    assert all(each.value > whole.value for each in weak)
