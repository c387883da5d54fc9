"""What stands in for the columns that a coalition lacks: a choice, not a habit.

A removal completes rows of which some columns are known. Each way is one class in one file of this
folder; `removals.py` is their table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np

from pellucid.core.errors import MissingValues
from pellucid.data.schema import Column

SEEN = 2000
"""Background rows that a conditional removal learns from, unless more are asked for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """The background, as a removal needs it.

    Parameters
    ----------
    rows : array of shape (row, feature)
        Coded rows that stand in for what is removed: what each completion costs.
    seen : array of shape (row, feature)
        Coded rows that dependence between columns is learned from.
    columns : sequence of Column
        What the columns mean.
    chain : array of int of shape (feature,), optional
        The place of each column in the order of causes, for removals that follow one.
    """

    rows: np.ndarray
    seen: np.ndarray
    columns: Sequence[Column]
    chain: np.ndarray | None = None

    @cached_property
    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """The different `rows`, and their shares of them."""
        rows, count = np.unique(self.rows, axis=0, return_counts=True)
        return rows, count / count.sum()

    def kinds(self, *kinds: str) -> np.ndarray:
        """Whether each column is of one of these kinds, shape (feature,)."""
        return np.array([column.kind in kinds for column in self.columns], dtype=bool)


class Removal(Protocol):
    """Completes rows of which some columns are known."""

    conditional: ClassVar[bool]
    """Whether removed columns depend on the known ones, so that a column which the model does not
    use gets a share if it tells of one that the model uses."""

    words: ClassVar[str]
    """What the reader is told."""

    def __init__(self, known: Reference) -> None: ...

    @property
    def reference(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows of nobody and their shares: (row, feature) and (row,)."""
        ...

    @property
    def seen(self) -> np.ndarray:
        """Rows on which a column that is always the same says nothing: (row, feature)."""
        ...

    @property
    def width(self) -> int:
        """How many rows a coalition is completed to, about."""
        ...

    def complete(self, own: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Completed rows and their shares.

        Parameters
        ----------
        own : array of shape (job, feature)
            The rows, with all their columns.
        inside : array of bool of shape (job, feature)
            Which of them are known.

        Returns
        -------
        rows : array of shape (job, row, feature)
        share : array of shape (row,) or (job, row)
            Adds up to 1 for each job.
        """
        ...


def same(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether values are equal, two missing ones included."""
    return np.asarray((values == others) | (np.isnan(values) & np.isnan(others)))


def refuse_missing(name: str, *tables: np.ndarray) -> None:
    """Raise `MissingValues` if a table has a missing or infinite value."""
    lost = sum(int((~np.isfinite(table)).sum()) for table in tables)
    if lost:
        raise MissingValues(
            f"removal={name!r} needs numbers without gaps",
            got=f"{lost} missing or infinite values",
            fix="Use removal='neighbours', 'tree' or 'marginal', which take them as they are",
        )
