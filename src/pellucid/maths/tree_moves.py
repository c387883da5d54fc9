"""How a forest's answer changes when a player's columns take other values, row by row.

The walk is that of `tree_walks`: one for all players, which finds the leaves that a row can
reach by a change of one of them. A move then leaves or enters a leaf as the tests of the player on
its path say, so trees and leaves that a player cannot touch cost nothing, however many the moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from pellucid.maths.tree_paths import Floats, Forest, Ints, fast
from pellucid.maths.tree_walks import (
    MISSING,
    ROW_BITS,
    ROW_MASK,
    Plan,
    block_rows,
    descend,
    goes_left,
    in_order,
)

ROOM = 2**17
"""Numbers in the changes of one block of rows: about what a core's own cache holds."""


def moves(
    forest: Forest,
    ready: Plan,
    codes: Ints,
    moved: Callable[[slice], Ints],
    repeats: int,
    players: int,
    *,
    threads: int = 1,
) -> Iterator[tuple[slice, Floats]]:
    """Walk the rows, block by block.

    Parameters
    ----------
    forest : Forest
    ready : Plan
        For the players that are moved, one at a time.
    codes : int array of shape (slot, row)
        The rows as they are.
    moved : callable
        For a slice of rows, the codes that the players take: (slot, row, repeat).
    repeats, players : int
    threads : int

    Yields
    ------
    rows : slice
    change : array of shape (player, output, row, repeat)
        The forest's prediction for the moved row, less that for the row as it is.
    """
    outputs = len(forest.base)
    size = block_rows(players * outputs * repeats, ROOM)

    def walk(start: int) -> tuple[slice, Floats]:
        rows = slice(start, min(start + size, codes.shape[1]))
        block = np.ascontiguousarray(codes[:, rows])
        change = np.zeros((players, outputs, block.shape[1], repeats))
        there = np.ascontiguousarray(moved(rows))
        shape = ready.owner, ready.parent, ready.near, ready.deepest
        _move(ready.tested, shape, ready.arrays, block, there, change)
        return rows, change

    yield from in_order(walk, range(0, codes.shape[1], size), threads)


@fast
def _move(trees, shape, arrays, codes, moved, change):  # type: ignore[no-untyped-def]
    """Walk a block of rows down all trees that test a player."""
    owner, parent, near, deepest = shape
    root, output, left, _, value = arrays[0], arrays[1], arrays[2], arrays[3], arrays[4]
    rows, width = codes.shape[1], value.shape[1]
    arena = np.empty((2, (deepest + 1) * rows + 1), dtype=np.int32)
    frames = np.empty((deepest + 2, 6), dtype=np.int64)
    tests = np.empty((deepest + 1, 3), dtype=np.int64)
    known, head = np.empty(deepest + 1, dtype=np.int64), np.full(len(change), -1)
    span = np.empty((len(change), 4), dtype=np.int32)
    reachable = np.ones(len(owner), dtype=np.bool_)
    for tree in trees:
        for row in range(rows):
            arena[0, row] = row
        frames[0, 0], frames[0, 1], frames[0, 2], frames[0, 3] = root[tree], 0, 0, rows
        frames[0, 4], frames[0, 5] = rows, 0
        top = 1
        while top > 0:
            top -= 1
            node = frames[top, 0]
            entries = arena[frames[top, 1], frames[top, 2] : frames[top, 3]]
            if left[node] >= 0:
                top = descend(
                    node, entries, owner, reachable, near, arrays, codes, arena, frames, top
                )
                continue
            count = _tests_on_path(node, owner, parent, left, tests, known, head)
            for place in range(count):
                _narrow(head[known[place]], tests, arrays, span[known[place]])
            for w in range(width):
                out = change[:, output[tree] + w]
                _note(entries, value[node, w], tests, known[:count], head, span, arrays, moved, out)
            head[known[:count]] = -1


@fast
def _tests_on_path(leaf, owner, parent, left, tests, known, head):  # type: ignore[no-untyped-def]
    """Chain each player's (node, side, next) on a path, from `head`; how many players."""
    count, used, node = 0, 0, leaf
    while parent[node] >= 0:
        above = parent[node]
        player = owner[above]
        if player >= 0:
            if head[player] < 0:
                known[count] = player
                count += 1
            tests[used, 0], tests[used, 1], tests[used, 2] = (
                above,
                left[above] == node,
                head[player],
            )
            head[player] = used
            used += 1
        node = above
    return count


@fast
def _narrow(test, tests, arrays, span):  # type: ignore[no-untyped-def]
    """All numeric tests of one slot as (slot, above, up to, missing passes); else slot -1."""
    slot, cut, missing_code, table_start, _ = arrays[5:]
    span[0], span[1], span[2], span[3] = slot[tests[test, 0]], -1, MISSING - 1, 1
    while test >= 0:
        node, side = tests[test, 0], tests[test, 1]
        if table_start[node] >= 0 or slot[node] != span[0]:
            span[0] = -1
            return
        if side == 1:
            span[2] = min(span[2], cut[node])
        else:
            span[1] = max(span[1], cut[node])
        span[3] &= (missing_code[node] == MISSING) == (side == 1)
        test = tests[test, 2]


@fast
def _passes(row, repeat, test, tests, arrays, moved):  # type: ignore[no-untyped-def]
    """Whether a move passes all tests of a chain."""
    slot, cut, missing_code, table_start, table = arrays[5:]
    while test >= 0:
        node = tests[test, 0]
        code = moved[slot[node], row, repeat]
        goes = goes_left(code, cut[node], missing_code[node], table_start[node], table)
        if goes != (tests[test, 1] == 1):
            return False
        test = tests[test, 2]
    return True


@fast
def _note(entries, value, tests, known, head, span, arrays, moved, out):  # type: ignore[no-untyped-def]
    """Take a leaf's value from the moves that leave it, give it to those that enter."""
    repeats = moved.shape[2]
    for entry in entries:
        row, mover = entry & ROW_MASK, (entry >> ROW_BITS) - 1
        if mover >= 0:
            line, above, upto, gap = span[mover]
            for repeat in range(repeats):
                if line < 0:
                    inside = _passes(row, repeat, head[mover], tests, arrays, moved)
                else:
                    code = moved[line, row, repeat]
                    inside = ((code > above) & (code <= upto)) | (gap & (code == MISSING))
                out[mover, row, repeat] += value if inside else 0.0
    for mover in known:
        line, above, upto, gap = span[mover]
        for entry in entries:
            if entry > ROW_MASK:
                continue
            for repeat in range(repeats):
                if line < 0:
                    inside = _passes(entry, repeat, head[mover], tests, arrays, moved)
                else:
                    code = moved[line, entry, repeat]
                    inside = ((code > above) & (code <= upto)) | (gap & (code == MISSING))
                out[mover, entry, repeat] -= 0.0 if inside else value
