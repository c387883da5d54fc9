"""Removed columns come from background rows, whatever the known columns are."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pellucid.perturb.removal import Reference


class Marginal:
    """Takes all that is not known from each background row in turn.

    True to the model: a column that the model does not use gets nothing. Completed rows may be
    unlike any real row. Equal background rows are evaluated once.

    References
    ----------
    Lundberg and Lee (2017), arXiv:1705.07874. Janzing, Minorics and Blöbaum (2020),
    arXiv:1910.13413.
    """

    conditional: ClassVar[bool] = False
    words: ClassVar[str] = ""

    def __init__(self, known: Reference) -> None:
        self.reference = known.distinct
        self.seen = self.reference[0]
        self.width = len(self.reference[0])

    def complete(self, own: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Removal.complete`."""
        rows, share = self.reference
        return np.where(inside, own, rows[:, None]).swapaxes(0, 1), share
