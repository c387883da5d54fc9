"""Interventional Shapley values of trees, exact for any background.

On the path to one leaf a row is a pattern of bits, one per player: does it pass all tests of the
player? So is a background row. If A are the players that only the explained row passes and B
those that only the background row passes, and nobody fails in both, the leaf's value goes with
weight ``(|A|-1)! |B|! / (|A|+|B|)!`` to each player of A and with ``-|A|! (|B|-1)! / (|A|+|B|)!``
to each of B.

Only the pattern matters, so a leaf needs a table of pattern -> values, made once from the
histogram of the background's patterns, and a row needs one look-up per player. Small subtrees
share one table, indexed by the pattern above them and the outcomes of their own tests. Where a
table would be larger than the rows are many, only the patterns that occur are worked out.
"""

from __future__ import annotations

import numpy as np

from pellucid.maths.tree_paths import fast

MOST_BITS = 62  # players on a path that fit one pattern; beyond, rows are paired one by one


@fast
def passes(program, table, tree, codes, begin, rows):  # type: ignore[no-untyped-def]
    """Whether each row goes left at each inner node of the tree: (node, row), 0 or 1."""
    first, last = program.first[tree], program.first[tree + 1]
    goes = np.empty((last - first, rows), dtype=np.uint8)
    for node in range(first, last):
        line, out = codes[program.tests[node].slot], goes[node - first]
        start, cut = program.tests[node].table_start, program.tests[node].cut
        missing = program.tests[node].missing_code
        if start >= 0:
            for b in range(rows):
                out[b] = table[start + line[begin + b]]
        else:
            for b in range(rows):
                code = line[begin + b]
                out[b] = (code <= cut) | (code == missing)
    return goes


@fast
def patterns(program, first, node, side, goes, into):  # type: ignore[no-untyped-def]
    """Bit j of `into` says whether a row passes all tests of player j down to that child."""
    if node < 0:
        into[:] = 0
        return
    players = program.tests[node].known + (program.tests[node].previous < 0)
    into[:] = (np.int64(1) << np.int64(players)) - 1
    while node >= 0:
        bit, line = np.int64(program.tests[node].bit), goes[node - first]
        for b in range(len(into)):
            failed = np.int64(line[b] == side)
            into[b] &= ~(failed << bit)
        side = program.tests[node].side
        node = program.tests[node].parent


@fast
def path_players(program, node, into):  # type: ignore[no-untyped-def]
    """Player of every bit on the path down to a child of the node; returns how many."""
    players = 0 if node < 0 else program.tests[node].known + (program.tests[node].previous < 0)
    while node >= 0:
        into[program.tests[node].bit] = program.tests[node].player
        node = program.tests[node].parent
    return players


@fast
def leaf_table(players, histogram, times, weights, into):  # type: ignore[no-untyped-def]
    """Values (player, pattern) of a leaf worth 1, for a weighted histogram of patterns.

    With every player of the row joining with probability t, the chance to reach the leaf is a
    product of 2 x 2 matrices applied to the histogram, one bit at a time; its derivatives,
    integrated over t by a rule that is exact for this degree, are the values.
    """
    size = 1 << players
    order = (players + 1) // 2
    chance = np.empty(size)
    into[:players, :size] = 0.0
    for k in range(order):
        t, weight = times[order, k], weights[order, k]
        for a in range(size):
            chance[a] = histogram[a]
        for j in range(players):
            step = 1 << j
            for start in range(0, size, 2 * step):
                for a in range(start, start + step):
                    absent, present = chance[a], chance[a + step]
                    chance[a] = (1.0 - t) * present
                    chance[a + step] = t * absent + present
        for j in range(players):
            step = 1 << j
            for start in range(0, size, 2 * step):
                for a in range(start, start + step):
                    rest = chance[a] / (1.0 - t)
                    into[j, a] -= weight * rest
                    into[j, a + step] += weight * ((chance[a + step] - rest) / t)


@fast
def distinct(which):  # type: ignore[no-untyped-def]
    """The different patterns in order of first appearance; `which` becomes their numbers."""
    space = 4
    while space < 2 * len(which):
        space *= 2
    seen = np.full(space, -1, dtype=np.int64)  # open addressing
    found = np.empty(len(which), dtype=np.int64)
    total = 0
    for b in range(len(which)):
        pattern = which[b]
        place = (pattern * np.int64(-7046029254386353131) >> np.int64(29)) & (space - 1)
        while seen[place] >= 0 and found[seen[place]] != pattern:
            place = (place + 1) & (space - 1)
        if seen[place] < 0:
            seen[place] = total
            found[total] = pattern
            total += 1
        which[b] = seen[place]
    return found[:total]


@fast
def pattern_values(players, own, background, share, gains, into):  # type: ignore[no-untyped-def]
    """Add the values (player, pattern) of a leaf worth 1, for the patterns `own` only."""
    everyone = (np.int64(1) << np.int64(players)) - 1
    for u in range(len(own)):
        for v in range(len(background)):
            if own[u] | background[v] != everyone:
                continue
            mine, theirs = own[u] & ~background[v], background[v] & ~own[u]
            a, b = _ones(mine), _ones(theirs)
            gain, loss = share[v] * gains[a, b], share[v] * gains[b, a]
            for j in range(players):
                if mine >> j & 1:
                    into[j, u] += gain
                elif theirs >> j & 1:
                    into[j, u] -= loss


@fast
def _ones(bits):  # type: ignore[no-untyped-def]
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count
