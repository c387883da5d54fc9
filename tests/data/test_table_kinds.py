"""What is found in a column, what the user may say over it, and what is refused."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

from pellucid.core.errors import (
    ColumnMismatch,
    EmptyData,
    InvalidData,
    InvalidSetting,
    UnknownName,
    WrongType,
)
from pellucid.data.schema import Column, Schema
from pellucid.data.table import Table

DAY = dt.date(2024, 5, 1)
NOON = dt.datetime(2024, 5, 1, 12)

FOUND = {
    "ints": ([3, 1], "numeric", True, (), [3, 1]),
    "floats": ([1.5, 2.0], "numeric", False, (), [1.5, 2.0]),
    "whole floats": ([1.0, 2.0], "numeric", False, (), [1.0, 2.0]),
    "ints and floats": ([1, 2.5], "numeric", False, (), [1, 2.5]),
    "decimals": ([decimal.Decimal("1.10"), decimal.Decimal("2")], "numeric", False, (), [1.1, 2]),
    "decimals and floats": ([decimal.Decimal("1.5"), 2.0], "numeric", False, (), [1.5, 2]),
    "huge ints": ([2**70, 1], "numeric", False, (), [2.0**70, 1]),
    "bools": ([True, False], "boolean", False, (), [1, 0]),
    "texts": (["b", "a"], "categorical", False, ("a", "b"), [1, 0]),
    "dates": ([DAY, None], "date", False, (), [19844, np.nan]),
    "times": ([NOON, NOON], "date", False, (), [19844.5, 19844.5]),
    "numpy times": ([np.datetime64("2024-05-01"), None], "date", False, (), [19844, np.nan]),
    "missing": ([None, float("nan")], "numeric", False, (), [np.nan, np.nan]),
    "text and missing": (["a", None], "categorical", False, ("a",), [0, np.nan]),
    "ints and missing": ([1, None], "numeric", True, (), [1, np.nan]),
    "infinite": ([np.inf, 1.0], "numeric", False, (), [np.inf, 1]),
}


@pytest.mark.parametrize("what", FOUND)
def test_a_list_is_read_by_what_it_holds(what: str) -> None:
    values, kind, integer, categories, codes = FOUND[what]
    table = Table.of({"x": values})
    column = table.schema["x"]
    assert (column.kind, column.integer, column.categories) == (kind, integer, categories)
    np.testing.assert_array_equal(table.codes[:, 0], codes)


@pytest.mark.parametrize(
    ("values", "odd"),
    [([1, 2, "three"], "'three'"), (["a", "b", 3], "3"), ([True, 2], "2"), (["a", DAY], "2024")],
)
def test_a_mixed_column_names_the_column_and_the_odd_values(values, odd) -> None:
    frame = pd.DataFrame({"good": range(len(values)), "bad": pd.Series(values, dtype=object)})
    with pytest.raises(WrongType, match=f"'bad'.*{odd}"):
        Table.of(frame)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1], [2]]),
        pa.array([{"a": 1}]),
        pa.array([b"a"]),
        pa.array([dt.timedelta(1)]),
        pa.array([dt.time(1)]),
    ],
    ids=lambda column: str(column.type),
)
def test_a_type_without_a_distance_or_a_sameness_is_refused_by_name(column) -> None:
    with pytest.raises(WrongType, match="'odd'"):
        Table.of(pa.table({"odd": column}))


def test_objects_that_are_no_values_are_refused_by_name() -> None:
    for odd in ([[1], [2]], [object(), object()], [{"a": 1}, {}]):
        frame = pd.DataFrame({"odd": pd.Series(odd, dtype=object)})
        with pytest.raises(WrongType, match="'odd'"):
            Table.of(frame)
    with pytest.raises(WrongType, match=r"'gap'.*seconds"):
        Table.of(pd.DataFrame({"gap": pd.to_timedelta([1, 2], unit="s")}))


def test_complex_numbers_periods_and_polars_objects_are_refused_by_name() -> None:
    with pytest.raises(WrongType, match="'x0'"):
        Table.of(np.ones((2, 2), dtype=complex))
    with pytest.raises(WrongType, match="'p'"):
        Table.of(pd.DataFrame({"p": pd.period_range("2020", periods=2, freq="M")}))
    with pytest.raises(WrongType, match="'o'"):
        Table.of(pl.DataFrame({"o": pl.Series([object()], dtype=pl.Object)}))


def test_declared_orders_are_ordinal() -> None:
    levels = ["low", "high"]
    ordered = pd.DataFrame({"x": pd.Categorical(["high", "low"], levels, ordered=True)})
    enum = pl.DataFrame({"x": pl.Series(["high", "low"], dtype=pl.Enum(levels))})
    dictionary = pa.DictionaryArray.from_arrays(pa.array([1, 0]), pa.array(levels), ordered=True)
    for frame in (ordered, enum, pa.table({"x": dictionary})):
        table = Table.of(frame)
        assert table.schema["x"].kind == "ordinal"
        assert table.schema["x"].categories == ("low", "high")
        assert table.codes[:, 0].tolist() == [1, 0]


def test_an_unordered_category_type_keeps_its_categories_even_unused_ones() -> None:
    frame = pd.DataFrame({"x": pd.Categorical(["b", None], ["c", "b"])})
    table = Table.of(frame)
    assert table.schema["x"] == Column(name="x", kind="categorical", categories=("c", "b"))
    np.testing.assert_array_equal(table.codes[:, 0], [1, np.nan])


def test_intervals_and_dates_as_categories_are_readable_and_come_back() -> None:
    frame = pd.DataFrame({"x": pd.cut([1.0, 5.0, 9.0], 3), "y": [1, 2, 3]})
    frame["z"] = pd.Categorical(pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-01"]))
    table = Table.of(frame)
    assert all(isinstance(category, str) for category in table.schema["x"].categories)
    pd.testing.assert_frame_equal(table.native(), frame)


def test_time_zones_are_counted_in_utc_and_said() -> None:
    times = pd.to_datetime(["2024-05-01 02:00"]).tz_localize("Europe/Paris")
    table = Table.of(pd.DataFrame({"t": times}))
    assert table.codes[0, 0] == 19844
    assert "UTC" in table.notes[0]


def test_identifiers_stay_categorical_and_are_noted() -> None:
    table = Table.of({"id": [f"customer {i}" for i in range(80)]})
    assert table.schema["id"].kind == "categorical"
    assert "identifier" in table.notes[0]


def test_integers_are_categories_only_when_you_say_so() -> None:
    X = {"code": [3, 1, 3]}
    assert Table.of(X).schema["code"].kind == "numeric"
    said = Table.of(X, schema={"code": {"kind": "categorical"}})
    assert said.schema["code"].categories == (1, 3)
    assert said.codes[:, 0].tolist() == [1, 0, 1]
    assert said.native() == X
    assert said.native([[0.0]]) == {"code": [1]}


def test_an_order_is_said_by_the_user() -> None:
    said = {"job": {"kind": "ordinal", "categories": ["none", "clerk", "chief"]}}
    table = Table.of({"job": ["chief", "clerk", None]}, schema=said)
    np.testing.assert_array_equal(table.codes[:, 0], [2, 1, np.nan])
    assert Table.of({"job": ["chief"]}, schema=table.schema).codes[0, 0] == 2


def test_units_and_ranges_are_kept_when_a_table_is_read_again() -> None:
    table = Table.of({"a": [1, 2], "b": ["x", "y"]}, schema={"a": {"unit": "m", "low": 0}})
    again = Table.of(table, schema={"a": {"high": 9}, "b": {"immutable": True}})
    assert again.schema["a"] == Column(
        name="a", kind="numeric", unit="m", low=0, high=9, integer=True
    )
    assert again.schema["b"].immutable
    assert Table.of(table) is table


@pytest.mark.parametrize(
    ("schema", "error", "message"),
    [
        ({"jbo": {"unit": "m"}}, UnknownName, "Did you mean 'job'"),
        ({"job": {"kind": "ordinal"}}, InvalidSetting, "not in which order"),
        ({"job": {"categories": ["clerk"]}}, InvalidData, "'chief' in row 1"),
        ({"job": {"kind": "numeric"}}, WrongType, "'job' must hold numbers"),
        ({"job": {"kind": "date"}}, WrongType, "to_datetime"),
        ({"job": {"kind": "text"}}, InvalidSetting, "unknown kind"),
        ({"age": {"high": 40}}, InvalidData, "47.0 in row 1.*at most 40"),
        ({"age": {"low": 40}}, InvalidData, "31.0 in row 0.*at least 40"),
        ({"age": {"kind": "boolean"}}, InvalidData, "31.0, 47.0 in rows 0, 1"),
        ({"pay": {"integer": True}}, InvalidData, "1.5 in row 0.*whole"),
        ([("age", {})], InvalidSetting, "by column name"),
        ({"age": "years"}, InvalidSetting, "described by properties"),
    ],
)
def test_a_schema_that_does_not_fit_says_where(schema, error, message) -> None:
    X = {"age": [31, 47], "job": ["clerk", "chief"], "pay": [1.5, 2.0]}
    with pytest.raises(error, match=message):
        Table.of(X, schema=schema)


def test_a_full_schema_rules() -> None:
    schema = Schema([Column(name="age", kind="numeric", unit="years")])
    assert Table.of({"age": [1, 2]}, schema=schema).schema == schema


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.ones(3), InvalidData, r"reshape\(1, -1\)"),
        (np.ones((2, 2, 2)), InvalidData, "3 axes"),
        (np.ones((0, 2)), EmptyData, "no rows"),
        (np.ones((2, 0)), EmptyData, "no columns"),
        (pd.DataFrame(), EmptyData, "no rows"),
        (pl.DataFrame({"a": []}), EmptyData, "no rows"),
        (pa.table({}), EmptyData, "no rows"),
        ([], EmptyData, "no rows"),
        ({}, EmptyData, "no rows"),
        ({"a": []}, EmptyData, "no rows"),
        ({"a": 1}, InvalidData, r"\[value\]"),
        ({"a": "text"}, InvalidData, "not one list"),
        ({"a": np.ones((2, 2))}, InvalidData, "2 axes"),
        ({"a": [1], "b": [1, 2]}, InvalidData, "different lengths"),
        ([[1, 2], [3, 4]], WrongType, "numpy.asarray"),
        (pd.Series([1, 2]), WrongType, "single column or row"),
        (pl.Series([1, 2]), WrongType, "single column or row"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), InvalidData, "share a name"),
        (pd.DataFrame([[1, 2]], columns=["1", 1]), InvalidData, "share a name"),
        (pa.table([[1], [2]], names=["a", "a"]), InvalidData, "share a name"),
        (np.ma.array([[1.0, 2.0]], mask=[[True, False]]), WrongType, "filled"),
        ("table.csv", WrongType, "not a table"),
        (None, WrongType, "not a table"),
        (3.5, WrongType, "not a table"),
        (scipy.sparse.csr_array((10_000, 10_000)), InvalidData, "too large"),
    ],
)
def test_what_is_not_a_table_is_refused_with_a_fix(X, error, message) -> None:
    with pytest.raises(error, match=message):
        Table.of(X)


def test_names_are_for_arrays_only_and_must_fit() -> None:
    assert Table.of(np.ones((1, 2))).names == ("x0", "x1")
    assert Table.of(np.ones((1, 2)), names=["a", "b"]).names == ("a", "b")
    with pytest.raises(ColumnMismatch, match="2 columns"):
        Table.of(np.ones((1, 2)), names=["a"])
    with pytest.raises(InvalidSetting):
        Table.of({"a": [1]}, names=["b"])
    with pytest.raises(InvalidData, match="share a name"):
        Table.of(np.ones((1, 2)), names=["a", "a"])


def test_a_lazy_table_is_collected_and_that_is_said() -> None:
    table = Table.of(pl.LazyFrame({"a": [1, 2]}))
    assert isinstance(table.native(), pl.DataFrame)
    assert "collected" in table.notes[0]


def test_a_record_that_lacks_a_key_has_a_missing_value_there() -> None:
    table = Table.of([{"a": 1, "b": "x"}, {"b": "y"}])
    np.testing.assert_array_equal(table.codes, [[1, 0], [np.nan, 1]])
    assert table.native() == [{"a": 1, "b": "x"}, {"a": None, "b": "y"}]
