"""Tables larger than memory: rows with stable addresses, read a part at a time.

The address of a row is its place in a row group of a Parquet file. What is not Parquet is written
to Parquet once (`pellucid.data.staging`), so that the same rows are found again after a crash.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pellucid.core.errors import ColumnMismatch, EmptyData, UnknownName, UnreadableFile, WrongType
from pellucid.core.files import replacing
from pellucid.data.staging import GROUP_CELLS, stage, stage_all, stage_batches

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Span: TypeAlias = tuple[int, int, int, int]
"""File, row group, first row and the row after the last, both counted within the row group."""

PATTERN = "*?["
MOST_GROUP_CELLS = 16 * GROUP_CELLS
"""A row group above this is written again in smaller ones: it cannot be read in parts."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Parquet files as one long table.

    Attributes
    ----------
    files : tuple of str
        In the order of the rows.
    groups : tuple of tuple of int
        Rows of each row group of each file.
    names : tuple of str
        The columns, without the index that pandas keeps in a file.
    identity : dict
        What tells this input from any other, for a fingerprint.
    notes : tuple of str
        What a reader must know about how it was read.
    """

    files: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    identity: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many there are."""
        return sum(map(sum, self.groups))

    def parts(self, size: int) -> list[tuple[Span, ...]]:
        """All rows in order, cut into parts of at most `size` rows."""
        found: list[tuple[Span, ...]] = []
        held: list[Span] = []
        for span in self._pieces(size):
            if held and sum(map(length, held)) + length(span) > size:
                found.append(tuple(held))
                held = []
            held.append(span)
        return [*found, tuple(held)] if held else found

    def _pieces(self, size: int) -> Iterator[Span]:
        for file, groups in enumerate(self.groups):
            for group, rows in enumerate(groups):
                for start in range(0, rows, size):
                    yield file, group, start, min(start + size, rows)

    def need(self, columns: Sequence[str]) -> None:
        """Raise unless all of these columns are there.

        Raises
        ------
        UnknownName
            Naming the nearest one.
        """
        for name in columns:
            if name not in self.names:
                raise UnknownName.among("column", name, self.names)


def length(span: Span) -> int:
    """Rows of a span."""
    return span[3] - span[2]


