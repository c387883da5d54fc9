"""Long tables: stable addresses, the same rows in every cut, and the types of the whole file."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from pellucid.core.errors import ColumnMismatch, EmptyData, PellucidError, UnreadableFile, WrongType
from pellucid.data import staging, stream
from pellucid.data.files import read_table
from pellucid.data.stream import Reader, length, open_source


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text files are read in blocks of a few hundred bytes."""
    monkeypatch.setattr(staging, "WHOLE_BYTES", 0)
    monkeypatch.setattr(staging, "BLOCK_BYTES", 300)


def whole(source, columns=None) -> pa.Table:
    names = list(columns or source.names)
    parts = [Reader(source).read(spans, names) for spans in source.parts(10**9)]
    return pa.concat_tables(parts)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, pa.Table]:
    rng = np.random.default_rng(0)
    table = pa.table({"n": np.arange(1000), "x": rng.normal(size=1000)})
    (tmp_path / "t").mkdir()
    for number, (start, size) in enumerate([(0, 170), (500, 31), (700, 1000)]):
        part = table.slice(start, {0: 500, 500: 200, 700: 300}[start])
        pq.write_table(part, tmp_path / "t" / f"{number}.parquet", row_group_size=size)
    return tmp_path / "t", table


@pytest.mark.parametrize("size", [1, 7, 100, 170, 999, 5000])
def test_parts_cover_every_row_once_and_in_order(files, tmp_path, size) -> None:
    folder, table = files
    source = open_source(folder, tmp_path / "copy")
    parts = source.parts(size)
    assert all(0 < sum(map(length, spans)) <= size for spans in parts)
    reader = Reader(source)
    found = pa.concat_tables([reader.read(spans, ["x", "n"]) for spans in parts])
    assert found.column_names == ["x", "n"]
    assert found["n"].to_pylist() == list(range(1000))
    assert found["x"].equals(table["x"])
    assert not (tmp_path / "copy").exists()


def test_rows_are_found_by_their_number(files, tmp_path) -> None:
    source = open_source(files[0], tmp_path / "copy")
    places = np.array([0, 169, 170, 499, 500, 731, 999])
    assert Reader(source).at(places, ["n"])["n"].to_pylist() == places.tolist()


def test_a_row_group_that_several_parts_share_is_read_once(files, tmp_path, monkeypatch) -> None:
    source = open_source(files[0], tmp_path / "copy")
    read = []
    group = Reader._group
    monkeypatch.setattr(Reader, "_group", lambda *a: read.append(a[1:3]) or group(*a))
    reader = Reader(source)
    for spans in source.parts(40):
        reader.read(spans, ["x"])
    assert len(read) == len(set(read))


def test_a_row_group_too_large_for_memory_is_written_again_in_smaller_ones(
    files, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(stream, "MOST_GROUP_CELLS", 500)
    monkeypatch.setattr(staging, "GROUP_CELLS", 100)
    source = open_source(files[0], tmp_path / "copy")
    assert max(max(groups) for groups in source.groups) <= 50
    assert whole(source)["n"].to_pylist() == list(range(1000))


def test_the_identity_is_that_of_the_content(files, tmp_path) -> None:
    folder, table = files
    first = open_source(folder, tmp_path / "copy").identity
    assert open_source(f"{folder}/*.parquet", tmp_path / "copy").identity == first
    pq.write_table(table.slice(700, 299), folder / "2.parquet")
    assert open_source(folder, tmp_path / "copy").identity != first


def test_a_copy_is_made_once_and_again_when_the_input_has_changed(tmp_path) -> None:
    path, copy = tmp_path / "rows.csv", tmp_path / "copy"
    path.write_text("a,b\n1,x\n2,y\n")
    assert whole(open_source(path, copy))["a"].to_pylist() == [1, 2]
    made = (copy / "staged.parquet").stat().st_mtime_ns
    assert open_source(path, copy).rows == 2
    assert (copy / "staged.parquet").stat().st_mtime_ns == made
    path.write_text("a,b\n1,x\n2,y\n3,z\n")
    assert open_source(path, copy).rows == 3


LATE = {
    "a number after whole numbers": ["1"] * 200 + ["2.5"],
    "a text after whole numbers": ["1"] * 200 + ["many"],
    "a gap at last": ["1"] * 200 + ["NA"],
    "gaps at first": ["?"] * 200 + ["7"],
    "only gaps": [""] * 201,
    "truths": ["true"] * 200 + ["false"],
    "a truth and a number": ["true"] * 200 + ["3"],
    "dates": ["2024-05-01"] * 200 + ["2024-05-02"],
    "a time after dates": ["2024-05-01"] * 200 + ["2024-05-02 10:30:00"],
    "a finer time": ["2024-05-02 10:30:00"] * 200 + ["2024-05-02 10:30:00.125"],
    "a date and a text": ["2024-05-01"] * 200 + ["soon"],
    "leading zeros and a text": ["007"] * 200 + ["x"],
    "times of day": ["10:30:00"] * 201,
    "quoted ends of lines": ['"two\nlines, and ""marks"""'] * 201,
    "accents": ["Zürich"] * 201,
}


@pytest.mark.parametrize("what", LATE)
@pytest.mark.parametrize("packed", [False, True])
def test_a_text_in_blocks_has_the_types_of_the_text_at_once(
    tmp_path, small_blocks, what, packed
) -> None:
    """Types come from every row: a block that fits a narrower one must not decide."""
    lines = "".join(f"{i},{value},end\n" for i, value in enumerate(LATE[what]))
    content = ("n,value,last\n" + lines).encode()
    path = tmp_path / "rows.csv"
    path.write_bytes(gzip.compress(content) if packed else content)
    found = whole(open_source(path, tmp_path / "copy"))
    expected = read_table(path).native()
    assert found.column_names == expected.column_names
    assert found["value"].to_pylist() == expected["value"].to_pylist()
    for name in expected.column_names:
        seconds_as_parquet_has_them = str(expected.schema.field(name).type).replace("[s]", "[ms]")
        assert str(found.schema.field(name).type) == seconds_as_parquet_has_them, name


def test_a_semicolon_is_found_in_blocks_too(tmp_path, small_blocks) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a;b\n" + "1;2\n" * 300)
    assert whole(open_source(path, tmp_path / "copy"))["b"].to_pylist() == [2] * 300


def test_a_quotation_mark_that_is_never_closed_is_an_error(tmp_path, small_blocks) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('a,b\n1,"2\n' + "1,2\n" * 3000)
    with pytest.raises(UnreadableFile, match="never closed"):
        open_source(path, tmp_path / "copy")
    assert not (tmp_path / "copy" / "staged.parquet").exists()


def test_what_pandas_keeps_as_index_is_no_column(tmp_path) -> None:
    import pandas as pd

    pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="who")).to_parquet(
        tmp_path / "rows.parquet"
    )
    source = open_source(tmp_path / "rows.parquet", tmp_path / "copy")
    assert source.names == ("a",)
    assert source.notes == ("The pandas index is left out: who.",)


