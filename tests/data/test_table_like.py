"""A table that must have the columns of another one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.core.errors import ColumnMismatch, InvalidData, InvalidSetting, WrongType
from pellucid.data.table import Table

TRAIN = pd.DataFrame(
    {
        "age": [31, 47, 52],
        "job": pd.Categorical(["clerk", "chief", "clerk"]),
        "on": [True, False, True],
        "day": pd.to_datetime(["2024-05-01", "2024-05-02", "2024-05-03"]),
    }
)
LIKE = Table.of(TRAIN, schema={"age": {"unit": "years", "low": 18}})


def test_a_reordered_table_is_put_in_order_and_keeps_what_was_said() -> None:
    table = Table.of(TRAIN[["day", "on", "age", "job"]], like=LIKE)
    assert table.schema == LIKE.schema
    np.testing.assert_array_equal(table.codes, LIKE.codes)
    pd.testing.assert_frame_equal(table.native(), TRAIN)


def test_missing_and_extra_columns_are_named() -> None:
    with pytest.raises(ColumnMismatch, match="missing: job, on; extra: pay"):
        Table.of(TRAIN.drop(columns=["job", "on"]).assign(pay=1), like=LIKE)


def test_categories_not_seen_before_extend_the_old_ones_and_are_noted() -> None:
    new = TRAIN.assign(job=pd.Categorical(["astronaut", "clerk", None]))
    table = Table.of(new, like=LIKE)
    assert table.schema["job"].categories == ("chief", "clerk", "astronaut")
    np.testing.assert_array_equal(table.codes[:, 1], [2, 1, np.nan])
    assert "'astronaut'" in table.notes[0]
    made = table.native([[30, 0, 1, 19844], [30, 2, 1, 19844]])
    assert made["job"].tolist() == ["chief", "astronaut"]
    assert made["job"].dtype.categories.tolist() == ["chief", "clerk", "astronaut"]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, dict])
def test_one_row_can_be_given_every_value_of_the_old_table(make) -> None:
    row = make(
        {"age": [31], "job": ["clerk"], "on": [True], "day": [TRAIN["day"][0].to_pydatetime()]}
    )
    table = Table.of(row, like=LIKE)
    made = Table.of(table.native(LIKE.codes), like=LIKE)
    np.testing.assert_array_equal(made.codes, LIKE.codes)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, dict])
def test_a_row_of_missing_values_can_be_given_every_value_of_the_old_table(make) -> None:
    table = Table.of(make({name: [None] for name in TRAIN}), like=LIKE)
    assert [column.kind for column in table.schema.values()] == [
        column.kind for column in LIKE.schema.values()
    ]
    assert np.isnan(Table.of(table.native(), like=LIKE).codes).all()
    made = Table.of(table.native(LIKE.codes), like=LIKE)
    np.testing.assert_array_equal(made.codes, LIKE.codes)


def test_numbers_where_the_old_table_has_booleans_or_numbered_categories_are_read_as_such() -> None:
    like = Table.of({"b": [True, False], "c": [1, 2]}, schema={"c": {"kind": "categorical"}})
    table = Table.of({"b": [0, 1], "c": [2.0, 3.0]}, like=like)
    assert table.codes.tolist() == [[0, 1], [1, 2]]
    assert table.schema["c"].categories == (1, 2, 3.0)


@pytest.mark.parametrize(
    ("column", "error", "message"),
    [
        ({"age": ["31", "47", "52"]}, WrongType, "'age' must hold numbers"),
        ({"job": [1, 2, 3]}, WrongType, "'job' must hold texts"),
        ({"on": [2, 0, 1]}, InvalidData, "'on'.*2.0 in row 0"),
        ({"on": ["yes", "no", "no"]}, WrongType, "'on' must hold booleans"),
        ({"day": ["2024-05-01"] * 3}, WrongType, "'day' must hold dates"),
        ({"age": [17, 30, 40]}, InvalidData, "17.0 in row 0.*at least 18"),
    ],
)
def test_a_column_of_another_kind_is_refused_by_name(column, error, message) -> None:
    with pytest.raises(error, match=message):
        Table.of(TRAIN.assign(**column), like=LIKE)


def test_an_array_takes_the_names_of_the_old_table() -> None:
    like = Table.of({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert Table.of(np.ones((1, 2)), like=like).names == ("a", "b")
    with pytest.raises(ColumnMismatch, match="3 columns"):
        Table.of(np.ones((1, 3)), like=like)


def test_only_a_table_can_be_like() -> None:
    with pytest.raises(InvalidSetting, match="`like` is a Table"):
        Table.of(TRAIN, like=TRAIN)


def test_a_table_is_read_again_as_another_one() -> None:
    table = Table.of(TRAIN[["on", "day", "job", "age"]])
    assert Table.of(table, like=LIKE).schema == LIKE.schema


def test_whole_numbers_may_get_fractions_and_then_say_so() -> None:
    table = Table.of({"a": [0.5]}, like=Table.of({"a": [1, 2]}))
    assert not table.schema["a"].integer
    assert Table.of({"a": [2.0]}, like=Table.of({"a": [1, 2]})).schema["a"].integer


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.sampled_from("abc")), max_size=6).map(lambda old: [*old, "c"]),
    st.lists(st.one_of(st.none(), st.sampled_from("bcde")), min_size=1, max_size=6),
)
def test_equal_texts_have_equal_codes_in_both_tables(old, new) -> None:
    like = Table.of(pd.DataFrame({"x": pd.Series(old, dtype=object)}))
    table = Table.of(pl.DataFrame({"x": pl.Series(new, dtype=pl.String)}), like=like)
    categories = table.schema["x"].categories
    assert categories[: len(like.schema["x"].categories)] == like.schema["x"].categories
    read = [None if np.isnan(c) else categories[int(c)] for c in table.codes[:, 0]]
    assert read == new
