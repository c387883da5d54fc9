"""Files are told apart by their content, and a damaged one says what is wrong."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet
import pytest

from pellucid.core.errors import (
    EmptyData,
    InvalidData,
    InvalidSetting,
    UnreadableFile,
    WrongTarget,
)
from pellucid.data.files import read_table, split_target, write_parquet
from pellucid.data.table import Table

TABLE = pa.table({"n": [1, 2, None], "t": ["b", None, "a"]})
CSV = b"n,t\n1,b\n2,\n,a\n"


def saved(tmp_path: Path, content: bytes, name: str = "data.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        CSV,
        CSV.replace(b",", b";"),
        CSV.replace(b",", b"\t"),
        CSV.replace(b"\n", b"\r\n"),
        CSV.rstrip(b"\n"),
        b"\xef\xbb\xbf" + CSV,
        gzip.compress(CSV, mtime=0),
        b'"n","t"\n1,"b"\n2,NA\n?,"a"\n',
    ],
    ids=["comma", "semicolon", "tab", "crlf", "no last newline", "bom", "gzip", "quoted"],
)
def test_text_files_of_every_dialect_give_the_same_table(tmp_path: Path, content: bytes) -> None:
    table = read_table(saved(tmp_path, content, "data.bin"))
    assert table.native().equals(TABLE)
    assert table.fingerprint() == Table.of(TABLE).fingerprint()


def test_binary_files_are_known_by_their_content(tmp_path: Path) -> None:
    parquet, feather, ipc, stream = (tmp_path / f"{kind}.csv" for kind in ("p", "f", "i", "s"))
    pyarrow.parquet.write_table(TABLE, parquet)
    pyarrow.feather.write_feather(TABLE, str(feather))
    with pyarrow.ipc.new_file(ipc, TABLE.schema) as writer:
        writer.write_table(TABLE)
    with pyarrow.ipc.new_stream(stream, TABLE.schema) as writer:
        writer.write_table(TABLE)
    for path in (parquet, feather, ipc, stream):
        assert read_table(path).native().equals(TABLE), path


def test_types_come_from_every_row_not_from_the_first_ones(tmp_path: Path) -> None:
    rows = "\n".join(["1"] * 400_000)
    table = read_table(saved(tmp_path, f"a,b\n{rows.replace('1', '1,2')}\nlast,2\n".encode()))
    assert table.schema["a"].categories == ("1", "last")
    assert table.schema["b"].integer


def test_dates_are_read_as_dates_unless_told_otherwise(tmp_path: Path) -> None:
    path = saved(tmp_path, b"d,t\n2024-05-01,10:30:00\n2024-05-02,11:00:00\n")
    table = read_table(path)
    assert (table.schema["d"].kind, table.schema["t"].kind) == ("date", "categorical")
    assert table.codes[:, 0].tolist() == [19844, 19845]
    assert read_table(path, dates=False).schema["d"].kind == "categorical"


def test_what_means_missing_can_be_said(tmp_path: Path) -> None:
    path = saved(tmp_path, b"country,n\nNA,-9\nFR,1\n")
    assert np.isnan(read_table(path).codes[0, 0])
    table = read_table(path, missing=["-9"])
    assert table.schema["country"].categories == ("FR", "NA")
    assert np.isnan(table.codes[0, 1])


def test_a_decimal_comma_is_pointed_out_and_can_be_said(tmp_path: Path) -> None:
    path = saved(tmp_path, b"a;b\n1,5;x\n2;y\n")
    assert "decimal=','" in read_table(path).notes[0]
    assert read_table(path, decimal=",").codes[:, 0].tolist() == [1.5, 2]


def test_a_file_without_a_header_needs_names(tmp_path: Path) -> None:
    path = saved(tmp_path, b"1,2\n3,4\n")
    with pytest.raises(UnreadableFile, match="no header line"):
        read_table(path)
    assert read_table(path, names=["a", "b"]).codes.tolist() == [[1, 2], [3, 4]]


def test_a_column_without_a_name_gets_one_and_that_is_said(tmp_path: Path) -> None:
    table = read_table(saved(tmp_path, b",a\n0,5\n1,6\n"))
    assert table.names == ("column_0", "a")
    assert "column_0" in table.notes[0]


def test_an_empty_line_in_a_single_column_is_a_missing_value(tmp_path: Path) -> None:
    table = read_table(saved(tmp_path, b"a\n1\n\n3\n"))
    np.testing.assert_array_equal(table.codes[:, 0], [1, np.nan, 3])


def test_other_encodings_are_named_by_the_user(tmp_path: Path) -> None:
    path = saved(tmp_path, "a,b\nx,1\ncafé,2\n".encode("latin-1"))
    with pytest.raises(UnreadableFile, match=r"0xe9 in line 3.*latin-1"):
        read_table(path)
    assert read_table(path, encoding="latin-1").text(1, "a") == "café"
    wide = saved(tmp_path, "a,b\nx,1\n".encode("utf-16"))
    with pytest.raises(UnreadableFile, match="UTF-16"):
        read_table(wide)
    assert read_table(wide, encoding="utf-16").text(0, "a") == "x"
    with pytest.raises(InvalidSetting, match="klingon"):
        read_table(path, encoding="klingon")


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", EmptyData, "is empty"),
        (b" \n\n", EmptyData, "is empty"),
        (gzip.compress(b"", mtime=0), EmptyData, "is empty"),
        (b"a,b\n", EmptyData, "no rows"),
        (b"a,b", EmptyData, "no rows"),
        (b"a\n", EmptyData, "no rows"),
        (b"a,b\n1,2\n3\n4,5\n", UnreadableFile, "1 values in line 3"),
        (b"a,b\n1,2\n3,4,5\n", UnreadableFile, "3 values in line 3"),
        (b"a,a\n1,2\n", InvalidData, "share a name"),
        (b"\x00\x01\x02" * 99, UnreadableFile, "binary data"),
        (b"PK\x03\x04rest", UnreadableFile, "spreadsheet"),
        (pickle.dumps({"a": 1}, protocol=4), UnreadableFile, "pickle"),
        (b"PAR1 and nothing more", UnreadableFile, "damaged"),
        (b"ARROW1 and nothing more", UnreadableFile, "damaged"),
        (gzip.compress(CSV, mtime=0)[:-5], UnreadableFile, "damaged gzip"),
        (b"a" * 200_000, UnreadableFile, "not a table"),
    ],
)
def test_a_file_that_is_no_table_says_what_it_is(tmp_path, content, error, message) -> None:
    with pytest.raises(error, match=message) as caught:
        read_table(saved(tmp_path, content))
    assert "data.csv" in str(caught.value) or error is InvalidData


def test_a_truncated_parquet_file_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(TABLE, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UnreadableFile, match="damaged"):
        read_table(path)


def test_an_absent_file_and_a_folder_are_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"no file none\.csv"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(UnreadableFile, match="cannot be opened"):
        read_table(tmp_path)


def test_settings_of_more_than_one_character_are_refused(tmp_path: Path) -> None:
    for setting in ({"delimiter": "||"}, {"decimal": ""}):
        with pytest.raises(InvalidSetting, match="one character"):
            read_table(saved(tmp_path, CSV), **setting)


def test_a_schema_can_be_said_while_reading(tmp_path: Path) -> None:
    said = {"t": {"kind": "ordinal", "categories": ["b", "a"]}}
    assert read_table(saved(tmp_path, CSV), schema=said).codes[0, 1] == 0


def test_parquet_is_written_whole_with_metadata(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    write_parquet(path, {"v": np.array([0.1, np.nan]), "t": np.array(["a", "b"])}, {"method": "x"})
    read = pyarrow.parquet.read_table(path)
    assert read.schema.metadata == {b"method": b"x"}
    np.testing.assert_array_equal(read["v"].to_numpy(), [0.1, np.nan])
    columns = pyarrow.parquet.ParquetFile(path).metadata.row_group(0)
    assert "RLE_DICTIONARY" not in columns.column(0).encodings
    assert "RLE_DICTIONARY" in columns.column(1).encodings


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "out.parquet"
    write_parquet(path, {"v": np.ones(2)})
    before = path.read_bytes()

    def fail(*args, **settings):
        raise OSError("disk full")

    monkeypatch.setattr(pyarrow.parquet, "write_table", fail)
    with pytest.raises(OSError, match="disk full"):
        write_parquet(path, {"v": np.zeros(2)})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_columns_of_different_lengths_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="different lengths"):
        write_parquet(tmp_path / "out.parquet", {"a": np.ones(2), "b": np.ones(3)})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["b", "a", "b"], np.array(["b", "a", "b"])),
        ([0, 1, 0], np.array([0, 1, 0])),
        ([0.5, 1.0, 2.0], np.array([0.5, 1.0, 2.0])),
        ([True, False, True], np.array([True, False, True])),
    ],
)
def test_the_target_is_split_off_as_readable_values(values, expected) -> None:
    X, y = split_target(Table.of(pa.table({"y": values, "x": [1, 2, 3]})), "y")
    assert X.names == ("x",)
    assert X.native().column_names == ["x"]
    assert y.dtype == expected.dtype
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pris", "Allowed: price, same, gone, when, x. Did you mean 'price'"),
        ("same", "'same' is the same in every row. Got 3"),
        ("gone", "'gone' has missing values. Got 1 of 2, in row 1"),
        ("when", "dates"),
    ],
)
def test_a_useless_target_is_refused(name: str, message: str) -> None:
    table = Table.of(
        {
            "price": [1.0, 2.0],
            "same": [3, 3],
            "gone": ["a", None],
            "when": np.array(["2024-05-01", "2024-05-02"], dtype="M8[D]"),
            "x": [1, 2],
        }
    )
    with pytest.raises(WrongTarget, match=message):
        split_target(table, name)


def test_a_target_without_features_is_refused() -> None:
    with pytest.raises(WrongTarget, match="only column"):
        split_target(Table.of({"y": [0, 1]}), "y")


@pytest.mark.parametrize(
    ("index", "rows"),
    [
        (["x", "y", "z"], ["x", "y", "z"]),
        ([7, 5, 9], [7, 5, 9]),
        (range(3, 9, 2), [3, 5, 7]),
        ([0.5, 1.5, 2.5], ["0.5", "1.5", "2.5"]),
        (["2020-01-01", "2021-02-03", "2022-03-04"], ["2020-01-01", "2021-02-03", "2022-03-04"]),
        (["x", None, "z"], [0, 1, 2]),
        ([["a", "b", "c"], [1, 2, 3]], [0, 1, 2]),
    ],
)
@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_rows_are_called_by_the_index_that_pandas_saved(
    tmp_path: Path, ending: str, index: object, rows: list[object]
) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"n": [1.0, 2.0, 3.0]}, index=index)
    if rows[0] == "2020-01-01":
        frame.index = pandas.to_datetime(frame.index)
    if ending == "parquet":
        frame.to_parquet(tmp_path / "data")
    else:
        pyarrow.feather.write_feather(pa.Table.from_pandas(frame), tmp_path / "data")
    found = read_table(tmp_path / "data")
    assert list(map(str, found.rows)) == list(map(str, rows))
    assert found.names == ("n",)
    if isinstance(rows[0], str) and ending == "parquet":
        again = Table.of(pandas.read_parquet(tmp_path / "data"))
        assert found.rows.tolist() == again.rows.tolist()
