"""Removed columns follow a Gaussian copula given the known ones."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import ndtr, ndtri

from pellucid.perturb.gaussian import Gaussian
from pellucid.perturb.removal import Reference

NAMED = ("categorical",)


class Copula(Gaussian):
    """As `Gaussian`, with the ranks of each column for its values.

    Values become normal scores by their rank in the background, are completed as normal numbers,
    and become the background value of the rank they come to. So a hidden value is always one that
    occurs, whole numbers stay whole, and the answer is the same for any increasing transform of a
    column. Ordered categories and booleans take part by their ranks.

    References
    ----------
    Aas, Jullum and Løland (2021), doi:10.1016/j.artint.2021.103502. Van der Waerden (1952), for the
    scores.
    """

    name: ClassVar[str] = "copula"
    words: ClassVar[str] = (
        "Removed columns follow a Gaussian copula given the known ones, fitted to the background."
    )
    named: ClassVar[tuple[str, ...]] = NAMED

    def __init__(self, known: Reference) -> None:
        self.ordered = np.sort(known.seen[:, ~known.kinds(*self.named)], axis=0)
        super().__init__(known)

    def coded(self, rows: np.ndarray) -> np.ndarray:
        """Normal scores of the columns that have ranks; ties get their middle rank."""
        total = len(self.ordered)
        scores = np.empty((len(rows), self.ordered.shape[1]))
        for j, column in enumerate(rows[:, self.moved].T):
            below = np.searchsorted(self.ordered[:, j], column, side="left")
            upto = np.searchsorted(self.ordered[:, j], column, side="right")
            scores[:, j] = ndtri((below + upto + 1) / (2 * (total + 1)))
        return scores

    def decoded(self, coded: np.ndarray) -> np.ndarray:
        """The background value whose rank is nearest to each score."""
        total = len(self.ordered)
        rank = np.clip(np.rint(ndtr(coded) * (total + 1)).astype(int) - 1, 0, total - 1)
        return np.asarray(self.ordered[rank, np.arange(self.ordered.shape[1])])
