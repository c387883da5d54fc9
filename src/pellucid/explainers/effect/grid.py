"""The points of a curve along one column, in codes for the model and in labels for the reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pellucid.core.axes import Label
from pellucid.core.curve import GUESSED, Curve
from pellucid.core.errors import InvalidSetting, MissingValues, UnknownName
from pellucid.core.provenance import Provenance
from pellucid.data.schema import Column
from pellucid.explainers.question import Question
from pellucid.maths.grids import bin_edges, nearest, quantile_grid, support
from pellucid.maths.level_order import order_levels
from pellucid.maths.subgroups import Subgroups

Features = str | tuple[str, ...] | None
"""One column, several, or (`None`) all of them."""

LABELLED = ("categorical", "ordinal", "boolean")
"""Kinds of columns whose points are categories."""

ORDERED = (
    "These categories have no order of their own: they stand in the order of their similarity in "
    "the other columns."
)


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
    subgroups : Subgroups, optional
        What tells the points that take rows out of what occurs; for effects that force all rows
        to all points.
    """

    column: int
    name: str
    codes: np.ndarray
    labels: Sequence[Label] | np.ndarray
    categorical: bool
    weight: np.ndarray
    notes: tuple[str, ...]
    subgroups: Subgroups | None = None

    def outside(self, rows: np.ndarray | None = None) -> np.ndarray | None:
        """Which of the coded `rows` each point takes out of what occurs, (row, point), or by
        default the share of the reference (point,); `None` where that cannot be told."""
        if self.subgroups is None or not self.subgroups.known:
            return None
        if rows is None:
            return self.subgroups.share(self.codes)
        return self.subgroups.outside(rows, self.codes)


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
    """A grid for each column asked for, from the coded `rows` of shape (row, feature), to all
    points of which rows will be forced."""
    schema = question.table.schema
    named = np.array([meaning.kind == "categorical" for meaning in schema.values()])
    columns = usable(question, feature, rows)
    found = []
    for column, alike in zip(columns, Subgroups.of(rows, columns, named), strict=True):
        values = rows[np.isfinite(rows[:, column]), column]
        labelled = schema[question.table.names[column]].kind in LABELLED
        codes = np.unique(values) if labelled else quantile_grid(values, points)
        made = grid(question, column, codes, rows[:, column])
        found.append(replace(made, subgroups=alike))
    return found


def binned(question: Question, rows: np.ndarray, column: int, bins: int) -> Grid:
    """A grid along which rows step to the points next to them.

    Parameters
    ----------
    rows : array of shape (row, feature)
        The coded rows.
    column : int
        Its place.
    bins : int
        Most bins of a number or date. Categories and the like have a point for each that occurs;
        those without an order stand in the order of their similarity in the other columns.
    """
    there = np.isfinite(rows[:, column])
    values = rows[there, column]
    kinds = [meaning.kind for meaning in question.table.schema.values()]
    if kinds[column] not in LABELLED:
        return grid(question, column, bin_edges(values, bins), rows[:, column])
    codes = np.unique(values)
    if kinds[column] != "categorical" or len(codes) < 3:
        return grid(question, column, codes, rows[:, column])
    named = np.delete([kind == "categorical" for kind in kinds], column)
    others = np.delete(rows[there], column, axis=1)
    order = order_levels(np.searchsorted(codes, values), others, named)
    made = grid(question, column, codes[order], rows[:, column])
    return replace(made, notes=(*made.notes, ORDERED))


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
    outside = points.outside(question.table.codes if samples else None)
    share = outside.mean(axis=0) if samples and outside is not None else outside
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
        extrapolated=outside,
        provenance=Provenance(method="", notes=(*points.notes, *_guesses(points.name, share))),
    )


def surface(
    question: Question,
    points: tuple[Grid, Grid],
    values: np.ndarray,
    *,
    weight: np.ndarray,
    band: np.ndarray | None = None,
    band_meaning: str = "",
    extrapolated: np.ndarray | None = None,
    notes: tuple[str, ...] = (),
) -> Curve:
    """The curve over two columns, from values (point, other point, output)."""
    first, second = points
    dims: tuple[str, ...] = ("point", "other point")
    coords: dict[str, Sequence[Label]] = {}
    if question.many:
        dims, coords = (*dims, question.output_axis), {question.output_axis: question.labels}
    else:
        values, band = values[..., 0], None if band is None else band[..., 0]
    said = _guesses(f"{first.name} and {second.name}", extrapolated)
    own = tuple(dict.fromkeys((*first.notes, *second.notes, *notes, *said)))
    return Curve(
        feature=first.name,
        grid=first.labels,
        categorical=first.categorical,
        other=second.name,
        other_grid=second.labels,
        other_categorical=second.categorical,
        values=values,
        dims=dims,
        coords=coords,
        band=band,
        band_meaning=band_meaning if band is not None else "",
        weight=weight,
        extrapolated=extrapolated,
        provenance=Provenance(method="", notes=own),
    )


def rows_at(points: tuple[Grid, Grid], rows: np.ndarray) -> np.ndarray:
    """How many of the coded `rows` lie nearest to each two points, (point, other point)."""
    place = [_place(each, rows[:, each.column]) for each in points]
    shape = len(points[0].codes), len(points[1].codes)
    both = (place[0] >= 0) & (place[1] >= 0)
    number = place[0][both] * shape[1] + place[1][both]
    return np.bincount(number, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)


def _place(points: Grid, values: np.ndarray) -> np.ndarray:
    """The point nearest to each value, of categories the same; -1 for none."""
    there = np.isfinite(values)
    found = np.full(len(values), -1)
    if not points.categorical:
        found[there] = nearest(values[there], points.codes)
        return found
    order = np.argsort(points.codes)
    where = np.searchsorted(points.codes[order], values[there])
    where = order[np.minimum(where, len(order) - 1)]
    found[there] = np.where(points.codes[where] == values[there], where, -1)
    return found


def _guesses(name: str, share: np.ndarray | None) -> Iterator[str]:
    """A note on points that take a large share of rows out of what occurs."""
    if share is None:
        return
    many = int((share >= GUESSED).sum())
    if many:
        yield (
            f"At {many} of {share.size} points of {name}, {GUESSED:.0%} of the rows or more (up to "
            f"{share.max():.0%}) take a value that rows like them do not have: there the model is "
            "asked about what does not occur."
        )


def one_or_all(feature: Features, curves: list[Curve]) -> Curve | tuple[Curve, ...]:
    """The curve itself where one column was named, else a tuple."""
    return curves[0] if isinstance(feature, str) else tuple(curves)
