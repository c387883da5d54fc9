"""Tests as integers: the one place that knows how tree libraries compare numbers.

Each tested quantity (a column under one rule for missing values) becomes a *slot*. A number is
replaced by how many of the slot's cuts it passes, so a test is a comparison of two integers and
every oddity of a library (32-bit inputs, ``<`` or ``<=``, zero as missing, unknown categories) is
settled here, once, and not in the kernels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pellucid.models.trees import Trees

MISSING = np.int32(2**31 - 1)
NEVER = np.int32(-1)  # a code that no row has


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeCodes:
    """Integer tests of all nodes, and the tables that code a row.

    A row with code ``c`` in a node's slot goes left if ``table[table_start + c]`` for a
    categorical node (``table_start >= 0``), else if ``c <= cut`` or ``c == missing_code``.

    Attributes
    ----------
    slot : (node,) line of the codes that the node tests; -1 at a leaf
    cut, missing_code, table_start : (node,)
    table : (entry,) goes left, per categorical node: its categories, others, missing
    column : (slot,) encoded column of each slot
    """

    slot: NDArray[np.int32]
    cut: NDArray[np.int32]
    missing_code: NDArray[np.int32]
    table_start: NDArray[np.int64]
    table: NDArray[np.bool_]
    column: NDArray[np.int64]
    rule: NDArray[np.int8]
    cuts: NDArray[np.float64]
    cut_start: NDArray[np.int64]
    categories: NDArray[np.int64]
    strict: bool
    single_precision: bool
    missing_value: float
    tiny: float
    truncates: bool

    @classmethod
    def of(cls, trees: Trees) -> TreeCodes:
        """The integer tests of these trees."""
        inner = trees.feature >= 0
        sizes = np.diff(trees.category_start)
        key = (trees.feature.astype(np.int64) * 3 + trees.missing) * 2 + (sizes > 0)
        keys, place = np.unique(key[inner], return_inverse=True)
        slot = np.full(len(inner), -1, dtype=np.int32)
        slot[inner] = place
        cuts, cut_start, cut = _numeric_cuts(trees, slot, len(keys), sizes)
        categories = np.full(len(keys), -1, dtype=np.int64)
        np.maximum.at(categories, slot[sizes > 0], sizes[sizes > 0] - 1)
        table_start, table = _category_table(trees, slot, categories, sizes)
        return cls(
            slot=slot,
            cut=cut,
            missing_code=np.where(trees.missing_left, MISSING, NEVER).astype(np.int32),
            table_start=table_start,
            table=table,
            column=keys // 6,
            rule=(keys // 2 % 3).astype(np.int8),
            cuts=cuts,
            cut_start=cut_start,
            categories=categories,
            strict=trees.comparison == "<",
            single_precision=trees.single_precision,
            missing_value=trees.missing_value,
            tiny=trees.tiny,
            truncates=trees.truncates,
        )

    def encode(self, X: NDArray[np.float64]) -> NDArray[np.int32]:
        """Rows (sample, column) as codes (slot, sample)."""
        codes = np.empty((len(self.column), len(X)), dtype=np.int32)
        reading = (
            self.strict,
            self.single_precision,
            self.missing_value,
            self.tiny,
            self.truncates,
        )
        _encode(
            X, self.column, self.rule, self.cuts, self.cut_start, self.categories, reading, codes
        )
        return codes


def _numeric_cuts(
    trees: Trees, slot: NDArray[np.int32], slots: int, sizes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int32]]:
    """Sorted different cuts of every slot, their offsets, and each node's rank among them."""
    cut = np.full(len(slot), -1, dtype=np.int32)
    numeric = np.flatnonzero((slot >= 0) & (sizes == 0))
    order = numeric[np.lexsort((trees.threshold[numeric], slot[numeric]))]
    cuts, own = trees.threshold[order], slot[order]
    new_cut = np.ones(len(order), dtype=np.bool_)
    new_cut[1:] = (own[1:] != own[:-1]) | (cuts[1:] != cuts[:-1])
    rank = np.cumsum(new_cut) - 1
    counts = np.bincount(own[new_cut], minlength=slots)
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    cut[order] = rank - start[own]
    return cuts[new_cut], start, cut


def _category_table(
    trees: Trees,
    slot: NDArray[np.int32],
    categories: NDArray[np.int64],
    sizes: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """One row of answers per categorical node: all categories of its slot, others, missing."""
    start = np.full(len(slot), -1, dtype=np.int64)
    rows = [np.zeros(0, dtype=np.bool_)]
    offset = 0
    for node in np.flatnonzero((slot >= 0) & (sizes > 0)):
        known = trees.category_left[trees.category_start[node] : trees.category_start[node + 1]]
        others = np.full(categories[slot[node]] - len(known) + 2, known[-1])
        rows.append(np.concatenate([known[:-1], others, trees.missing_left[node : node + 1]]))
        start[node] = offset
        offset += len(rows[-1])
    return start, np.concatenate(rows)


@njit(cache=True, nogil=True)
def _encode(X, column, rule, cuts, cut_start, categories, reading, codes):  # type: ignore[no-untyped-def]
    strict, single, missing_value, tiny, truncates = reading
    for s in range(len(column)):
        low, high, known = cut_start[s], cut_start[s + 1], categories[s]
        for row in range(len(X)):
            x = X[row, column[s]]
            if single:
                x = np.float64(np.float32(x))
            if abs(x) <= tiny:
                x = 0.0
            missing = np.isnan(x) or x == missing_value
            if missing and rule[s] == 2:
                x, missing = 0.0, False
            elif rule[s] == 1 and x == 0.0:
                missing = True
            if known >= 0:
                codes[s, row] = known + 1 if missing else _category(x, known, truncates)
            elif missing:
                codes[s, row] = MISSING
            else:
                codes[s, row] = _passed(cuts, low, high, x, strict) - low


@njit(cache=True, nogil=True)
def _category(x, known, truncates):  # type: ignore[no-untyped-def]
    """The category's number, or `known` for every other one."""
    lowest = -1.0 if truncates else 0.0
    inside = (x > lowest if truncates else x >= lowest) and x < known
    return np.int64(x) if inside else known


@njit(cache=True, nogil=True)
def _passed(cuts, low, high, x, strict):  # type: ignore[no-untyped-def]
    """First cut that `x` does not pass: the test is code <= rank of the cut."""
    while low < high:
        middle = (low + high) >> 1
        if x > cuts[middle] or (strict and x == cuts[middle]):
            low = middle + 1
        else:
            high = middle
    return low
