"""What a small tree adds to the curves of all forced players, with sets of leaves as bits.

A test leaves a row the leaves of one of its sides. What all tests of one player leave is a mask;
the masks of all players but one, met with the mask of that player at a point of its grid, hold the
one leaf where a row ends whose player is forced to the point. So all curves of a tree of up to 64
leaves follow from a few operations on whole lines of rows. Of a larger tree, rows are walked down
to subtrees of that size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from pellucid.maths.tree_paths import Ints, fast
from pellucid.maths.tree_walks import ROW_BITS, ROW_MASK, goes_left

LEAVES = 64
"""Most leaves of a subtree: one bit of a word for each."""

NOTHING = np.uint64(0)

Masked = tuple[np.ndarray, ...]
"""Subtrees whose leaves are bits, as the kernels take them.

- place of each node among the subtrees (node,), -1 for all that are not on top of one
- leaves below each node that is in one (node,), as bits
- first test and leaf of each subtree, and first of its players (subtree + 1, 3)
- tests: those of no forced player first, the others player by player
- leaves, in the order of their bits
- players, forced in a subtree or above it (player of a subtree, 5): who; first test and the one
  after the last; first piece and the one after the last
- pieces: first line (piece,), and the leaves that the player leaves from there on (piece,)
"""


def masked(
    owner: Ints,
    parent: Ints,
    arrays: tuple[Any, ...],
    lines: NDArray[np.int64],
    points: Ints | None,
) -> Masked:
    """The largest subtrees of 2 to 64 leaves, made ready for grids.

    Parameters
    ----------
    owner, parent, arrays
        Of a `tree_walks.Plan`.
    lines : int array of shape (player + 1,)
        First line of each player.
    points : int array of shape (slot, line), optional
        The codes of all points; without them no subtree is taken.
    """
    left = arrays[2]
    top, under = _leaf_bits(parent, left)
    if points is None:
        top, points = np.full_like(top, -1), np.zeros((0, 0), dtype=np.int32)
    tops = np.flatnonzero(top == np.arange(len(top)))
    place = np.full(len(top), -1, dtype=np.int32)
    place[tops] = np.arange(len(tops))
    tests, leaves = (np.flatnonzero((top >= 0) & kind) for kind in (left >= 0, left < 0))
    slot = arrays[5][tests]
    tests = tests[np.lexsort((slot, owner[tests], top[tests]))].astype(np.int32)
    leaves = leaves[np.argsort(top[leaves], kind="stable")].astype(np.int32)
    begin = np.zeros((len(tops) + 1, 3), dtype=np.int64)
    begin[:-1, 0] = np.searchsorted(top[tests], tops)
    begin[:-1, 1] = np.searchsorted(top[leaves], tops)
    begin[-1, :2] = len(tests), len(leaves)
    players, line, mask = _pieces(owner, parent, arrays, under, tops, begin, tests, lines, points)
    return place, under, begin, tests, leaves, players, line, mask


@intrinsic
def lowest_bit(typing, word):  # type: ignore[no-untyped-def]
    """The place of the lowest bit of a uint64; 64 if there is none."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


@fast
def _leaf_bits(parent, left):  # type: ignore[no-untyped-def]
    """The top of the subtree that each node is in, -1 for none, and the leaves below it as bits."""
    count = np.zeros(len(parent), dtype=np.int64)
    for node in range(len(parent)):
        above = node if left[node] < 0 else -1
        while above >= 0:
            count[above] += 1
            above = parent[above]
    top, given = np.full(len(parent), -1, dtype=np.int64), np.zeros(len(parent), dtype=np.uint64)
    under = np.zeros(len(parent), dtype=np.uint64)
    for node in range(len(parent)):
        above = node
        while parent[above] >= 0 and count[parent[above]] <= LEAVES:
            above = parent[above]
        if not 1 < count[above] <= LEAVES:
            continue
        top[node] = above
        if left[node] < 0:
            bit = np.uint64(1) << given[above]
            given[above] += np.uint64(1)
            below = node
            while below != above:
                under[below] |= bit
                below = parent[below]
            under[above] |= bit
    return top, under


