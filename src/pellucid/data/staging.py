"""Writing a table once to Parquet, block by block, when it has no row groups of its own.

The types of a text file come from every row, as in `pellucid.data.files.read_table`: a first pass
over the blocks finds for each column the narrowest type that holds all of them, a second writes.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pellucid.core.errors import ColumnMismatch, EmptyData, UnreadableFile, WrongType
from pellucid.core.files import replacing
from pellucid.data.delimited import FORMATS, MISSING, _header, _parse, decoded
from pellucid.data.files import ARROW, FEATHER_1, GZIP, STREAM, parse_table

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_CELLS = 1 << 21
"""Cells of a row group that is written here: 16 MB as float64."""

WHOLE_BYTES = 1 << 26
"""A text file up to this size is parsed at once."""

BLOCK_BYTES = 1 << 25

TIMES = ("timestamp[ns]", "timestamp[s]", "date32[day]")
"""What a text file's dates are read as, the finest first."""


def stage(path: Path, target: Path) -> tuple[str, ...]:
    """Write the text or Arrow file at `path` as Parquet to `target`; returns what must be noted.

    Raises
    ------
    UnreadableFile
        If it is damaged, or not a table.
    EmptyData
        If it holds no rows.
    """
    called = f"The file {path.name}"
    head = _head(path)
    if head.startswith((ARROW, STREAM)):
        return stage_batches(_arrow_batches(path, called), target)
    most = WHOLE_BYTES // 8 if head.startswith(GZIP) else WHOLE_BYTES
    if path.stat().st_size <= most or head.startswith(FEATHER_1):
        table, notes = parse_table(path.read_bytes(), called=called)
        stage_batches(iter(table.to_batches()), target)
        return notes
    return _stage_text(path, called, target)


def stage_all(paths: Sequence[Path], target: Path) -> tuple[str, ...]:
    """Write several files, in order, as one table; returns what must be noted.

    Each is read by itself; then a column gets the narrowest type that holds all of them.

    Raises
    ------
    ColumnMismatch, WrongType
        If they have other columns, or a column is text in some of them only.
    """
    import pyarrow.parquet as pq

    pieces = [target.with_name(f".piece-{i:06d}.parquet") for i in range(len(paths))]
    try:
        notes = [note for given in zip(paths, pieces, strict=True) for note in stage(*given)]
        schemas = [pq.read_schema(piece) for piece in pieces]
        types = dict(zip(schemas[0].names, schemas[0].types, strict=True))
        for path, schema in zip(paths, schemas, strict=True):
            _widen(types, schema, path.name, paths[0].name)
        stage_batches(_as_one(pieces, types), target)
    finally:
        for piece in pieces:
            piece.unlink(missing_ok=True)
    return tuple(dict.fromkeys(notes))


def _widen(types: dict[str, pa.DataType], schema: pa.Schema, name: str, first: str) -> None:
    """Widen the types so that they hold those of one more file."""
    import pyarrow as pa

    if set(schema.names) != set(types):
        other = sorted(set(schema.names) ^ set(types))
        raise ColumnMismatch(
            f"{name} has other columns than {first}", got=other, fix="Leave the file out"
        )
    for column, kind in zip(schema.names, schema.types, strict=True):
        known = types[column]
        wide = _wider(known, kind)
        if pa.types.is_string(wide) and not all(
            pa.types.is_string(each) or pa.types.is_null(each) for each in (known, kind)
        ):
            raise WrongType(
                f"Column {column!r} has another type in {name} than in the files before it",
                got=str(kind),
                allowed=str(known),
            )
        types[column] = wide


