"""Interventional Shapley values by sending each row down a tree together with the background.

Where the row and a background row part, the tested player is from there on either the row's (the
leaves below count for it) or the background row's (they count against it). All background rows
that can still get somewhere go down as one list: on the row's own way the list stays whole, on
any other way only those are left that go there. This is the way for a few rows, for trees with
very many leaves or players, and where every pair of rows has a weight of its own.
"""

from __future__ import annotations

import numpy as np

from pellucid.maths.tree_paths import fast

MINE, THEIRS, REST = 0, 1, 2
"""What is under way below a test: the row's own way, the others' way, or the left one of two."""

VISIT = 20
"""What going to a test takes, in units of one background row's meeting it."""


@fast
def pair_values(program, table, tree, value, own, rows, other, share, gains, gain):  # type: ignore[no-untyped-def]
    """Add one tree's values for rows[0], …, rows[1] - 1 to gain (width, player, sample).

    A background row counts with its weight in `share` (sample, background row), or in the one
    line there is. Returns the work: how often a background row met a test, and what else it took.
    """
    depth, width, behind = program.tree_depth[tree], value.shape[1], other.shape[1]
    lists = np.empty((depth + 1) * behind + 1, dtype=np.int32)  # of background rows
    for b in range(behind):  # assigning one array to another takes seconds to compile
        lists[b] = b
    works = np.empty((depth, 4), dtype=np.int64)  # under way: test, what, and a list
    before = np.empty((depth, width))  # sums when that began
    mine = np.zeros((program.tree_players[tree], behind), dtype=np.bool_)  # the row's alone
    alone = np.zeros(behind, dtype=np.int64)  # and how many
    theirs = np.zeros(gain.shape[1], dtype=np.bool_)  # players that are the background's alone
    won, lost = np.empty((width, behind)), np.empty(width)
    codes, work = np.empty(len(own), dtype=own.dtype), 0
    for row in range(rows[0], rows[1]):
        for slot in range(len(codes)):
            codes[slot] = own[slot, row]
        work += _descend(
            program.tests, program.first[tree], table, value, codes, other,
            share, row if len(share) > 1 else np.int64(0), gains,
            lists, works, before, mine, alone, theirs, won, lost, gain, row,
        )  # fmt: skip
    return work


@fast
def _descend(  # type: ignore[no-untyped-def]
    tests, node, table, value, codes, other, share, line, gains,
    lists, works, before, mine, alone, theirs, won, lost, gain, row,
):  # fmt: skip
    """Walk one row with the whole background; returns the work."""
    won[:], lost[:] = 0.0, 0.0
    none = np.int64(0)  # a bare 0 would have what is called below compiled once more
    top, against, work = none, none, none
    low, high, free = none, other.shape[1], other.shape[1]
    while True:
        while node >= 0:
            test = tests[node]
            work += VISIT + high - low
            if theirs[test.player]:
                middle = _those(test, table, other, True, mine, False, lists, low, high, free)
                end = _those(test, table, other, False, mine, False, lists, low, high, middle)
                if free < middle < end:
                    top = _begin(works, top, node, REST, middle, end)
                node = test.left if free < middle else test.right
                low, high, free = free, middle if free < middle else end, end
                continue
            ours = _goes_left(test, table, codes[test.slot])
            again = test.previous >= 0
            end = _those(test, table, other, not ours, mine, again, lists, low, high, free)
            if free < end:
                _part(lists, free, end, test.bit, 1, won, share, line, alone, mine, before, top, 0)
                top, free = _begin(works, top, node, MINE, free, end), end
            node = test.left if ours else test.right
        _leaf(value, ~node, lists, low, high, share, line, alone, against, gains, won, lost)
        while top and works[top - 1, 1] == THEIRS:
            top, against = top - 1, against - 1
            player = tests[works[top, 0]].player
            theirs[player] = False
            for w in range(len(lost)):
                gain[w, player, row] -= lost[w] - before[top, w]
        if not top:
            return work
        test, low, high = tests[works[top - 1, 0]], works[top - 1, 2], works[top - 1, 3]
        free = high
        if works[top - 1, 1] == REST:
            node, top = test.right, top - 1
            continue
        _part(lists, low, high, test.bit, -1, won, share, line, alone, mine, before, top - 1, 1)
        for w in range(len(lost)):
            gain[w, test.player, row] += before[top - 1, w]
            before[top - 1, w] = lost[w]
        theirs[test.player], works[top - 1, 1], against = True, THEIRS, against + 1
        node = test.right if _goes_left(test, table, codes[test.slot]) else test.left


@fast
def _begin(works, top, node, what, begin, end):  # type: ignore[no-untyped-def]
    works[top, 0], works[top, 1], works[top, 2], works[top, 3] = node, what, begin, end
    return top + 1


@fast
def _goes_left(test, table, code):  # type: ignore[no-untyped-def]
    if test.table_start >= 0:
        return table[test.table_start + code]
    return code <= test.cut or code == test.missing_code


@fast
def _those(test, table, other, left, mine, again, lists, low, high, end):  # type: ignore[no-untyped-def]
    """Append to the lists those of one list who go that way; returns where they end.

    Those for whom the player is the row's already, by a test above, follow the row: they stay out.
    """
    start, cut, missing = test.table_start, test.cut, test.missing_code
    slot, bit = test.slot, test.bit
    for i in range(low, high):
        b = lists[i]
        code = other[slot, b]
        side = table[start + code] if start >= 0 else (code <= cut) | (code == missing)
        lists[end] = b
        end += (side == left) & ~(again and mine[bit, b])
    return end


@fast
def _part(lists, low, high, bit, step, won, share, line, alone, mine, before, place, sign):  # type: ignore[no-untyped-def]
    """Make a player the row's alone for some background rows, or no longer (step 1 or -1).

    What was won with them before is kept, then becomes what was won meanwhile.
    """
    for w in range(len(won)):
        total = 0.0
        for i in range(low, high):
            total += share[line, lists[i]] * won[w, lists[i]]
        before[place, w] = total - before[place, w] if sign else total
    for i in range(low, high):
        alone[lists[i]] += step
        mine[bit, lists[i]] = step > 0


@fast
def _leaf(value, leaf, lists, low, high, share, line, alone, against, gains, won, lost):  # type: ignore[no-untyped-def]
    """A leaf that the row and some background rows reach together pays on both sides."""
    loss = 0.0
    for i in range(low, high):
        b = lists[i]
        count = alone[b]
        loss += share[line, b] * gains[against, count]
        for w in range(len(won)):
            won[w, b] += value[leaf, w] * gains[count, against]
    for w in range(len(won)):
        lost[w] += value[leaf, w] * loss
