"""Columns cut into levels: quantile bins of numbers, and categories, each with its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.core.errors import EmptyData, InvalidData, WrongType
from pellucid.core.explanation import number

FEW_VALUES = 8
"""A numeric column with no more different values than this is a column of categories."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Levels:
    """A column as levels.

    Parameters
    ----------
    name : str
        The column.
    codes : int array of shape (sample,)
        Place of the level of each row; −1 for rows in levels with too few rows.
    words : tuple of str
        Each level in words, such as ``"duration 36 to 72"`` or ``"housing = rent"``.
    """

    name: str
    codes: np.ndarray
    words: tuple[str, ...]

    def take(self, index: np.ndarray) -> Levels:
        """Only some rows."""
        return Levels(name=self.name, codes=self.codes[index], words=self.words)


def levels(columns: Mapping[str, Any], rows: int, bins: int, min_rows: int) -> tuple[Levels, ...]:
    """Each column as levels of at least `min_rows` rows; columns without any are left out.

    Raises
    ------
    EmptyData, InvalidData, WrongType
        If there are no columns, or a column does not fit the rows or cannot be read.
    """
    if not isinstance(columns, Mapping):
        raise WrongType(
            "The columns must be a mapping from names to arrays", got=type(columns).__name__
        )
    if not columns:
        raise EmptyData("There are no columns to look for weak spots in")
    found = []
    for name, given in columns.items():
        values = np.asarray(given)
        if values.shape != (rows,):
            raise InvalidData(
                f"Column {name!r} does not fit the true answers",
                got=f"shape {values.shape}",
                allowed=f"({rows},)",
            )
        codes, words = _cut(str(name), values, bins)
        kept = np.flatnonzero(np.bincount(codes, minlength=len(words)) >= min_rows)
        if len(kept):
            place = np.full(len(words), -1)
            place[kept] = np.arange(len(kept))
            words = [words[level] for level in kept]
            found.append(Levels(name=str(name), codes=place[codes], words=tuple(words)))
    return tuple(found)


def _cut(name: str, values: np.ndarray, bins: int) -> tuple[np.ndarray, list[str]]:
    """Level of each row, and the words of each level; missing values are a level."""
    if values.dtype.kind in "iuf":
        missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
        if np.unique(values[~missing]).size > FEW_VALUES:
            return _binned(name, values, missing, bins, as_number=True)
    elif values.dtype.kind == "M":
        return _binned(name, values, np.isnat(values), bins, as_number=False)
    elif values.dtype.kind not in "bOUS":
        raise WrongType(f"Column {name!r} cannot be cut into slices", got=str(values.dtype))
    labels = ["missing" if _is_missing(value) else _label(value) for value in values.tolist()]
    known, codes = np.unique(labels, return_inverse=True)
    return codes, [
        f"{name} missing" if label == "missing" else f"{name} = {label}" for label in known.tolist()
    ]


def _binned(
    name: str, values: np.ndarray, missing: np.ndarray, bins: int, *, as_number: bool
) -> tuple[np.ndarray, list[str]]:
    present = values[~missing]
    if not len(present):
        return np.zeros(len(values), dtype=np.intp), [f"{name} missing"]
    edges = np.quantile(present, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf")
    place = np.unique(np.searchsorted(edges, present), return_inverse=True)[1]
    words = []
    for level in range(place.max() + 1):
        inside = present[place == level]
        low, high = (
            number(float(end)) if as_number else str(end) for end in (inside.min(), inside.max())
        )
        words.append(f"{name} = {low}" if low == high else f"{name} {low} to {high}")
    codes = np.full(len(values), len(words))
    codes[~missing] = place
    return codes, [*words, f"{name} missing"]


def _is_missing(value: Any) -> bool:
    return value is None or str(value) in ("nan", "<NA>", "NaT")


def _label(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, float) else str(value)
