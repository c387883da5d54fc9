"""From codes back to the user's own kind of table, column by column and without a loop over cells.

Whole numbers stay integers when every value of the column is whole and present, and become
floats otherwise, as NumPy and pandas do it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pellucid.core.errors import InvalidData
from pellucid.data.encode import TICKS_PER_DAY, Encoded, FloatArray, decimals, ticks
from pellucid.data.levels import native_levels
from pellucid.data.schema import Column, Kind

if TYPE_CHECKING:
    import pyarrow as pa


BLANKS: dict[Kind, tuple[str, str, str | None]] = {
    "numeric": ("number", "f8", "float64"),
    "boolean": ("bool", "?", "bool"),
    "date": ("date", "M8[us]", "timestamp[us]"),
    "categorical": ("level", "O", None),
    "ordinal": ("level", "O", None),
}


@dataclass(frozen=True, kw_only=True)
class Native:
    """How one column was given: what turns its codes into the user's values again."""

    found: Encoded
    levels: Any = None  # one native value per category, in the order of the codes
    dtype: Any = None  # `list` where a column of Python objects was given as a list

    def take(self, positions: npt.NDArray[np.intp]) -> Native:
        """The same column for some of the rows."""
        if self.found.exact is None:
            return self
        return replace(self, found=replace(self.found, exact=self.found.exact.take(positions)))


@dataclass(frozen=True, kw_only=True)
class Frame:
    """How a table was given: the library, the labels, and each column's type.

    `uniform` is set where all columns share one plain number type and no value is kept apart.
    """

    kind: str
    columns: tuple[Native, ...]
    labels: Any = None
    index: Any = None
    uniform: np.dtype[Any] | None = None
    remake: Callable[[Any], Any] | None = None

    def take(self, positions: npt.NDArray[np.intp]) -> Frame:
        """The same frame for some of the rows."""
        index = None if self.index is None else self.index.take(positions)
        return replace(self, index=index, columns=tuple(c.take(positions) for c in self.columns))

    def select(self, columns: Sequence[int]) -> Frame:
        """The same frame for some of the columns."""
        labels = None if self.labels is None else self.labels[list(columns)]
        chosen = tuple(self.columns[j] for j in columns)
        uniform = one_number_type(self.kind, chosen)
        return replace(self, labels=labels, columns=chosen, uniform=uniform)

    def without_rows(self) -> Frame:
        """The frame for rows made elsewhere: no row labels, no values kept apart."""
        columns = tuple(
            c if c.found.exact is None else replace(c, found=replace(c.found, exact=None))
            for c in self.columns
        )
        return replace(self, index=None, columns=columns)


def one_number_type(kind: str, columns: Sequence[Native]) -> np.dtype[Any] | None:
    """The plain number type that all columns share, if they do."""
    dtype = columns[0].found.dtype
    plain = isinstance(dtype, np.dtype) and dtype.kind in "iuf" and kind in ("pandas", "numpy")
    alike = all(
        c.found.route == "number" and c.found.dtype == dtype and c.found.exact is None
        for c in columns
    )
    coded = any(c.levels is not None for c in columns)
    return dtype if plain and alike and not coded else None


def give(frame: Frame, names: tuple[str, ...], codes: FloatArray) -> Any:
    """The table that holds `codes`, of the kind and with the types of `frame`."""
    return GIVERS[frame.kind](frame, names, codes)


def with_levels(kind: str, found: Encoded, column: Column, dtype: Any = None) -> Native:
    """The way back for one column whose meaning is settled."""
    if found.is_plain and column.kind == "numeric" and dtype is None:
        return _plain(found.dtype, found.integer)
    if column.kind != found.kind and np.isnan(found.codes).all():
        found = _blank(column.kind)
    slim = replace(found, codes=np.empty(0))
    if found.route != "level" and not column.categories:
        return Native(found=slim, dtype=dtype)
    if found.route != "level":
        return Native(found=slim, dtype=dtype, levels=np.array(column.categories, dtype=np.float64))
    levels = native_levels("records" if dtype is list else kind, found, column.categories)
    return Native(found=slim, dtype=dtype, levels=levels)


@cache
def _plain(dtype: np.dtype[Any], integer: bool) -> Native:
    """A column of NumPy's own numbers: all of one type go back in one way."""
    found = Encoded(codes=np.empty(0), kind="numeric", route="number", dtype=dtype, integer=integer)
    return Native(found=found)


def _blank(kind: Kind) -> Encoded:
    """A column without any value, which can be given back as any kind."""
    import pyarrow as pa

    route, dtype, arrow = BLANKS[kind]
    return Encoded(
        codes=np.empty(0),
        kind=kind,
        route=route,
        dtype=np.dtype(dtype),
        arrow=None if arrow is None else pa.type_for_alias(arrow),
        null=True,
    )


