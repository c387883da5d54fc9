"""Partial dependence of a forest on each player alone and on all others, averaged over rows.

On one player, at each point of its grid, a leaf counts for the rows that pass the tests of all
others. On all others, at each row that passes theirs, it counts for the weight of the points that
pass those of the player. Both come from one walk of `tree_walks`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.maths.tree_paths import Floats, Forest, Ints, fast
from pellucid.maths.tree_profiles import Steps
from pellucid.maths.tree_walks import (
    ROW_BITS,
    ROW_MASK,
    Plan,
    descend,
    in_order,
    players_on_path,
)

ROWS = 2**10
"""Rows walked at once: what is gathered for them stays in a core's own cache."""


def margins(
    forest: Forest,
    ready: Plan,
    steps: Steps,
    weights: Sequence[Floats],
    codes: Ints,
    *,
    threads: int = 1,
) -> tuple[Floats, Floats]:
    """Partial dependence on single players and on all but one.

    Parameters
    ----------
    forest : Forest
    ready : Plan
    steps : Steps
        Of curves over the players' points.
    weights : sequence of array of shape (point,)
        How often each player's points occur.
    codes : int array of shape (slot, row)
        The rows averaged over.
    threads : int

    Returns
    -------
    single : array of shape (line, output)
        On each player at its points, less the mean prediction.
    rests : array of shape (player, output, row)
        On all players but one at the rows, averaged over the points of that one.
    """
    rows, outputs = codes.shape[1], len(forest.base)
    shape = ready.owner, ready.parent, steps.reachable, ready.deepest
    runs = steps.lines, steps.start, steps.line, steps.change, _shares(steps, weights)

    def walk(start: int) -> tuple[Floats, Floats]:
        block = np.ascontiguousarray(codes[:, start : start + ROWS])
        single = np.zeros((int(steps.lines[-1]), outputs))
        rest = np.zeros((outputs, block.shape[1], len(steps.lines)))
        _walk(shape, ready.arrays, runs, block, single, rest)
        return single, rest

    starts = range(0, rows, ROWS)
    found = list(in_order(walk, starts, min(threads, len(starts))))
    single = np.sum([part for part, _ in found], axis=0) / rows
    for first, end in zip(steps.lines[:-1], steps.lines[1:], strict=True):
        single[first:end] = np.cumsum(single[first:end], axis=0)
    rest = np.concatenate([part for _, part in found], axis=1)
    rests = forest.base[:, None, None] + rest[:, :, :1] + rest[:, :, 1:]
    return single, np.moveaxis(rests, 2, 0)


def _shares(steps: Steps, weights: Sequence[Floats]) -> Floats:
    """The share of the player's points that leads to each node, (node,)."""
    before = np.concatenate([(np.cumsum(each) - each) / each.sum() for each in weights])
    nodes = len(steps.reachable)
    node = np.repeat(np.arange(nodes), np.diff(steps.start))
    beyond = steps.change * (1.0 - before[steps.line])  # of the points from a step on
    return np.asarray(np.bincount(node, beyond, minlength=nodes), dtype=np.float64)


@fast
def _walk(shape, arrays, runs, codes, single, rest):  # type: ignore[no-untyped-def]
    """Walk a block of rows down all trees; `rest` begins with the rows as they are."""
    owner, parent, reachable, deepest = shape
    root, output, left, _, value = arrays[0], arrays[1], arrays[2], arrays[3], arrays[4]
    rows, players, width = codes.shape[1], rest.shape[2] - 1, value.shape[1]
    arena = np.empty((2, (deepest + 1) * rows + 1), dtype=np.int32)
    frames = np.empty((deepest + 2, 6), dtype=np.int64)
    known, below = np.empty(deepest + 1, dtype=np.int64), np.full(players, -1, dtype=np.int64)
    room = np.empty(rows, dtype=np.int32), np.zeros(players + 1), np.zeros(players + 1)
    all_nodes = np.ones(len(owner), dtype=np.bool_)
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
            if left[node] >= 0:
                top = descend(
                    node, entries, owner, reachable, all_nodes, arrays, codes, arena, frames, top
                )
                continue
            count = players_on_path(node, owner, parent, known, below)
            for w in range(width):
                k = output[tree] + w
                _note(
                    entries, value[node, w], known[:count], below, runs, room, single[:, k], rest[k]
                )
            below[known[:count]] = -1


@fast
def _note(entries, value, known, below, runs, room, single, rest):  # type: ignore[no-untyped-def]
    """Note what a leaf adds for the rows that reach it, all in all and one by one."""
    first, start, line, change, share = runs
    rows, passing, worth = room
    passing[0], worth[0], same = 0.0, value, 0
    for player in known:
        passing[player + 1], worth[player + 1] = 0.0, value * share[below[player]]
    for entry in entries:  # a row as it is comes as failing player 0
        row, failing = entry & ROW_MASK, entry >> ROW_BITS
        passing[failing] += 1.0
        rest[row, failing] += worth[failing]
        rows[same] = row
        same += failing == 0
    for place in range(same):
        own = rest[rows[place]]
        for player in known:
            own[player + 1] += worth[player + 1] - value
    for player in known:
        single[first[player]] -= value * passing[0]
        both = value * (passing[0] + passing[player + 1])
        for step in range(start[below[player]], start[below[player] + 1]):
            single[line[step]] += both * change[step]
