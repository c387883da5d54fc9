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

TEST = np.dtype(
    [
        ("goes", "u8"),  # the leaves that it leaves to a row that goes left, as bits
        ("stays", "u8"),  # those that it leaves to all others
        ("table_start", "i8"),  # -1 for a numeric test
        ("slot", "i4"),  # line of the codes that is tested
        ("cut", "i4"),
        ("missing_code", "i4"),
        ("player", "i4"),  # -1 for none that is forced
    ],
    align=True,
)
"""One test inside a subtree."""

CODING = ("slot", "cut", "missing_code", "table_start")

Masked = tuple[np.ndarray, ...]
"""Subtrees whose leaves are bits, as the kernels take them.

- place of each node among the subtrees (node,), -1 for all that are not on top of one
- first test and leaf of each subtree, and first of its players (subtree + 1, 3)
- tests, as `TEST`: those of no forced player first, the others player by player
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
    points: Ints,
) -> Masked:
    """The largest subtrees of 2 to 64 leaves, made ready for grids.

    Parameters
    ----------
    owner, parent, arrays
        Of a `tree_walks.Plan`.
    lines : int array of shape (player + 1,)
        First line of each player.
    points : int array of shape (slot, line)
        The codes of all points.
    """
    left, right = arrays[2], arrays[3]
    top, under = _leaf_bits(parent, left)
    tops = np.flatnonzero(top == np.arange(len(top)))
    place = np.full(len(top), -1, dtype=np.int32)
    place[tops] = np.arange(len(tops))
    nodes, leaves = (np.flatnonzero((top >= 0) & kind) for kind in (left >= 0, left < 0))
    nodes = nodes[np.lexsort((arrays[5][nodes], owner[nodes], top[nodes]))]
    leaves = leaves[np.argsort(top[leaves], kind="stable")].astype(np.int32)
    tests = np.empty(len(nodes), dtype=TEST)
    tests["goes"], tests["stays"] = ~under[right[nodes]], ~under[left[nodes]]
    for name, of_node in zip(CODING, arrays[5:9], strict=True):
        tests[name] = of_node[nodes]
    tests["player"] = owner[nodes]
    begin = np.zeros((len(tops) + 1, 3), dtype=np.int64)
    begin[:-1, 0] = np.searchsorted(top[nodes], tops)
    begin[:-1, 1] = np.searchsorted(top[leaves], tops)
    begin[-1, :2] = len(nodes), len(leaves)
    players, line, mask = _pieces(owner, parent, arrays, tops, begin, tests, lines, points)
    return place, begin, tests, leaves, players, line, mask


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
def _pieces(owner, parent, arrays, tops, begin, tests, lines, points):  # type: ignore[no-untyped-def]
    """Players of each subtree and the pieces of their curves; completes `begin`."""
    most, player, piece = np.max(np.diff(lines)), 0, 0
    players = np.empty((1024, 5), dtype=np.int64)
    line, mask = np.empty(1024, dtype=np.int32), np.empty(1024, dtype=np.uint64)
    for which in range(len(tops)):
        begin[which, 2] = player
        first, end = begin[which, 0], begin[which + 1, 0]
        while first < end and tests[first].player < 0:
            first += 1
        for each in range(len(lines) - 1):
            last = first
            while last < end and tests[last].player == each:
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
                    here = _left_over(tests[first:last], arrays[9], codes)
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
def _left_over(tests, table, codes):  # type: ignore[no-untyped-def]
    """The leaves that tests leave to codes (slot,)."""
    found = ~NOTHING
    for test in tests:
        asked = test.cut, test.missing_code, test.table_start, table
        found &= test.goes if goes_left(codes[test.slot], *asked) else test.stays
    return found


@fast
def room_for_masks(mask_of, rows):  # type: ignore[no-untyped-def]
    """Room for `note_masked`: grouped rows, ends of groups, leaves' values, masks, values of rows,
    places in groups, codes.

    Line 0 of the masks holds the leaves left by tests of no forced player, or by all that a failing
    row heeds; lines 1, 3, … those left by each player, lines 2, 4, … by all players after it.
    """
    most, last, begin, players = 0, -1, mask_of[1], mask_of[4]
    for which in range(len(begin) - 1):
        most = max(most, begin[which + 1, 2] - begin[which, 2])
    for place in range(len(players)):
        last = max(last, players[place, 0])
    return (
        np.empty(rows, dtype=np.uint32),
        np.empty(most + 1, dtype=np.int64),
        np.zeros(LEAVES + 1),
        np.empty((2 * most + 3, rows), dtype=np.uint64),
        np.empty((2, rows)),
        np.empty(last + 2, dtype=np.int64),
        np.empty(rows, dtype=np.int32),
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
    _, begin, tests, leaves, players, line, mask = mask_of
    rows, ends, local, words, _, next_of, here = room
    who = players[begin[which, 2] : begin[which + 1, 2]]
    same, total = _grouped(entries, who, rows, ends, next_of), len(entries)
    first, end, table = begin[which, 0], begin[which + 1, 0], arrays[9]
    for i in range(total):
        words[0, i] = ~NOTHING
    if same > 0:
        mine = who[0, 1] if len(who) > 0 else end
        _keep(tests, first, mine, table, codes, rows, here, 0, same, 0, words)
        _keep_each(tests, who, table, codes, rows, here, same, words)
    for place in range(len(who)):  # those that fail do not heed the tests of their own player
        a, b = ends[place], ends[place + 1]
        if a < b:
            _keep(tests, first, who[place, 1], table, codes, rows, here, a, b, 0, words)
            _keep(tests, who[place, 2], end, table, codes, rows, here, a, b, 0, words)
    value, first_leaf = arrays[4], begin[which, 1]
    for w in range(value.shape[1]):
        for leaf in range(first_leaf, begin[which + 1, 1]):
            local[leaf - first_leaf] = value[leaves[leaf], w]
        if same > 0:
            _note_same(same, who, line, mask, room, output + w, own, out)
        if same < total:
            _note_failing(who, line, mask, room, output + w, out)


@fast
def _grouped(entries, who, rows, ends, next_of):  # type: ignore[no-untyped-def]
    """Put rows as they are first, and then those that fail the tests of each player."""
    count = 0
    for entry in entries:
        rows[count] = entry & ROW_MASK
        count += entry >> ROW_BITS == 0
    ends[: len(who) + 1] = count
    if count == len(entries):
        return count
    next_of[:] = 0
    for entry in entries:
        next_of[entry >> ROW_BITS] += 1
    next_of[0] = 0
    for place in range(len(who)):
        player = who[place, 0] + 1
        ends[place + 1] = ends[place] + next_of[player]
        next_of[player] = ends[place]
    for entry in entries:
        failing = entry >> ROW_BITS
        rows[next_of[failing]] = entry & ROW_MASK
        next_of[failing] += 1
    return count


@fast
def _keep_each(tests, who, table, codes, rows, here, same, words):  # type: ignore[no-untyped-def]
    """The leaves that each player's tests leave, and those that all players after it leave."""
    for place in range(len(who) - 1, -1, -1):
        mine, after = 2 * place + 1, 2 * place + 2
        for i in range(same):
            words[mine, i] = ~NOTHING
        _keep(tests, who[place, 1], who[place, 2], table, codes, rows, here, 0, same, mine, words)
        if place == len(who) - 1:
            for i in range(same):
                words[after, i] = ~NOTHING
        if place > 0:
            for i in range(same):
                words[mine - 1, i] = words[mine, i] & words[after, i]


