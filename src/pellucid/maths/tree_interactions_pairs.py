"""Which pairs of players meet on a path of a forest, and where each pair's results stand.

Two players that no path tests both are no pair: they never interact. So a forest of a thousand
columns has only as many pairs as its paths have, and memory goes with those.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.maths.tree_paths import Program, fast

Places = NDArray[np.int64]


class PairLines(NamedTuple):
    """Pairs of players and the line of each; a hash table with open addressing."""

    first: Places
    """(pair,) the lower player of each pair, as numbered in the program."""
    second: Places
    """(pair,)"""
    keys: Places
    """(place,) a pair as one number, -1 where the place is free."""
    lines: Places
    """(place,) the pair's number."""


def meeting(plan: Program) -> Places:
    """The pairs (pair, 2) of players that some path tests both, in order."""
    players = max(len(plan.players), 1)
    keys = _meeting(plan, players)
    found = np.sort(keys[keys >= 0])
    return np.stack([found // players, found % players], axis=1)


def pair_lines(pairs: Places, players: int) -> PairLines:
    """The table for some pairs (pair, 2), each with its lower player first."""
    keys = np.full(_space(len(pairs)), -1, dtype=np.int64)
    lines = np.full(len(keys), -1, dtype=np.int64)
    first, second = (np.ascontiguousarray(side, dtype=np.int64) for side in pairs.reshape(-1, 2).T)
    _fill(keys, lines, first * max(players, 1) + second)
    return PairLines(first, second, keys, lines)


def _space(pairs: int) -> int:
    return 1 << max(4, (2 * pairs).bit_length())


@fast
def place(keys, key):  # type: ignore[no-untyped-def]
    """Where a key is in the table, or the free place where it belongs."""
    most = len(keys) - 1
    at = (key * np.int64(-7046029254386353131) >> np.int64(29)) & most
    while keys[at] >= 0 and keys[at] != key:
        at = (at + 1) & most
    return at


@fast
def line_of(pairs, players, one, other):  # type: ignore[no-untyped-def]
    """The number of a pair, -1 if it was not asked for."""
    key = one * players + other if one < other else other * players + one
    return pairs.lines[place(pairs.keys, key)]


@fast
def split(gain, players, pairs):  # type: ignore[no-untyped-def]
    """Take half of each pair from either of its players; gain is (output, players then pairs, row).

    What is left to a player is its main effect.
    """
    for w in range(gain.shape[0]):
        for pair in range(len(pairs.first)):
            for player in (pairs.first[pair], pairs.second[pair]):
                for b in range(gain.shape[2]):
                    gain[w, player, b] -= 0.5 * gain[w, players + pair, b]


@fast
def _fill(keys, lines, wanted):  # type: ignore[no-untyped-def]
    for number in range(len(wanted)):
        at = place(keys, wanted[number])
        keys[at], lines[at] = wanted[number], number


@fast
def _meeting(program, players):  # type: ignore[no-untyped-def]
    """Table of all pairs that meet, as keys."""
    keys, count = np.full(64, -1, dtype=np.int64), 0
    for node in range(len(program.tests)):
        own, above = np.int64(program.tests[node].player), program.tests[node].parent
        while above >= 0:
            other = np.int64(program.tests[above].player)
            above = program.tests[above].parent
            if other == own:
                continue
            key = own * players + other if own < other else other * players + own
            at = place(keys, key)
            if keys[at] == key:
                continue
            keys[at] = key
            count += 1
            if 2 * count > len(keys):
                old, keys = keys, np.full(2 * len(keys), -1, dtype=np.int64)
                for kept in old:
                    if kept >= 0:
                        keys[place(keys, kept)] = kept
    return keys
