"""Walking rows down a forest of which some players are forced, one at a time.

A forced player can change a row's leaf only at its own tests. All leaves that a row reaches under
*any* force on *one* player are therefore found in a single walk: an entry of the walk is a row that
agrees with the path so far but for the tests of at most one player.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pellucid.maths.tree_paths import Coding, Forest, Ints, fast

Result = TypeVar("Result")

ROW_BITS = 12
"""An entry of the walk holds the row in its lowest bits, and above them 1 + the failing player."""

MISSING = 2**31 - 1
"""The code of a missing number, which no cut reaches."""

ROW_MASK = np.int32(2**ROW_BITS - 1)


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


def block_rows(numbers: int, room: int) -> int:
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
