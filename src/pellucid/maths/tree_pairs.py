"""Interventional Shapley values by pairing each row with each background row.

Both walk down the tree together: where they part, the player is either the row's or the
background's from there on. This is the way for a few rows, and for trees with very many players on
one path.
"""

from __future__ import annotations

import numpy as np

from pellucid.maths.tree_paths import fast

OPEN, MINE, THEIRS = 0, 1, 2


@fast
def pair_values(program, table, tree, value, own, other, gains, gain):  # type: ignore[no-untyped-def]
    """Add one tree's values to gain (width, player, sample)."""
    room = (
        np.full(gain.shape[1], OPEN, dtype=np.int8),  # who owns each player
        np.empty(program.tree_players[tree] + 1, dtype=np.int64),  # players that are owned
        np.empty((program.tree_depth[tree] + 1, 3), dtype=np.int64),
    )
    for row in range(own.shape[1]):
        for behind in range(other.shape[1]):
            _pair(program, table, tree, value, own, row, other, behind, gains, room, gain)


@fast
def _pair(program, table, tree, value, own, row, other, behind, gains, room, gain):  # type: ignore[no-untyped-def]
    """Walk one row with one background row; the stack keeps ways not yet taken as THEIRS."""
    owner, owned, stack = room
    node, top, count, mine = program.first[tree], 0, 0, 0
    while True:
        while node >= 0:
            test = program.tests[node]
            here = _child(test, table, own[test.slot, row])
            there = _child(test, table, other[test.slot, behind])
            if here == there or owner[test.player] == MINE:
                node = here
            elif owner[test.player] == THEIRS:
                node = there
            else:
                stack[top, 0], stack[top, 1], stack[top, 2] = there, test.player, count
                top, owner[test.player], owned[count] = top + 1, MINE, test.player
                node, count, mine = here, count + 1, mine + 1
        _credit(value, ~node, mine, count, owner, owned, gains, other.shape[1], gain, row)
        kept = stack[top - 1, 2] if top else 0
        while count > kept:
            count -= 1
            mine -= owner[owned[count]] == MINE
            owner[owned[count]] = OPEN
        if not top:
            return
        top -= 1
        node, owned[count], owner[stack[top, 1]] = stack[top, 0], stack[top, 1], THEIRS
        count += 1


@fast
def _child(test, table, code):  # type: ignore[no-untyped-def]
    if test.table_start >= 0:
        goes_left = table[test.table_start + code]
    else:
        goes_left = code <= test.cut or code == test.missing_code
    return test.left if goes_left else test.right


@fast
def _credit(value, leaf, mine, count, owner, owned, gains, pairs, gain, row):  # type: ignore[no-untyped-def]
    """A leaf that both can reach together pays the players who were owned on the way."""
    plus, minus = gains[mine, count - mine] / pairs, gains[count - mine, mine] / pairs
    for j in range(count):
        player = owned[j]
        worth = plus if owner[player] == MINE else -minus
        for w in range(value.shape[1]):
            gain[w, player, row] += worth * value[leaf, w]
