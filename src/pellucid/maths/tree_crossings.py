"""How much a forest's answer changes when a row crosses a small gap in one of its columns.

Few tests lie inside a gap, so few trees say anything else on its two sides: the others are passed
over without a walk.
"""

from __future__ import annotations

import numpy as np

from pellucid.maths.tree_paths import Floats, Forest, Ints, fast
from pellucid.maths.tree_profiles import Plan, goes_left, in_order

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
        _cross(ready.tested, ready.owner, ready.arrays, codes, row[some], first, low, high, found)
        return found

    change = np.empty((len(row), len(forest.base)))
    change[order] = np.concatenate(list(in_order(walk, range(0, len(row), BLOCK), threads)))
    return change


@fast
def _cross(trees, owner, arrays, codes, row, first, low, high, change):  # type: ignore[no-untyped-def]
    """Add what each tree that has a test inside a gap says of its crossings, which are in order."""
    root, output, _, _, value = arrays[:5]
    slot, cut, missing_code, table_start, table = arrays[5:]
    split = np.empty(low.shape[1], dtype=np.bool_)
    for tree in trees:
        last = root[tree + 1] if tree + 1 < len(root) else len(owner)
        split[:] = False
        for node in range(root[tree], last):
            if owner[node] >= 0:
                test = cut[node], missing_code[node], table_start[node], table
                for gap in range(len(split)):
                    before = goes_left(low[slot[node], gap], *test)
                    split[gap] |= before != goes_left(high[slot[node], gap], *test)
        for gap in np.flatnonzero(split):
            for step in range(first[gap], first[gap + 1]):
                a = _leaf(root[tree], owner, arrays, codes, row[step], low, gap)
                b = _leaf(root[tree], owner, arrays, codes, row[step], high, gap)
                if a != b:
                    for w in range(value.shape[1]):
                        change[step, output[tree] + w] += value[b, w] - value[a, w]


@fast
def _leaf(node, owner, arrays, codes, row, taken, gap):  # type: ignore[no-untyped-def]
    """Where a row ends whose forced columns are those of one side of a gap."""
    _, _, left, right, _, slot, cut, missing_code, table_start, table = arrays
    while left[node] >= 0:
        code = codes[slot[node], row] if owner[node] < 0 else taken[slot[node], gap]
        goes = goes_left(code, cut[node], missing_code[node], table_start[node], table)
        node = left[node] if goes else right[node]
    return node
