"""Leaves that hold a linear model each, as LightGBM grows them with ``linear_tree=True``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LeafModel:
    """One leaf: ``constant + X[columns] @ slopes``."""

    constant: float
    columns: NDArray[np.integer]
    slopes: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearLeaves:
    """The linear models of all leaves of a forest; inner nodes have an empty one.

    A leaf adds ``constant[node]`` plus the sum of ``slope * X[column]`` over its own entries
    ``start[node]:start[node + 1]``; where one of these columns is NaN it adds the forest's own
    ``value[node]`` instead.

    Attributes
    ----------
    constant : (node,)
    start : (node + 1,)
    column, slope : (entry,)
    """

    constant: Floats
    start: NDArray[np.int64]
    column: NDArray[np.int32]
    slope: Floats

    @classmethod
    def join(cls, leaves: Sequence[LeafModel | None]) -> LinearLeaves:
        """The models of all nodes in order; None at an inner node."""
        sizes = [0 if leaf is None else len(leaf.slopes) for leaf in leaves]
        own = [leaf for leaf in leaves if leaf is not None]
        return cls(
            constant=np.array([0.0 if leaf is None else leaf.constant for leaf in leaves]),
            start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            column=np.concatenate([np.zeros(0), *(leaf.columns for leaf in own)]).astype(np.int32),
            slope=np.concatenate([np.zeros(0), *(leaf.slopes for leaf in own)]),
        )

    def add(self, leaf: NDArray[np.int64], fallback: Floats, X: Floats, into: Floats) -> None:
        """Add to `into` (sample,) what each row's leaf says."""
        _add(self.constant, self.start, self.column, self.slope, leaf, fallback, X, into)


@njit(cache=True, nogil=True)
def _add(constant, start, column, slope, leaf, fallback, X, into):  # type: ignore[no-untyped-def]
    for row in range(len(leaf)):
        node = leaf[row]
        total = constant[node]
        for entry in range(start[node], start[node + 1]):
            total += slope[entry] * X[row, column[entry]]
        for entry in range(start[node], start[node + 1]):
            if np.isnan(X[row, column[entry]]):
                total = fallback[node]
        into[row] += total
