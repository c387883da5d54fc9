"""Tables on disk: CSV, Parquet and Arrow files, told apart by what is in them, not by name."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import os
import tempfile
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet

from pellucid.core.errors import (
    EmptyData,
    InvalidData,
    InvalidSetting,
    UnknownName,
    UnreadableFile,
    WrongTarget,
)
from pellucid.data.schema import Column, Schema, refuse_duplicates
from pellucid.data.settle import rows_named
from pellucid.data.table import Table

MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "?")
DELIMITERS = (",", ";", "\t")
GZIP, PARQUET, ARROW, FEATHER_1, STREAM = b"\x1f\x8b", b"PAR1", b"ARROW1", b"FEA1", b"\xff" * 4
NOT_TABLES = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet", "Save the sheet as CSV"),
    (b"\x80\x04", "a pickle", "Save the table as Parquet or CSV; a pickle may run code"),
    (b"\x80\x05", "a pickle", "Save the table as Parquet or CSV; a pickle may run code"),
    (b"\x93NUMPY", "a NumPy file", "Load it with numpy.load and give the array"),
    (b"\x89PNG", "an image", None),
    (b"%PDF", "a PDF document", None),
    (b"\xff\xfe", "UTF-16 text", "Save it as UTF-8, or give encoding='utf-16'"),
    (b"\xfe\xff", "UTF-16 text", "Save it as UTF-8, or give encoding='utf-16'"),
)
FORMATS = "CSV or TSV text (also gzipped), Parquet, Arrow IPC or Feather"
SNIFFED_LINES = 20
COMMA = r"^[+-]?\d*(,\d+)?$"


def read_table(
    path: str | os.PathLike[str],
    *,
    delimiter: str | None = None,
    decimal: str = ".",
    missing: Sequence[str] = MISSING,
    dates: bool = True,
    encoding: str = "utf-8",
    names: Sequence[str] | None = None,
    schema: Schema | Mapping[str, Mapping[str, Any] | Column] | None = None,
) -> Table:
    """Read a table from a file.

    Parameters
    ----------
    path : path
        A CSV or TSV file (also gzipped), Parquet, Arrow IPC or Feather.
    delimiter : str, optional
        What separates the values of a text file; by default found among comma, semicolon, tab.
    decimal : str
        What separates the whole from the fraction of a number in a text file.
    missing : sequence of str
        The texts that mean missing, in every column of a text file.
    dates : bool
        Whether a text column whose values are all ISO dates becomes a date column.
    encoding : str
        The encoding of a text file.
    names : sequence of str, optional
        The column names of a text file without a header line.
    schema : Schema or mapping, optional
        What you say about columns; see `Table.of`.

    Returns
    -------
    Table
        Given back by ``native()`` as a pyarrow Table.

    Raises
    ------
    UnreadableFile
        If the file is absent, damaged, ragged, in another encoding, or not a table.
    EmptyData
        If it holds no bytes, no columns, or a header and no rows.
    """
    table, notes = parse_table(
        _content(Path(path)),
        called=f"The file {Path(path).name}",
        delimiter=delimiter,
        decimal=decimal,
        missing=missing,
        dates=dates,
        encoding=encoding,
        names=names,
    )
    return Table.of(table, schema=schema).noting(*notes)


def parse_table(
    content: bytes,
    *,
    called: str,
    delimiter: str | None = None,
    decimal: str = ".",
    missing: Sequence[str] = MISSING,
    dates: bool = True,
    encoding: str = "utf-8",
    names: Sequence[str] | None = None,
) -> tuple[pa.Table, tuple[str, ...]]:
    """The Arrow table in the bytes of a file, and what must be noted; see `read_table`."""
    notes: tuple[str, ...] = ()
    if content.startswith(GZIP):
        content = _unpacked(content, called)
    if not content.strip():
        raise EmptyData(f"{called} is empty")
    if content.startswith((PARQUET, ARROW, FEATHER_1, STREAM)):
        table = _binary(content, called)
    else:
        text = _text(content, called, encoding)
        table, notes = _csv(text, called, delimiter, decimal, missing, dates, names)
    if not table.num_rows or not table.num_columns:
        raise EmptyData(f"{called} holds no rows", got=f"the columns {table.column_names}")
    return table, notes


def write_parquet(
    path: str | os.PathLike[str],
    columns: Mapping[str, npt.ArrayLike],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write named columns as one Parquet file, whole or not at all.

    Parameters
    ----------
    path : path
        Where to write; an older file there is replaced in one step.
    columns : mapping of str to array (sample,)
        The columns, all of one length.
    metadata : mapping of str to str, optional
        Kept in the schema of the file.

    Raises
    ------
    InvalidData
        If the columns differ in length.
    """
    arrays = {name: pa.array(np.asarray(values)) for name, values in columns.items()}
    if len({len(array) for array in arrays.values()}) > 1:
        lengths = {name: len(array) for name, array in arrays.items()}
        raise InvalidData("The columns have different lengths", got=str(lengths))
    repeating = [name for name, array in arrays.items() if not pa.types.is_floating(array.type)]
    table = pa.table(arrays).replace_schema_metadata(dict(metadata or {}))
    target = Path(path)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(handle)
    try:
        pyarrow.parquet.write_table(table, temporary, use_dictionary=repeating)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def split_target(table: Table, name: str) -> tuple[Table, npt.NDArray[Any]]:
    """The table without one column, and that column as a readable target.

    Returns
    -------
    X : Table
        The other columns.
    y : ndarray (sample,)
        Labels (str or bool), whole numbers as int64, other numbers as float64.

    Raises
    ------
    WrongTarget
        If the column is absent, has missing values, is constant, or holds dates, or if it is
        the only column.
    """
    if name not in table.schema:
        hint = UnknownName.among("column", name, table.names)
        raise WrongTarget(f"There is no column {name!r}", allowed=table.names, fix=hint.fix)
    if len(table.names) == 1:
        raise WrongTarget(f"{name!r} is the only column", fix="Give the features too")
    column, codes = table.schema[name], table.codes[:, table.position(name)]
    gone = np.isnan(codes)
    if gone.any():
        raise WrongTarget(
            f"The target {name!r} has missing values",
            got=f"{int(gone.sum())} of {len(table)}, in {rows_named(table.rows, gone)}",
            fix="Leave these rows out",
        )
    if column.kind == "date":
        raise WrongTarget(f"The target {name!r} holds dates", allowed="labels or numbers")
    if (codes == codes[0]).all():
        raise WrongTarget(
            f"The target {name!r} is the same in every row",
            got=table.text(0, name),
            allowed="at least two different values",
        )
    others = [other for other in table.names if other != name]
    return table.select(others), _labels(table, name)


