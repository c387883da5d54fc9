"""Removed columns follow a normal distribution given the known ones."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np

from pellucid.maths.gaussian_completion import completion
from pellucid.maths.gaussian_shapley import steady
from pellucid.perturb.neighbours import Nearness
from pellucid.perturb.removal import Reference, refuse_missing

NAMED = ("categorical", "ordinal", "boolean")


class Gaussian:
    """Moves each background row to where a normal distribution expects it, given what is known.

    A hidden number is that of the background row plus the regression of the distance between the
    known values and the row's own: Matheron's rule, by which a draw of a normal distribution
    becomes a draw of its conditional distribution. Mean and covariance of the completed rows are
    those of the normal distribution given the known columns, without any random draw, and rows keep
    the shape of what the regression leaves.

    Notes
    -----
    Categories, ordered or not, and booleans take no part in the normal distribution: a hidden one
    is that of the background row, and in tables that have them rows are weighted by their nearness
    in the known columns, as by ``"neighbours"``. Equal to the marginal where columns are
    uncorrelated.

    References
    ----------
    Aas, Jullum and Løland (2021), doi:10.1016/j.artint.2021.103502. Wilson et al. (2021),
    arXiv:2011.04026 (Matheron's rule). Beaumont, Zhang and Balding (2002),
    doi:10.1093/genetics/162.4.2025 (regression adjustment of weighted rows).
    """

    name: ClassVar[str] = "gaussian"
    named: ClassVar[tuple[str, ...]] = NAMED
    conditional: ClassVar[bool] = True
    words: ClassVar[str] = (
        "Removed columns follow a normal distribution given the known ones, fitted to the "
        "background."
    )

    def __init__(self, known: Reference) -> None:
        self.seen = known.seen
        self.reference = known.distinct
        self.width = len(self.reference[0])
        self.moved = ~known.kinds(*self.named)
        self.chain = self._chain(known)[self.moved]
        refuse_missing(self.name, known.seen[:, self.moved], known.rows[:, self.moved])
        self.nearness = None if self.moved.all() else Nearness(known)

    @cached_property
    def fitted(self) -> tuple[np.ndarray, np.ndarray]:
        """Correlation and standard deviations of the background; not before they are needed, so
        that a plan that cannot be is refused first."""
        correlation, deviation, _ = steady(self.coded(self.seen))
        return correlation, deviation

    @cached_property
    def donors(self) -> np.ndarray:
        """The background rows, in standard deviations."""
        return np.asarray(self.coded(self.reference[0]) / self.fitted[1])

    def complete(self, own: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Removal.complete`."""
        refuse_missing(self.name, own[:, self.moved])
        rows, share = self.reference
        number = inside[:, self.moved]
        packed, place = np.unique(np.packbits(number, axis=1), axis=0, return_inverse=True)
        kinds = np.unpackbits(packed, axis=1, count=number.shape[1]).astype(bool)
        correlation, deviation = self.fitted
        matrix = completion(correlation, kinds, self.chain)[place.reshape(-1)]
        distance = (self.coded(own) / deviation)[:, None] - self.donors
        completed = np.where(inside[:, None], own[:, None], rows)
        moved = self.decoded((self.donors + distance @ matrix) * deviation)
        completed[:, :, self.moved] = np.where(number[:, None], own[:, None, self.moved], moved)
        if self.nearness is not None:
            share = share * self.nearness.weights(own, inside, rows)
            share /= share.sum(axis=1, keepdims=True)
        return completed, share

    def coded(self, rows: np.ndarray) -> np.ndarray:
        """The columns that are taken for normal."""
        return rows[..., self.moved]

    def decoded(self, coded: np.ndarray) -> np.ndarray:
        """Back from `coded`."""
        return coded

    def _chain(self, known: Reference) -> np.ndarray:
        return np.zeros(len(known.columns), dtype=int)
