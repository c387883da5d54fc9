"""Interventional Shapley values for trees with very many players on one path.

Each row is paired with each background row, and both walk down the tree together: where they
part, the player is either the row's or the background's from there on.
"""

from __future__ import annotations

import numpy as np

from pellucid.maths.tree_paths import fast

OPEN, MINE, THEIRS = 0, 1, 2


@fast
def pair_values(program, table, tree, value, own, other, gains, gain):  # type: ignore[no-untyped-def]
    """Add one tree's values to gain (width, player, sample)."""
    share = 1.0 / other.shape[1]
    owner = np.zeros(gain.shape[1], dtype=np.int8)
    decided = np.empty(program.tree_players[tree], dtype=np.int64)
    stack = np.empty((6 * program.tree_depth[tree] + 6, 2), dtype=np.int64)
    for row in range(own.shape[1]):
        for behind in range(other.shape[1]):
            _pair(
                program, table, tree, value, own[:, row], other[:, behind], gains, share,
                owner, decided, stack, gain[:, :, row],
            )  # fmt: skip


@fast
def _pair(program, table, tree, value, mine, theirs, gains, share, owner, decided, stack, gain):  # type: ignore[no-untyped-def]
    """One row against one background row; the stack holds (node, what to do there)."""
    stack[0, 0], stack[0, 1] = program.first[tree], OPEN
    top, counts = 1, np.zeros(3, dtype=np.int64)
    while top > 0:
        top -= 1
        node, task = stack[top]
        if task != OPEN:  # the player of this node changes hands: 3 gives it back
            player = program.tests[node].player
            if task == 3:
                counts[owner[player]] -= 1
                counts[0] -= 1
                owner[player] = OPEN
                continue
            owner[player] = task
            counts[task] += 1
            decided[counts[0]] = player
            counts[0] += 1
            continue
        if node < 0:
            _credit(value[~node], counts, owner, decided, gains, share, gain)
            continue
        to_mine = _child(program, table, node, mine)
        to_theirs = _child(program, table, node, theirs)
        holder = owner[program.tests[node].player]
        if to_mine == to_theirs or holder != OPEN:
            stack[top, 0], stack[top, 1] = (to_theirs if holder == THEIRS else to_mine), OPEN
            top += 1
            continue
        for task, child in ((THEIRS, to_theirs), (MINE, to_mine)):
            stack[top, 0], stack[top, 1] = node, 3
            stack[top + 1, 0], stack[top + 1, 1] = child, OPEN
            stack[top + 2, 0], stack[top + 2, 1] = node, task
            top += 3


@fast
def _child(program, table, node, codes):  # type: ignore[no-untyped-def]
    code, start = codes[program.tests[node].slot], program.tests[node].table_start
    if start >= 0:
        goes_left = table[start + code]
    else:
        goes_left = code <= program.tests[node].cut or code == program.tests[node].missing_code
    return program.tests[node].left if goes_left else program.tests[node].right


@fast
def _credit(leaf, counts, owner, decided, gains, share, gain):  # type: ignore[no-untyped-def]
    """A leaf that both can reach together pays the players who were decided on the way."""
    plus = share * gains[counts[MINE], counts[THEIRS]]
    minus = share * gains[counts[THEIRS], counts[MINE]]
    for j in range(counts[0]):
        player = decided[j]
        worth = plus if owner[player] == MINE else -minus
        for w in range(len(leaf)):
            gain[w, player] += worth * leaf[w]
