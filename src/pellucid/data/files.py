"""Tables on disk: CSV, Parquet and Arrow files, told apart by what is in them, not by name."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pellucid.core.axes import as_label
from pellucid.core.errors import (
    EmptyData,
    InvalidData,
    UnknownName,
    UnreadableFile,
    WrongTarget,
)
from pellucid.core.files import replacing
from pellucid.data.delimited import MISSING, decoded, read_csv
from pellucid.data.schema import Column, Schema
from pellucid.data.settle import rows_named
from pellucid.data.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

GZIP, PARQUET, ARROW, FEATHER_1, STREAM = b"\x1f\x8b", b"PAR1", b"ARROW1", b"FEA1", b"\xff" * 4
BINARY = (PARQUET, ARROW, FEATHER_1, STREAM)


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
        Given back by ``native()`` as a pyarrow Table. Its row labels are those of the index that
        pandas saved with the file, if it saved one.

    Raises
    ------
    UnreadableFile
        If the file is absent, damaged, ragged, in another encoding, or not a table.
    EmptyData
        If it holds no bytes, no columns, or a header and no rows.
    """
    content, called = _content(Path(path)), f"The file {Path(path).name}"
    if content.startswith(BINARY):
        found = _binary(content, called)
        labels = _row_labels(found)
        found, notes = _without_index(found)
        table = Table.of(_not_empty(found, called), schema=schema).noting(*notes)
        return table if labels is None else replace(table, rows=labels)
    found, notes = parse_table(
        content,
        called=called,
        delimiter=delimiter,
        decimal=decimal,
        missing=missing,
        dates=dates,
        encoding=encoding,
        names=names,
    )
    return Table.of(found, schema=schema).noting(*notes)


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
    if content.startswith(BINARY):
        table, notes = _without_index(_binary(content, called))
    else:
        text = decoded(content, called, encoding)
        table, notes = read_csv(text, called, delimiter, decimal, missing, dates, names)
    return _not_empty(table, called), notes


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
    import pyarrow as pa
    import pyarrow.parquet

    arrays = {name: pa.array(np.asarray(values)) for name, values in columns.items()}
    if len({len(array) for array in arrays.values()}) > 1:
        lengths = {name: len(array) for name, array in arrays.items()}
        raise InvalidData("The columns have different lengths", got=str(lengths))
    repeating = [name for name, array in arrays.items() if not pa.types.is_floating(array.type)]
    table = pa.table(arrays).replace_schema_metadata(dict(metadata or {}))
    with replacing(path) as temporary:
        pyarrow.parquet.write_table(table, temporary, use_dictionary=repeating)


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
        where = path.absolute().parent
        raise UnreadableFile(
            f"There is no file {path.name} in {where}", fix="Check the path"
        ) from error
    except OSError as error:
        raise UnreadableFile(f"The file {path} cannot be opened", got=error.strerror) from error


def _unpacked(content: bytes, called: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableFile(
            f"{called} is a damaged gzip file", got=str(error), fix="Fetch it again"
        ) from error


def _without_index(table: pa.Table) -> tuple[pa.Table, tuple[str, ...]]:
    """The table without the columns in which pandas keeps its index: they are no features."""
    said = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}"))
    index = [name for name in said.get("index_columns", ()) if name in table.column_names]
    if not index:
        return table, ()
    return table.drop_columns(index), (f"The pandas index is left out: {', '.join(index)}.",)


def _row_labels(table: pa.Table) -> npt.NDArray[Any] | None:
    """The rows' names in a single index that pandas saved; None where it saved none of use."""
    said = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}")).get("index_columns", ())
    if len(said) != 1:
        return None
    if isinstance(said[0], dict):
        labels = np.arange(said[0]["start"], said[0]["stop"], said[0]["step"])
        return labels if len(labels) == table.num_rows else None
    values = table.column(said[0]).to_pylist() if said[0] in table.column_names else [None]
    if any(value is None for value in values):
        return None
    if all(type(value) is int for value in values):
        return np.array(values)
    labels = np.empty(len(values), dtype=object)
    labels[:] = [as_label(value) for value in values]
    return labels


def _not_empty(table: pa.Table, called: str) -> pa.Table:
    if not table.num_rows or not table.num_columns:
        raise EmptyData(f"{called} holds no rows", got=f"the columns {table.column_names}")
    return table


def _binary(content: bytes, called: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.feather
    import pyarrow.ipc
    import pyarrow.parquet

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