@fast
def _pieces(owner, parent, arrays, under, tops, begin, tests, lines, points):  # type: ignore[no-untyped-def]
    """Players of each subtree and the pieces of their curves; completes `begin`."""
    most, player, piece = np.max(np.diff(lines)), 0, 0
    players = np.empty((1024, 5), dtype=np.int64)
    line, mask = np.empty(1024, dtype=np.int32), np.empty(1024, dtype=np.uint64)
    for which in range(len(tops)):
        begin[which, 2] = player
        first, end = begin[which, 0], begin[which + 1, 0]
        while first < end and owner[tests[first]] < 0:
            first += 1
        for each in range(len(lines) - 1):
            last = first
            while last < end and owner[tests[last]] == each:
                last += 1
            if last == first and not _tested_above(tops[which], each, owner, parent):
                continue
            if player == len(players):
                players = np.concatenate((players, np.empty_like(players)))
            if piece + most > len(line):
                line = np.concatenate((line, np.empty(len(line) + most, dtype=np.int32)))
                mask = np.concatenate((mask, np.empty(len(mask) + most, dtype=np.uint64)))
            players[player, :4] = each, first, last, piece
            for point in range(lines[each], lines[each + 1]):
                codes = points[:, point]
                here = NOTHING
                if _passes_above(tops[which], each, owner, parent, arrays, codes):
                    here = _left_over(tests[first:last], arrays, under, codes)
                if point == lines[each] or here != mask[piece - 1]:
                    line[piece], mask[piece] = point, here
                    piece += 1
            players[player, 4] = piece
            player, first = player + 1, last
    begin[len(tops), 2] = player
    return players[:player].copy(), line[:piece].copy(), mask[:piece].copy()


@fast
def _tested_above(top, player, owner, parent):  # type: ignore[no-untyped-def]
    """Whether a player is tested on the way to a subtree."""
    above = parent[top]
    while above >= 0:
        if owner[above] == player:
            return True
        above = parent[above]
    return False


@fast
def _passes_above(top, player, owner, parent, arrays, codes):  # type: ignore[no-untyped-def]
    """Whether codes (slot,) pass all tests of a player on the way to a subtree."""
    _, _, left, _, _, slot, cut, missing_code, table_start, table = arrays
    child, above = top, parent[top]
    while above >= 0:
        if owner[above] == player:
            test = cut[above], missing_code[above], table_start[above], table
            if goes_left(codes[slot[above]], *test) != (left[above] == child):
                return False
        child, above = above, parent[above]
    return True


@fast
def _left_over(tests, arrays, under, codes):  # type: ignore[no-untyped-def]
    """The leaves that tests leave to codes (slot,)."""
    left, right, slot, cut = arrays[2], arrays[3], arrays[5], arrays[6]
    missing_code, table_start, table = arrays[7:]
    found = ~NOTHING
    for node in tests:
        test = cut[node], missing_code[node], table_start[node], table
        goes = goes_left(codes[slot[node]], *test)
        found &= ~under[right[node]] if goes else ~under[left[node]]
    return found


@fast
def room_for_masks(mask_of, rows):  # type: ignore[no-untyped-def]
    """Room for `note_masked`: grouped rows, ends of groups, leaves' values, masks, values of rows.

    Line 0 of the masks holds the leaves left by tests of no forced player, or by all that a failing
    row heeds; lines 1, 3, … those left by each player, lines 2, 4, … by all players after it.
    """
    most, begin = 0, mask_of[2]
    for which in range(len(begin) - 1):
        most = max(most, begin[which + 1, 2] - begin[which, 2])
    return (
        np.empty(rows, dtype=np.int32),
        np.empty(most + 1, dtype=np.int64),
        np.zeros(LEAVES + 1),
        np.empty((2 * most + 2, rows), dtype=np.uint64),
        np.empty((2, rows)),
    )


@fast
def note_masked(which, entries, mask_of, arrays, output, codes, room, own, out):  # type: ignore[no-untyped-def]
    """Add what a subtree says of rows that come to its top, under any force on any one player.

    Parameters
    ----------
    which : int
        The place of the subtree.
    entries : int array of shape (entry,)
        Rows and failing players, as in `tree_walks`.
    mask_of : tuple
        See `Masked`.
    arrays : tuple
        Of the `Plan`.
    output : int
        The first output that the tree feeds.
    codes : int array of shape (slot, row)
    room : tuple
        Of `room_for_masks`.
    own : array of shape (output, row)
    out : array of shape (line, output, row)
        The steps of the curves, from `own` on.
    """
    _, under, begin, tests, leaves, players, line, mask = mask_of
    rows, ends, local, words, _ = room
    who = players[begin[which, 2] : begin[which + 1, 2]]
    same, total = _grouped(entries, who, rows, ends), len(entries)
    end = who[0, 1] if len(who) > 0 else begin[which + 1, 0]
    met = under, arrays, codes, same == codes.shape[1]
    words[0, :total] = ~NOTHING
    _keep(tests[begin[which, 0] : end], met, rows[:total], words[0, :total])
    if same > 0:
        _keep_each(tests, who, met, rows[:same], words)
    for place in range(len(who)):  # those that fail do not heed the tests of their own player
        own_tests = tests[who[place, 1] : who[place, 2]]
        if same < total and len(own_tests) > 0:
            a, b = ends[place], ends[place + 1]
            _keep(own_tests, met, rows[same:a], words[0, same:a])
            _keep(own_tests, met, rows[b:total], words[0, b:total])
    value, first = arrays[4], leaves[begin[which, 1] : begin[which + 1, 1]]
    for w in range(value.shape[1]):
        for bit in range(len(first)):
            local[bit] = value[first[bit], w]
        if same > 0:
            _note_same(same, who, line, mask, room, own[output + w], out[:, output + w])
        if same < total:
            _note_failing(who, line, mask, room, out[:, output + w])