def _numpy(native: Native, codes: FloatArray) -> npt.NDArray[Any]:
    """One column as a NumPy array."""
    found = native.found
    if found.exact is not None:
        return np.array(found.exact)
    values = _values(native, codes)
    gone = np.isnan(values)
    if found.route == "level":
        return _numpy_texts(native, values, gone)
    if found.dtype == object:
        return _numpy_objects(found, values, gone)
    if found.route == "date":
        return _numpy_dates(found.dtype, values, gone)
    if found.dtype.kind == "f":
        return values.astype(found.dtype)
    whole = None if gone.any() else whole_numbers(values, found.dtype)
    return values.copy() if whole is None else whole


def _numpy_texts(
    native: Native, values: FloatArray, gone: npt.NDArray[np.bool_]
) -> npt.NDArray[Any]:
    if not len(native.levels):
        return np.full(len(values), native.found.missing, dtype=object)
    texts = native.levels[np.where(gone, 0, values).astype(np.intp)]
    if gone.any():
        texts = texts.astype(object)
        texts[gone] = native.found.missing
    return np.asarray(texts)


def _numpy_objects(
    found: Encoded, values: FloatArray, gone: npt.NDArray[np.bool_]
) -> npt.NDArray[Any]:
    objects = _arrow(Native(found=replace(found, exact=None)), values)
    out = np.fromiter(objects.to_pylist(), dtype=object, count=len(values))
    out[gone] = found.missing
    return out


def _numpy_dates(
    dtype: np.dtype[Any], values: FloatArray, gone: npt.NDArray[np.bool_]
) -> npt.NDArray[Any]:
    unit, step = np.datetime_data(dtype)
    unit = unit if unit in TICKS_PER_DAY and step == 1 else "s"
    dates = ticks(values, TICKS_PER_DAY[unit]).view(f"M8[{unit}]")
    dates[gone] = np.datetime64("NaT")
    return np.asarray(dates.astype(dtype))


def _arrow(native: Native, codes: FloatArray) -> pa.Array:
    """One column as an Arrow array, of its own type wherever that can hold the values."""
    import pyarrow as pa

    found = native.found
    if found.exact is not None:
        return found.exact
    values = _values(native, codes)
    gone = np.isnan(values)
    if found.route == "level":
        return native.levels.take(pa.array(np.where(gone, 0, values).astype(np.int64), mask=gone))
    return ARROW_VALUES[found.route](found.arrow, values, gone, found.null)


def _arrow_numbers(
    type_: pa.DataType, values: FloatArray, gone: npt.NDArray[np.bool_], null: bool
) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_null(type_):
        return pa.nulls(len(values)) if gone.all() else pa.array(values, mask=gone)
    if pa.types.is_decimal(type_):
        return decimals(values, type_)
    if pa.types.is_floating(type_):
        return pa.array(values.astype(type_.to_pandas_dtype()), mask=gone if null else None)
    whole = whole_numbers(np.where(gone, 0.0, values), np.dtype(type_.to_pandas_dtype()))
    return pa.array(values if whole is None else whole, mask=gone)


def _arrow_booleans(
    type_: pa.DataType, values: FloatArray, gone: npt.NDArray[np.bool_], null: bool
) -> pa.Array:
    import pyarrow as pa

    whole = whole_numbers(np.where(gone, 0.0, values), np.dtype(bool))
    return pa.array(values if whole is None else whole, mask=gone)


def _arrow_dates(
    type_: pa.DataType, values: FloatArray, gone: npt.NDArray[np.bool_], null: bool
) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_date32(type_):
        return pa.array(ticks(values, 1).astype(np.int32), mask=gone).view(type_)
    per_day = TICKS_PER_DAY[getattr(type_, "unit", "ms")]
    return pa.array(ticks(values, per_day), mask=gone).view(type_)


ARROW_VALUES = {"number": _arrow_numbers, "bool": _arrow_booleans, "date": _arrow_dates}


def whole_numbers(values: FloatArray, dtype: np.dtype[Any]) -> npt.NDArray[Any] | None:
    """`values` as integers (or booleans) of `dtype`, or None where one of them would change."""
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    inside = (values >= low) & (values < float(high) + 1)
    if not (inside & (np.floor(values) == values)).all():
        return None
    return values.astype(dtype)


def _values(native: Native, codes: FloatArray) -> FloatArray:
    """The codes of one column, or the numbers that they stand for."""
    if native.levels is None:
        return codes
    there = codes[~np.isnan(codes)]
    if len(there) and not (
        there.min() >= 0 and there.max() < len(native.levels) and (np.floor(there) == there).all()
    ):
        raise InvalidData(
            "A code stands for no category",
            got=sorted({float(v) for v in there if v not in range(len(native.levels))})[:5],
            allowed=f"whole numbers from 0 to {len(native.levels) - 1}, or NaN for missing",
        )
    if native.found.route == "level":
        return codes
    values = np.full(len(codes), np.nan)
    values[~np.isnan(codes)] = native.levels[there.astype(np.intp)]
    return values


def _pandas(frame: Frame, names: tuple[str, ...], codes: FloatArray) -> Any:
    import pandas as pd

    if frame.uniform is not None:
        values = _uniform(frame.uniform, codes)
        if values is not None:
            return pd.DataFrame(values, columns=frame.labels, index=frame.index, copy=False)
    by_column = np.asfortranarray(codes)
    columns = {j: _pandas_column(c, by_column[:, j]) for j, c in enumerate(frame.columns)}
    table = pd.DataFrame(columns, copy=False)
    table.columns = frame.labels
    return table if frame.index is None else table.set_axis(frame.index)


