"""Partial dependence of a forest on one and on two players at once, averaged over rows.

A leaf's part in the partial dependence on a set of players is its value, times the share of rows
that pass the tests of all others on its path, where the point passes those of the set. The shares
for all sets of one or two come from one walk, whose entries are rows that fail the tests of at most
two players. What a leaf adds is a rectangle of grid points, noted at its corners; running sums
along both axes give the surface.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.maths.tree_paths import Floats, Forest, Ints, fast
from pellucid.maths.tree_profiles import Steps
from pellucid.maths.tree_walks import Plan, goes_left, players_on_path

PLAYER_BITS = 20
"""An entry of the walk holds 1 + each failing player in so many bits, above those of the row."""

ROWS = 2**14
"""Rows walked at once."""


def joint(
    forest: Forest, ready: Plan, steps: Steps, codes: Ints, pairs: Sequence[tuple[int, int]]
) -> tuple[Floats, list[Floats]]:
    """Partial dependence, less what sets of fewer players say already.

    Parameters
    ----------
    forest : Forest
    ready : Plan
        For all players that are asked about.
    steps : Steps
        Of curves over their points.
    codes : int array of shape (slot, row)
        The rows averaged over.
    pairs : sequence of (player, player)
        By their places in the plan.

    Returns
    -------
    single : array of shape (line, output)
        Partial dependence on each player at its points, less the mean prediction.
    pure : list of array of shape (point, point, output)
        For each pair: partial dependence on both, less that on each, plus the mean prediction.
    """
    rows, outputs = codes.shape[1], len(forest.base)
    sizes, players = np.diff(steps.lines), len(steps.lines) - 1
    number = np.full((players, players), -1, dtype=np.int64)
    first = np.zeros(len(pairs) + 1, dtype=np.int64)
    for place, (j, k) in enumerate(pairs):
        number[j, k] = place
        first[place + 1] = first[place] + sizes[j] * sizes[k]
    single = np.zeros((int(steps.lines[-1]), outputs))
    cells = np.zeros((int(first[-1]), outputs))
    runs = steps.start, steps.line, steps.change
    shape = ready.owner, ready.parent, ready.deepest
    for start in range(0, rows, ROWS):
        block = np.ascontiguousarray(codes[:, start : start + ROWS])
        _count(shape, ready.arrays, steps.lines, runs, block, number, first, single, cells)
    for player in range(players):
        own = slice(steps.lines[player], steps.lines[player + 1])
        single[own] = np.cumsum(single[own], axis=0)
    pure = []
    for place, (j, k) in enumerate(pairs):
        surface = cells[first[place] : first[place + 1]].reshape(sizes[j], sizes[k], outputs)
        _sum_up(surface, rows)
        pure.append(surface)
    return single / rows, pure


@fast
def _sum_up(surface, rows):  # type: ignore[no-untyped-def]
    """Corners (point, point, output) to the running sums along both axes, for each row."""
    for k in range(surface.shape[2]):
        for j in range(surface.shape[1]):
            surface[0, j, k] = surface[0, j, k] / rows
        for i in range(1, surface.shape[0]):
            for j in range(surface.shape[1]):
                surface[i, j, k] = surface[i, j, k] / rows + surface[i - 1, j, k]
        for i in range(surface.shape[0]):
            running = 0.0
            for j in range(surface.shape[1]):
                running += surface[i, j, k]
                surface[i, j, k] = running


@fast
def _count(shape, arrays, lines, runs, codes, number, first, single, cells):  # type: ignore[no-untyped-def]
    """Walk a block of rows down all trees and note every leaf's rectangles."""
    owner, parent, deepest = shape
    root, output, left, _, value = arrays[0], arrays[1], arrays[2], arrays[3], arrays[4]
    rows, width = codes.shape[1], value.shape[1]
    arena = np.empty((2, (deepest + 1) * rows + 1), dtype=np.int64)
    frames = np.empty((deepest + 2, 6), dtype=np.int64)
    known = np.empty(deepest + 1, dtype=np.int64)
    below, place = np.full(len(lines), -1), np.full(len(lines), -1)
    passing = np.zeros((deepest + 2, deepest + 2))
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
                top = _descend(node, entries, owner, arrays, codes, arena, frames, top)
                continue
            count = players_on_path(node, owner, parent, known, below)
            if count > 0:
                for local in range(count):
                    place[known[local]] = local + 1
                _shares(entries, place, count, passing)
                for w in range(width):
                    k = output[tree] + w
                    _note(value[node, w], known[:count], below, lines, runs, passing,
                          number, first, single[:, k], cells[:, k])  # fmt: skip
            below[known[:count]] = -1


