"""What a forest says of rows when one of their columns is set to each point of a grid.

What a leaf adds to the curve of a row is constant on runs of grid points, and is noted as two
steps, up and down; the running sum of the steps is the curve. The leaves are found by the walk of
`tree_walks`, and in small subtrees by `tree_leaf_masks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.maths.tree_leaf_masks import masked, note_masked, room_for_masks
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
    players_on_path,
)

ROOM = 2**20
"""Numbers in the curves of one block of rows: about what a core's own cache holds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps:
    """How each forced player's curve steps at the points of its grid.

    A node whose parent tests a forced player owns the steps ``start[node]:start[node + 1]``:
    by `change` at `line`, counted from the player's first. `whole` says that they begin with
    one up at the first line; `reachable`, that some point of the grid leads to the node. `codes`
    are those of the points (slot, line).
    """

    lines: NDArray[np.int64]  # (player + 1,) first line of each player
    start: NDArray[np.int64]
    line: Ints
    change: Floats
    whole: NDArray[np.bool_]
    reachable: NDArray[np.bool_]
    codes: Ints


def curve_steps(ready: Plan, points: Sequence[Ints]) -> Steps:
    """The steps of curves over grids.

    Parameters
    ----------
    ready : Plan
    points : sequence of int array of shape (slot, point)
        For each forced player, the codes of its points; only its own slots are read.
    """
    sizes = np.array([each.shape[1] for each in points], dtype=np.int64)
    lines = np.concatenate([[0], np.cumsum(sizes)])
    codes = np.ascontiguousarray(np.concatenate(points, axis=1))
    found = _steps(ready.owner, ready.parent, ready.arrays, lines, codes)
    return Steps(lines=lines, codes=codes, **dict(zip(STEPS, found, strict=True)))


STEPS = ("start", "line", "change", "whole", "reachable")


def curves(
    forest: Forest, ready: Plan, steps: Steps, codes: Ints, *, threads: int = 1
) -> Iterator[tuple[slice, Floats, Floats]]:
    """Walk the rows, block by block.

    Parameters
    ----------
    forest : Forest
    ready : Plan
    steps : Steps
    codes : int array of shape (slot, row)
    threads : int

    Yields
    ------
    rows : slice
    own : array of shape (output, row)
        The forest's prediction for the rows as they are.
    lines : array of shape (line, output, row)
        Its prediction at every point of every grid, player after player.
    """
    total, outputs = int(steps.lines[-1]), len(forest.base)
    size = block_rows(total * outputs, ROOM)
    pieces = (steps.start, steps.line, steps.change, steps.whole, steps.reachable)
    small = masked(ready.owner, ready.parent, ready.arrays, steps.lines, steps.codes)

    def walk(start: int) -> tuple[slice, Floats, Floats]:
        rows = slice(start, min(start + size, codes.shape[1]))
        block = np.ascontiguousarray(codes[:, rows])
        own = np.repeat(forest.base[:, None], block.shape[1], axis=1)
        lines = np.zeros((total, outputs, block.shape[1]))
        _walk(ready.owner, ready.parent, ready.arrays, ready.deepest,
              steps.lines, pieces, small, block, own, lines)  # fmt: skip
        return rows, own, lines

    yield from in_order(walk, range(0, codes.shape[1], size), threads)


@fast
def _steps(owner, parent, arrays, lines, codes):  # type: ignore[no-untyped-def]
    """(start, line, change, whole, reachable): see `Steps`."""
    nodes, most = len(parent), 1 + np.max(np.diff(lines))
    split, known = _splits(owner, arrays, lines, codes)
    start = np.zeros(nodes + 1, dtype=np.int64)
    whole, reachable = np.zeros(nodes, dtype=np.bool_), np.zeros(nodes, dtype=np.bool_)
    line, change = np.empty(1024, dtype=np.int32), np.empty(1024)
    runs, count = np.empty((most, 2), dtype=np.int64), 0
    for node in range(nodes):
        start[node] = count
        if parent[node] < 0 or owner[parent[node]] < 0:
            continue
        player = owner[parent[node]]
        low, high = lines[player], lines[player + 1]
        found = _rising_runs(node, owner, parent, arrays, high - low, split, known[player], runs)
        if found < 0:
            found = _any_runs(node, owner, parent, arrays, codes[:, low:high], runs)
        if count + high - low + 1 > len(line):
            line = np.concatenate((line, np.empty(len(line) + most, dtype=np.int32)))
            change = np.concatenate((change, np.empty(len(change) + most)))
        for begin, end in runs[:found]:
            line[count], change[count] = low + begin, 1.0
            count += 1
            if low + end < high:
                line[count], change[count] = low + end, -1.0
                count += 1
        reachable[node], whole[node] = found > 0, found > 0 and runs[0, 0] == 0
    start[nodes] = count
    return start, line[:count].copy(), change[:count].copy(), whole, reachable


@fast
def _splits(owner, arrays, lines, codes):  # type: ignore[no-untyped-def]
    """How many of its player's points lie left of each test (node,), -1 where that is no test of
    numbers or the points do not rise; and how many points of each player are not missing."""
    slot, cut, table_start = arrays[5], arrays[6], arrays[8]
    split = np.full(len(owner), -1, dtype=np.int32)
    known = np.full(len(lines) - 1, -1, dtype=np.int64)
    there = np.full(len(codes), -2, dtype=np.int64)  # points not missing; -1 if they do not rise
    for node in range(len(owner)):
        player, line = owner[node], slot[node]
        if player < 0 or table_start[node] >= 0:
            continue
        points = codes[line, lines[player] : lines[player + 1]]
        if there[line] == -2:
            rises = np.all(points[1:] >= points[:-1])
            there[line] = np.searchsorted(points, MISSING) if rises else -1
            known[player] = max(known[player], there[line])
        if there[line] >= 0 and there[line] == known[player]:
            split[node] = np.searchsorted(points, cut[node], side="right")
    return split, known


