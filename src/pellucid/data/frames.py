"""The edge to other people's tables: which library made it, and how each column is read.

pandas, Polars and Arrow are told apart by narwhals; none of them is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import numpy.typing as npt

from pellucid.core.axes import as_label
from pellucid.core.errors import ColumnMismatch, EmptyData, InvalidData, InvalidSetting, WrongType
from pellucid.data.encode import Encoded, encode_arrow, encode_numpy, one_chunk, readable
from pellucid.data.schema import refuse_duplicates

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = (
    "a pandas, Polars or Arrow table",
    "a NumPy array (sample, feature)",
    "a dict of columns",
    "a list of dicts",
    "a sparse matrix",
    "a pellucid Table",
)
DENSE_CELLS = 50_000_000  # 400 MB as float64


@dataclass(frozen=True, kw_only=True)
class Read:
    """A table as read: names, columns and row labels, and how it was given."""

    kind: str
    names: tuple[str, ...]
    columns: tuple[Encoded, ...]
    dtypes: tuple[Any, ...]
    rows: npt.NDArray[Any]
    labels: Any = None
    index: Any = None
    remake: Any = None
    notes: tuple[str, ...] = ()


def read_frame(X: Any, names: Sequence[str] | None = None) -> Read:
    """Read any kind of table.

    Raises
    ------
    InvalidData
        If it is empty, not a table, repeats a column name, or a column mixes types.
    """
    if names is not None:
        names = _names(names)
    if isinstance(X, np.ndarray):
        return _numpy(X, names) if X.dtype.names is None else _structured(X, names)
    if hasattr(X, "tocsr") and hasattr(X, "toarray"):
        return _sparse(X, names)
    _refuse_names(names)
    if type(X).__module__.startswith("pyarrow.") and type(X).__name__ == "RecordBatch":
        return _record_batch(X)
    if isinstance(X, Mapping):
        return _mapping(X)
    if isinstance(X, (list, tuple)):
        return _records(X)
    if type(X).__module__.partition(".")[0] == "pandas" and type(X).__name__ == "DataFrame":
        return _pandas(X)
    return _dataframe(X)


def _record_batch(X: pa.RecordBatch) -> Read:
    import pyarrow as pa

    return replace(_pyarrow(pa.Table.from_batches([X])), remake=one_batch)


def one_batch(table: pa.Table) -> pa.RecordBatch:
    """An Arrow table as one record batch."""
    return table.combine_chunks().to_batches()[0]


def _dataframe(X: Any) -> Read:
    try:
        frame = nw.from_native(X, pass_through=True, allow_series=True)
    except nw.exceptions.DuplicateError:
        refuse_duplicates(map(str, getattr(X, "column_names", None) or X.columns))
        raise
    notes: tuple[str, ...] = ()
    if isinstance(frame, nw.LazyFrame):
        polars = frame.implementation.is_polars()
        frame = frame.collect() if polars else frame.collect("pyarrow")
        notes = ("a lazy table was collected into memory",)
    if isinstance(frame, nw.Series):
        raise WrongType(
            "A table has two axes, sample and feature",
            got="a single column or row",
            allowed=TABLES,
            fix="Give a table: series.to_frame() for a column, frame.loc[[label]] for one row",
        )
    if not isinstance(frame, nw.DataFrame):
        raise WrongType("This is not a table", got=type(X).__name__, allowed=TABLES)
    read = _eager(frame)
    return replace(read, notes=notes + read.notes)


def _eager(frame: nw.DataFrame[Any]) -> Read:
    native, library = frame.to_native(), frame.implementation
    if library.is_pandas():
        return _pandas(native)
    if library.is_polars():
        return _polars(native)
    if library.is_pyarrow():
        return _pyarrow(native)
    note = f"a table of {library.value} is read, and given back, as an Arrow table"
    return replace(_pyarrow(frame.to_arrow()), notes=(note,))


def _pandas(table: Any) -> Read:
    _refuse_empty(table.shape)
    names = tuple(map(str, table.columns.tolist()))
    return Read(
        kind="pandas",
        names=names,
        columns=_pandas_columns(table, names),
        dtypes=(None,) * table.shape[1],
        rows=_row_labels(table.index),
        labels=table.columns,
        index=table.index,
    )


def _pandas_columns(table: Any, names: tuple[str, ...]) -> tuple[Encoded, ...]:
    """All columns; those of one type of number as one array, which is much quicker."""
    dtypes = table.dtypes.tolist()
    first = dtypes[0]
    if isinstance(first, np.dtype) and first.kind in "iuf" and dtypes.count(first) == len(dtypes):
        values = table.to_numpy()
        return tuple(encode_numpy(name, values[:, j]) for j, name in enumerate(names))
    given = zip(names, table.items(), strict=True)
    return tuple(_pandas_column(name, column) for name, (_, column) in given)


def _row_labels(index: Any) -> npt.NDArray[Any]:
    """Numbers as they are, and anything else as it may stand on an axis."""
    values: npt.NDArray[Any] = index.to_numpy()
    if values.dtype.kind in "iu":
        return values
    labels = np.empty(len(values), dtype=object)
    labels[:] = [as_label(value) for value in values]
    return labels


def _pandas_column(name: str, column: Any) -> Encoded:
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return encode_numpy(name, column.to_numpy())
    if hasattr(dtype, "categories") and hasattr(dtype, "ordered"):
        codes = column.cat.codes.to_numpy().astype(np.float64)
        categories, originals = readable(dtype.categories.tolist())
        return Encoded(
            codes=np.where(codes < 0, np.nan, codes),
            kind="ordinal" if dtype.ordered else "categorical",
            route="level",
            dtype=dtype,
            categories=categories,
            originals=originals,
        )
    if hasattr(dtype, "subtype") and hasattr(dtype, "fill_value"):
        return replace(encode_numpy(name, column.to_numpy()), dtype=dtype)
    return replace(encode_arrow(name, one_chunk(_as_arrow(name, column))), dtype=dtype)


def _as_arrow(name: str, column: Any) -> Any:
    import pyarrow as pa

    try:
        return pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise WrongType(
            f"Column {name!r} has a type that cannot be read",
            got=str(column.dtype),
            fix=f"Turn it into numbers, texts, categories, booleans or dates, or drop {name!r}",
        ) from error


def _polars(table: Any) -> Read:
    _refuse_empty(table.shape)
    return Read(
        kind="polars",
        names=tuple(table.columns),
        columns=tuple(_polars_column(column) for column in table.iter_columns()),
        dtypes=(None,) * table.width,
        rows=np.arange(table.height),
    )


def _polars_column(column: Any) -> Encoded:
    import pyarrow as pa

    kind = str(column.dtype.base_type())
    if kind == "Object":
        raise WrongType(
            f"Column {column.name!r} holds Python objects",
            got=str(column.dtype),
            fix="Rebuild the column with a Polars type",
        )
    values = one_chunk(column.to_arrow())
    if kind == "Categorical":  # its dictionary is in order of appearance, which means nothing
        values = values.cast(pa.string())
    found = encode_arrow(column.name, values)
    return replace(found, dtype=column.dtype, kind="ordinal" if kind == "Enum" else found.kind)


def _pyarrow(table: pa.Table) -> Read:
    refuse_duplicates(table.column_names)
    _refuse_empty(table.shape)
    columns = zip(table.column_names, table.columns, strict=True)
    return Read(
        kind="pyarrow",
        names=tuple(table.column_names),
        columns=tuple(encode_arrow(name, one_chunk(column)) for name, column in columns),
        dtypes=(None,) * table.num_columns,
        rows=np.arange(table.num_rows),
    )


def _numpy(X: npt.NDArray[Any], names: Sequence[str] | None) -> Read:
    if X.ndim == 1:
        raise InvalidData(
            "A table has two axes, sample and feature",
            got=f"an array of shape {X.shape}",
            fix="Use X.reshape(1, -1) for one row, or X.reshape(-1, 1) for one column",
        )
    if X.ndim != 2:
        raise InvalidData(
            "A table has two axes, sample and feature",
            got=f"{X.ndim} axes",
            fix="Give grey images a channel: X[:, None]; and one image as a batch of one: X[None]"
            if X.ndim == 3
            else None,
        )
    if isinstance(X, np.ma.MaskedArray):
        raise WrongType(
            "A masked array hides its missing values",
            got=type(X).__name__,
            fix="Give X.astype(float).filled(numpy.nan)",
        )
    _refuse_empty(X.shape)
    named = _array_names(names, X.shape[1])
    return Read(
        kind="numpy",
        names=named,
        columns=tuple(encode_numpy(name, X[:, j]) for j, name in enumerate(named)),
        dtypes=(None,) * X.shape[1],
        rows=np.arange(len(X)),
    )


def _structured(X: npt.NDArray[Any], names: Sequence[str] | None) -> Read:
    _refuse_names(names)
    fields = X.dtype.names or ()
    X = np.atleast_1d(X)
    _refuse_empty((len(X), len(fields)))
    return Read(
        kind="structured",
        names=tuple(fields),
        columns=tuple(encode_numpy(name, np.ascontiguousarray(X[name])) for name in fields),
        dtypes=(None,) * len(fields),
        rows=np.arange(len(X)),
    )


def _sparse(X: Any, names: Sequence[str] | None) -> Read:
    if X.ndim != 2:
        raise InvalidData("A table has two axes, sample and feature", got=f"{X.ndim} axes")
    cells = X.shape[0] * X.shape[1]
    if cells > DENSE_CELLS:
        raise InvalidData(
            "The sparse matrix is too large to be made dense",
            got=f"{X.shape[0]} × {X.shape[1]} = {cells:,} cells",
            allowed=f"{DENSE_CELLS:,} cells",
            fix="Give fewer rows at a time, or fewer columns",
        )
    note = "a sparse matrix was made dense: its empty cells are zeros, not missing values"
    return replace(_numpy(X.toarray(), names), remake=type(X), notes=(note,))


def _mapping(X: Mapping[Any, Any]) -> Read:
    names = tuple(map(str, X))
    refuse_duplicates(names)
    lengths = {name: _length(name, column) for name, column in zip(names, X.values(), strict=True)}
    if len(set(lengths.values())) > 1:
        raise InvalidData("The columns have different lengths", got=str(lengths))
    count = next(iter(lengths.values()), 0)
    _refuse_empty((count, len(names)))
    given = zip(names, X.values(), strict=True)
    return Read(
        kind="dict",
        names=names,
        columns=tuple(encode_numpy(name, _objects(column)) for name, column in given),
        dtypes=tuple(list if isinstance(column, (list, tuple)) else None for column in X.values()),
        rows=np.arange(count),
    )


def _records(X: Sequence[Any]) -> Read:
    if not X:
        raise EmptyData("The table is empty", got="no rows", fix="Give at least one row")
    if not all(isinstance(row, Mapping) for row in X):
        odd = next(row for row in X if not isinstance(row, Mapping))
        raise WrongType(
            "A list of rows holds one dict per row",
            got=f"a {type(odd).__name__} among them",
            fix="Give a list of dicts, or numpy.asarray(X) for a list of lists",
        )
    keys = list(dict.fromkeys(key for row in X for key in row))
    return replace(_mapping({key: [row.get(key) for row in X] for key in keys}), kind="records")


def _objects(column: Any) -> npt.NDArray[Any]:
    if isinstance(column, (list, tuple)):
        return np.fromiter(column, dtype=object, count=len(column))
    return np.asarray(column)


def _length(name: str, column: Any) -> int:
    if hasattr(column, "shape"):
        shape = tuple(column.shape)
    else:
        shape = (len(column),) if isinstance(column, (list, tuple)) else ()
    if len(shape) != 1:
        raise InvalidData(
            f"Column {name!r} is not one list of values",
            got=type(column).__name__ if len(shape) < 2 else f"{len(shape)} axes",
            fix="Give one list or 1-D array per column; for one row write {name: [value]}",
        )
    return int(shape[0])


def _names(names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise InvalidSetting("The column names are a list of texts", got=repr(names))
    refuse_duplicates(names)
    return tuple(names)


def _array_names(names: Sequence[str] | None, width: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"x{j}" for j in range(width))
    if len(names) != width:
        raise ColumnMismatch(
            "The names do not fit the array", got=f"{width} columns", allowed=f"{len(names)}, named"
        )
    return tuple(names)


def _refuse_names(names: Sequence[str] | None) -> None:
    if names is not None:
        raise InvalidSetting("Only an array without column names takes `names`", got=list(names))


def _refuse_empty(shape: tuple[int, ...]) -> None:
    for count, what in zip(shape, ("rows", "columns"), strict=True):
        if count == 0:
            raise EmptyData("The table is empty", got=f"no {what}", fix=f"Give a table with {what}")
