"""How a forest's answer changes when a row crosses small gaps in two of its columns together.

Only trees with tests inside both gaps say anything of the two together, and only rows that come to
such tests; for all others the changes of the two columns add up.
"""

from __future__ import annotations

import numpy as np

from pellucid.maths.tree_crossings import mark, tests_inside
from pellucid.maths.tree_paths import Floats, Forest, Ints, fast
from pellucid.maths.tree_walks import Plan, goes_left, in_order

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
        shape = ready.tested, ready.owner, ready.parent
        _cross(shape, ready.arrays, here, first, ends, found)
        return found

    change = np.empty((len(row), len(forest.base)))
    change[order] = np.concatenate(list(in_order(walk, range(0, len(row), BLOCK), threads)))
    return change


@fast
def _cross(shape, arrays, codes, first, ends, change):  # type: ignore[no-untyped-def]
    """Add what each tree with tests inside both gaps of a cell says of its crossings."""
    trees, owner, parent = shape
    root, output, value, wide = arrays[0], arrays[1], arrays[4], ends[1].shape[1]
    leads = np.zeros(len(owner), dtype=np.bool_)  # to the upper of two tests inside the gaps
    for tree in trees:
        last = root[tree + 1] if tree + 1 < len(root) else len(owner)
        one = tests_inside(root[tree], last, 0, owner, arrays, ends[0], ends[2])
        two = tests_inside(root[tree], last, 1, owner, arrays, ends[1], ends[3])
        meetings = _meetings(one, two, wide, parent)
        start = 0
        while start < len(meetings):
            cell, end = meetings[start, 0], start
            while end < len(meetings) and meetings[end, 0] == cell:
                mark(meetings[end, 1], parent, leads, True)
                end += 1
            gap, other = cell // wide, cell % wide
            for step in range(first[cell], first[cell + 1]):
                node = _parting(root[tree], owner, arrays, codes, step, ends, gap, other, leads)
                if node >= 0:
                    a, b, c, d = _corners(node, owner, arrays, codes, step, ends, gap, other)
                    for w in range(value.shape[1]):
                        twice = (value[d, w] - value[c, w]) - (value[b, w] - value[a, w])
                        change[step, output[tree] + w] += twice
            for place in range(start, end):
                mark(meetings[place, 1], parent, leads, False)
            start = end


@fast
def _meetings(one, two, wide, parent):  # type: ignore[no-untyped-def]
    """The cells (in order) with a test inside either gap, one below the other: (cell, the upper
    test); only there do two players act together."""
    count, found = 0, np.empty((64, 2), dtype=np.int64)
    for node, gap in one:
        for below, other in two:
            upper = np.int64(-1)
            if _is_above(node, below, parent):
                upper = node
            elif _is_above(below, node, parent):
                upper = below
            if upper >= 0:
                if count == len(found):
                    found = np.concatenate((found, found))
                found[count, 0], found[count, 1] = gap * wide + other, upper
                count += 1
    return found[np.argsort(found[:count, 0])]


@fast
def _is_above(upper, node, parent):  # type: ignore[no-untyped-def]
    while node >= 0 and node != upper:
        node = parent[node]
    return node == upper


@fast
def _parting(node, owner, arrays, codes, row, ends, gap, other, leads):  # type: ignore[no-untyped-def]
    """The test at which the sides of a gap part first for a row; -1 where its players do not meet
    below."""
    left, right, slot, cut = arrays[2], arrays[3], arrays[5], arrays[6]
    missing_code, table_start, table = arrays[7], arrays[8], arrays[9]
    while leads[node]:
        test = cut[node], missing_code[node], table_start[node], table
        player = owner[node]
        if player < 0:
            goes = goes_left(codes[slot[node], row], *test)
        elif player == 0:
            goes = goes_left(ends[0][slot[node], gap], *test)
            if goes != goes_left(ends[2][slot[node], gap], *test):
                return node
        else:
            goes = goes_left(ends[1][slot[node], other], *test)
            if goes != goes_left(ends[3][slot[node], other], *test):
                return node
        node = left[node] if goes else right[node]
    return -1


@fast
def _corners(node, owner, arrays, codes, row, ends, gap, other):  # type: ignore[no-untyped-def]
    """Where a row ends below a test at the corners of a cell: before and beyond the other gap, with
    its own player before its gap, and the same beyond."""
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
