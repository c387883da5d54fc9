"""How much a forest's answer changes when a row crosses a small gap in one of its columns.

Few tests lie inside a gap, so few trees say anything else on its two sides, and only for rows that
come to such a test: other trees are passed over, and other rows are left as soon as they turn off.
"""

from __future__ import annotations

import numpy as np

from pellucid.maths.tree_paths import Floats, Forest, Ints, fast
from pellucid.maths.tree_walks import Plan, goes_left, in_order

BLOCK = 8192
"""Crossings that one thread takes at a time."""


def crossings(
    forest: Forest,
    ready: Plan,
    codes: Ints,
    row: np.ndarray,
    gap: np.ndarray,
    sides: tuple[Ints, Ints],
    *,
    threads: int = 1,
) -> Floats:
    """The forest's prediction beyond the gap less that before it.

    Parameters
    ----------
    forest : Forest
    ready : Plan
        For the player that crosses, alone.
    codes : int array of shape (slot, row)
    row, gap : int arrays of shape (crossing,)
        Which row crosses which gap.
    sides : pair of int array of shape (slot, gap)
        What the player's columns are before and beyond each gap.
    threads : int

    Returns
    -------
    array of shape (crossing, output)
    """
    low, high = (np.ascontiguousarray(side) for side in sides)
    order = np.argsort(gap, kind="stable")
    row, gap = row[order], gap[order]

    def walk(start: int) -> Floats:
        some = slice(start, start + BLOCK)
        found = np.zeros((len(row[some]), len(forest.base)))
        first = np.searchsorted(gap[some], np.arange(low.shape[1] + 1))
        here = np.ascontiguousarray(codes[:, row[some]])
        shape = ready.tested, ready.owner, ready.parent
        _cross(shape, ready.arrays, here, first, low, high, found)
        return found

    change = np.empty((len(row), len(forest.base)))
    change[order] = np.concatenate(list(in_order(walk, range(0, len(row), BLOCK), threads)))
    return change


@fast
def _cross(shape, arrays, codes, first, low, high, change):  # type: ignore[no-untyped-def]
    """Add what each tree that has a test inside a gap says of its crossings, which are in order."""
    trees, owner, parent = shape
    root, output, value = arrays[0], arrays[1], arrays[4]
    inside = np.empty(low.shape[1], dtype=np.int64)  # tests inside each gap
    leads = np.zeros(len(owner), dtype=np.bool_)  # whether a test inside the gap is here or below
    for tree in trees:
        last = root[tree + 1] if tree + 1 < len(root) else len(owner)
        tests = tests_inside(root[tree], last, 0, owner, arrays, low, high)
        inside[:] = 0
        for _, gap in tests:
            inside[gap] += 1
        for gap in np.flatnonzero(inside):
            if first[gap] == first[gap + 1]:
                continue
            for node, where in tests:
                if where == gap:
                    mark(node, parent, leads, True)
            for step in range(first[gap], first[gap + 1]):
                node = _parting(root[tree], owner, arrays, codes, step, low, high, gap, leads)
                if node >= 0:
                    a = _leaf(node, owner, arrays, codes, step, low, gap)
                    b = _leaf(node, owner, arrays, codes, step, high, gap)
                    for w in range(value.shape[1]):
                        change[step, output[tree] + w] += value[b, w] - value[a, w]
            for node, where in tests:
                if where == gap:
                    mark(node, parent, leads, False)


@fast
def tests_inside(start, last, player, owner, arrays, low, high):  # type: ignore[no-untyped-def]
    """The tests (node, gap) of a tree that tell the two sides of a gap of a player apart."""
    slot, cut, missing_code, table_start, table = arrays[5:]
    count, found = 0, np.empty((64, 2), dtype=np.int64)
    for node in range(start, last):
        if owner[node] == player:
            test = cut[node], missing_code[node], table_start[node], table
            for gap in range(low.shape[1]):
                before = goes_left(low[slot[node], gap], *test)
                if before != goes_left(high[slot[node], gap], *test):
                    if count == len(found):
                        found = np.concatenate((found, found))
                    found[count, 0], found[count, 1] = node, gap
                    count += 1
    return found[:count]


@fast
def mark(node, parent, leads, led):  # type: ignore[no-untyped-def]
    """Mark a node and all above it, or take the marks off."""
    while node >= 0 and leads[node] != led:
        leads[node] = led
        node = parent[node]


@fast
def _parting(node, owner, arrays, codes, row, low, high, gap, leads):  # type: ignore[no-untyped-def]
    """The test at which the two sides of a gap part for a row; -1 if none does."""
    _, _, left, right, _, slot, cut, missing_code, table_start, table = arrays
    while leads[node]:
        test = cut[node], missing_code[node], table_start[node], table
        if owner[node] < 0:
            goes = goes_left(codes[slot[node], row], *test)
        else:
            goes = goes_left(low[slot[node], gap], *test)
            if goes != goes_left(high[slot[node], gap], *test):
                return node
        node = left[node] if goes else right[node]
    return -1


@fast
def _leaf(node, owner, arrays, codes, row, taken, gap):  # type: ignore[no-untyped-def]
    """Where a row ends whose forced columns are those of one side of a gap."""
    _, _, left, right, _, slot, cut, missing_code, table_start, table = arrays
    while left[node] >= 0:
        code = codes[slot[node], row] if owner[node] < 0 else taken[slot[node], gap]
        goes = goes_left(code, cut[node], missing_code[node], table_start[node], table)
        node = left[node] if goes else right[node]
    return node
