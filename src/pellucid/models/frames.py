"""The kinds of table a model may be given, read alike: pandas, Polars, Arrow, NumPy, SciPy."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import ColumnMismatch, WrongType

if TYPE_CHECKING:
    import pyarrow as pa

ACCEPTED = (
    "a pandas, Polars or Arrow table, a two-dimensional array, a list of dicts, a dict of columns"
)
FIELDS = b"fields of a structured array"  # in the metadata of the Arrow table made of one


def kind(X: Any) -> str:
    """The library that the table comes from: its package's name."""
    return type(X).__module__.partition(".")[0]


def framed(X: Any) -> Any:
    """The table as one of the kinds read here: others, with named columns, become Arrow tables."""
    if isinstance(X, np.ndarray) and X.dtype.names:
        return _of_fields(X)
    if isinstance(X, np.ndarray) or kind(X) == "scipy":
        if getattr(X, "ndim", 2) != 2:
            raise WrongType(
                "A table has rows and columns",
                got=f"an array of shape {X.shape}",
                fix="Reshape one row with X.reshape(1, -1)",
            )
        return X
    if kind(X) in ("pandas", "polars", "pyarrow") and len(getattr(X, "shape", ())) == 2:
        return X
    return _gathered(X)


def as_given(X: Any) -> Any:
    """The structured array that an Arrow table was made of; any other table as it is."""
    said = (X.schema.metadata or {}).get(FIELDS) if kind(X) == "pyarrow" else None
    if said is None:
        return X
    types = dict(ast.literal_eval(said.decode()))
    out = np.empty(X.num_rows, dtype=[(name, types[name]) for name in X.column_names])
    for name in X.column_names:
        out[name] = _objects(X.column(name))
    return out


def names(X: Any) -> tuple[str, ...] | None:
    """The names of the columns; None for an array."""
    if kind(X) in ("numpy", "scipy"):
        return None
    found = X.column_names if kind(X) == "pyarrow" else X.columns
    result = tuple(map(str, found.tolist() if kind(X) == "pandas" else found))
    if len(set(result)) < len(result):
        twice = sorted({name for name in result if result.count(name) > 1})
        raise ColumnMismatch("Names of columns repeat", got=twice, fix="Rename them")
    return result


def height(X: Any) -> int:
    """The number of rows."""
    return int(X.shape[0])


def width(X: Any) -> int:
    """The number of columns."""
    return int(X.shape[1])


def take(X: Any, rows: np.ndarray) -> Any:
    """The rows at these positions, as the same kind of table."""
    if kind(X) == "pandas":
        return X.iloc[rows]
    if kind(X) == "pyarrow":
        return X.take(rows)
    return X.tocsr()[rows] if kind(X) == "scipy" else X[rows]


def pick(X: Any, columns: Sequence[int]) -> Any:
    """The columns at these positions, as the same kind of table."""
    if kind(X) == "pandas":
        return X.iloc[:, columns]
    if kind(X) == "pyarrow":
        return X.select(list(columns))
    return X.tocsc()[:, columns] if kind(X) == "scipy" else X[:, columns]


def swap(X: Any, column: int, other: Any) -> Any:
    """`X` with the values of one column taken from another table of the same kind and height."""
    if kind(X) == "pandas":
        X = X.copy(deep=False)
        X.isetitem(column, other.iloc[:, column].array)
        return X
    if kind(X) == "polars":
        return X.with_columns(other.to_series(column))
    if kind(X) == "pyarrow":
        return X.set_column(column, X.field(column), other.column(column))
    X = X.tolil(copy=True) if kind(X) == "scipy" else X.copy()
    X[:, [column]] = other[:, [column]]
    return X


def named(X: np.ndarray, columns: tuple[str, ...]) -> Any:
    """A frame that holds the array's columns under these names, its texts and numbers apart."""
    import pyarrow as pa

    try:
        return pa.table({name: pa.array(_tidy(X[:, j])) for j, name in enumerate(columns)})
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise WrongType("A column mixes kinds of values", got=str(error).split("\n")[0]) from error


def unnamed(X: Any) -> np.ndarray:
    """The values of a frame as an array: float64 where all are numbers, otherwise objects."""
    try:
        return matrix(X)
    except WrongType:
        columns = [_objects(column) for column in arrow(X).columns]
        return np.array(columns, dtype=object).T