def test_files_that_do_not_belong_together_are_refused(files, tmp_path) -> None:
    folder, _ = files
    pq.write_table(pa.table({"n": [1], "x": ["one"]}), folder / "9.parquet")
    with pytest.raises(WrongType, match=r"'x' has another type in 9\.parquet"):
        open_source(folder, tmp_path / "copy")
    pq.write_table(pa.table({"n": [1], "y": [1.0]}), folder / "9.parquet")
    with pytest.raises(ColumnMismatch, match="no column 'x'"):
        open_source(folder, tmp_path / "copy")


WRONG = {
    "gone.parquet": (UnreadableFile, "no file gone.parquet"),
    "gone*.parquet": (UnreadableFile, "No file is called"),
    "empty": (UnreadableFile, "holds no Parquet files"),
    "empty.csv": (EmptyData, "is empty"),
    "header.csv": (EmptyData, "no rows"),
    "none.parquet": (EmptyData, "no rows"),
    "cut.parquet": (UnreadableFile, "damaged"),
    "cut.arrow": (UnreadableFile, "damaged"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_table_is_told(tmp_path, name) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "header.csv").write_text("a,b\n")
    table = pa.table({"a": np.arange(3000.0)})
    pq.write_table(table.slice(0, 0), tmp_path / "none.parquet")
    pq.write_table(table, tmp_path / "cut.parquet")
    pa.feather.write_feather(table, tmp_path / "cut.arrow")
    for cut in ("cut.parquet", "cut.arrow"):
        (tmp_path / cut).write_bytes((tmp_path / cut).read_bytes()[:700])
    kind, words = WRONG[name]
    with pytest.raises(PellucidError, match=words) as told:
        open_source(tmp_path / name, tmp_path / "copy")
    assert isinstance(told.value, kind)


def text_files(folder: Path, *texts: str) -> str:
    for number, text in enumerate(texts):
        (folder / f"{number}.csv").write_text(text)
    return str(folder / "*.csv")


def test_text_files_of_one_pattern_are_one_table_in_the_order_of_their_names(tmp_path) -> None:
    pattern = text_files(tmp_path, "a,b,c\n1,x,\n2,y,\n", "b,a,c\nz,2.5,7\n", "a,b,c\n4,,8\n")
    (tmp_path / "3.csv").write_bytes(gzip.compress(b"c,b,a\n9,w,5\n"))
    source = open_source(pattern, tmp_path / "copy")
    assert whole(source).to_pydict() == {
        "a": [1.0, 2.0, 2.5, 4.0, 5.0],
        "b": ["x", "y", "z", None, "w"],
        "c": [None, None, 7, 8, 9],
    }
    assert source.rows == 5
    assert sorted(p.name for p in (tmp_path / "copy").iterdir()) == [
        "staged.json", "staged.parquet"
    ]  # fmt: skip
    again = open_source(pattern, tmp_path / "copy")
    assert again.identity == source.identity
    (tmp_path / "1.csv").write_text("b,a,c\nz,2.5,6\n")
    assert open_source(pattern, tmp_path / "copy").identity != source.identity


def test_text_files_that_do_not_belong_together_are_refused(tmp_path) -> None:
    pattern = text_files(tmp_path, "a,b\n1,2\n", "a,c\n1,2\n")
    with pytest.raises(ColumnMismatch, match=r"1\.csv has other columns than 0\.csv"):
        open_source(pattern, tmp_path / "copy")
    pattern = text_files(tmp_path, "a,b\n1,2\n", "a,b\n1,much\n")
    with pytest.raises(WrongType, match=r"'b' has another type in 1\.csv"):
        open_source(pattern, tmp_path / "copy")
    assert not list((tmp_path / "copy").glob(".*"))
