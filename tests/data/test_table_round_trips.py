"""What goes in comes out: same kind of table, same types, same values."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.core.errors import AxisError, EmptyData, InvalidData, UnknownName
from pellucid.data.table import Table

TIMES = pd.to_datetime(
    ["2024-05-01 12:34:56.789012345", None, "1969-12-31 23:59:59"], format="mixed"
)
COLUMNS = {
    "float": pd.Series([0.1, np.nan, np.inf]),
    "float32": pd.Series([0.1, 2, 3], dtype="float32"),
    "int": pd.Series([1, 2, 3]),
    "int8": pd.Series([1, -2, 3], dtype="int8"),
    "uint64": pd.Series([1, 2, 2**64 - 1], dtype="uint64"),
    "id": pd.Series([2**53 + 1, 2**60 + 1, 7]),
    "bool": pd.Series([True, False, True]),
    "text": pd.Series(["b", None, "a"]),
    "object text": pd.Series(["b", None, "a"], dtype=object),
    "object numbers": pd.Series([1, 2.5, None], dtype=object),
    "object bools": pd.Series([True, None, False], dtype=object),
    "category": pd.Series(["b", None, "a"], dtype="category"),
    "ordered": pd.Series(pd.Categorical(["b", "a", None], ["c", "b", "a"], ordered=True)),
    "int category": pd.Series([3, 1, 3], dtype="category"),
    "time": pd.Series(TIMES),
    "zone": pd.Series(TIMES).dt.tz_localize("UTC").dt.tz_convert("Europe/Paris"),
    "Int64": pd.Series([1, None, 2**60 + 1], dtype="Int64"),
    "Float64": pd.Series([0.5, None, 2], dtype="Float64"),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "string": pd.Series(["b", None, "a"], dtype="string"),
    "arrow string": pd.Series(["b", None, "a"], dtype="string[pyarrow]"),
    "arrow int": pd.Series([1, None, 3], dtype="int32[pyarrow]"),
    "arrow double": pd.Series([1.5, None, 3], dtype="double[pyarrow]"),
    "arrow date": pd.Series([None, 1, 2], dtype="int32[pyarrow]").astype("date32[pyarrow]"),
    "arrow time": pd.Series(TIMES).astype("timestamp[ns][pyarrow]"),
    "sparse": pd.Series(pd.arrays.SparseArray([0.0, 1.5, 0.0])),
    "nothing": pd.Series([None, None, None], dtype=object),
}
ARROW = {
    "decimal": pa.array(["1.10", None, "-2.25"]).cast(pa.decimal128(10, 2)),
    "large string": pa.array(["a", None, "b"], pa.large_string()),
    "dictionary": pa.array(["a", None, "b"]).dictionary_encode(),
    "float16": pa.array(np.array([1, 2, 3], dtype=np.float16)),
    "date64": pa.array([0, None, 86_400_000], pa.int64()).view(pa.date64()),
    "seconds": pa.array([1, None, 3], pa.timestamp("s")),
    "zone": pa.array([1, None, 3], pa.timestamp("us", tz="Asia/Tokyo")),
    "null": pa.nulls(3),
    "uint8": pa.array([1, None, 255], pa.uint8()),
    "bool": pa.array([True, None, False]),
    "nan": pa.array([1.0, float("nan"), 3.0]),
    "chunks": pa.chunked_array([["a", "b"], ["c"]]),
    "dictionaries": pa.chunked_array(
        [pa.array(["a", "b"]).dictionary_encode(), pa.array(["c"]).dictionary_encode()]
    ),
    "wide decimal": pa.array(["12345678901234567890.5", None, "1.5"]).cast(pa.decimal128(30, 1)),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_pandas_column_comes_back_exactly(name: str) -> None:
    frame = pd.DataFrame({name: COLUMNS[name]})
    pd.testing.assert_frame_equal(Table.of(frame).native(), frame, check_exact=True)


def test_a_pandas_table_comes_back_with_its_index_and_labels() -> None:
    frame = pd.DataFrame(COLUMNS).set_index(pd.Index(["r", "s", "t"], name="who"))
    frame.columns = pd.Index([*range(len(COLUMNS))], name="what")
    table = Table.of(frame)
    pd.testing.assert_frame_equal(table.native(), frame, check_exact=True)
    assert table.rows.tolist() == ["r", "s", "t"]
    assert table.names[:2] == ("0", "1")


def test_taken_rows_come_back_with_their_index_and_exact_values() -> None:
    frame = pd.DataFrame(COLUMNS).set_index(pd.Index([10, 20, 30]))
    taken = Table.of(frame).take([2, 0])
    pd.testing.assert_frame_equal(taken.native(), frame.iloc[[2, 0]], check_exact=True)
    assert taken.rows.tolist() == [30, 10]


@pytest.mark.parametrize("name", ARROW)
def test_an_arrow_column_comes_back_exactly(name: str) -> None:
    table = pa.table({name: ARROW[name]})
    back = Table.of(table).native()
    assert back.schema == table.schema
    assert back.to_pydict().__repr__() == table.to_pydict().__repr__()


def test_a_record_batch_comes_back_as_one() -> None:
    batch = pa.RecordBatch.from_pydict({"a": [1, 2], "b": ["x", None]})
    back = Table.of(batch).native()
    assert isinstance(back, pa.RecordBatch)
    assert back.equals(batch)


def test_a_polars_table_comes_back_exactly() -> None:
    plain = pl.DataFrame({k: v for k, v in ARROW.items() if k not in ("date64", "float16")})
    frame = plain.with_columns(
        category=pl.Series(["b", None, "a"], dtype=pl.Categorical),
        enum=pl.Series(["b", None, "a"], dtype=pl.Enum(["c", "b", "a"])),
        small=pl.Series([1, None, 3], dtype=pl.Int8),
        single=pl.Series([1.5, None, 3], dtype=pl.Float32),
    )
    back = Table.of(frame).native()
    assert back.schema == frame.schema
    assert back.equals(frame, null_equal=True)


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "int64", "uint8", "bool", "U3", "object", "M8[s]"]
)
def test_a_numpy_matrix_comes_back_with_its_type(dtype: str) -> None:
    X = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype)
    back = Table.of(X).native()
    assert back.dtype == X.dtype
    np.testing.assert_array_equal(back, X)
    other = Table.of(X).native(Table.of(X).codes[::-1][:1])
    assert other.dtype == X.dtype
    np.testing.assert_array_equal(other, X[::-1][:1])


def test_an_object_matrix_of_texts_and_numbers_comes_back() -> None:
    X = np.array([["a", 1, True, None], ["b", 2, False, 0.5]], dtype=object)
    table = Table.of(X)
    assert [c.kind for c in table.schema.values()] == [
        "categorical",
        "numeric",
        "boolean",
        "numeric",
    ]
    assert table.native().tolist() == X.tolist()
    made = table.native(table.codes[[1, 1]]).tolist()
    assert made == [["b", 2, False, 0.5]] * 2
    assert [type(value) for value in made[0]] == [str, int, bool, float]


def test_a_structured_array_a_dict_and_records_come_back() -> None:
    structured = np.array([(1, 0.5, "a"), (2, 1.5, "b")], dtype="i4, f8, U1")
    back = Table.of(structured).native()
    assert back.dtype == structured.dtype
    assert back.tolist() == structured.tolist()
    columns = {"a": [1, 2], "b": ["x", None], "c": np.array([True, False])}
    given_back = Table.of(columns).native()
    assert given_back["a"] == [1, 2]
    assert given_back["b"] == ["x", None]
    assert given_back["c"].dtype == bool
    records = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    assert Table.of(records).native() == records


@pytest.mark.parametrize("kind", ["csr_array", "csc_matrix", "coo_array"])
def test_a_sparse_matrix_comes_back_sparse(kind: str) -> None:
    X = getattr(scipy.sparse, kind)(np.array([[0, 1.5], [2, 0]]))
    table = Table.of(X)
    back = table.native()
    assert type(back) is type(X)
    np.testing.assert_array_equal(back.toarray(), X.toarray())
    assert "zeros" in table.notes[0]


def test_every_kind_of_table_has_the_same_codes() -> None:
    columns = {"n": [1, 2, 3], "x": [0.5, 1.5, 2.5], "t": ["b", "a", "b"], "b": [True, False, True]}
    frame = pd.DataFrame(columns)
    matrix = np.array(list(zip(*columns.values(), strict=True)), dtype=object)
    tables = [
        frame,
        frame.convert_dtypes(),
        frame.astype({"t": "category"}),
        pl.DataFrame(columns),
        pl.DataFrame(columns).with_columns(pl.col("t").cast(pl.Categorical)),
        pa.table(columns),
        columns,
        frame.to_dict("records"),
        frame.to_records(index=False),
    ]
    prints = {Table.of(X).fingerprint() for X in tables}
    assert prints == {Table.of(matrix, names=list(columns)).fingerprint()}


def test_whole_numbers_stay_integers_until_one_is_not_whole() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]}).astype({"b": "Int64"})
    table = Table.of(frame)
    assert table.native([[5, 6]]).dtypes.tolist() == frame.dtypes.tolist()
    half = table.native([[5.5, 6.5]])
    assert half.dtypes.astype(str).tolist() == ["float64", "Float64"]
    gone = table.native([[np.nan, np.nan]])
    assert gone.dtypes.astype(str).tolist() == ["float64", "Int64"]
    assert pl.Series(Table.of(pl.DataFrame({"a": [1]})).native([[0.5]])["a"]).dtype == pl.Float64
    assert Table.of(np.array([[1]], dtype=np.int8)).native([[300.0]]).dtype == np.float64


def test_a_code_without_a_category_is_refused() -> None:
    table = Table.of({"a": ["x", "y"]})
    for code in (2.0, -1.0, 0.5):
        with pytest.raises(InvalidData, match="stands for no category"):
            table.native([[code]])
    with pytest.raises(InvalidData, match=r"shape \(rows, 1\)"):
        table.native([[0.0, 1.0]])


def test_the_given_table_never_changes_and_neither_does_the_inner_one() -> None:
    X = np.ones((2, 2))
    table = Table.of(X)
    X[0, 0] = 9
    table.native()[0, 0] = 7
    assert table.codes[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        table.codes[0, 0] = 5


def test_text_is_for_readers() -> None:
    table = Table.of(
        {
            "job": ["clerk", None],
            "rate": [0.27, 1234.5],
            "n": [1049, 3],
            "on": [True, False],
            "day": pd.to_datetime(["2024-05-01", "2024-05-01 12:30"], format="mixed"),
        }
    )
    assert [table.text(0, name) for name in table.names] == [
        "clerk",
        "0.27",
        "1049",
        "yes",
        "2024-05-01",
    ]
    assert [table.text(1, j) for j in (0, 1, 4)] == ["missing", "1234.5", "2024-05-01 12:30:00"]
    with pytest.raises(UnknownName, match="'rate'"):
        table.text(0, "rat")
    with pytest.raises(AxisError):
        table.text(9, 0)
    with pytest.raises(AxisError):
        table.text(0, 9)


def test_columns_are_readable() -> None:
    columns = Table.of(
        {"t": ["b", None], "n": [1, 2], "b": [True, None], "d": TIMES[[0, 1]]}
    ).columns()
    assert columns["t"].tolist() == ["b", None]
    assert columns["n"].dtype == np.float64
    assert columns["b"].tolist() == [True, None]
    assert columns["d"][0] == np.datetime64("2024-05-01T12:34:56.789012")
    assert np.isnat(columns["d"][1])


def test_rows_and_columns_are_taken_by_place_mask_slice_and_name() -> None:
    table = Table.of(pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]}, index=[7, 8, 9]))
    assert table.take([True, False, True]).rows.tolist() == [7, 9]
    assert table.take(slice(1, None)).rows.tolist() == [8, 9]
    assert table.take(0).shape == (1, 2)
    assert table.select(["b"]).native().columns.tolist() == ["b"]
    with pytest.raises(EmptyData, match="needs columns"):
        table.select([])
    with pytest.raises(AxisError, match="no such rows"):
        table.take([5])
    moved = table.with_codes([[9, 0], [9, 1], [9, 2]])
    assert moved.rows.tolist() == [7, 8, 9]
    assert moved.native().index.tolist() == [7, 8, 9]
    assert table.with_codes([[1, 0]]).native().index.tolist() == [0]


def test_a_fingerprint_sees_names_values_and_categories() -> None:
    base = Table.of({"a": [1, 2]})
    prints = {
        table.fingerprint()
        for table in (
            base,
            Table.of({"b": [1, 2]}),
            Table.of({"a": [1, 3]}),
            Table.of({"a": ["1", "2"]}),
            Table.of({"a": ["1", "3"]}),
        )
    }
    assert len(prints) == 5
    assert base.fingerprint() == Table.of(pl.DataFrame({"a": [1, 2]})).fingerprint()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(allow_nan=False)),
            st.integers(-(2**63), 2**63 - 1),
            st.one_of(st.none(), st.text(max_size=3)),
            st.one_of(st.none(), st.booleans()),
            st.one_of(st.none(), st.datetimes()),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_values_come_back(rows) -> None:
    names = ["x", "n", "t", "b", "d"]
    types = [pa.float64(), pa.int64(), pa.string(), pa.bool_(), pa.timestamp("us")]
    columns = [
        pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), types, strict=True)
    ]
    arrow = pa.table(columns, names=names)
    assert Table.of(arrow).native().equals(arrow)
    polars = pl.from_arrow(arrow)
    assert Table.of(polars).native().equals(polars)
    pandas = arrow.to_pandas()
    pd.testing.assert_frame_equal(Table.of(pandas).native(), pandas, check_exact=True)
    records = arrow.to_pylist()
    assert Table.of(records).native() == records


def test_a_hundred_thousand_rows_are_given_back_in_a_fraction_of_a_second() -> None:
    rng = np.random.default_rng(0)
    n = 100_000
    columns = {f"x{j}": rng.normal(size=n) for j in range(15)}
    columns |= {f"n{j}": rng.integers(0, 9, n) for j in range(7)}
    columns |= {f"t{j}": rng.choice(["a", "b", "c"], n) for j in range(8)}
    frame = pd.DataFrame(columns)
    table = Table.of(frame)
    codes = np.array(table.codes)
    start = time.perf_counter()
    back = table.native(codes)
    assert time.perf_counter() - start < 2.0
    pd.testing.assert_frame_equal(back, frame)