def as_pandas(X: Any) -> Any:
    """An Arrow or Polars table as pandas, the same table where pandas is not installed."""
    return arrow(X).to_pandas() if importlib.util.find_spec("pandas") else X


def has_gaps_in_words(X: Any) -> bool:
    """Whether a column of texts or categories of a frame has missing values."""
    gaps = counts(X, "missing")
    return any(gaps[j] for j in words(X))


def renamed(X: Any, columns: tuple[str, ...]) -> Any:
    """The frame with other names."""
    if columns == names(X):
        return X
    if kind(X) == "pandas":
        return X.set_axis(list(columns), axis=1)
    if kind(X) == "polars":
        return X.rename(dict(zip(X.columns, columns, strict=True)))
    return X.rename_columns(list(columns))


def different(X: Any, column: int) -> tuple[list[Any], np.ndarray]:
    """The different values of one column, and each row's place among them, -1 where missing."""
    if kind(X) == "numpy":
        values = X[:, column].tolist()
        found = dict.fromkeys(v for v in values if v is not None and v == v)
        place = {value: i for i, value in enumerate(found)}
        return list(found), np.array([place.get(value, -1) for value in values], dtype=int)
    whole = arrow(pick(X, [column])).column(0).dictionary_encode().combine_chunks()
    whole = whole.chunk(0) if hasattr(whole, "chunks") else whole
    index = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return whole.dictionary.to_pylist(), np.asarray(index, dtype=int)


def matrix(
    X: Any,
    codes: Mapping[int, Sequence[Any] | None] | None = None,
    unseen: str = "missing",
) -> np.ndarray:
    """The numbers of a table, float64 `(sample, column)`, missing as NaN.

    `codes` says which columns are categories, and for each its categories in the order of their
    codes; None stands for the table's own order. A category that is not listed becomes NaN where
    `unseen` is ``"missing"`` and an error where it is ``"refused"``.
    """
    if kind(X) == "scipy":
        return np.asarray(X.toarray(), dtype=np.float64)
    if kind(X) == "numpy":
        return _numbers(X)
    if kind(X) == "pandas" and not codes and all(d.kind in "biuf" for d in X.dtypes):
        return np.asarray(X.to_numpy(dtype=np.float64, na_value=np.nan))
    table = arrow(X)
    out = np.empty(table.shape, dtype=np.float64)
    for j, name in enumerate(table.column_names):
        column = table.column(j)
        if codes and j in codes and (codes[j] is not None or not _is_number(column)):
            out[:, j] = _codes(column, codes[j], name, unseen)
        else:
            out[:, j] = _floats(column, name)
    return out


def arrow(X: Any) -> pa.Table:
    """The table as Arrow, categories as dictionaries."""
    import pyarrow as pa

    try:
        if kind(X) == "pandas":
            return pa.Table.from_pandas(X, preserve_index=False)
        return X if isinstance(X, pa.Table) else pa.table(X)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise WrongType("A column mixes kinds of values", got=str(error).split("\n")[0]) from error


def words(X: Any) -> tuple[int, ...]:
    """The columns that hold texts or categories."""
    if kind(X) in ("numpy", "scipy"):
        return ()
    import pyarrow.types as types

    table = arrow(X)
    tests = (types.is_dictionary, types.is_string, types.is_large_string, types.is_string_view)
    return tuple(
        j for j, field in enumerate(table.schema) if any(test(field.type) for test in tests)
    )


def first_rows_with(X: Any, what: str) -> dict[int, int]:
    """For each column with ``"missing"`` or ``"infinite"`` values, the row with fewest others."""
    found = _where(X, what)
    if found is None or not found.any():
        return {}
    crowd = found.sum(axis=1)
    rows = np.where(found, crowd[:, None], len(found[0]) + 1).argmin(axis=0)
    return {int(j): int(rows[j]) for j in np.flatnonzero(found.any(axis=0))}


def counts(X: Any, what: str) -> np.ndarray:
    """How many values of each column are ``"missing"`` or ``"infinite"``."""
    found = _where(X, what)
    return np.zeros(width(X), dtype=int) if found is None else found.sum(axis=0)