@fast
def _grouped(entries, who, rows, ends):  # type: ignore[no-untyped-def]
    """Put rows as they are first, and then those that fail the tests of each player."""
    count = 0
    for entry in entries:
        if entry >> ROW_BITS == 0:
            rows[count] = entry & ROW_MASK
            count += 1
    ends[0] = count
    for place in range(len(who)):
        if count < len(entries):
            for entry in entries:
                if entry >> ROW_BITS == who[place, 0] + 1:
                    rows[count] = entry & ROW_MASK
                    count += 1
        ends[place + 1] = count
    return ends[0]


@fast
def _keep_each(tests, who, met, rows, words):  # type: ignore[no-untyped-def]
    """The leaves that each player's tests leave, and those that all players after it leave."""
    for place in range(len(who) - 1, -1, -1):
        mine, after = words[2 * place + 1, : len(rows)], words[2 * place + 2, : len(rows)]
        mine[:] = ~NOTHING
        _keep(tests[who[place, 1] : who[place, 2]], met, rows, mine)
        if place == len(who) - 1:
            after[:] = ~NOTHING
        if place > 0:
            before = words[2 * place]
            for i in range(len(rows)):
                before[i] = mine[i] & after[i]


@fast
def _note_same(same, who, line, mask, room, own, out):  # type: ignore[no-untyped-def]
    """Note the steps of rows that come to the subtree as they are."""
    rows, _, local, words, known = room
    rest, here_now, last = words[-1, :same], known[0, :same], known[1, :same]
    rest[:] = words[0, :same]
    if len(who) > 0:
        for i in range(same):
            rest[i] &= words[1, i] & words[2, i]
    for i in range(same):
        here_now[i] = local[lowest_bit(rest[i])]
        own[rows[i]] += here_now[i]
    rest[:] = words[0, :same]
    for place in range(len(who)):
        mine, after = words[2 * place + 1], words[2 * place + 2]
        last[:] = here_now
        for piece in range(who[place, 3], who[place, 4]):
            step, allowed = out[line[piece]], mask[piece]
            for i in range(same):
                here = local[lowest_bit(rest[i] & after[i] & allowed)]
                step[rows[i]] += here - last[i]
                last[i] = here
        for i in range(same):
            rest[i] &= mine[i]


@fast
def _note_failing(who, line, mask, room, out):  # type: ignore[no-untyped-def]
    """Note the steps of rows that fail tests of one player above the subtree."""
    rows, ends, local, words, known = room
    for place in range(len(who)):
        begin, end, last = ends[place], ends[place + 1], known[0]
        if end > begin:
            last[begin:end] = 0.0
            for piece in range(who[place, 3], who[place, 4]):
                step, allowed = out[line[piece]], mask[piece]
                for i in range(begin, end):
                    here = local[lowest_bit(words[0, i] & allowed)]
                    step[rows[i]] += here - last[i]
                    last[i] = here


@fast
def _keep(tests, met, rows, kept):  # type: ignore[no-untyped-def]
    """Take from each row the leaves that tests do not leave to it."""
    under, arrays, codes, everyone = met
    left, right, slot, cut = arrays[2], arrays[3], arrays[5], arrays[6]
    missing_code, table_start, table = arrays[7:]
    before, here = -1, codes[0]
    for node in tests:
        if slot[node] != before:
            before = slot[node]
            here = codes[before]
            if not everyone:  # loops over neighbours are fast ones
                here = _gathered(here, rows)
        goes, stays = ~under[right[node]], ~under[left[node]]
        edge, gap, start = cut[node], missing_code[node], table_start[node]
        if start >= 0:
            for i in range(len(rows)):
                kept[i] &= goes if table[start + here[i]] else stays
        else:
            for i in range(len(rows)):
                kept[i] &= goes if (here[i] <= edge) | (here[i] == gap) else stays


@fast
def _gathered(line, rows):  # type: ignore[no-untyped-def]
    found = np.empty(len(rows), dtype=line.dtype)
    for i in range(len(rows)):
        found[i] = line[rows[i]]
    return found