def _labels(table: Table, name: str) -> npt.NDArray[Any]:
    values = table.columns()[name]
    if table.schema[name].integer and np.isfinite(values).all():
        return values.astype(np.int64)
    return np.array(values.tolist()) if values.dtype == object else values


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UnreadableFile(f"There is no file {path.name}", got=str(path)) from error
    except OSError as error:
        raise UnreadableFile(f"The file {path} cannot be opened", got=error.strerror) from error


def _unpacked(content: bytes, called: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableFile(
            f"{called} is a damaged gzip file", got=str(error), fix="Fetch it again"
        ) from error


def _binary(content: bytes, called: str) -> pa.Table:
    source = pa.BufferReader(content)
    try:
        if content.startswith(PARQUET):
            return pyarrow.parquet.read_table(source)
        if content.startswith(STREAM):
            return pyarrow.ipc.open_stream(source).read_all()
        return pyarrow.feather.read_table(source)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(
            f"{called} begins as a Parquet or Arrow file but is damaged",
            got=str(error).splitlines()[0].rstrip("."),
            fix="Write it again, or fetch it again",
        ) from error


def _text(content: bytes, called: str, encoding: str) -> str:
    try:
        utf_8 = codecs.lookup(encoding).name == "utf-8"
    except LookupError as error:
        raise InvalidSetting(f"There is no encoding {encoding!r}", fix="Try 'latin-1'") from error
    for magic, what, fix in NOT_TABLES if utf_8 else ():
        if content.startswith(magic):
            raise UnreadableFile(f"{called} is not a table", got=what, allowed=FORMATS, fix=fix)
    if utf_8 and b"\x00" in content[:65536]:
        raise UnreadableFile(f"{called} is not a table", got="binary data", allowed=FORMATS)
    try:
        return content.decode("utf-8-sig" if utf_8 else encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UnreadableFile(
            f"{called} is not {encoding} text",
            got=f"byte 0x{content[error.start]:02x} in line {line}",
            fix="Save it as UTF-8, or say its encoding, often encoding='latin-1'",
        ) from error


def _csv(
    text: str,
    called: str,
    delimiter: str | None,
    decimal: str,
    missing: Sequence[str],
    dates: bool,
    names: Sequence[str] | None,
) -> tuple[pa.Table, tuple[str, ...]]:
    parsing = pyarrow.csv.ParseOptions(
        delimiter=delimiter or _delimiter(text), newlines_in_values=True
    )
    converting = pyarrow.csv.ConvertOptions(
        null_values=list(missing), strings_can_be_null=True, decimal_point=decimal
    )
    header, lines, notes = _header(text, called, parsing.delimiter, names)
    reading = pyarrow.csv.ReadOptions(column_names=header, skip_rows=lines, use_threads=False)
    content = f"{text}\n".encode()
    reading.block_size = min(max(len(content), 1 << 16), 2**31 - 1)  # types come from every row
    table = _parse(content, called, reading, parsing, converting)
    as_text = {
        column.name: pa.string()
        for column in table.schema
        if pa.types.is_time(column.type) or (pa.types.is_temporal(column.type) and not dates)
    }
    if as_text:
        converting.column_types = as_text
        table = _parse(content, called, reading, parsing, converting)
    return table, notes + _comma_notes(table)


def _parse(
    content: bytes,
    called: str,
    reading: pyarrow.csv.ReadOptions,
    parsing: pyarrow.csv.ParseOptions,
    converting: pyarrow.csv.ConvertOptions,
) -> pa.Table:
    ragged: list[pyarrow.csv.InvalidRow] = []

    def remember(row: pyarrow.csv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    parsing.invalid_row_handler = remember
    try:
        return pyarrow.csv.read_csv(pa.BufferReader(content), reading, parsing, converting)
    except pa.ArrowInvalid as error:
        if not ragged:
            raise UnreadableFile(
                f"{called} cannot be read as a table", got=str(error), allowed=FORMATS
            ) from error
        row = ragged[0]
        raise UnreadableFile(
            f"{called} has rows of different lengths",
            got=f"{row.actual_columns} values in line {row.number}: {row.text[:60]!r}",
            allowed=f"{row.expected_columns} values, as in the header",
            fix=f"Correct that line, or give the delimiter if it is not {parsing.delimiter!r}",
        ) from error


def _delimiter(text: str) -> str:
    """The delimiter that splits the first lines into the most, equally many values."""
    lines = text[: 1 << 20].splitlines()[:SNIFFED_LINES]
    splits = {d: Counter(map(len, csv.reader(lines, delimiter=d))) for d in DELIMITERS}
    width = {d: counts.most_common(1)[0] for d, counts in splits.items()}
    several = [d for d in DELIMITERS if width[d][0] > 1]
    return max(several, key=lambda d: (width[d][1], width[d][0]), default=",")


def _comma_notes(table: pa.Table) -> tuple[str, ...]:
    """A text column of numbers with a decimal comma is pointed out."""
    texts = [c.name for c in table.schema if pa.types.is_string(c.type)]
    comma = [
        name
        for name in texts
        if pyarrow.compute.all(pyarrow.compute.match_substring_regex(table[name], COMMA)).as_py()
    ]
    return tuple(f"column {n!r} holds numbers with a comma: give decimal=','" for n in comma)


def _header(
    text: str, called: str, delimiter: str, names: Sequence[str] | None
) -> tuple[list[str], int, tuple[str, ...]]:
    """The column names, the lines that they take, and what must be noted about them."""
    if names is not None:
        return list(names), 0, ()
    lines = csv.reader(io.StringIO(text), delimiter=delimiter)
    first = next((line for line in lines if line), [])
    found = [name.strip() for name in first]
    if all(_is_number(name) for name in found):
        raise UnreadableFile(
            f"{called} has no header line",
            got=f"the first line {delimiter.join(found)[:60]!r}",
            fix="Add a line with the column names, or give names=[…]",
        )
    header = [name or f"column_{j}" for j, name in enumerate(found)]
    refuse_duplicates(header)
    unnamed = [name for name, given in zip(header, found, strict=True) if not given]
    notes = (f"columns without a name are called {', '.join(unnamed)}",) if unnamed else ()
    return header, lines.line_num, notes


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