def _as_one(pieces: Sequence[Path], types: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(list(types.items()))
    for piece in pieces:
        with pq.ParquetFile(piece) as file:
            for batch in file.iter_batches(columns=list(types), use_threads=False):
                yield batch.select(list(types)).cast(schema)


def stage_batches(batches: Iterator[pa.RecordBatch], target: Path) -> tuple[str, ...]:
    """Write batches, in order, as row groups of bounded size; whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    held: list[pa.RecordBatch] = []
    writer: Any = None
    with replacing(target) as temporary:
        try:
            for batch in _cut(batches):
                writer = writer or pq.ParquetWriter(temporary, batch.schema, **WRITING)
                held.append(batch)
                if sum(map(len, held)) * batch.num_columns >= GROUP_CELLS:
                    _write(writer, held)
            if writer is None:
                raise EmptyData("The table holds no rows")
            _write(writer, held)
        except pa.ArrowInvalid as error:
            raise UnreadableFile("The table is damaged", got=str(error).splitlines()[0]) from error
        finally:
            if writer is not None:
                writer.close()
    return ()


WRITING: dict[str, Any] = {"compression": "zstd", "compression_level": 1}


def _write(writer: Any, held: list[pa.RecordBatch]) -> None:
    import pyarrow as pa

    if held:
        table = pa.Table.from_batches(held).unify_dictionaries()
        writer.write_table(table, row_group_size=max(table.num_rows, 1))
        held.clear()


def _cut(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of at most a row group; empty batches go."""
    for batch in batches:
        size = max(GROUP_CELLS // max(batch.num_columns, 1), 1)
        for start in range(0, batch.num_rows, size):
            yield batch.slice(start, size)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(8)
    except FileNotFoundError as error:
        where = path.absolute().parent
        raise UnreadableFile(
            f"There is no file {path.name} in {where}", fix="Check the path"
        ) from error
    except OSError as error:
        raise UnreadableFile(f"The file {path} cannot be opened", got=error.strerror) from error


def _arrow_batches(path: Path, called: str) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.ipc

    try:
        with pa.memory_map(str(path)) as source:
            if _head(path).startswith(STREAM):
                yield from pyarrow.ipc.open_stream(source)
                return
            file = pyarrow.ipc.open_file(source)
            for i in range(file.num_record_batches):
                yield file.get_batch(i)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(
            f"{called} begins as an Arrow file but is damaged",
            got=str(error).splitlines()[0].rstrip("."),
            fix="Write it again, or fetch it again",
        ) from error


def _stage_text(path: Path, called: str, target: Path) -> tuple[str, ...]:
    types: dict[str, pa.DataType] = {}
    delimiter, header, notes = ",", list[str](), tuple[str, ...]()
    for number, text in enumerate(_blocks(path, called)):
        lines = 0
        if not number:
            header, lines, delimiter, notes = _header(text, called, None, None)
        for column in _parsed(text, called, delimiter, header, lines, {}).schema:
            known = types.get(column.name)
            types[column.name] = column.type if known is None else _wider(known, column.type)

    def tables() -> Iterator[pa.RecordBatch]:
        for number, text in enumerate(_blocks(path, called)):
            lines = 0 if number else _header(text, called, None, None)[1]
            yield from _parsed(text, called, delimiter, header, lines, types).to_batches()

    stage_batches(tables(), target)
    return notes


def _parsed(
    text: str, called: str, delimiter: str, header: list[str], lines: int, types: dict[str, Any]
) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv

    reading = pyarrow.csv.ReadOptions(column_names=header, skip_rows=lines, use_threads=False)
    converting = pyarrow.csv.ConvertOptions(
        null_values=list(MISSING), strings_can_be_null=True, column_types=types
    )
    table = _parse(text, called, delimiter, reading, converting)
    times = {f.name: pa.string() for f in table.schema if pa.types.is_time(f.type)}
    if times:
        converting.column_types = {**types, **times}
        table = _parse(text, called, delimiter, reading, converting)
    return table


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The narrowest type that holds both; text where they have nothing in common."""
    import pyarrow as pa

    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    pair = {str(one), str(other)}
    if pair == {"int64", "double"}:
        return pa.float64()
    for finest in TIMES:
        if finest in pair and pair <= set(TIMES):
            return one if str(one) == finest else other
    return pa.string()


def _blocks(path: Path, called: str) -> Iterator[str]:
    """The text in pieces that end with a row: at a line end outside quotation marks."""
    left = b""
    try:
        with _opened(path) as file:
            while block := file.read(BLOCK_BYTES):
                left += block
                end = _last_row_end(left)
                if end:
                    yield decoded(left[:end], called, "utf-8")
                    left = left[end:]
                elif len(left) > 8 * BLOCK_BYTES:
                    raise UnreadableFile(
                        f"{called} has a quotation mark that is never closed", allowed=FORMATS
                    )
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableFile(
            f"{called} is a damaged gzip file", got=str(error), fix="Fetch it again"
        ) from error
    if left.strip():
        yield decoded(left, called, "utf-8")


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path) if _head(path).startswith(GZIP) else path.open("rb")  # type: ignore[return-value]


def _last_row_end(block: bytes) -> int:
    """Where the last whole row ends; 0 if none does."""
    end = block.rfind(b"\n") + 1
    marks = block.count(b'"', 0, end)
    while end and marks % 2:
        earlier = block.rfind(b"\n", 0, end - 1) + 1
        marks -= block.count(b'"', earlier, end)
        end = earlier
    return end
