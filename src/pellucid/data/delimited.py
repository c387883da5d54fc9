"""Text files of separated values: which delimiter, which header, which types."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pellucid.core.errors import InvalidSetting, UnreadableFile
from pellucid.data.schema import refuse_duplicates

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.csv

MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "?")
DELIMITERS = (",", ";", "\t")
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


def decoded(content: bytes, called: str, encoding: str) -> str:
    """The text in the bytes; anything that is no text, or in another encoding, is named."""
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


def read_csv(
    text: str,
    called: str,
    delimiter: str | None,
    decimal: str,
    missing: Sequence[str],
    dates: bool,
    names: Sequence[str] | None,
) -> tuple[pa.Table, tuple[str, ...]]:
    """The Arrow table in a text, with types that fit every row, and what must be noted."""
    import pyarrow as pa
    import pyarrow.csv

    for setting, value in (("delimiter", delimiter or ","), ("decimal point", decimal)):
        if len(value) != 1:
            raise InvalidSetting(f"The {setting} is one character", got=repr(value))
    header, lines, delimiter, notes = _header(text, called, delimiter, names)
    reading = pyarrow.csv.ReadOptions(column_names=header, skip_rows=lines, use_threads=False)
    converting = pyarrow.csv.ConvertOptions(
        null_values=list(missing), strings_can_be_null=True, decimal_point=decimal
    )
    table = _parse(text, called, delimiter, reading, converting)
    as_text = {
        column.name: pa.string()
        for column in table.schema
        if pa.types.is_time(column.type) or (pa.types.is_temporal(column.type) and not dates)
    }
    if as_text:
        converting.column_types = as_text
        table = _parse(text, called, delimiter, reading, converting)
    return table, notes + _comma_notes(table)


def _parse(
    text: str,
    called: str,
    delimiter: str,
    reading: pyarrow.csv.ReadOptions,
    converting: pyarrow.csv.ConvertOptions,
) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv

    ragged: list[pyarrow.csv.InvalidRow] = []

    def remember(row: pyarrow.csv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    parsing = pyarrow.csv.ParseOptions(
        delimiter=delimiter,
        newlines_in_values=True,
        invalid_row_handler=remember,
        ignore_empty_lines=len(reading.column_names) > 1,  # in one column they are missing values
    )
    content = (text.rstrip("\r\n") + "\n").encode()
    reading.block_size = min(max(len(content), 1 << 16), 2**31 - 1)  # types come from every row
    try:
        return pyarrow.csv.read_csv(pa.BufferReader(content), reading, parsing, converting)
    except pa.ArrowInvalid as error:
        if ragged:
            raise _ragged(called, ragged[0], delimiter) from error
        raise UnreadableFile(
            f"{called} cannot be read as a table", got=str(error), allowed=FORMATS
        ) from error


def _ragged(called: str, row: pyarrow.csv.InvalidRow, delimiter: str) -> UnreadableFile:
    return UnreadableFile(
        f"{called} has rows of different lengths",
        got=f"{row.actual_columns} values in line {row.number}: {row.text[:60]!r}",
        allowed=f"{row.expected_columns} values, as in the header",
        fix=f"Correct that line, or give the delimiter if it is not {delimiter!r}",
    )


def _delimiter(text: str) -> str:
    """The delimiter that splits the first lines into the most, equally many values."""
    lines = text[: 1 << 20].splitlines()[:SNIFFED_LINES]
    splits = {d: Counter(map(len, csv.reader(lines, delimiter=d))) for d in DELIMITERS}
    width = {d: counts.most_common(1)[0] for d, counts in splits.items()}
    several = [d for d in DELIMITERS if width[d][0] > 1]
    return max(several, key=lambda d: (width[d][1], width[d][0]), default=",")


def _comma_notes(table: pa.Table) -> tuple[str, ...]:
    """A text column of numbers with a decimal comma is pointed out."""
    import pyarrow as pa
    import pyarrow.compute

    texts = [c.name for c in table.schema if pa.types.is_string(c.type)]
    comma = [
        name
        for name in texts
        if pyarrow.compute.all(pyarrow.compute.match_substring_regex(table[name], COMMA)).as_py()
    ]
    return tuple(f"column {n!r} holds numbers with a comma: give decimal=','" for n in comma)


def _header(
    text: str, called: str, delimiter: str | None, names: Sequence[str] | None
) -> tuple[list[str], int, str, tuple[str, ...]]:
    """The column names, the lines they take, the delimiter, and what must be noted."""
    try:
        delimiter = delimiter or _delimiter(text)
        lines = csv.reader(io.StringIO(text, newline=None), delimiter=delimiter)
        first = next((line for line in lines if line), [])
    except csv.Error as error:
        raise UnreadableFile(f"{called} is not a table", got=str(error), allowed=FORMATS) from error
    if names is not None:
        return list(names), 0, delimiter, ()
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
    return header, lines.line_num, delimiter, notes


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
