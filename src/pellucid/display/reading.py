"""An attribution as the plain table a picture needs: rows by features, with names and inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.axes import Label
from pellucid.core.errors import AxisError, EmptyData, InvalidSetting, UnknownName
from pellucid.core.explanation import without_rounding
from pellucid.display.words import measured, unique


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """Rows by features of one output.

    Parameters
    ----------
    values, error : array of shape (sample, feature)
        The shares and their standard errors; NaN where there is none.
    features : tuple of labels
        As the user named them.
    names : tuple of str
        As they stand on an axis: short and distinct.
    samples : tuple of labels
        Names of the rows; empty for an attribution that has no rows.
    base, output : array of shape (sample,) or None
        Where the shares start, and where they should end.
    inputs : Mapping of str to arrays of shape (sample,)
        The rows in the user's own values; may lack features.
    unit : str
        What the values are measured in.
    noun : str
        What stands on the player axis: ``"feature"`` or ``"term"``.
    """

    values: np.ndarray
    error: np.ndarray
    features: tuple[Label, ...]
    names: tuple[str, ...]
    samples: tuple[Label, ...]
    base: np.ndarray | None
    output: np.ndarray | None
    inputs: Mapping[str, np.ndarray]
    unit: str
    noun: str = "feature"

    def size(self) -> np.ndarray:
        """Mean magnitude of each feature over the rows that have a value, 0 where none has."""
        known = np.isfinite(self.values)
        total = np.where(known, np.abs(self.values), 0.0).sum(axis=0)
        return total / np.maximum(known.sum(axis=0), 1)

    def order(self) -> np.ndarray:
        """Positions of the features, greatest mean magnitude first."""
        return np.argsort(-self.size(), kind="stable")

    def column(self, feature: Label) -> np.ndarray | None:
        """The input values of `feature`, if they are known."""
        found = self.inputs.get(str(feature))
        return None if found is None else np.atleast_1d(found)

    @property
    def unknown(self) -> int:
        """How many values are missing or infinite, and so are not drawn."""
        return int((~np.isfinite(self.values)).sum())


def sheet(explanation: Attribution, class_: Label | None = None) -> Sheet:
    """`explanation` as a table.

    Raises
    ------
    InvalidSetting
        If it has several classes and `class_` names none, or it has none and `class_` names one.
    AxisError
        If it has no feature axis, or another axis that no picture has a place for.
    EmptyData
        If nothing finite is in it.
    """
    if explanation.player is None:
        raise AxisError(
            "A picture of an attribution needs its features",
            got=f"axes {explanation.dims}",
            allowed="an axis 'feature' or 'term'",
        )
    chosen, label = _one_class(explanation, class_)
    others = [d for d in chosen.dims if d not in ("sample", chosen.player)]
    if others:
        raise AxisError(
            f"The picture has no place for axis {others[0]!r}",
            allowed="axes 'sample', 'feature' or 'term', and 'class'",
            fix=f"Choose one place with .sel({others[0]}=…), or average with .mean({others[0]!r})",
        )
    has_rows = "sample" in chosen.dims
    features = chosen.features
    shape = (len(chosen.coords["sample"]) if has_rows else 1, len(features))
    turned = has_rows and chosen.dims[0] != "sample"
    values, error = (
        np.asarray(a).T if turned else np.asarray(a).reshape(shape)
        for a in (chosen.values, chosen.error)
    )
    if not np.isfinite(values).any():
        raise EmptyData("There is nothing to draw", got=f"{values.size} values, none finite")
    base, output = (
        None if part is None else np.reshape(part, shape[0])
        for part in (chosen.base, chosen.output)
    )
    error = without_rounding(error, values, base, output)
    values, base, output = _settled(values, base, output)
    return Sheet(
        values=values,
        error=np.where(np.isfinite(error), error, 0.0),
        features=features,
        names=tuple(unique(features)),
        samples=tuple(chosen.coords["sample"]) if has_rows else (),
        base=base,
        output=output,
        inputs={str(name): column for name, column in (chosen.inputs or {}).items()},
        unit=measured(explanation, label),
        noun=explanation.player,
    )


def _settled(
    values: np.ndarray, *ends: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Shares, base and output, with 0 for what is only rounding beside the greatest of them."""
    parts = (values, *ends)
    settled = (None if part is None else without_rounding(part, *parts) for part in parts)
    return tuple(settled)  # type: ignore[return-value]


def settled(explanation: Attribution) -> Attribution:
    """The explanation with shares of 0 where they are only rounding beside base and output."""
    values, _, _ = _settled(explanation.values, explanation.base, explanation.output)
    return replace(explanation, values=values)


def classes(explanation: Any) -> tuple[Label, ...]:
    """The labels of the class axis, or none."""
    return tuple(explanation.coords.get("class", ()))


def one_row(explanation: Attribution, row: Label | None) -> Attribution:
    """The explanation of one row: the only one, or the one labelled `row`."""
    if "sample" not in explanation.dims:
        if row is not None:
            raise InvalidSetting("This explanation is of one row already", got=f"row={row!r}")
        return explanation
    labels = explanation.coords["sample"]
    if row is not None:
        chosen = explanation.sel(sample=row)
        return chosen if "sample" not in chosen.dims else chosen.isel(sample=0)
    if len(labels) != 1:
        raise InvalidSetting(
            "The picture shows one row",
            got=f"{len(labels)} rows",
            allowed=[str(label) for label in labels],
            fix="Choose one with row=…",
        )
    return explanation.isel(sample=0)


def feature_place(found: Sheet, feature: Label | None) -> int:
    """Where `feature` stands; by default the one with the greatest mean magnitude."""
    if feature is None:
        return int(found.order()[0])
    names = [str(f) for f in found.features]
    if str(feature) not in names:
        raise UnknownName.among("feature", str(feature), names)
    return names.index(str(feature))


def numeric(column: np.ndarray) -> np.ndarray | None:
    """A column as numbers (truth values 0 and 1, dates as days), or `None` for categories."""
    if column.dtype.kind in "biuf":
        return column.astype(float)
    if column.dtype.kind == "M":
        days = column.astype("datetime64[s]").astype(np.int64) / 86400.0
        return np.where(np.isnat(column), np.nan, days)
    if column.dtype == object and all(
        item is None or isinstance(item, (bool, int, float, np.number)) for item in column
    ):
        return np.array([np.nan if item is None else float(item) for item in column])
    return None


def missing(column: np.ndarray) -> np.ndarray:
    """Where a column of any type has no value."""
    return np.array([item is None or item != item for item in column], dtype=bool)


def check_top(top: int) -> int:
    """`top`, once it is a number of features."""
    if not isinstance(top, (int, np.integer)) or isinstance(top, bool) or top < 1:
        raise InvalidSetting("top is a number of features", got=repr(top), allowed="top ≥ 1")
    return int(top)


def _one_class(explanation: Attribution, class_: Label | None) -> tuple[Attribution, Label | None]:
    labels = classes(explanation)
    if not labels:
        if class_ is not None:
            raise InvalidSetting("This explanation has no classes", got=f"class_={class_!r}")
        return explanation, None
    if class_ is None and len(labels) > 1:
        raise InvalidSetting(
            f"This explanation has {len(labels)} classes, and the picture shows one",
            allowed=[repr(label) for label in labels],
            fix=f"Choose one with class_={labels[0]!r}",
        )
    wanted = labels[0] if class_ is None else class_
    return explanation.sel(**{"class": wanted}), wanted
