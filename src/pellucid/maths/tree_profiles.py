"""What a forest says of rows when one of their columns is set to each point of a grid.

A forced column can change a row's leaf only at tests of that column. All leaves that a row reaches
under *any* force on *one* player are therefore found in a single walk: an entry of the walk is a
row that agrees with the path so far but for the tests of at most one player. What such a leaf adds
to the row's curve is constant on runs of grid points, and is noted as two steps, up and down; the
running sum of the steps is the curve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pellucid.maths.tree_paths import Coding, Floats, Forest, Ints, fast

Result = TypeVar("Result")

ROW_BITS = 12
"""An entry of the walk holds the row in its lowest bits, and above them 1 + the failing player."""

ROOM = 2**19
"""Numbers in the curves of one block of rows: about what a core's own cache holds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """A forest made ready for players that are forced.

    Attributes
    ----------
    owner : int array of shape (node,)
        Place of the player that a node tests among those forced; -1 for all others and leaves.
    parent : int array of shape (node,)
    near : bool array of shape (node,)
        Whether such a player is tested above or below the node.
    tested : int array
        The trees that test one.
    deepest : int
        Tests on the longest path.
    arrays : tuple
        The forest and its integer tests, as the kernels take them.
    """

    owner: Ints
    parent: Ints
    near: NDArray[np.bool_]
    tested: NDArray[np.intp]
    deepest: int
    arrays: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps:
    """How each forced player's curve steps at the points of its grid.

    A node whose parent tests a forced player owns the steps ``start[node]:start[node + 1]``:
    by `change` at `line`, counted from the player's first. `whole` says that they begin with
    one up at the first line; `reachable`, that some point of the grid leads to the node.
    """

    lines: NDArray[np.int64]  # (player + 1,) first line of each player
    start: NDArray[np.int64]
    line: Ints
    change: Floats
    whole: NDArray[np.bool_]
    reachable: NDArray[np.bool_]


def plan(forest: Forest, player_of_column: NDArray[np.integer], players: Sequence[int]) -> Plan:
    """Make a forest ready.

    Parameters
    ----------
    forest : Forest
    player_of_column : int array of shape (column,)
        The player that holds each encoded column.
    players : sequence of int
        Those that are forced, one at a time.
    """
    coding: Coding = forest.coding
    place = np.full(int(np.max(player_of_column, initial=0)) + 1, -1, dtype=np.int32)
    for number, player in enumerate(players):
        if player < len(place):
            place[player] = number
    inner = forest.feature >= 0
    owner = np.full(len(inner), -1, dtype=np.int32)
    owner[inner] = place[np.asarray(player_of_column)[forest.feature[inner]]]
    parent = np.full(len(inner), -1, dtype=np.int32)
    inside = np.flatnonzero(forest.left >= 0).astype(np.int32)
    parent[forest.left[inside]] = parent[forest.right[inside]] = inside
    arrays = (
        forest.root, forest.output, forest.left, forest.right, forest.value,
        coding.slot, coding.cut, coding.missing_code, coding.table_start, coding.table,
    )  # fmt: skip
    near, deepest = _near(owner, parent)
    tested = np.unique(np.searchsorted(forest.root, np.flatnonzero(owner >= 0), side="right") - 1)
    return Plan(
        owner=owner, parent=parent, near=near, tested=tested, deepest=int(deepest), arrays=arrays
    )


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
    none = np.zeros(0)
    found = _steps(ready.owner, ready.parent, ready.arrays, lines, codes, none)
    return Steps(lines=lines, **dict(zip(STEPS, found, strict=True)))


def mean_steps(ready: Plan, points: Sequence[Ints], weights: Sequence[Floats]) -> Steps:
    """One step for each player: up to the weighted mean of its curve over `points`."""
    sizes = np.array([each.shape[1] for each in points], dtype=np.int64)
    first = np.concatenate([[0], np.cumsum(sizes)])
    codes = np.ascontiguousarray(np.concatenate(points, axis=1))
    shares = np.concatenate([each / each.sum() for each in weights])
    found = _steps(ready.owner, ready.parent, ready.arrays, first, codes, shares)
    return Steps(lines=np.arange(len(points) + 1), **dict(zip(STEPS, found, strict=True)))


MISSING = 2**31 - 1
"""The code of a missing number, which no cut reaches."""

ROW_MASK = np.int32(2**ROW_BITS - 1)

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
    size = block_rows(total * outputs)

    def walk(start: int) -> tuple[slice, Floats, Floats]:
        rows = slice(start, min(start + size, codes.shape[1]))
        block = np.ascontiguousarray(codes[:, rows])
        own = np.repeat(forest.base[:, None], block.shape[1], axis=1)
        lines = np.zeros((total, outputs, block.shape[1]))
        pieces = (steps.start, steps.line, steps.change, steps.whole, steps.reachable)
        _walk(ready.owner, ready.parent, ready.arrays, ready.deepest,
              steps.lines, pieces, block, own, lines)  # fmt: skip
        return rows, own, lines

    yield from in_order(walk, range(0, codes.shape[1], size), threads)


def block_rows(numbers: int, room: int = ROOM) -> int:
    """Rows to walk at once, where each has so many numbers."""
    return int(min(max(room // max(numbers, 1) // 8 * 8, 32), 2**ROW_BITS))


def in_order(
    work: Callable[[int], Result], starts: Iterable[int], threads: int
) -> Iterator[Result]:
    """Results in the order of their starts, a few ahead on other threads."""
    if threads <= 1:
        yield from map(work, starts)
        return
    pool, waiting = ThreadPoolExecutor(threads), []
    try:
        for start in starts:
            waiting.append(pool.submit(work, start))
            if len(waiting) > 2 * threads:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()
    finally:  # Ctrl-C waits for the blocks that run, not for those that have not begun
        pool.shutdown(cancel_futures=True)


@fast
def _near(owner, parent):  # type: ignore[no-untyped-def]
    """Nodes with a forced player above or below them, and the tests on the longest path."""
    near, deepest = np.zeros(len(owner), dtype=np.bool_), 0
    for node in range(len(owner)):
        above, depth = parent[node], 0
        forced = owner[node] >= 0
        near[node] |= forced
        while above >= 0:
            near[node] |= owner[above] >= 0
            near[above] |= forced
            above, depth = parent[above], depth + 1
        deepest = max(deepest, depth)
    return near, deepest


@fast
def goes_left(code, cut, missing_code, table_start, table):  # type: ignore[no-untyped-def]
    """Where a code goes at a node with this test."""
    if table_start >= 0:
        return table[table_start + code]
    return code <= cut or code == missing_code


@fast
def _steps(owner, parent, arrays, lines, codes, shares):  # type: ignore[no-untyped-def]
    """(start, line, change, whole, reachable): see `Steps`; with shares, one step to the mean."""
    _, _, left, _, _, slot, cut, missing_code, table_start, table = arrays
    nodes, most = len(parent), 1
    for player in range(len(lines) - 1):
        most = max(most, lines[player + 1] - lines[player])
    start = np.zeros(nodes + 1, dtype=np.int64)
    whole, reachable = np.zeros(nodes, dtype=np.bool_), np.zeros(nodes, dtype=np.bool_)
    line, change = np.empty(1024, dtype=np.int32), np.empty(1024)
    inside, count = np.empty(most, dtype=np.bool_), 0
    for node in range(nodes):
        start[node] = count
        above = parent[node]
        if above < 0 or owner[above] < 0:
            continue
        player = owner[above]
        low, high = lines[player], lines[player + 1]
        if count + high - low + 1 > len(line):
            line = np.concatenate((line, np.empty(len(line) + most, dtype=np.int32)))
            change = np.concatenate((change, np.empty(len(change) + most)))
        inside[: high - low] = True
        child = node
        while above >= 0:
            if owner[above] == player:
                side, line_of = left[above] == child, codes[slot[above]]
                test = cut[above], missing_code[above], table_start[above], table
                for point in range(low, high):
                    if goes_left(line_of[point], *test) != side:
                        inside[point - low] = False
            child, above = above, parent[above]
        before, share = False, 0.0
        for point in range(high - low):
            if len(shares) > 0 and inside[point]:
                share += shares[low + point]
            elif len(shares) == 0 and inside[point] != before:
                line[count], change[count] = low + point, 1.0 if inside[point] else -1.0
                count += 1
            before = inside[point]
            reachable[node] |= before
        if share > 0.0:
            line[count], change[count] = player, share
            count += 1
        whole[node] = len(shares) == 0 and inside[0]
    start[nodes] = count
    return start, line[:count].copy(), change[:count].copy(), whole, reachable


@fast
def _walk(owner, parent, arrays, deepest, lines, pieces, codes, own, out):  # type: ignore[no-untyped-def]
    """Walk a block of rows down all trees; the running sums of `out` are the curves."""
    root, output, _, _, value = arrays[0], arrays[1], arrays[2], arrays[3], arrays[4]
    rows, width = codes.shape[1], value.shape[1]
    arena = np.empty((2, (deepest + 1) * rows + 1), dtype=np.int32)
    frames = np.empty((deepest + 2, 6), dtype=np.int64)
    room = np.empty(rows, dtype=np.int32)
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
def descend(node, entries, owner, reachable, worth, arrays, codes, arena, frames, top):  # type: ignore[no-untyped-def]
    """Hand a node's entries to its children: new frames, on top of the stack."""
    _, _, left, right, _, slot, cut, missing_code, table_start, table = arrays
    low, high = left[node], right[node]
    first, second = frames[top, 4], frames[top, 5]
    a, b = first, second
    line, mine, failed = codes[slot[node]], owner[node] + 1, np.int32((owner[node] + 1) << ROW_BITS)
    to_low, to_high = arena[0], arena[1]
    open_low = np.int64(mine > 0 and reachable[low])
    open_high = np.int64(mine > 0 and reachable[high])
    categorical, edge, gap = table_start[node], cut[node], missing_code[node]
    for entry in entries:  # without branches: which way a row goes cannot be foretold
        code = line[entry & ROW_MASK]
        if categorical >= 0:
            goes = np.int64(table[categorical + code])
        else:
            goes = np.int64(code <= edge) | np.int64(code == gap)
        state = entry >> ROW_BITS
        same = np.int64(mine > 0) & np.int64(state == mine)
        own_low, own_high = goes & (same ^ 1), (goes ^ 1) & (same ^ 1)
        either = same | np.int64(state == 0)
        to_low[a] = entry | (failed * np.int32(own_high))
        a += own_low | (either & open_low)
        to_high[b] = entry | (failed * np.int32(own_low))
        b += own_high | (either & open_high)
    for child, side, begin, end in ((low, 0, first, a), (high, 1, second, b)):
        if end > begin and worth[child]:
            frames[top, 0], frames[top, 1], frames[top, 2], frames[top, 3] = child, side, begin, end
            frames[top, 4], frames[top, 5] = a, b
            top += 1
    return top


@fast
def players_on_path(leaf, owner, parent, known, below):  # type: ignore[no-untyped-def]
    """The players on a path into `known`, and into `below` the node after the last test of each."""
    count, node = 0, leaf
    while parent[node] >= 0:
        player = owner[parent[node]]
        if player >= 0 and below[player] < 0:
            known[count], below[player] = player, node
            count += 1
        node = parent[node]
    return count


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
