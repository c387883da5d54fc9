"""What a column means once the user, or an earlier table, has had their say.

The order of who decides: what the user says, then the table it must be `like`, then what was
found in the values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pellucid.core.errors import InvalidData, InvalidSetting, WrongType
from pellucid.data.encode import EXACT_INTEGER, Encoded, FloatArray, looked_up
from pellucid.data.schema import KINDS, WITH_CATEGORIES, Category, Column, Kind

MAY_BECOME: dict[Kind, tuple[Kind, ...]] = {
    "numeric": ("numeric", "categorical", "ordinal", "boolean"),
    "categorical": ("categorical", "ordinal"),
    "ordinal": ("ordinal", "categorical"),
    "boolean": ("boolean", "numeric", "categorical", "ordinal"),
    "date": ("date",),
}
WORDS: dict[Kind, str] = {
    "numeric": "numbers",
    "categorical": "texts or categories",
    "ordinal": "ordered categories",
    "boolean": "booleans",
    "date": "dates",
}
KIND_FIXES: dict[tuple[Kind, Kind], str] = {
    ("categorical", "numeric"): "Turn its texts into numbers first",
    ("categorical", "date"): "Turn its texts into dates first, such as with pandas.to_datetime",
    ("categorical", "boolean"): "Turn its texts into True and False first",
}
MANY_CATEGORIES = 50


def settle(
    name: str, found: Encoded, said: dict[str, Any], like: Column | None, rows: npt.NDArray[Any]
) -> tuple[Column, FloatArray, tuple[str, ...]]:
    """The meaning of one column, its codes in that meaning, and what must be noted.

    Raises
    ------
    WrongType
        If its values cannot have the kind that was said.
    InvalidData
        If a value is outside the categories or the range that was said; names the rows.
    """
    if found.is_plain and like is None and not said:
        return Column(name=name, kind="numeric", integer=found.integer), found.codes, ()
    kind = _kind(name, found, said, like)
    if kind in WITH_CATEGORIES:
        categories, codes, notes = _categories(name, kind, found, said, like, rows)
    else:
        categories, codes, notes = (), found.codes, ()
    column = _column(name, kind, found, said, like, categories)
    _refuse_outside(column, codes, rows, whole_said=bool(said.get("integer")))
    return column, codes, notes + _notes(column, found)


def rows_named(rows: npt.NDArray[Any], wrong: npt.NDArray[np.bool_]) -> str:
    """The first rows at fault, by label, and how many more there are."""
    labels = [str(label) for label in rows[wrong][:5]]
    more = int(wrong.sum()) - len(labels)
    word = "row" if len(labels) == 1 else "rows"
    return f"{word} {', '.join(labels)}" + (f" and {more} more" if more else "")


def _kind(name: str, found: Encoded, said: dict[str, Any], like: Column | None) -> Kind:
    kind: Kind = said.get("kind", like.kind if like else found.kind)
    if "kind" not in said and said.get("categories") and kind not in WITH_CATEGORIES:
        kind = "categorical"
    if kind not in KINDS:
        raise InvalidSetting(f"Column {name!r} has an unknown kind", got=repr(kind), allowed=KINDS)
    if kind not in MAY_BECOME[found.kind] and not np.isnan(found.codes).all():
        raise WrongType(
            f"Column {name!r} must hold {WORDS[kind]}",
            got=_example(found),
            allowed=WORDS[kind],
            fix=KIND_FIXES.get((found.kind, kind), "Turn its values into that kind first"),
        )
    return kind


def _example(found: Encoded) -> str:
    if not found.categories:
        return WORDS[found.kind]
    return f"{WORDS[found.kind]} such as {', '.join(repr(c) for c in found.categories[:3])}"


def _column(
    name: str,
    kind: Kind,
    found: Encoded,
    said: dict[str, Any],
    like: Column | None,
    categories: tuple[Category, ...],
) -> Column:
    integer = kind == "numeric" and (like.integer and _whole(found) if like else found.integer)
    properties = {"integer": integer, **said, "kind": kind, "categories": categories}
    if like is None:
        return Column(name=name, **properties)
    unchanged = all(getattr(like, key) == value for key, value in properties.items())
    return like if unchanged else replace(like, **properties)


def _whole(found: Encoded) -> bool:
    there = found.codes[~np.isnan(found.codes)]
    return bool((np.floor(there) == there).all())


def _categories(
    name: str,
    kind: Kind,
    found: Encoded,
    said: dict[str, Any],
    like: Column | None,
    rows: npt.NDArray[Any],
) -> tuple[tuple[Category, ...], FloatArray, tuple[str, ...]]:
    present, codes = _levels(found)
    said_categories = said.get("categories") or ()
    declared = Column(name=name, kind=kind, categories=said_categories).categories
    wanted = declared or (like.categories if like else ())
    if not wanted:
        _refuse_unordered(name, kind, found, present)
        return present, codes, ()
    used = np.zeros(len(present), dtype=bool)
    used[codes[~np.isnan(codes)].astype(np.intp)] = True
    index = {category: i for i, category in enumerate(wanted)}
    new = tuple(c for c, seen in zip(present, used, strict=True) if seen and c not in index)
    if new and declared:
        _refuse_new(name, present, codes, new, declared, rows)
    if new:
        _refuse_other_type(name, new, wanted)
    index |= {category: len(wanted) + i for i, category in enumerate(new)}
    place = np.array([index.get(category, -1) for category in present], dtype=np.float64)
    notes = (f"column {name!r} has categories not seen before: {_some(new)}",) if new else ()
    return wanted + new, looked_up(place, codes), notes


def _levels(found: Encoded) -> tuple[tuple[Category, ...], FloatArray]:
    """The categories found, or the different numbers as categories."""
    if found.route == "level":
        return found.categories, found.codes
    there = ~np.isnan(found.codes)
    values, place = np.unique(found.codes[there], return_inverse=True)
    codes = np.full(len(found.codes), np.nan)
    codes[there] = place
    if found.kind == "boolean":
        return tuple(bool(v) for v in values), codes
    return tuple(int(v) if found.integer else float(v) for v in values), codes


def _refuse_unordered(name: str, kind: Kind, found: Encoded, present: tuple[Category, ...]) -> None:
    if kind == "ordinal" and found.kind == "categorical":
        raise InvalidSetting(
            f"Column {name!r} is said to be ordinal, but not in which order",
            got=_some(present),
            fix='Say it: {"kind": "ordinal", "categories": [lowest, …, highest]}',
        )


def _refuse_new(
    name: str,
    present: tuple[Category, ...],
    codes: FloatArray,
    new: tuple[Category, ...],
    declared: tuple[Category, ...],
    rows: npt.NDArray[Any],
) -> None:
    wrong = np.isin(codes, [present.index(category) for category in new])
    raise InvalidData(
        f"Column {name!r} holds values outside its categories",
        got=f"{_some(new)} in {rows_named(rows, wrong)}",
        allowed=declared,
        fix="Add them to the categories, or correct the rows",
    )


def _refuse_other_type(name: str, new: tuple[Category, ...], wanted: tuple[Category, ...]) -> None:
    texts = [isinstance(category, str) for category in wanted]
    if all(texts) and not all(isinstance(c, str) for c in new):
        needed = "texts"
    elif not any(texts) and any(isinstance(c, str) for c in new):
        needed = "numbers"
    else:
        return
    raise WrongType(
        f"Column {name!r} must hold {needed}, as its categories do",
        got=_some(new),
        allowed=wanted,
        fix=f"Turn its values into {needed} first",
    )


def _refuse_outside(
    column: Column, codes: FloatArray, rows: npt.NDArray[Any], *, whole_said: bool
) -> None:
    checks: tuple[tuple[bool, Callable[[], npt.NDArray[np.bool_]], str], ...] = (
        (column.kind == "boolean", lambda: ~np.isin(codes, (0, 1)), "0 or 1, True or False"),
        (whole_said and column.integer, lambda: np.floor(codes) != codes, "whole numbers"),
        (column.low is not None, lambda: ~(codes >= (column.low or 0)), f"at least {column.low}"),
        (column.high is not None, lambda: ~(codes <= (column.high or 0)), f"at most {column.high}"),
    )
    for applies, outside, allowed in checks:
        if not applies:
            continue
        wrong = outside() & ~np.isnan(codes)
        if wrong.any():
            raise InvalidData(
                f"Column {column.name!r} holds values outside what is allowed",
                got=f"{_some(np.unique(codes[wrong]).tolist())} in {rows_named(rows, wrong)}",
                allowed=allowed,
                fix="Correct the rows, or the schema",
            )


def _notes(column: Column, found: Encoded) -> tuple[str, ...]:
    count, rows = len(column.categories), len(found.codes)
    notes: list[str] = []
    if count > MANY_CATEGORIES and 2 * count > rows:
        notes.append(
            f"column {column.name!r} has {count} categories in {rows} rows: perhaps an identifier"
        )
    if found.exact is not None and found.integer and found.route == "number":
        notes.append(
            f"column {column.name!r} has whole numbers above 2^53 = {EXACT_INTEGER}: "
            "kept exactly in the rows given, rounded in rows made from them"
        )
    if getattr(found.dtype, "tz", None) is not None or getattr(found.arrow, "tz", None) is not None:
        notes.append(f"times in column {column.name!r} are counted and shown in UTC")
    return tuple(notes)


def _some(values: Any) -> str:
    shown = ", ".join(repr(value) for value in values[:5])
    return shown if len(values) <= 5 else f"{shown} and {len(values) - 5} more"
