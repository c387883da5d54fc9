"""How a forest's answer changes when a row crosses small gaps in two of its columns together.

Only trees with tests inside both gaps say anything of the two together, and only rows that come to
such tests; for all others the changes of the two columns add up.
"""

from __future__ import annotations

import numpy as np

from pellucid.maths.tree_paths import Floats, Forest, Ints, fast
from pellucid.maths.tree_profiles import Plan, goes_left, in_order

BLOCK = 8192
"""Crossings that one thread takes at a time."""

Sides = tuple[Ints, Ints]
"""What a column's slots are before and beyond each of its gaps, (slot, gap) each."""


def double_crossings(
    forest: Forest,
    ready: Plan,
    codes: Ints,
    row: np.ndarray,
    gaps: tuple[np.ndarray, np.ndarray],
    sides: tuple[Sides, Sides],
    *,
    threads: int = 1,
) -> Floats:
    """The double difference of the forest's prediction over a cell of two gaps.

    Parameters
    ----------
    forest : Forest
    ready : Plan
        For the two players that cross.
    codes : int array of shape (slot, row)
    row : int array of shape (crossing,)
    gaps : two int arrays of shape (crossing,)
        Which gap of either player the row crosses.
    sides : two pairs of int arrays of shape (slot, gap)
    threads : int

    Returns
    -------
    array of shape (crossing, output)
    """
    low, high = zip(*sides, strict=True)
    wide = low[1].shape[1]
    ends = tuple(np.ascontiguousarray(side) for side in (*low, *high))
    cell = gaps[0] * wide + gaps[1]
    order = np.argsort(cell, kind="stable")
    row, cell = row[order], cell[order]

    def walk(start: int) -> Floats:
        some = slice(start, start + BLOCK)
        found = np.zeros((len(row[some]), len(forest.base)))
        first = np.searchsorted(cell[some], np.arange(low[0].shape[1] * wide + 1))
        here = np.ascontiguousarray(codes[:, row[some]])
        _cross(ready.tested, ready.owner, ready.arrays, here, first, ends, found)
        return found

    change = np.empty((len(row), len(forest.base)))
    change[order] = np.concatenate(list(in_order(walk, range(0, len(row), BLOCK), threads)))
    return change


@fast
def _cross(trees, owner, arrays, codes, first, ends, change):  # type: ignore[no-untyped-def]
    """Add what each tree with tests inside both gaps of a cell says of its crossings."""
    root, output, value = arrays[0], arrays[1], arrays[4]
    one = np.empty(ends[0].shape[1], dtype=np.bool_)
    two = np.empty(ends[1].shape[1], dtype=np.bool_)
    for tree in trees:
        last = root[tree + 1] if tree + 1 < len(root) else len(owner)
        _split(root[tree], last, 0, owner, arrays, ends[0], ends[2], one)
        _split(root[tree], last, 1, owner, arrays, ends[1], ends[3], two)
        for gap in np.flatnonzero(one):
            for other in np.flatnonzero(two):
                cell = gap * len(two) + other
                for step in range(first[cell], first[cell + 1]):
                    a, b, c, d = _corners(root[tree], owner, arrays, codes, step, ends, gap, other)
                    if a != b or c != d:
                        for w in range(value.shape[1]):
                            twice = (value[d, w] - value[c, w]) - (value[b, w] - value[a, w])
                            change[step, output[tree] + w] += twice


@fast
def _split(start, last, player, owner, arrays, low, high, split):  # type: ignore[no-untyped-def]
    """Inside which gaps of a player a tree has a test."""
    slot, cut, missing_code, table_start, table = arrays[5:]
    split[:] = False
    for node in range(start, last):
        if owner[node] == player:
            test = cut[node], missing_code[node], table_start[node], table
            for gap in range(len(split)):
                before = goes_left(low[slot[node], gap], *test)
                split[gap] |= before != goes_left(high[slot[node], gap], *test)


@fast
def _corners(node, owner, arrays, codes, row, ends, gap, other):  # type: ignore[no-untyped-def]
    """Where a row ends at the corners of a cell: before and beyond the other gap, with its own
    player before its gap, and the same beyond. Four times 0 where the players do not meet."""
    left, right, slot, cut = arrays[2], arrays[3], arrays[5], arrays[6]
    missing_code, table_start, table = arrays[7], arrays[8], arrays[9]
    while left[node] >= 0:
        test = cut[node], missing_code[node], table_start[node], table
        player = owner[node]
        if player < 0:
            goes = goes_left(codes[slot[node], row], *test)
        elif player == 0:
            goes = goes_left(ends[0][slot[node], gap], *test)
            if goes != goes_left(ends[2][slot[node], gap], *test):
                break
        else:
            goes = goes_left(ends[1][slot[node], other], *test)
            if goes != goes_left(ends[3][slot[node], other], *test):
                break
        node = left[node] if goes else right[node]
    if left[node] < 0:
        return 0, 0, 0, 0
    low, beyond = (ends[0], ends[2]), (ends[1], ends[3])
    return (
        _leaf(node, owner, arrays, codes, row, low[0], gap, beyond[0], other),
        _leaf(node, owner, arrays, codes, row, low[0], gap, beyond[1], other),
        _leaf(node, owner, arrays, codes, row, low[1], gap, beyond[0], other),
        _leaf(node, owner, arrays, codes, row, low[1], gap, beyond[1], other),
    )


@fast
def _leaf(node, owner, arrays, codes, row, one, gap, two, other):  # type: ignore[no-untyped-def]
    """Where a row ends whose two players are on one side of their gaps each."""
    left, right, slot, cut = arrays[2], arrays[3], arrays[5], arrays[6]
    missing_code, table_start, table = arrays[7], arrays[8], arrays[9]
    while left[node] >= 0:
        if owner[node] < 0:
            code = codes[slot[node], row]
        else:
            code = one[slot[node], gap] if owner[node] == 0 else two[slot[node], other]
        goes = goes_left(code, cut[node], missing_code[node], table_start[node], table)
        node = left[node] if goes else right[node]
    return node