def _pandas_column(native: Native, codes: FloatArray) -> Any:
    import pandas as pd

    dtype = native.found.dtype
    if isinstance(dtype, np.dtype):
        values = _numpy(native, codes)
        return pd.Series(values, dtype=object) if values.dtype == object else values
    if isinstance(dtype, pd.SparseDtype):
        plain = replace(native, found=replace(native.found, dtype=dtype.subtype))
        return pd.arrays.SparseArray(_numpy(plain, codes), fill_value=dtype.fill_value)
    if native.found.route == "level":
        codes = _values(native, codes)
        place = np.where(np.isnan(codes), -1, codes).astype(np.intp)
        return pd.api.extensions.take(native.levels, place, allow_fill=True)
    values = _arrow(native, codes)
    if values.type == native.found.arrow:
        return dtype.__from_arrow__(values)
    widened = pd.ArrowDtype(values.type) if isinstance(dtype, pd.ArrowDtype) else pd.Float64Dtype()
    return widened.__from_arrow__(values)


def _polars(frame: Frame, names: tuple[str, ...], codes: FloatArray) -> Any:
    import polars as pl
    import pyarrow as pa

    by_column = np.asfortranarray(codes)
    columns = []
    for name, native, column in zip(names, frame.columns, by_column.T, strict=True):
        if native.found.route == "level":
            values = _values(native, column)
            gone = np.isnan(values)
            place = pa.array(np.where(gone, 0, values).astype(np.uint32), mask=gone)
            series = native.levels.gather(pl.Series(pl.from_arrow(place)))
        else:
            array = _arrow(native, column)
            series = pl.Series(pl.from_arrow(array))
            if array.type == native.found.arrow and not isinstance(native.found.dtype, np.dtype):
                series = series.cast(native.found.dtype)
        columns.append(series.alias(name))
    return pl.DataFrame(columns)


def _pyarrow(frame: Frame, names: tuple[str, ...], codes: FloatArray) -> Any:
    import pyarrow as pa

    by_column = np.asfortranarray(codes)
    columns = [_arrow(c, column) for c, column in zip(frame.columns, by_column.T, strict=True)]
    table = pa.Table.from_arrays(columns, names=list(names))
    return frame.remake(table) if frame.remake else table


def _matrix(frame: Frame, names: tuple[str, ...], codes: FloatArray) -> Any:
    values = None if frame.uniform is None else _uniform(frame.uniform, codes)
    if values is None:
        columns = [_numpy(c, column) for c, column in zip(frame.columns, codes.T, strict=True)]
        values = np.empty(codes.shape, dtype=_shared(columns, frame.columns[0].found.dtype))
        for j, column in enumerate(columns):
            values[:, j] = column
    return frame.remake(values) if frame.remake else values


def _structured(frame: Frame, names: tuple[str, ...], codes: FloatArray) -> Any:
    columns = [_numpy(c, column) for c, column in zip(frame.columns, codes.T, strict=True)]
    dtype = np.dtype([(n, column.dtype) for n, column in zip(names, columns, strict=True)])
    values = np.empty(len(codes), dtype=dtype)
    for name, column in zip(names, columns, strict=True):
        values[name] = column
    return values


def _dict(frame: Frame, names: tuple[str, ...], codes: FloatArray) -> dict[str, Any]:
    return {
        name: _list(native, column) if native.dtype is list else _numpy(native, column)
        for name, native, column in zip(names, frame.columns, codes.T, strict=True)
    }


def _records(frame: Frame, names: tuple[str, ...], codes: FloatArray) -> list[dict[str, Any]]:
    columns = [_list(native, c) for native, c in zip(frame.columns, codes.T, strict=True)]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _list(native: Native, codes: FloatArray) -> list[Any]:
    if native.found.exact is not None:
        return list(native.found.exact)
    values = _arrow(native, codes).to_pylist()
    if native.found.missing is None:
        return values
    return [native.found.missing if v is None else v for v in values]


GIVERS: dict[str, Callable[[Frame, tuple[str, ...], FloatArray], Any]] = {
    "pandas": _pandas,
    "polars": _polars,
    "pyarrow": _pyarrow,
    "numpy": _matrix,
    "structured": _structured,
    "dict": _dict,
    "records": _records,
}


def _uniform(dtype: np.dtype[Any], codes: FloatArray) -> npt.NDArray[Any] | None:
    """All columns at once, where one number type can hold them all."""
    return codes.astype(dtype) if dtype.kind == "f" else whole_numbers(codes, dtype)


def _shared(columns: list[npt.NDArray[Any]], dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The one type of a matrix: its own, wider only where a value does not fit it."""
    if all(column.dtype == dtype for column in columns):
        return dtype
    if dtype.kind in "UT":
        return np.dtype(object) if any(c.dtype == object for c in columns) else dtype
    return np.result_type(*columns)
