"""What the columns of a table mean: kinds, allowed values, units, ranges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from pellucid.core.errors import InvalidData, InvalidSetting, UnknownName

Kind: TypeAlias = Literal["numeric", "categorical", "ordinal", "boolean", "date"]
Category: TypeAlias = str | int | float | bool

KINDS: tuple[Kind, ...] = ("numeric", "categorical", "ordinal", "boolean", "date")
WITH_CATEGORIES: tuple[Kind, ...] = ("categorical", "ordinal")


@dataclass(frozen=True, kw_only=True)
class Column:
    """What one column of a table means.

    Parameters
    ----------
    name : str
        The name of the column.
    kind : {"numeric", "categorical", "ordinal", "boolean", "date"}
        How its values are compared: by distance, by sameness only, by order, as yes or no,
        or as points in time.
    categories : tuple of str, int, float or bool
        The allowed values, in order; only for categorical and ordinal columns.
    unit : str, optional
        The unit of a number, such as ``"years"``.
    low, high : float, optional
        The allowed range, both ends included (for dates: days since 1970-01-01).
    integer : bool
        Whether only whole numbers make sense.
    immutable : bool
        Whether nobody can act on it (age, sex).
    description : str, optional
        One sentence for the reader of a report.

    Raises
    ------
    InvalidSetting
        If a property contradicts another, or is of the wrong type.
    """

    name: str
    kind: Kind
    categories: tuple[Category, ...] = ()
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    integer: bool = False
    immutable: bool = False
    description: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidSetting(
                f"Column {self.name!r} has an unknown kind", got=repr(self.kind), allowed=KINDS
            )
        object.__setattr__(self, "categories", _categories(self))
        _range(self)


class Schema(Mapping[str, Column]):
    """The columns of a table, in order; never changed, only copied with changes.

    Parameters
    ----------
    columns : iterable of Column
        One per column of the table, names all different.

    Raises
    ------
    InvalidData
        If two columns share a name.
    """

    __slots__ = ("_columns",)

    def __init__(self, columns: Iterable[Column]) -> None:
        given = tuple(columns)
        refuse_duplicates([column.name for column in given])
        self._columns = {column.name: column for column in given}

    def __getitem__(self, name: str) -> Column:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and list(self.values()) == list(other.values())

    def __hash__(self) -> int:
        return hash(tuple(self._columns.values()))

    def __repr__(self) -> str:
        kinds = ", ".join(f"{column.name}: {column.kind}" for column in self.values())
        return f"Schema({kinds})"

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(self._columns)

    def override(self, changes: Mapping[str, Mapping[str, Any] | Column]) -> Schema:
        """A copy with some properties of some columns said by the user.

        Parameters
        ----------
        changes : mapping of column name to properties
            Such as ``{"age": {"unit": "years", "immutable": True}}``.

        Raises
        ------
        UnknownName
            If a column or a property does not exist; says which is close.
        """
        declared = declarations(changes, self.names)
        return Schema(replace(self[name], **declared.get(name, {})) for name in self)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """The schema as plain values for JSON, without what is at its default."""
        return {column.name: _plain(column) for column in self.values()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Mapping[str, Any]]) -> Schema:
        """The schema that `to_dict` wrote."""
        declared = declarations(plain, plain)
        return cls(Column(**{"name": name, "kind": "numeric", **declared[name]}) for name in plain)


PROPERTIES = tuple(field.name for field in fields(Column) if field.name != "name")


def declarations(
    changes: Mapping[str, Mapping[str, Any] | Column], known: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """The properties said for each column, checked for unknown columns and properties."""
    names = tuple(known)
    if not isinstance(changes, Mapping):
        raise InvalidSetting(
            "A schema says properties by column name",
            got=type(changes).__name__,
            allowed='a Schema, or a mapping such as {"age": {"unit": "years"}}',
        )
    for name in changes:
        if name not in names:
            raise UnknownName.among("column", str(name), names)
    return {name: _properties(name, said) for name, said in changes.items()}


def refuse_duplicates(names: Iterable[str]) -> None:
    """Raise `InvalidData` when two columns share a name."""
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise InvalidData("Two columns share a name", got=twice, fix="Rename or drop one of them")


def _properties(name: str, said: Mapping[str, Any] | Column) -> dict[str, Any]:
    if isinstance(said, Column):
        return {key: getattr(said, key) for key in PROPERTIES}
    if not isinstance(said, Mapping):
        raise InvalidSetting(
            f"Column {name!r} is described by properties",
            got=repr(said),
            allowed='a Column, or a mapping such as {"unit": "years"}',
        )
    for key in said:
        if key not in PROPERTIES and not (key == "name" and said[key] == name):
            raise UnknownName.among("column property", str(key), PROPERTIES)
    return {key: value for key, value in said.items() if key != "name"}


def _plain(column: Column) -> dict[str, Any]:
    defaults = Column(name=column.name, kind=column.kind)
    said = {k: v for k, v in asdict(column).items() if v != getattr(defaults, k) and k != "name"}
    if column.categories:
        said["categories"] = list(column.categories)
    return {"kind": column.kind, **said}


def _categories(column: Column) -> tuple[Category, ...]:
    given = column.categories
    if isinstance(given, tuple) and not given:
        return given
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidSetting(
            f"The categories of column {column.name!r} are a list of values", got=repr(given)
        )
    categories = tuple(v.item() if isinstance(v, np.generic) else v for v in given)
    if categories and column.kind not in WITH_CATEGORIES:
        raise InvalidSetting(
            f"Column {column.name!r} is {column.kind} and has no categories",
            got=categories,
            fix="Say its kind is 'categorical' or 'ordinal', or leave the categories out",
        )
    if not all(isinstance(v, (str, int, float, bool)) and v == v for v in categories):
        raise InvalidSetting(
            f"The categories of column {column.name!r} are texts, numbers or booleans",
            got=categories,
        )
    if len(set(categories)) < len(categories):
        raise InvalidSetting(f"Column {column.name!r} names a category twice", got=categories)
    return categories


def _range(column: Column) -> None:
    low, high = column.low, column.high
    for end in (low, high):
        if end is not None and (isinstance(end, str) or not np.isreal(end)):
            raise InvalidSetting(
                f"The range of column {column.name!r} is in numbers", got=repr(end)
            )
    if (low is not None or high is not None) and column.kind not in ("numeric", "date"):
        raise InvalidSetting(f"Column {column.name!r} is {column.kind} and has no range")
    if low is not None and high is not None and not low <= high:
        raise InvalidSetting(
            f"The allowed range of column {column.name!r} is empty", got=f"low {low}, high {high}"
        )
