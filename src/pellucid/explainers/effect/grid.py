"""The points of a curve along one column, in codes for the model and in labels for the reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.core.axes import Label
from pellucid.core.curve import Curve
from pellucid.core.errors import InvalidSetting, MissingValues, UnknownName
from pellucid.core.provenance import Provenance
from pellucid.data.schema import Column
from pellucid.explainers.question import Question
from pellucid.maths.grids import quantile_grid, support

Features = str | tuple[str, ...] | None
"""One column, several, or (`None`) all of them."""

LABELLED = ("categorical", "ordinal", "boolean")
"""Kinds of columns whose points are categories."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The points along one column.

    Parameters
    ----------
    column : int
        The column's place.
    name : str
        Its name.
    codes : array of shape (point,)
        The points as the table codes them.
    labels : sequence of shape (point,)
        The points as the reader knows them.
    categorical : bool
        Whether they are categories.
    weight : array of shape (point,)
        How many rows lie nearest to each point.
    notes : tuple of str
        What a reader must know about these points.
    """

    column: int
    name: str
    codes: np.ndarray
    labels: Sequence[Label] | np.ndarray
    categorical: bool
    weight: np.ndarray
    notes: tuple[str, ...]


def checked_features(feature: Any) -> Features:
    """The columns asked for, as a recipe stores them: hashable, and never one letter each."""
    if feature is None or isinstance(feature, str):
        return feature
    if not isinstance(feature, (list, tuple)) or not all(isinstance(f, str) for f in feature):
        raise InvalidSetting(
            "feature says which columns",
            got=repr(feature),
            allowed="a name, a tuple of names, or None for all columns",
        )
    return tuple(feature)


def chosen(question: Question, feature: Features) -> list[int]:
    """Places of the columns asked for.

    Raises
    ------
    UnknownName
        If there is no such column; says which is close.
    """
    names = question.table.names
    wanted = names if feature is None else (feature,) if isinstance(feature, str) else feature
    for name in wanted:
        if name not in names:
            raise UnknownName.among("feature", name, names)
    return [names.index(name) for name in wanted]


def usable(question: Question, feature: Features, rows: np.ndarray) -> list[int]:
    """Places of the columns asked for that have values; notes those that have none.

    Raises
    ------
    MissingValues
        If a column asked for by name has no value at all, or no column has any.
    """
    columns = chosen(question, feature)
    empty = [j for j in columns if not np.isfinite(rows[:, j]).any()]
    names = ", ".join(question.table.names[j] for j in empty)
    if empty and (feature is not None or len(empty) == len(columns)):
        raise MissingValues("There is no value to draw a curve along", got=f"none in {names}")
    if empty:
        question.note(f"There is no curve for {names}: no row has a value.")
    return [j for j in columns if j not in empty]


def grids(question: Question, feature: Features, rows: np.ndarray, points: int) -> list[Grid]:
    """A grid for each column asked for, from the coded `rows` of shape (row, feature)."""
    found = []
    for column in usable(question, feature, rows):
        values = rows[np.isfinite(rows[:, column]), column]
        labelled = question.table.schema[question.table.names[column]].kind in LABELLED
        codes = np.unique(values) if labelled else quantile_grid(values, points)
        found.append(grid(question, column, codes, rows[:, column]))
    return found


def grid(question: Question, column: int, codes: np.ndarray, values: np.ndarray) -> Grid:
    """The grid of `codes`, for a column with these `values`, not finite where missing."""
    meaning = question.table.schema[question.table.names[column]]
    labelled = meaning.kind in LABELLED
    there = values[np.isfinite(values)]
    return Grid(
        column=column,
        name=meaning.name,
        codes=codes,
        labels=labels(meaning, codes),
        categorical=labelled,
        weight=(there == codes[:, None]).sum(axis=1) if labelled else support(there, codes),
        notes=tuple(_warnings(meaning, codes, values)),
    )


def _warnings(column: Column, codes: np.ndarray, values: np.ndarray) -> Iterator[str]:
    lost = int((~np.isfinite(values)).sum())
    if lost:
        yield (
            f"{lost} of {len(values)} rows have no finite value of {column.name}, and missing is "
            "no point of its curve."
        )
    if len(codes) == 1:
        yield f"{column.name} has one value only, so its curve is one point."
    if column.kind == "date":
        yield f"The grid of {column.name} counts days since 1970-01-01."
    unseen = [str(c) for i, c in enumerate(column.categories) if i not in codes]
    if unseen:
        yield f"No row has these values of {column.name}: {', '.join(unseen[:5])}."


def labels(column: Column, codes: np.ndarray) -> Sequence[Label] | np.ndarray:
    """Codes as the reader knows them."""
    if column.kind == "boolean":
        return [bool(code) for code in codes]
    return [column.categories[int(code)] for code in codes] if column.categories else codes


def curve(
    question: Question,
    points: Grid,
    values: np.ndarray,
    *,
    band: np.ndarray | None = None,
    band_meaning: str = "",
    samples: bool = False,
) -> Curve:
    """The curve along one column.

    Parameters
    ----------
    values : array of shape (point, output), or (sample, point, output) with `samples`
        The curve, already said for the explained class.
    band : array of shape (2, *values), optional
        Its limits.
    """
    dims: tuple[str, ...] = ("sample", "point") if samples else ("point",)
    coords: dict[str, Sequence[Label]] = {"sample": list(question.table.rows)} if samples else {}
    if question.many:
        dims = (*dims, question.output_axis)
        coords[question.output_axis] = question.labels
    else:
        values, band = values[..., 0], None if band is None else band[..., 0]
    return Curve(
        feature=points.name,
        grid=points.labels,
        values=values,
        dims=dims,
        coords=coords,
        band=band,
        band_meaning=band_meaning if band is not None else "",
        weight=points.weight,
        categorical=points.categorical,
        provenance=Provenance(method="", notes=points.notes),
    )


def one_or_all(feature: Features, curves: list[Curve]) -> Curve | tuple[Curve, ...]:
    """The curve itself where one column was named, else a tuple."""
    return curves[0] if isinstance(feature, str) else tuple(curves)
