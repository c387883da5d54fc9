"""One piece of work: what it may cost, what it has cost so far, and how it is cut into batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.core.errors import BudgetExceeded, CannotExplain, InvalidSetting

BATCH_ROWS = 65_536
"""Rows handed to a model at once: large enough to be fast, small enough for memory."""


@dataclass
class Work:
    """Counts model evaluations, cuts them into batches and stops at the limit.

    Parameters
    ----------
    batch_size : int
        Most rows given to the model at once; it bounds memory.
    limit : int, optional
        Most rows the model may be asked to predict.
    seconds : float, optional
        Most wall-clock time.
    advance : callable
        Told how many rows are done.
    numpy : Mapping of str to str
        What numpy does about overflow and the like while the model predicts: what the user has
        set, whatever a method has set for itself.
    """

    batch_size: int = BATCH_ROWS
    limit: int | None = None
    seconds: float | None = None
    advance: Callable[[int], None] = field(default=lambda done: None)
    evaluations: int = 0
    started: float = field(default_factory=time.perf_counter)
    numpy: dict[str, Any] = field(default_factory=lambda: dict(np.geterr()))

    def __post_init__(self) -> None:
        if not isinstance(self.batch_size, (int, np.integer)) or self.batch_size < 1:
            raise InvalidSetting(
                "batch_size is a number of rows", got=self.batch_size, allowed="≥ 1"
            )
        for name, most in (("max_evaluations", self.limit), ("max_seconds", self.seconds)):
            if most is not None and (not isinstance(most, (int, float, np.number)) or not most > 0):
                raise InvalidSetting(f"{name} is a limit", got=repr(most), allowed="> 0, or None")

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    def spend(self, rows: int) -> None:
        """Book `rows` evaluations before they are made.

        Raises
        ------
        BudgetExceeded
            If they, or the time used, go beyond the limit.
        """
        if self.limit is not None and self.evaluations + rows > self.limit:
            raise BudgetExceeded(
                "The work needs more model evaluations than allowed",
                got=f"{self.evaluations + rows:,} rows to predict",
                allowed=f"{self.limit:,}",
                fix="Allow more, explain fewer rows, or give a smaller background",
            )
        if self.seconds is not None and self.elapsed > self.seconds:
            raise BudgetExceeded(
                "The work takes longer than allowed",
                got=f"{self.elapsed:.1f} s so far",
                allowed=f"{self.seconds:g} s",
            )
        self.evaluations += rows

    def predict(self, f: Callable[[np.ndarray], np.ndarray], codes: np.ndarray) -> np.ndarray:
        """``f(codes)`` of shape (row, output), batch by batch, each batch booked first.

        Raises
        ------
        CannotExplain
            If the model returns a number that is missing or infinite.
        """
        parts = []
        for rows in slices(len(codes), self.batch_size):
            self.spend(rows.stop - rows.start)
            with np.errstate(**self.numpy):
                part = f(codes[rows])
            if not np.all(np.isfinite(part)):
                bad = rows.start + int(np.argwhere(~np.isfinite(part))[0][0])
                raise CannotExplain(
                    "The model's prediction is not a finite number",
                    got=f"{part[bad - rows.start]} in row {bad}",
                    fix="Look at that row, or clip the model's output",
                )
            parts.append(part)
            self.advance(rows.stop - rows.start)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def slices(total: int, size: int) -> Iterator[slice]:
    """Consecutive slices of at most `size` that cover 0 to `total`; one empty slice for nothing."""
    for start in range(0, max(total, 1), size):
        yield slice(start, min(start + size, total))
