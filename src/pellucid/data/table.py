"""One table for every method: numbers inside, the user's own kind of table outside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pellucid.core.errors import (
    AxisError,
    ColumnMismatch,
    EmptyData,
    InvalidData,
    InvalidSetting,
    UnknownName,
)
from pellucid.data.encode import TICKS_PER_DAY, FloatArray, ticks
from pellucid.data.frames import Read, read_frame
from pellucid.data.native import Frame, Native, give, one_number_type, with_levels
from pellucid.data.schema import WITH_CATEGORIES, Column, Schema, declarations
from pellucid.data.settle import settle


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Rows and columns with a meaning; made by `Table.of`, never changed.

    Attributes
    ----------
    schema : Schema
        What each column means.
    codes : ndarray of float64 (sample, feature)
        A number as it is; a category as its place in ``Column.categories``; a boolean as 0 or
        1; a date as days since 1970-01-01; NaN where missing. Infinite numbers are kept.
    rows : ndarray (sample,)
        The row labels: those of a pandas index, else 0, 1, 2 …
    notes : tuple of str
        What a reader must know about how the table was read.

    Notes
    -----
    A row made by changing codes is given back with the user's types: whole numbers stay
    integers unless a value of their column is no longer whole. Whole numbers above 2^53 and
    times finer than about a microsecond are exact in the rows given, and rounded to the nearest
    float64 in rows made from them.
    """

    schema: Schema
    codes: FloatArray
    rows: npt.NDArray[Any]
    notes: tuple[str, ...] = ()
    _frame: Frame = field(repr=False)

    def __post_init__(self) -> None:
        codes = np.ascontiguousarray(self.codes, dtype=np.float64)
        if codes is self.codes and codes.flags.writeable:
            codes = codes.copy()
        codes.flags.writeable = False
        object.__setattr__(self, "codes", codes)

    @classmethod
    def of(
        cls,
        X: Any,
        *,
        like: Table | None = None,
        schema: Schema | Mapping[str, Mapping[str, Any] | Column] | None = None,
        names: Sequence[str] | None = None,
        own_order: bool = False,
    ) -> Table:
        """Read any kind of table.

        Parameters
        ----------
        X : pandas, Polars or Arrow table, array (sample, feature), dict, list of dicts, Table
            The data. A lazy table is collected; a sparse matrix is made dense.
        like : Table, optional
            The table whose columns `X` must have: `X` is put in their order, takes their kinds,
            units and ranges, and extends their categories by those not seen before.
        schema : Schema or mapping of column name to properties, optional
            What the user says about columns, over what is found in the values:
            ``{"job": {"kind": "ordinal", "categories": ["low", "high"]}}``.
        names : sequence of str, optional
            Column names for an array, else ``x0, x1, …`` (or those of `like`).
        own_order : bool
            Whether the columns stay in the order of `X` although `like` has another.

        Raises
        ------
        EmptyData
            If there are no rows or no columns.
        ColumnMismatch
            If the columns are not those of `like`; names the missing and the extra ones.
        WrongType
            If a column mixes types, or cannot have the kind said.
        InvalidData
            If a value is outside the categories or range said, or a column name repeats.
        UnknownName
            If `schema` names a column or property that does not exist.

        Notes
        -----
        Kinds found: bool is boolean; text, category and dictionary columns are categorical, or
        ordinal where their type declares an order; dates and times are dates; integers, floats
        and decimals are numeric. Integers are never taken for categories unless you say so.

        Examples
        --------
        >>> table = Table.of({"age": [31, 47], "job": ["clerk", None]})
        >>> table.schema
        Schema(age: numeric, job: categorical)
        >>> table.codes.tolist()
        [[31.0, 0.0], [47.0, nan]]
        """
        if like is not None and not isinstance(like, Table):
            raise InvalidSetting(
                "`like` is a Table", got=type(like).__name__, fix="Give Table.of(…) of it"
            )
        if isinstance(X, Table):
            if like is None and schema is None and names is None:
                return X
            return _again(X, like, schema, names, own_order)
        if names is None and like is not None and _unnamed(X):
            names = like.names
        return _build(read_frame(X, names), like, schema, own_order)

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return self.schema.names

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows and columns."""
        return (self.codes.shape[0], self.codes.shape[1])

    def __len__(self) -> int:
        return self.codes.shape[0]

    def native(self, codes: npt.ArrayLike | None = None) -> Any:
        """The user's own kind of table holding `codes`; a fresh copy each time.

        Parameters
        ----------
        codes : array (row, feature), optional
            Rows made elsewhere, any number of them; by default the table's own.

        Raises
        ------
        InvalidData
            If `codes` has another width, or a code stands for no category.
        """
        if codes is None or codes is self.codes:
            return give(self._frame, self.names, self.codes)
        return give(self._frame.without_rows(), self.names, self._checked(codes))

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Readable values, one array (sample,) per column.

        Numbers as float64; booleans as bool, or objects with None where one is missing;
        categories as objects with None where missing; dates as datetime64.
        """
        pairs = zip(self.schema.values(), self.codes.T, strict=True)
        return {column.name: _readable(column, codes) for column, codes in pairs}

    def text(self, row: int, column: int | str) -> str:
        """One value as a reader wants it: ``"married"``, ``"0.27"``, ``"2024-05-01"``."""
        j = self.position(column)
        try:
            code = float(self.codes[row, j])
        except IndexError as error:
            raise AxisError(
                "There is no such row", got=row, allowed=f"0 to {len(self) - 1}"
            ) from error
        return describe(self.schema[self.names[j]], code)

    def position(self, column: int | str) -> int:
        """The place of a column, by name or place."""
        if isinstance(column, str):
            if column not in self.schema:
                raise UnknownName.among("column", column, self.names)
            return self.names.index(column)
        if not -len(self.names) <= column < len(self.names):
            allowed = f"0 to {len(self.names) - 1}"
            raise AxisError("There is no such column", got=column, allowed=allowed)
        return range(len(self.names))[column]

    def take(self, index: Any) -> Table:
        """The rows at `index`: places, a mask, or a slice."""
        try:
            positions = np.atleast_1d(np.arange(len(self))[index])
        except IndexError as error:
            allowed = f"places 0 to {len(self) - 1}, or a mask of {len(self)}"
            raise AxisError("There are no such rows", got=str(error), allowed=allowed) from error
        frame = self._frame.take(positions)
        return replace(self, codes=self.codes[positions], rows=self.rows[positions], _frame=frame)

    def select(self, columns: Sequence[int | str]) -> Table:
        """Some of the columns, in the order asked for."""
        places = [self.position(column) for column in columns]
        if not places:
            raise EmptyData("A table needs columns", got="none of them", allowed=self.names)
        schema = Schema(self.schema[self.names[j]] for j in places)
        frame = self._frame.select(places)
        return replace(self, schema=schema, codes=self.codes[:, places], _frame=frame)

    def with_codes(self, codes: npt.ArrayLike) -> Table:
        """The same columns holding other rows; row labels stay where the count does."""
        checked = self._checked(codes)
        frame = self._frame.without_rows()
        if len(checked) == len(self):
            frame = replace(frame, index=self._frame.index)
            return replace(self, codes=checked, _frame=frame)
        return replace(self, codes=checked, rows=np.arange(len(checked)), _frame=frame)

    def noting(self, *notes: str) -> Table:
        """The same table with more to say about how it came about."""
        return replace(self, notes=self.notes + notes)

    def fingerprint(self) -> str:
        """``"sha256:"`` and 16 hex digits of the names, categories and codes."""
        meaning = [[c.name, c.kind, list(c.categories)] for c in self.schema.values()]
        digest = hashlib.sha256(json.dumps(meaning).encode())
        digest.update(np.where(np.isnan(self.codes), np.nan, self.codes).tobytes())
        return f"sha256:{digest.hexdigest()[:16]}"

    def _checked(self, codes: npt.ArrayLike) -> FloatArray:
        array = np.asarray(codes, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != len(self.names):
            raise InvalidData(
                "The codes do not fit the columns",
                got=f"shape {array.shape}",
                allowed=f"shape (rows, {len(self.names)})",
            )
        return array


def describe(column: Column, code: float) -> str:
    """One code as a reader wants it."""
    if np.isnan(code):
        return "missing"
    if column.categories:
        return str(column.categories[int(code)])
    if column.kind == "boolean":
        return "yes" if code else "no"
    if column.kind == "date":
        shown = _dates(np.array([code]))
        return str(shown[0]).replace("T", " ").removesuffix(".000000")
    whole = code == np.floor(code) and (column.integer or abs(code) < 1e15)
    return f"{code:.0f}" if whole else f"{code:.6g}"


def _readable(column: Column, codes: FloatArray) -> npt.NDArray[Any]:
    gone = np.isnan(codes)
    if column.kind == "date":
        return _dates(codes)
    if column.kind == "boolean" and not gone.any():
        return codes.astype(bool)
    if column.kind == "numeric":
        return codes.copy()
    values = column.categories or (False, True)
    levels = np.fromiter((*values, None), dtype=object, count=len(values) + 1)
    return np.asarray(levels[np.where(gone, len(values), codes).astype(np.intp)])


def _dates(codes: FloatArray) -> npt.NDArray[Any]:
    """Dates as whole days where they all are, else to the microsecond."""
    there = codes[~np.isnan(codes)]
    unit = "D" if (there == np.floor(there)).all() else "us"
    dates = ticks(codes, TICKS_PER_DAY[unit]).view(f"M8[{unit}]")
    dates[np.isnan(codes)] = np.datetime64("NaT")
    return dates


def _build(
    read: Read,
    like: Table | None,
    schema: Schema | Mapping[str, Mapping[str, Any] | Column] | None,
    own_order: bool,
) -> Table:
    said = {} if schema is None else declarations(schema, read.names)
    order = list(range(len(read.names)))
    if like is not None:
        theirs = _order(read.names, like.names)
        order = order if own_order else theirs
    codes = np.empty((len(read.rows), len(order)))
    meanings, natives, notes = [], [], read.notes
    for place, j in enumerate(order):
        name, found = read.names[j], read.columns[j]
        before = None if like is None else like.schema[name]
        column, codes[:, place], noted = settle(name, found, said.get(name, {}), before, read.rows)
        meanings.append(column)
        natives.append(with_levels(read.kind, found, column, read.dtypes[j]))
        notes += noted
    codes.flags.writeable = False
    frame = _frame(read, natives, order)
    return Table(schema=Schema(meanings), codes=codes, rows=read.rows, notes=notes, _frame=frame)


def _frame(read: Read, natives: list[Native], order: list[int]) -> Frame:
    labels = read.labels
    if labels is not None and order != sorted(order):
        labels = labels[order]
    return Frame(
        kind=read.kind,
        columns=tuple(natives),
        labels=labels,
        index=read.index,
        uniform=one_number_type(read.kind, natives),
        remake=read.remake,
    )


def _again(
    table: Table,
    like: Table | None,
    schema: Schema | Mapping[str, Mapping[str, Any] | Column] | None,
    names: Sequence[str] | None,
    own_order: bool,
) -> Table:
    """The same rows under another meaning; what is not said again stays, unless `like` says it."""
    said = {} if schema is None else declarations(schema, table.names)
    known = {} if like else declarations(table.schema, table.names)
    for name, properties in said.items():
        if properties.get("kind", "ordinal") not in WITH_CATEGORIES:
            known.get(name, {}).pop("categories", None)
        known[name] = {**known.get(name, {}), **properties}
    if names is None and table._frame.kind == "numpy":
        names = table.names
    read = read_frame(table.native(), names)
    return _build(replace(read, rows=table.rows), like, known, own_order)


def _order(given: tuple[str, ...], wanted: tuple[str, ...]) -> list[int]:
    missing = [name for name in wanted if name not in given]
    extra = [name for name in given if name not in wanted]
    if missing or extra:
        found = [f"missing: {', '.join(missing)}"] if missing else []
        found += [f"extra: {', '.join(extra)}"] if extra else []
        raise ColumnMismatch(
            "The table has other columns", got="; ".join(found), allowed=wanted, fix=""
        )
    return [given.index(name) for name in wanted]


def _unnamed(X: Any) -> bool:
    array = isinstance(X, np.ndarray) and X.dtype.names is None
    return array or hasattr(X, "tocsr")