@dataclass
class Reader:
    """Reads spans of a source, from several threads at once.

    A row group that several parts share is read once: the last two are kept.
    """

    source: Source
    _own: threading.local = field(default_factory=threading.local)
    _kept: OrderedDict[tuple[Any, ...], pa.Table] = field(default_factory=OrderedDict)
    _lock: Any = field(default_factory=threading.Lock)

    def read(self, spans: Sequence[Span], columns: Sequence[str]) -> pa.Table:
        """The rows of `spans` as one Arrow table with these columns, in this order.

        Raises
        ------
        UnreadableFile
            If a file is gone or damaged.
        """
        import pyarrow as pa

        tables = [self._span(span, list(columns)) for span in spans]
        return tables[0] if len(tables) == 1 else pa.concat_tables(tables)

    def at(self, places: npt.NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
        """The rows with these numbers, counted over the whole table and increasing."""
        import pyarrow as pa

        found, start = [], 0
        for file, groups in enumerate(self.source.groups):
            for group, rows in enumerate(groups):
                low, high = np.searchsorted(places, (start, start + rows))
                if high > low:
                    whole = self._group(file, group, list(columns))
                    found.append(whole.take(places[low:high] - start))
                start += rows
        return pa.concat_tables(found)

    def _span(self, span: Span, columns: list[str]) -> pa.Table:
        file, group, start, stop = span
        if stop - start == self.source.groups[file][group]:
            return self._group(file, group, columns)
        key = (file, group, *columns)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._group(file, group, columns)
            self._kept.move_to_end(key)
            while len(self._kept) > 2:
                self._kept.popitem(last=False)
            return self._kept[key].slice(start, stop - start)

    def _group(self, file: int, group: int, columns: list[str]) -> pa.Table:
        path = self.source.files[file]
        with reading(path):
            table = self._opened(path).read_row_group(group, columns=columns, use_threads=False)
            return table.select(columns)

    def _opened(self, path: str) -> pq.ParquetFile:
        import pyarrow.parquet as pq

        if getattr(self._own, "path", None) != path:
            self._own.file, self._own.path = pq.ParquetFile(path, pre_buffer=False), path
        return self._own.file


def open_source(X: Any, folder: Path) -> Source:
    """The table in files, or in an Arrow dataset or reader, as a source of rows.

    Parameters
    ----------
    X : path, glob pattern, pyarrow Dataset, RecordBatchReader or Table
        A Parquet file or a folder of them, a CSV or TSV file (also gzipped), an Arrow or Feather
        file, or a pattern of such files.
    folder : Path
        Where a copy in Parquet is put, if one is needed; it is used again if the input is the
        same.

    Raises
    ------
    UnreadableFile
        If there is no such file, or it is damaged or not a table.
    EmptyData
        If there are no rows.
    ColumnMismatch, WrongType
        If files that belong together have different columns.
    """
    if not isinstance(X, (str, os.PathLike)):
        return _from_arrow(X, folder)
    paths = _paths(Path(X))
    if not is_parquet(paths[0]):
        identity = {"files": [_identity(path) for path in paths]}
        if len(paths) == 1:
            return _staged(lambda target: stage(paths[0], target), folder, identity)
        return _staged(lambda target: stage_all(paths, target), folder, identity)
    return _parquet(paths, folder)


def is_parquet(path: Path) -> bool:
    """Whether the file begins as Parquet does."""
    with reading(path), path.open("rb") as file:
        return file.read(4) == b"PAR1"


class reading:
    """Turns what may go wrong with a file into `UnreadableFile`."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        import pyarrow as pa

        if isinstance(error, FileNotFoundError):
            where = self.path.absolute().parent
            raise UnreadableFile(
                f"There is no file {self.path.name} in {where}", fix="Check the path"
            ) from error
        if isinstance(error, (pa.ArrowException, OSError)):
            raise UnreadableFile(
                f"The file {self.path.name} cannot be read, or is damaged",
                got=str(error).splitlines()[0].rstrip("."),
                fix="Write it again, or fetch it again",
            ) from error


def _paths(given: Path) -> list[Path]:
    """The files that are meant, in the order of their names."""
    if given.is_dir():
        inside = sorted(given.rglob("*.parquet"))
        shown = [p for p in inside if not p.relative_to(given).as_posix().startswith((".", "_"))]
        if not shown:
            raise UnreadableFile(
                f"The directory {given} holds no Parquet files",
                fix="For others give a pattern in quotation marks, such as 'folder/*.csv'",
            )
        return shown
    if given.exists() or not any(sign in str(given) for sign in PATTERN):
        return [given]
    found = sorted(map(Path, glob.glob(str(given), recursive=True)))
    if not found:
        raise UnreadableFile(f"No file is called {given}", fix="Check the pattern")
    return found


def _parquet(paths: list[Path], folder: Path) -> Source:
    """Parquet files as they are; as smaller row groups where one is too large to be read."""
    import pyarrow.parquet as pq

    first: pa.Schema | None = None
    groups, notes, names = list[tuple[int, ...]](), tuple[str, ...](), tuple[str, ...]()
    widest = 0
    for path in paths:
        with reading(path):
            meta = pq.read_metadata(path)
            schema = meta.schema.to_arrow_schema()
        if first is None:
            first = schema
            names, notes = _columns(schema)
        _refuse_other(first, schema, names, path)
        groups.append(tuple(meta.row_group(i).num_rows for i in range(meta.num_row_groups)))
        widest = max(widest, max(groups[-1], default=0) * len(names))
    identity = {"files": [_identity(path, footer=True) for path in paths]}
    if not sum(map(sum, groups)) or not names:
        raise EmptyData(f"{paths[0]} holds no rows", got=f"the columns {list(names)}")
    if widest > MOST_GROUP_CELLS:
        batches = lambda: _all_batches(paths, names)  # noqa: E731
        found = _staged(lambda target: stage_batches(batches(), target), folder, identity)
        return _noted(found, notes)
    return Source(
        files=tuple(map(str, paths)),
        groups=tuple(groups),
        names=names,
        identity=identity,
        notes=notes,
    )


def _all_batches(paths: list[Path], names: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    for path in paths:
        with reading(path):
            yield from pq.ParquetFile(path, pre_buffer=False).iter_batches(
                columns=list(names), use_threads=False
            )


def _columns(schema: pa.Schema) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that hold data, and a note on those in which pandas keeps its index."""
    said = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    index = [name for name in said.get("index_columns", ()) if name in schema.names]
    names = tuple(name for name in schema.names if name not in index)
    return names, (f"The pandas index is left out: {', '.join(index)}.",) * bool(index)


def _refuse_other(first: pa.Schema, schema: pa.Schema, names: tuple[str, ...], path: Path) -> None:
    for name in names:
        if name not in schema.names:
            raise ColumnMismatch(f"{path.name} has no column {name!r}", fix="Leave the file out")
        if schema.field(name).type != first.field(name).type:
            raise WrongType(
                f"Column {name!r} has another type in {path.name} than in the first file",
                got=str(schema.field(name).type),
                allowed=str(first.field(name).type),
            )


def _identity(path: Path, *, footer: bool = False) -> list[Any]:
    """Name, size, time of change, and a hash of the ends of the file (of all of a short one)."""
    edge = 1 << 16
    with reading(path), path.open("rb") as file:
        state = os.fstat(file.fileno())
        digest = hashlib.sha256(file.read(edge))
        if footer:
            file.seek(max(state.st_size - 8, 0))
            edge = int.from_bytes(file.read(4), "little") + 8
        file.seek(max(state.st_size - edge, 0))
        digest.update(file.read(edge))
    return [path.name, state.st_size, state.st_mtime_ns, digest.hexdigest()[:16]]


def _staged(write: Any, folder: Path, identity: dict[str, Any]) -> Source:
    """The copy in `folder`, written now unless it is there and of the same input."""
    folder.mkdir(parents=True, exist_ok=True)
    for stray in folder.glob(".*"):  # of a run that was killed
        stray.unlink()
    target, proof = folder / "staged.parquet", folder / "staged.json"
    known = json.loads(proof.read_text()) if proof.exists() and target.exists() else {}
    if known.get("of") != json.loads(json.dumps(identity)):
        notes = write(target)
        with replacing(proof) as temporary:
            temporary.write_text(json.dumps({"of": identity, "notes": list(notes)}))
        known = {"notes": notes}
    copy = _parquet([target], folder)
    if not identity:
        with target.open("rb") as file:
            identity = {"content": hashlib.file_digest(file, "sha256").hexdigest()}
    return Source(
        files=copy.files,
        groups=copy.groups,
        names=copy.names,
        identity=identity,
        notes=tuple(known["notes"]),
    )


def _noted(source: Source, notes: tuple[str, ...]) -> Source:
    return replace(source, notes=(*notes, *source.notes))


def _from_arrow(X: Any, folder: Path) -> Source:
    import pyarrow as pa

    if type(X).__name__ == "FileSystemDataset" and X.format.default_extname == "parquet":
        return _parquet([Path(file) for file in X.files], folder)
    if hasattr(X, "to_batches"):
        batches: Any = X.to_batches()
    elif isinstance(X, pa.RecordBatchReader):
        batches = X
    else:
        raise WrongType(
            "This is no table that can be streamed",
            got=type(X).__name__,
            allowed="a path, a pattern, a pyarrow Dataset, RecordBatchReader or Table",
        )
    return _staged(lambda target: stage_batches(iter(batches), target), folder, {})
