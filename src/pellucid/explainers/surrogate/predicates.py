"""What rules are made of: bins of numbers and dates, categories, and missing values, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.core.rules import Condition
from pellucid.data.schema import Column
from pellucid.data.table import describe
from pellucid.maths.conditional_draws import Limit

NAMED = ("categorical", "boolean")
"""Kinds of columns whose values have no order."""

LISTED = 3
"""Categories that are listed in words; of more, those that are left out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bins:
    """The bins of each column: 0 where a value is missing, then 1, 2, … in order.

    Parameters
    ----------
    columns : tuple of Column
        What each column means.
    edges : tuple of arrays
        For each ordered column the greatest value of every bin but the last; ``None`` for
        categories, each of which is a bin.
    counts : array of int of shape (column,)
        Bins of each column, without that of missing values.
    gaps : array of bool of shape (column,)
        Whether the reference rows have missing values there.
    """

    columns: tuple[Column, ...]
    edges: tuple[np.ndarray | None, ...]
    counts: np.ndarray
    gaps: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray, columns: Sequence[Column], bins: int) -> Bins:
        """Bins of about equally many rows, at most `bins` for each number or date."""
        edges = tuple(
            _edges(values[~np.isnan(values)], meaning, bins)
            for values, meaning in zip(codes.T, columns, strict=True)
        )
        counts = [
            (len(meaning.categories) or 2) if cut is None else len(cut) + 1
            for cut, meaning in zip(edges, columns, strict=True)
        ]
        return cls(
            columns=tuple(columns),
            edges=edges,
            counts=np.array(counts),
            gaps=np.isnan(codes).any(axis=0),
        )

    def place(self, codes: np.ndarray) -> np.ndarray:
        """The bins of coded rows, shape (row, column)."""
        placed = np.empty(codes.shape, dtype=np.int32)
        for j, edges in enumerate(self.edges):
            column = codes[:, j]
            gone = np.isnan(column)
            known = np.where(gone, 0.0, column)
            found = known if edges is None else np.searchsorted(edges, known, side="left")
            placed[:, j] = np.where(gone, 0, 1 + found)
        return placed

    def named(self, column: int) -> bool:
        """Whether the bins of a column have no order."""
        return self.edges[column] is None

    def limits(self, column: int) -> list[Limit]:
        """Every single limit on a column: a category, a half-line, missing, or known."""
        count = int(self.counts[column])
        if self.named(column):
            found = [(column, place, place) for place in range(1, count + 1)]
        else:
            found = [(column, 1, place) for place in range(1, count)]
            found += [(column, place, count) for place in range(2, count + 1)]
        if self.gaps[column]:
            found += [(column, 0, 0)] + ([] if self.named(column) else [(column, 1, count)])
        return found

    def met_by(self, bins: Sequence[int] | np.ndarray) -> list[Limit]:
        """Every single limit that a row with these bins meets."""
        return [
            limit
            for column, own in enumerate(bins)
            for limit in self._known(column, int(own))
            if limit[1] <= own <= limit[2]
        ]

    def _known(self, column: int, own: int) -> list[Limit]:
        beyond = self.named(column) and own > self.counts[column]
        return [(column, own, own)] if beyond else self.limits(column)

    def condition(self, column: int, allowed: Sequence[int]) -> Condition:
        """The condition that a column lies in one of the `allowed` bins, with its words."""
        meaning, known = self.columns[column], sorted(set(allowed) - {0})
        missing = 0 in allowed
        said = missing and bool(self.gaps[column])
        whole = len(known) == self.counts[column]
        if not known or (whole and not missing):
            text = f"{meaning.name} is {'missing' if missing else 'known'}"
        elif meaning.kind in (*NAMED, "ordinal"):
            text = self._categories(column, known, said)
        else:
            text = self._range(column, known) + (" or missing" if said else "")
        if meaning.kind in (*NAMED, "ordinal"):
            return Condition(
                feature=meaning.name,
                text=text,
                values=tuple(_label(meaning, place - 1) for place in known),
                missing=missing,
            )
        if not known:
            return Condition(feature=meaning.name, text=text, values=(), missing=True)
        low, high = self._ends(column, known)
        return Condition(feature=meaning.name, text=text, low=low, high=high, missing=missing)

    def _ends(self, column: int, known: Sequence[int]) -> tuple[float, float]:
        edges = self.edges[column]
        assert edges is not None
        low = -np.inf if known[0] == 1 else float(edges[known[0] - 2])
        high = np.inf if known[-1] > len(edges) else float(edges[known[-1] - 1])
        return low, high

    def _range(self, column: int, known: Sequence[int]) -> str:
        meaning = self.columns[column]
        low, high = self._ends(column, known)
        name = meaning.name
        if np.isinf(low):
            return f"{name} ≤ {_said(meaning, high)}"
        if np.isinf(high):
            return f"{name} > {_said(meaning, low)}"
        if meaning.integer and high - low == 1:
            return f"{name} is {_said(meaning, high)}"
        return f"{_said(meaning, low)} < {name} ≤ {_said(meaning, high)}"

    def _categories(self, column: int, known: Sequence[int], missing: bool) -> str:
        meaning, every = self.columns[column], int(self.counts[column])
        others = [place for place in range(1, every + 1) if place not in known]
        if meaning.kind == "ordinal" and len(known) > 1 and not missing:
            if known[0] == 1:
                return f"{meaning.name} is at most {_said(meaning, known[-1] - 1)}"
            if known[-1] == every:
                return f"{meaning.name} is at least {_said(meaning, known[0] - 1)}"
        turned = len(others) < len(known) and len(others) <= LISTED
        turned = turned and meaning.kind != "boolean" and missing == self.gaps[column]
        said = [_said(meaning, place - 1) for place in (others if turned else known)]
        said += ["missing"] if missing and not turned else []
        return f"{meaning.name} is {'not ' if turned else ''}{_either(said)}"


def _edges(values: np.ndarray, meaning: Column, bins: int) -> np.ndarray | None:
    if meaning.kind in NAMED:
        return None
    if meaning.kind == "ordinal":
        return np.arange(len(meaning.categories) - 1, dtype=np.float64)
    if not len(values):
        return np.empty(0)
    shares = np.arange(1, bins) / bins
    cuts = np.unique(np.quantile(values, shares, method="inverted_cdf"))
    cuts = cuts[np.isfinite(cuts) & (cuts < values.max())]
    if meaning.kind == "date" or meaning.integer:
        return cuts
    above = np.sort(values)[np.searchsorted(np.sort(values), cuts, side="right")]
    return np.array([_short(*ends) for ends in zip(cuts, above, strict=True)])


def _short(low: float, high: float) -> float:
    """The number of fewest digits from `low` up to, but not including, `high`."""
    if not np.isfinite(high):
        return low
    for digits in range(1, 16):
        step = 10.0 ** (np.floor(np.log10(max(abs(low), abs(high)))) - digits + 1)
        rounded = float(f"{np.ceil(low / step) * step:.{digits}g}")
        if low <= rounded < high:
            return rounded
    return low


def _said(meaning: Column, code: float) -> str:
    text = describe(meaning, code)
    return text.replace("-", "−") if meaning.kind == "numeric" else text


def _label(meaning: Column, place: int) -> str | int | float | bool:
    return bool(place) if meaning.kind == "boolean" else meaning.categories[place]


def _either(said: Sequence[str]) -> str:
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} or {said[-1]}"