@fast
def _note_same(same, who, line, mask, room, output, own, out):  # type: ignore[no-untyped-def]
    """Note the steps of rows that come to the subtree as they are."""
    rows, local, words, last = room[0], room[2], room[3], room[4]
    rest, left = len(words) - 1, len(words) - 2
    for i in range(same):
        words[rest, i] = words[0, i]
        if len(who) > 0:
            words[rest, i] &= words[1, i] & words[2, i]
        last[0, i] = local[lowest_bit(words[rest, i])]
        own[output, rows[i]] += last[0, i]
        words[rest, i] = words[0, i]
    for place in range(len(who)):
        mine, after = 2 * place + 1, 2 * place + 2
        for i in range(same):
            last[1, i] = last[0, i]
            words[left, i] = words[rest, i] & words[after, i]
            words[rest, i] &= words[mine, i]
        if same == own.shape[1]:
            _step_all(who[place], line, mask, left, words, local, last, output, out)
        else:
            _step(who[place], line, mask, 0, same, left, words, local, last, rows, output, out)


@fast
def _note_failing(who, line, mask, room, output, out):  # type: ignore[no-untyped-def]
    """Note the steps of rows that fail tests of one player above the subtree."""
    rows, ends, local, words, last = room[0], room[1], room[2], room[3], room[4]
    for place in range(len(who)):
        begin, end = ends[place], ends[place + 1]
        if begin < end:
            for i in range(begin, end):
                last[1, i] = 0.0
            _step(who[place], line, mask, begin, end, 0, words, local, last, rows, output, out)


@fast
def _step(player, line, mask, begin, end, left, words, local, last, rows, output, out):  # type: ignore[no-untyped-def]
    """Note how a player's pieces change what rows get, whose other players leave some leaves."""
    for piece in range(player[3], player[4]):
        at, allowed = line[piece], mask[piece]
        for i in range(begin, end):
            now = local[lowest_bit(words[left, i] & allowed)]
            out[at, output, rows[i]] += now - last[1, i]
            last[1, i] = now


@fast
def _step_all(player, line, mask, left, words, local, last, output, out):  # type: ignore[no-untyped-def]
    """As `_step`, for all rows in their order."""
    for piece in range(player[3], player[4]):
        at, allowed = line[piece], mask[piece]
        for i in range(out.shape[2]):
            now = local[lowest_bit(words[left, i] & allowed)]
            out[at, output, i] += now - last[1, i]
            last[1, i] = now


@fast
def _keep(tests, first, last, table, codes, rows, here, begin, end, at, words):  # type: ignore[no-untyped-def]
    """Take from each row the leaves that tests do not leave to it."""
    before, kept, some = -1, words[at, begin:end], rows[begin:end]
    for k in range(first, last):
        test = tests[k]
        if test.slot != before:
            before = test.slot
            if len(kept) == codes.shape[1]:
                for i in range(len(kept)):
                    here[i] = codes[before, i]
            else:
                for i in range(len(kept)):
                    here[i] = codes[before, some[i]]
        goes, stays = test.goes, test.stays
        edge, gap, start = test.cut, test.missing_code, test.table_start
        if start >= 0:
            for i in range(len(kept)):
                kept[i] &= goes if table[start + here[i]] else stays
        else:
            for i in range(len(kept)):
                kept[i] &= goes if (here[i] <= edge) | (here[i] == gap) else stays
