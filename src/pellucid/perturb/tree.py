"""Removed columns come from the leaf of a tree that the known ones lead to."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pellucid.maths.conditional_tree import ConditionalTree, grow, leaves
from pellucid.perturb.removal import Reference

KEPT = 4096
"""Trees that are kept for the next rows."""


class Tree:
    """Takes what is not known from the background rows in the leaf that the known columns lead to.

    For each coalition one conditional inference tree is grown on the background, with the known
    columns as predictors and all hidden ones as its responses; explained rows share it. Numbers,
    categories and missing values may be mixed.

    Notes
    -----
    Cost: a tree for each coalition, and as many evaluations as its leaf has rows: all of the
    background where nothing depends on anything.

    A category takes part as one 0/1 column for each of its values, and a column with missing values
    as one more that says so. Leaves have at least 7 rows, and nodes are split at the 5 % level,
    corrected for the number of columns, as in the paper.

    References
    ----------
    Redelmeier, Jullum and Aas (2020), Explaining predictive models with mixed features using
    Shapley values and conditional inference trees, arXiv:2007.01027. Hothorn, Hornik and Zeileis
    (2006), doi:10.1198/106186006X133933.
    """

    conditional: ClassVar[bool] = True
    words: ClassVar[str] = (
        "Removed columns come from the background rows in the leaf of a tree grown on the known "
        "ones."
    )

    def __init__(self, known: Reference) -> None:
        self.seen = known.seen
        self.reference = known.seen, np.full(len(known.seen), 1 / len(known.seen))
        self.width = len(known.seen)
        self.named = known.kinds("categorical")
        self.gaps = np.isnan(known.seen).any(axis=0)
        self.middle = np.array([_mean(column) for column in known.seen.T])
        finite = np.isfinite(known.seen)
        self.least = np.where(finite, known.seen, np.inf).min(axis=0)
        self.most = np.where(finite, known.seen, -np.inf).max(axis=0)
        self.levels = [np.unique(column[~np.isnan(column)]) for column in known.seen.T]
        coded, self.origin = self._coded(known.seen)
        deviation = coded.std(axis=0)
        self.coded = coded
        self.responses = (coded - coded.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
        self.trees: dict[bytes, ConditionalTree] = {}

    def complete(self, own: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Removal.complete`."""
        coded, _ = self._coded(own)
        shared = np.zeros((len(own), len(self.seen)), dtype=bool)
        packed, place = np.unique(np.packbits(inside, axis=1), axis=0, return_inverse=True)
        for number, key in enumerate(packed):
            jobs = np.flatnonzero(place.reshape(-1) == number)
            known = inside[jobs[0]][self.origin]
            if not known.any() or known.all():
                shared[jobs] = True
                continue
            tree = self._tree(key.tobytes(), known)
            at = leaves(tree.column, tree.threshold, tree.left, coded[jobs][:, known])
            shared[jobs] = tree.leaf == at[:, None]
        count = shared.sum(axis=1, keepdims=True)
        nearest = np.argsort(~shared, axis=1, kind="stable")[:, : int(count.max())]
        rows = np.where(inside[:, None], own[:, None], self.seen[nearest])
        return rows, np.take_along_axis(shared, nearest, axis=1) / count

    def strata(self, known: np.ndarray) -> np.ndarray:
        """The leaf of each background row, shape (row,), where `known` (feature,) columns are."""
        inside = known[self.origin]
        if not inside.any() or inside.all():
            return np.zeros(len(self.coded), dtype=np.int64)
        return self._tree(np.packbits(inside).tobytes(), inside).leaf

    def _tree(self, key: bytes, known: np.ndarray) -> ConditionalTree:
        if key not in self.trees:
            if len(self.trees) >= KEPT:
                self.trees.clear()
            self.trees[key] = grow(self.coded[:, known], self.responses[:, ~known])
        return self.trees[key]

    def _coded(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Numbers for the tree, and the column that each is of."""
        coded, origin = [], []
        for j, column in enumerate(rows.T):
            if self.named[j]:
                parts = [column == level for level in self.levels[j]]
            else:
                parts = [self._number(column, j)]
            if self.gaps[j]:
                parts.append(np.isnan(column))
            coded += parts
            origin += [j] * len(parts)
        return np.ascontiguousarray(np.array(coded, dtype=np.float64).T), np.array(origin)

    def _number(self, column: np.ndarray, j: int) -> np.ndarray:
        """Missing values in the middle, infinite ones at the end of what is seen."""
        if self.least[j] > self.most[j]:  # no number is seen
            return np.full(len(column), self.middle[j])
        known = np.clip(column, self.least[j], self.most[j])
        return np.where(np.isnan(column), self.middle[j], known)


def _mean(column: np.ndarray) -> float:
    there = column[np.isfinite(column)]
    return float(there.mean()) if len(there) else 0.0
