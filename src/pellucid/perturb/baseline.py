"""Removed columns take the values of one reference row."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pellucid.perturb.removal import Reference

MIDDLE = ("ordinal", "date")
MOST_COMMON = ("categorical", "boolean")


class Baseline:
    """Takes all that is not known from one typical row: one evaluation for each coalition.

    The row is the background if that is a single row. Else it holds the mean of each numeric
    column, the lower median of whole numbers, dates and ordered categories, and the most common
    value of other categories and booleans; missing values are passed over unless there is nothing
    else.

    References
    ----------
    Sundararajan and Najmi (2020), The many Shapley values for model explanation, arXiv:1908.08474.
    """

    conditional: ClassVar[bool] = False
    words: ClassVar[str] = "Removed columns take the values of one reference row."

    def __init__(self, known: Reference) -> None:
        columns = zip(known.columns, known.seen.T, strict=True)
        row = np.array(
            [[_typical(column.kind, column.integer, codes) for column, codes in columns]]
        )
        self.reference = row, np.ones(1)
        self.seen, self.width = row, 1

    def complete(self, own: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Removal.complete`."""
        row, share = self.reference
        return np.where(inside, own, row)[:, None], share


def _typical(kind: str, integer: bool, codes: np.ndarray) -> float:
    there = codes[~np.isnan(codes)]
    if len(there) == 0:
        return float("nan")
    if kind in MOST_COMMON:
        values, count = np.unique(there, return_counts=True)
        return float(values[count.argmax()])
    if kind in MIDDLE or integer:
        return float(np.sort(there)[(len(there) - 1) // 2])
    return float(there.mean())