@fast
def _descend(node, entries, owner, arrays, codes, arena, frames, top):  # type: ignore[no-untyped-def]
    """Hand a node's entries to its children, as long as at most two players fail."""
    _, _, left, right, _, slot, cut, missing_code, table_start, table = arrays
    first, second = frames[top, 4], frames[top, 5]
    a, b, line, mine = first, second, codes[slot[node]], np.int64(owner[node] + 1)
    mask = np.int64((1 << PLAYER_BITS) - 1)
    test = cut[node], missing_code[node], table_start[node], table
    for entry in entries:
        goes = goes_left(line[entry & mask], *test)
        one, two = (entry >> PLAYER_BITS) & mask, entry >> (2 * PLAYER_BITS)
        stray = np.int64(-1)
        if mine > 0:
            if one == mine or two == mine:
                stray = entry
            elif one == 0:
                stray = entry | (mine << PLAYER_BITS)
            elif two == 0:
                stray = entry | (mine << (2 * PLAYER_BITS))
        arena[0, a], arena[1, b] = entry if goes else stray, stray if goes else entry
        a += goes or stray >= 0
        b += not goes or stray >= 0
    for child, side, begin, end in ((left[node], 0, first, a), (right[node], 1, second, b)):
        if end > begin:
            frames[top, 0], frames[top, 1], frames[top, 2], frames[top, 3] = child, side, begin, end
            frames[top, 4], frames[top, 5] = a, b
            top += 1
    return top


@fast
def _shares(entries, place, count, passing):  # type: ignore[no-untyped-def]
    """Rows that pass all tests but those of one or two players, by their places on the path."""
    mask = (1 << PLAYER_BITS) - 1
    passing[: count + 1, : count + 1] = 0.0
    for entry in entries:
        one, two = (entry >> PLAYER_BITS) & mask, entry >> (2 * PLAYER_BITS)
        a = place[one - 1] if one > 0 else 0
        b = place[two - 1] if two > 0 else 0
        passing[min(a, b), max(a, b)] += 1.0
    for b in range(1, count + 1):
        passing[0, b] += passing[0, 0]
    for a in range(1, count + 1):
        for b in range(a + 1, count + 1):
            passing[a, b] += passing[0, a] + passing[0, b] - passing[0, 0]


@fast
def _note(value, known, below, lines, runs, passing, number, first, single, cells):  # type: ignore[no-untyped-def]
    """Note a leaf's steps for single players, and the corners of its rectangles for pairs."""
    start, line, change = runs
    for a in range(len(known)):
        player, node = known[a], below[known[a]]
        single[lines[player]] -= value * passing[0, 0]
        for step in range(start[node], start[node + 1]):
            single[line[step]] += value * passing[0, a + 1] * change[step]
        for b in range(len(known)):
            other, there = known[b], below[known[b]]
            pair = number[player, other]
            if pair < 0:
                continue
            across, corner = lines[other + 1] - lines[other], first[pair]
            both = passing[min(a, b) + 1, max(a, b) + 1]
            cells[corner] += value * passing[0, 0]
            for step in range(start[node], start[node + 1]):
                down = corner + (line[step] - lines[player]) * across
                cells[down] -= value * passing[0, a + 1] * change[step]
                for turn in range(start[there], start[there + 1]):
                    cell = down + line[turn] - lines[other]
                    cells[cell] += value * both * change[step] * change[turn]
            for turn in range(start[there], start[there + 1]):
                cell = corner + line[turn] - lines[other]
                cells[cell] -= value * passing[0, b + 1] * change[turn]