@fast
def _rising_runs(node, owner, parent, arrays, size, split, known, runs):  # type: ignore[no-untyped-def]
    """The runs (begin, end) of a player's points that pass its tests on the way to a node, and
    how many they are; -1 if the splits do not tell."""
    left, missing_code = arrays[2], arrays[7]
    player, begin, end, gap = owner[parent[node]], 0, known, known < size
    child, above = node, parent[node]
    while above >= 0:
        if owner[above] == player:
            if split[above] < 0:
                return -1
            side = left[above] == child
            if side:
                end = min(end, split[above])
            else:
                begin = max(begin, split[above])
            gap &= (missing_code[above] == MISSING) == side
        child, above = above, parent[above]
    count = 0
    if begin < end:
        runs[0, 0], runs[0, 1], count = begin, end, 1
    if gap:
        if count == 0 or end < known:
            runs[count, 0] = known
            count += 1
        runs[count - 1, 1] = size
    return count


@fast
def _any_runs(node, owner, parent, arrays, codes, runs):  # type: ignore[no-untyped-def]
    """As `_rising_runs`, for codes (slot, point) in any order, by asking each test of each."""
    _, _, left, _, _, slot, cut, missing_code, table_start, table = arrays
    inside, player = np.ones(codes.shape[1], dtype=np.bool_), owner[parent[node]]
    child, above = node, parent[node]
    while above >= 0:
        if owner[above] == player:
            side, line_of = left[above] == child, codes[slot[above]]
            test = cut[above], missing_code[above], table_start[above], table
            for point in range(len(inside)):
                if goes_left(line_of[point], *test) != side:
                    inside[point] = False
        child, above = above, parent[above]
    count = 0
    for point in range(len(inside)):
        if inside[point] and (point == 0 or not inside[point - 1]):
            runs[count, 0] = point
            count += 1
        if inside[point]:
            runs[count - 1, 1] = point + 1
    return count


@fast
def _walk(owner, parent, arrays, deepest, lines, pieces, small, codes, own, out):  # type: ignore[no-untyped-def]
    """Walk a block of rows down all trees; the running sums of `out` are the curves."""
    root, output, _, _, value = arrays[0], arrays[1], arrays[2], arrays[3], arrays[4]
    rows, width = codes.shape[1], value.shape[1]
    arena = np.empty((2, (deepest + 1) * rows + 1), dtype=np.int32)
    frames = np.empty((deepest + 2, 6), dtype=np.int64)
    room, masks = np.empty(rows, dtype=np.int32), room_for_masks(small, rows)
    known = np.empty(deepest + 1, dtype=np.int64)
    below = np.full(len(lines), -1, dtype=np.int64)
    reachable, all_nodes = pieces[4], np.ones(len(owner), dtype=np.bool_)
    for tree in range(len(root)):
        for row in range(rows):
            arena[0, row] = row
        frames[0, 0], frames[0, 1], frames[0, 2], frames[0, 3] = root[tree], 0, 0, rows
        frames[0, 4], frames[0, 5] = rows, 0
        top = 1
        while top > 0:
            top -= 1
            node = frames[top, 0]
            entries = arena[frames[top, 1], frames[top, 2] : frames[top, 3]]
            if small[0][node] >= 0:
                note_masked(
                    small[0][node], entries, small, arrays, output[tree], codes, masks, own, out
                )
                continue
            if arrays[2][node] >= 0:
                top = descend(
                    node, entries, owner, reachable, all_nodes, arrays, codes, arena, frames, top
                )
                continue
            count = players_on_path(node, owner, parent, known, below)
            for w in range(width):
                k = output[tree] + w
                _note(
                    entries,
                    value[node, w],
                    known[:count],
                    below,
                    lines,
                    pieces,
                    own[k],
                    out[:, k],
                    room,
                )
            below[known[:count]] = -1
    for player in range(len(lines) - 1):
        for k in range(out.shape[1]):
            running = own[k].copy()
            for line in range(lines[player], lines[player + 1]):
                for row in range(rows):
                    running[row] += out[line, k, row]
                    out[line, k, row] = running[row]


@fast
def _note(entries, value, known, below, lines, pieces, own, out, rows):  # type: ignore[no-untyped-def]
    """Note a leaf's steps for the rows that reach it; those that are there as they are come last,
    player by player, so that one line is written at a time."""
    start, step_line, change, whole, _ = pieces
    count = 0
    for entry in entries:
        row, player = entry & ROW_MASK, (entry >> ROW_BITS) - 1
        if player >= 0:
            node = below[player]
            for step in range(start[node], start[node + 1]):
                out[step_line[step], row] += value * change[step]
        else:
            rows[count] = row
            count += 1
    for place in range(count):
        own[rows[place]] += value
    for player in known:
        node = below[player]
        begin = start[node]
        if whole[node]:
            begin += 1
        else:
            first = lines[player]
            for place in range(count):
                out[first, rows[place]] -= value
        for step in range(begin, start[node + 1]):
            line, part = step_line[step], value * change[step]
            for place in range(count):
                out[line, rows[place]] += part
