"""Interventional Shapley interactions of trees, exact for any background.

On the path to a leaf let A be the players whose tests only the explained row passes and B those
whose tests only the background row passes, a and b of them; where a player's tests fail for both,
the leaf is out of reach. The leaf counts once A has joined and none of B has, so it pays each
player of A ``(a-1)! b! / (a+b)!`` of its value and takes ``a! (b-1)! / (a+b)!`` from each of B. Of
that game's interactions, a pair in A gets ``(a-2)! b! / (a+b-1)!``, a pair in B
``a! (b-2)! / (a+b-1)!``, and one of each ``-(a-1)! (b-1)! / (a+b-1)!``. All three are entries of
one table, `gains`, whether its weights are Shapley's or Banzhaf's.

Only which tests a row passes matters. So for each test that leads to leaves, rows and background
rows are sorted by the tests they pass down to its children, each distinct pair of patterns is
worked out once for both leaves, and a row looks its pattern up.
"""

from __future__ import annotations

import numpy as np

from pellucid.maths.tree_interactions_pairs import line_of
from pellucid.maths.tree_interventional import distinct, passes, path_players, patterns
from pellucid.maths.tree_paths import fast

MOST_BITS = 61
"""Players above a test that fit one pattern, with the test itself; beyond, rows are paired."""


@fast
def interactions(program, table, output, value, own, other, gains, pairs, gain):  # type: ignore[no-untyped-def]
    """Add the values of rows with codes `own`, against those with codes `other`, to `gain`.

    `gain` is (output, players then pairs, sample).
    """
    width = value.shape[1]
    for tree in range(len(output)):
        first, last = program.first[tree], program.first[tree + 1]
        if first == last:
            continue
        goes = passes(program, table, tree, own, 0, own.shape[1])
        behind = passes(program, table, tree, other, 0, other.shape[1])
        part = gain[output[tree] : output[tree] + width]
        for node in range(first, last):
            test = program.tests[node]
            if test.left >= 0 and test.right >= 0:
                continue
            if test.known < MOST_BITS:
                _by_pattern(program, first, node, value, goes, behind, gains, pairs, part)
            else:
                _by_row(program, first, node, value, goes, behind, gains, pairs, part)


@fast
def _by_pattern(program, first, node, value, goes, behind, gains, pairs, part):  # type: ignore[no-untyped-def]
    """Pay for a test's leaves, once for every pattern that occurs."""
    test, number = program.tests[node], _index(program, first, node, goes)
    theirs = _index(program, first, node, behind)
    bits = test.known + (test.previous < 0)
    own, other = distinct(number), distinct(theirs)
    share = np.zeros(len(other))
    for b in range(len(theirs)):
        share[theirs[b]] += 1.0 / len(theirs)
    worth = np.zeros((len(own), value.shape[1], _lines(bits, pairs)))
    alive = np.zeros(len(own), dtype=np.bool_)
    members = np.empty((2, bits), dtype=np.int64)
    everyone = (np.int64(1) << np.int64(bits)) - 1
    for side, child in enumerate((test.left, test.right)):
        if child >= 0:
            continue
        passed = np.empty(len(other), dtype=np.int64)
        for v in range(len(other)):
            passed[v] = _leaf_pattern(test, side, other[v])
        for u in range(len(own)):
            mine = _leaf_pattern(test, side, own[u])
            for v in range(len(other)):
                if mine | passed[v] == everyone and mine != passed[v]:
                    a = _members(mine & ~passed[v], members[0])
                    b = _members(passed[v] & ~mine, members[1])
                    _credit(value[~child], share[v], a, b, members, gains, bits, worth[u])
                    alive[u] = True
    _look_up(program, node, bits, number, alive, pairs, worth, part)


@fast
def _by_row(program, first, node, value, goes, behind, gains, pairs, part):  # type: ignore[no-untyped-def]
    """The same, each row with each background row: for paths of more players than a word's bits."""
    test, rows = program.tests[node], goes.shape[1]
    bits = test.known + (test.previous < 0)
    worth = np.zeros((rows, value.shape[1], _lines(bits, pairs)))
    members = np.empty((2, bits), dtype=np.int64)
    mine, theirs = np.empty((2, bits), dtype=np.bool_)
    for side, child in enumerate((test.left, test.right)):
        for row in range(rows if child < 0 else 0):
            _passing(program, first, node, side, goes[:, row], mine)
            for other in range(behind.shape[1]):
                _passing(program, first, node, side, behind[:, other], theirs)
                if (mine | theirs).all():
                    a, b = 0, 0
                    for j in range(bits):
                        if mine[j] and not theirs[j]:
                            members[0, a] = j
                            a += 1
                        elif theirs[j] and not mine[j]:
                            members[1, b] = j
                            b += 1
                    share = 1.0 / behind.shape[1]
                    _credit(value[~child], share, a, b, members, gains, bits, worth[row])
    alive = np.ones(rows, dtype=np.bool_)
    _look_up(program, node, bits, np.arange(rows), alive, pairs, worth, part)