def _where(X: Any, what: str) -> np.ndarray | None:
    if kind(X) == "scipy":
        return _where(np.asarray(X.toarray()), what)
    if kind(X) == "numpy":
        if X.dtype.kind == "f":
            return np.isnan(X) if what == "missing" else np.isinf(X)
        return None if X.dtype.kind != "O" else _where(named(X, _letters(X)), what)
    import pyarrow.compute as pc

    table = arrow(X)
    found = np.zeros(table.shape, dtype=bool)
    for j, column in enumerate(table.columns):
        if what == "missing":
            found[:, j] = pc.is_null(column, nan_is_null=True).to_numpy()
        elif _is_number(column):
            found[:, j] = np.isinf(_floats(column, ""))
    return found


def _objects(column: Any) -> list[Any]:
    return [np.nan if value is None else value for value in column.to_pylist()]


def _letters(X: np.ndarray) -> tuple[str, ...]:
    return tuple(f"x{j}" for j in range(X.shape[1]))


def _tidy(values: np.ndarray) -> Any:
    """An object column with its numbers as numbers and its gaps as None."""
    if values.dtype.kind != "O":
        return values
    return [None if value is None or value != value else value for value in values.tolist()]


def _of_fields(X: np.ndarray) -> Any:
    import pyarrow as pa

    types = [(name, X.dtype[name].str) for name in X.dtype.names or ()]
    try:
        table = pa.table({name: pa.array(_tidy(X[name].ravel())) for name, _ in types})
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise WrongType("The table cannot be read", got=str(error), allowed=ACCEPTED) from error
    return table.replace_schema_metadata({FIELDS: repr(types)})


def _gathered(X: Any) -> Any:
    import pyarrow as pa

    try:
        if isinstance(X, Mapping):
            return pa.table({str(name): pa.array(_tidy(np.asarray(X[name]))) for name in X})
        if isinstance(X, Sequence) and X and all(isinstance(row, Mapping) for row in X):
            return pa.Table.from_pylist(list(X))
        if (
            isinstance(X, Sequence)
            and X
            and all(isinstance(row, (Sequence, np.ndarray)) for row in X)
        ):
            return framed(np.asarray(X))
        if hasattr(X, "__arrow_c_stream__") and kind(X) not in ("pandas", "polars"):
            return pa.table(X)
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        raise WrongType("The table cannot be read", got=str(error), allowed=ACCEPTED) from error
    raise WrongType("This is not a table", got=type(X).__name__, allowed=ACCEPTED)


def _numbers(X: np.ndarray) -> np.ndarray:
    try:
        return X.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise WrongType("The array holds values that are not numbers", got=str(error)) from error


def _is_number(column: Any) -> bool:
    import pyarrow.types as types

    found = column.type
    return bool(
        types.is_integer(found)
        or types.is_floating(found)
        or types.is_boolean(found)
        or types.is_decimal(found)
        or types.is_null(found)
    )


def _floats(column: Any, name: str) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.types as types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not _is_number(column):
        raise WrongType(
            f"Column {name!r} holds {column.type}, the model needs numbers",
            fix="Encode it in a pipeline, or fit the model on categories",
        )
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)


def _codes(column: Any, categories: Sequence[Any] | None, name: str, unseen: str) -> np.ndarray:
    """The codes of a column of texts or categories."""
    import pyarrow.types as types

    if not types.is_dictionary(column.type):
        if categories is None:
            raise WrongType(
                f"Column {name!r} holds texts, and the model does not remember its categories",
                fix="Give the column as a category with the categories of the training data",
            )
        column = column.dictionary_encode()
    whole = column.combine_chunks()
    whole = whole.chunk(0) if hasattr(whole, "chunks") else whole
    own = whole.dictionary.to_pylist()
    index = np.asarray(whole.indices.fill_null(len(own)).to_numpy(zero_copy_only=False), dtype=int)
    if categories is None:
        return np.append(np.arange(len(own), dtype=np.float64), np.nan)[index]
    place = {category: float(code) for code, category in enumerate(categories)}
    codes = np.array([*(place.get(value, np.nan) for value in own), np.nan])
    if unseen == "refused":
        _refuse_unseen([own[i] for i in np.unique(index) if i < len(own)], place, name)
    return codes[index]


def _refuse_unseen(values: Sequence[Any], known: Mapping[Any, float], name: str) -> None:
    strange = [value for value in values if value is not None and value not in known]
    if strange:
        raise WrongType(
            f"Column {name!r} holds categories that the model was not trained on",
            got=strange,
            allowed=list(known),
            fix="Map them to a known category, or leave them missing",
        )
