"""Removed columns come from the background rows that are nearest in the known ones."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pellucid.maths.spread import deviations
from pellucid.perturb.removal import Reference, same

REACH = 2.0
"""Rows out to the k-th nearest are within this many kernel widths."""

LEAST = 1e-3
"""Weights below this, relative to a row at no distance, are taken for nothing."""


class Nearness:
    """Weights of background rows by their distance from a row in some columns.

    Columns are put on one scale: the squared distance between two rows drawn from the background is
    2 on average in each. That is a difference in standard deviations for numbers, and sameness for
    categories, where a missing value is one more category. The kernel is normal, and as wide as it
    takes to hold the √n nearest of n rows within two widths; with as many rows that agree in all
    known columns, those alone have weight. With nothing known, all weights are equal.
    """

    def __init__(self, known: Reference) -> None:
        self.named = known.kinds("categorical")
        self.seen = known.seen
        spread = deviations(self.seen)
        self.spread = np.where(spread > 0, spread, 1.0)
        shares = [np.unique(c, return_counts=True)[1] / len(c) for c in self.seen.T]
        differ = np.array([1.0 - (share**2).sum() for share in shares])
        self.apart = np.where(self.named, 2.0 / np.where(differ > 0, differ, 1.0), 2.0)

    def weights(self, own: np.ndarray, inside: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Weights (job, row) of `rows` for what is known of `own`; the greatest is 1."""
        distance = np.zeros((len(own), len(rows)))
        wanted = np.zeros((len(own), len(self.seen)))
        for j in np.flatnonzero(inside.any(axis=0)).tolist():
            known = inside[:, j, None]
            distance += np.where(known, self._squared(own[:, j, None], rows[:, j], j), 0.0)
            wanted += np.where(known, self._squared(own[:, j, None], self.seen[:, j], j), 0.0)
        near = int(np.ceil(np.sqrt(len(self.seen)))) - 1
        width = np.partition(wanted, near, axis=1)[:, near, None] / REACH**2
        closest = distance.min(axis=1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.exp(-(distance - closest) / (2 * width))
        weight = np.where(width > 0, weight, distance <= closest)
        return np.where(weight >= LEAST, weight, 0.0)

    def _squared(self, values: np.ndarray, others: np.ndarray, j: int) -> np.ndarray:
        if self.named[j]:
            return np.where(same(values, others), 0.0, self.apart[j])
        with np.errstate(invalid="ignore"):
            square = ((values - others) / self.spread[j]) ** 2
        return np.where(
            same(values, others), 0.0, np.where(np.isnan(square), self.apart[j], square)
        )


class Neighbours:
    """Takes what is not known from background rows, weighted by nearness in what is known.

    Makes no assumption on the distribution, and completed rows have hidden values that occur
    together.

    Notes
    -----
    Cost: some 4√n evaluations for each coalition with n background rows.

    Deviations from Aas et al.: distances are Euclidean on standardised columns (sameness for
    categories) rather than Mahalanobis, and the width adapts to each row and coalition rather than
    being one number.

    References
    ----------
    Aas, Jullum and Løland (2021), §3.3, doi:10.1016/j.artint.2021.103502.
    """

    conditional: ClassVar[bool] = True
    words: ClassVar[str] = (
        "Removed columns come from the background rows that are nearest in the known ones."
    )

    def __init__(self, known: Reference) -> None:
        self.seen = known.seen
        self.reference = known.seen, np.full(len(known.seen), 1 / len(known.seen))
        self.width = min(len(known.seen), int(4 * np.ceil(np.sqrt(len(known.seen)))))
        self.nearness = Nearness(known)

    def complete(self, own: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Removal.complete`."""
        weight = self.nearness.weights(own, inside, self.seen)
        most = int((weight > 0).sum(axis=1).max())
        nearest = np.argsort(-weight, axis=1, kind="stable")[:, :most]
        share = np.take_along_axis(weight, nearest, axis=1)
        rows = np.where(inside[:, None], own[:, None], self.seen[nearest])
        return rows, share / share.sum(axis=1, keepdims=True)