@fast
def _lines(bits, pairs):  # type: ignore[no-untyped-def]
    """Values of a test's leaves: one for each player, then for each pair of them."""
    return bits + (bits * (bits - 1) // 2 if len(pairs.first) else 0)


@fast
def _index(program, first, node, goes):  # type: ignore[no-untyped-def]
    """Which players above the test a row passes, a bit each, and whether it goes left there."""
    test, index = program.tests[node], np.empty(goes.shape[1], dtype=np.int64)
    patterns(program, first, test.parent, test.side, goes, index)
    for b in range(len(index)):
        index[b] |= np.int64(goes[node - first, b]) << np.int64(test.known)
    return index


@fast
def _leaf_pattern(test, side, index):  # type: ignore[no-untyped-def]
    """The players whose tests are passed down to that side's leaf."""
    known, goes = np.int64(test.known), (index >> np.int64(test.known) & 1) != side
    above = index & ((np.int64(1) << known) - 1)
    if test.previous < 0:
        return above | np.int64(goes) << known
    return above if goes else above & ~(np.int64(1) << np.int64(test.bit))


@fast
def _passing(program, first, node, side, goes, into):  # type: ignore[no-untyped-def]
    """Whether one row passes all tests of each player, down to that side's leaf."""
    into[:] = True
    while node >= 0:
        if (goes[node - first] == 1) == (side == 1):
            into[program.tests[node].bit] = False
        side = program.tests[node].side
        node = program.tests[node].parent


@fast
def _members(bits, into):  # type: ignore[no-untyped-def]
    """Write the numbers of the bits that are set, in order; returns how many."""
    count, number = 0, 0
    while bits:
        if bits & 1:
            into[count] = number
            count += 1
        bits >>= 1
        number += 1
    return count


@fast
def _credit(value, share, a, b, members, gains, bits, into):  # type: ignore[no-untyped-def]
    """Pay the a players that only the row brings and the b that only the background row brings."""
    plus, minus = gains[a, b], gains[b, a]
    within = gains[a - 1, b] if a > 1 else 0.0
    without = gains[b - 1, a] if b > 1 else 0.0
    across = gains[a, b - 1] if b > 0 else 0.0
    for w in range(len(value)):
        worth = share * value[w]
        for p in range(a):
            into[w, members[0, p]] += worth * plus
        for q in range(b):
            into[w, members[1, q]] -= worth * minus
        if into.shape[1] == bits:
            continue
        for p in range(a):
            one = members[0, p]
            for before in range(p):
                into[w, _pair(bits, members[0, before], one)] += worth * within
            for q in range(b):
                into[w, _pair(bits, one, members[1, q])] -= worth * across
        for q in range(b):
            for before in range(q):
                into[w, _pair(bits, members[1, before], members[1, q])] += worth * without


@fast
def _pair(bits, one, other):  # type: ignore[no-untyped-def]
    """The line of two players of a path."""
    low, high = min(one, other), max(one, other)
    return bits + high * (high - 1) // 2 + low


@fast
def _look_up(program, node, bits, number, alive, pairs, worth, part):  # type: ignore[no-untyped-def]
    """Add to each row what its pattern is worth."""
    players = part.shape[1] - len(pairs.first)
    member, live = np.empty(bits, dtype=np.int64), np.empty(len(number), dtype=np.int64)
    path_players(program, node, member)
    count = 0
    for b in range(len(number)):
        live[count] = b
        count += alive[number[b]]
    for j in range(bits):
        _add(number, live[:count], worth[:, :, j], part[:, member[j]])
        for i in range(j if len(pairs.first) else 0):
            line = line_of(pairs, players, member[i], member[j])
            if line >= 0:
                own = worth[:, :, _pair(bits, i, j)]
                _add(number, live[:count], own, part[:, players + line])


@fast
def _add(number, live, worth, gain):  # type: ignore[no-untyped-def]
    """Add one line (pattern, width) to one of the results (width, sample)."""
    for w in range(worth.shape[1]):
        if len(live) == len(number):
            for b in range(len(number)):
                gain[w, b] += worth[number[b], w]
        else:
            for b in live:
                gain[w, b] += worth[number[b], w]
