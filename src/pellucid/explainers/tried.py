"""Whether a model takes the rows it is to explain, found by asking it, and what it said then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.core.errors import InvalidData, WrongType
from pellucid.data.table import Table
from pellucid.engine.work import Work
from pellucid.models import frames
from pellucid.models.adapter import Model

FEW_ROWS = 64
"""So many rows are predicted at once when it is tried whether the model takes them."""


@dataclass(frozen=True)
class Told:
    """What a model said about the rows of a table while it was tried whether it takes them."""

    model: Model
    table: Table
    scale: str
    values: np.ndarray
    """(row, output of the model)"""

    @property
    def whole(self) -> bool:
        """Whether it was asked about every row."""
        return len(self.values) == len(self.table)


def tried(model: Model, table: Table, reference: Table | None, scale: str, work: Work) -> Told:
    """Ask about the rows that the model might refuse; about all rows explained if they are few.

    Raises
    ------
    InvalidData
        The model refuses them; names the columns whose gaps it refuses.
    """
    gaps = _gaps(table)
    most = min(FEW_ROWS, work.batch_size, FEW_ROWS if work.limit is None else int(work.limit))
    least = table.take(sorted({0, *gaps.values()}))
    few = table if len(table) <= most else least
    behind = {} if reference is None else _gaps(reference)
    others = sorted({row for gap, row in behind.items() if gap not in gaps})
    try:
        with np.errstate(**work.numpy):
            if reference is not None and others:
                model.predict(reference.take(others).native(), scale)
            try:
                said = model.predict(few.native(), scale)
            except InvalidData:  # of a row that the method need not ask about
                said = model.predict(least.native(), scale)
            return Told(model, table, scale, said)
    except WrongType:
        raise
    except InvalidData:
        for rows in (reference, table):
            if rows is not None:
                model.check(rows.native())
        raise


def _gaps(table: Table) -> dict[tuple[str, int], int]:
    """For each column with missing or infinite values, a row that has one."""
    kinds = ("missing", "infinite")
    found = {kind: frames.first_rows_with(table.codes, kind) for kind in kinds}
    return {(kind, j): row for kind, rows in found.items() for j, row in rows.items()}
