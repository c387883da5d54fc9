"""Walks a forest for interventional Shapley values: which subtrees share a table, and the rows.

See :mod:`pellucid.maths.tree_interventional` for what the tables hold.
"""

from __future__ import annotations

import numpy as np

from pellucid.maths.tree_interventional import (
    MOST_BITS,
    distinct,
    leaf_table,
    passes,
    path_players,
    pattern_values,
    patterns,
)
from pellucid.maths.tree_pairs import pair_values
from pellucid.maths.tree_paths import fast

BLOCK = 1024  # rows walked at a time
FEW_PAIRS = 1000  # pairs of rows that are faster compared than put in order
MOST_ENTRIES = 2**23  # of one tree's tables, for each output


@fast
def shapley(program, table, output, value, trees, own, other, rule, limits, phi):  # type: ignore[no-untyped-def]
    """Add the values of trees[0], …, trees[1] - 1 to phi (output, player, sample).

    `own` and `other` are the codes of the rows and of the background; `rule` is quadrature times,
    weights and the coalition weights; `limits` are the most bits of a subtree's and of a single
    leaf's table.
    """
    rows, behind = own.shape[1], other.shape[1]
    share = np.full((1, behind), 1.0 / behind)
    none, one = np.int64(0), np.int64(1)
    for tree in range(trees[0], trees[1]):
        tests = program.first[tree + 1] - program.first[tree]
        if not tests or not rows:
            continue
        gain = phi[output[tree] : output[tree] + value.shape[1]]
        work = pair_values(
            program, table, tree, value, own, (none, one), other, share, rule[2], gain
        )
        bits = _affordable(program, tree, limits[1])
        if work * rows < _tables_work(program, tree, rows, behind, bits):
            rest = one, rows
            pair_values(program, table, tree, value, own, rest, other, share, rule[2], gain)
        else:
            most = min(limits[0], bits), bits
            _by_tables(program, table, tree, value, own, other, share[0], rule, most, gain)


@fast
def weighted(program, table, output, value, trees, own, other, share, gains, phi):  # type: ignore[no-untyped-def]
    """As :func:`shapley`, each pair of rows with its own weight in `share` (sample, row)."""
    for tree in range(trees[0], trees[1]):
        if program.first[tree + 1] > program.first[tree]:
            gain = phi[output[tree] : output[tree] + value.shape[1]]
            everyone = np.int64(0), own.shape[1]
            pair_values(program, table, tree, value, own, everyone, other, share, gains, gain)


@fast
def _affordable(program, tree, most_bits):  # type: ignore[no-untyped-def]
    """The most bits of a table for which all tables of one tree fit the room for them."""
    entries = np.zeros(most_bits + 1, dtype=np.int64)
    for node in range(program.first[tree], program.first[tree + 1]):
        players = program.tests[node].known + (program.tests[node].previous < 0)
        if players <= most_bits:
            entries[players] += 2 * players << players
    bits, total = 0, 0
    while bits < most_bits and total + entries[bits + 1] <= MOST_ENTRIES:
        bits += 1
        total += entries[bits]
    return bits


@fast
def _tables_work(program, tree, rows, behind, most_bits):  # type: ignore[no-untyped-def]
    """What tables take for one tree, in the unit of `pair_values`; the figures were measured."""
    if program.tree_players[tree] > MOST_BITS:
        return np.inf
    work = 0.0
    for node in range(program.first[tree], program.first[tree + 1]):
        players = program.tests[node].known + (program.tests[node].previous < 0)
        if players <= most_bits:
            work += 100 * players + behind + rows
        else:
            work += (20 + 0.1 * behind) * rows
    return work


@fast
def _by_tables(program, table, tree, value, own, other, share, rule, limits, gain):  # type: ignore[no-untyped-def]
    """Add one tree's values for all rows but the first to gain (width, player, sample)."""
    first = program.first[tree]
    units, players = _units(program, tree, limits)
    behind = passes(program, table, tree, other, np.int64(0), other.shape[1])
    tables = _tables(program, first, units, players, value, behind, share, rule)
    for begin in range(1, own.shape[1], BLOCK):
        rows = min(BLOCK, own.shape[1] - begin)
        goes = passes(program, table, tree, own, begin, rows)
        part = gain[:, :, begin : begin + rows]
        for unit in range(len(units)):
            if units[unit, 5] < 0:
                _look_up_new(
                    program, first, units[unit], players[unit], value, goes, behind, share, rule,
                    part,
                )  # fmt: skip
            else:
                _look_up(program, first, units[unit], players[unit], tables, goes, part)


@fast
def _units(program, tree, limits):  # type: ignore[no-untyped-def]
    """What shares a table: (unit, [node, side, size, bits, players, start]) and its players.

    Size 0 is the leaf on that side of the node, more is the subtree at the node with so many
    tests; start is where its table begins, -1 if it has none.
    """
    first, last = program.first[tree], program.first[tree + 1]
    size = np.ones(last - first, dtype=np.int64)
    for node in range(last - 1, first, -1):
        size[program.tests[node].parent - first] += size[node - first]
    units = np.empty((last - first + 1, 6), dtype=np.int64)
    players = np.empty((last - first + 1, MOST_BITS), dtype=np.int64)
    count, start, node = 0, 0, first
    while node < last:
        tests, bits = size[node - first], program.tests[node].known + size[node - first]
        if bits <= limits[0] or (tests == 1 and bits <= limits[1]):
            found = _subtree_players(program, node, tests, players[count])
            _write(units, count, (node, np.int64(0), tests, bits, found, start))
            start += found << bits
            count, node = count + 1, node + tests
            continue
        for side in range(2):
            if (program.tests[node].right if side else program.tests[node].left) < 0:
                found = path_players(program, node, players[count])
                own = start if found <= limits[1] else -1
                _write(units, count, (node, side, np.int64(0), found, found, own))
                start += found << found if own >= 0 else 0
                count += 1
        node += 1
    return units[:count], players[:count]


@fast
def _write(units, count, unit):  # type: ignore[no-untyped-def]
    for place in range(len(unit)):
        units[count, place] = unit[place]


@fast
def _subtree_players(program, node, tests, into):  # type: ignore[no-untyped-def]
    """Players on the path to a node, then new ones in its subtree; returns how many."""
    count = path_players(program, np.int64(program.tests[node].parent), into)
    for below in range(node, node + tests):
        if _position(into, count, program.tests[below].player) == count:
            into[count] = program.tests[below].player
            count += 1
    return count


@fast
def _position(players, count, player):  # type: ignore[no-untyped-def]
    """Where a player stands in a list; `count` if nowhere."""
    for j in range(count):
        if players[j] == player:
            return j
    return count


@fast
def _tables(program, first, units, players, value, behind, share, rule):  # type: ignore[no-untyped-def]
    """All tables of one tree, (output, entry), each (player, index)."""
    total = 0
    for unit in units:
        if unit[5] >= 0:
            total += unit[4] << unit[3]
    tables = np.zeros((value.shape[1], total))
    for u in range(len(units)):
        unit = units[u]
        if unit[5] < 0:
            continue
        for node in range(unit[0], unit[0] + max(unit[2], 1)):
            test = program.tests[node]
            for side, child in enumerate((test.left, test.right)):
                if child < 0 and (unit[2] or side == unit[1]):
                    worth = _leaf_worth(program, first, node, side, behind, share, rule)
                    _add_leaf(program, unit, players[u], node, side, value[~child], worth, tables)
    return tables


@fast
def _leaf_worth(program, first, node, side, behind, share, rule):  # type: ignore[no-untyped-def]
    """Values (player, pattern) of a leaf worth 1."""
    test = program.tests[node]
    count = test.known + (test.previous < 0)
    seen = np.empty(behind.shape[1], dtype=np.int64)
    patterns(program, first, node, side, behind, seen)
    histogram = np.zeros(1 << count)
    for b in range(len(seen)):
        histogram[seen[b]] += share[b]
    worth = np.empty((count, 1 << count))
    leaf_table(count, histogram, rule[0], rule[1], worth)
    return worth


@fast
def _add_leaf(program, unit, players, node, side, value, worth, tables):  # type: ignore[no-untyped-def]
    """Add one leaf to the table of its unit."""
    local = np.empty(MOST_BITS, dtype=np.int64)
    count = path_players(program, node, local)
    index = _leaf_pattern(program, unit, node, side, count)
    size = 1 << unit[3]
    for j in range(count):
        start = unit[5] + _position(players, unit[4], local[j]) * size
        for w in range(len(value)):
            for a in range(size):
                tables[w, start + a] += value[w] * worth[j, index[a]]


@fast
def _leaf_pattern(program, unit, node, side, count):  # type: ignore[no-untyped-def]
    """Pattern at a leaf for every index of its unit's table."""
    index = np.arange(1 << unit[3])
    if unit[2] == 0:
        return index
    top, above = unit[0], program.tests[unit[0]].known
    prefix = (1 << above) - 1
    into = (index & prefix) | (((1 << count) - 1) & ~prefix)
    below = node
    while below >= top:
        bit, place = np.int64(program.tests[below].bit), above + below - top
        for a in range(len(index)):
            failed = np.int64((index[a] >> place & 1) == side)
            into[a] &= ~(failed << bit)
        side = program.tests[below].side
        below = program.tests[below].parent
    return into


@fast
def _look_up(program, first, unit, players, tables, goes, part):  # type: ignore[no-untyped-def]
    """Add a table's values for a block of rows."""
    rows = goes.shape[1]
    index = np.empty(rows, dtype=np.int64)
    node, tests = unit[0], unit[2]
    if tests == 0:
        patterns(program, first, node, unit[1], goes, index)
    else:
        above, way = program.tests[node].parent, program.tests[node].side
        patterns(program, first, np.int64(above), np.int64(way), goes, index)
        for q in range(tests):
            line, place = goes[node - first + q], program.tests[node].known + q
            for b in range(rows):
                index[b] |= np.int64(line[b]) << place
    size = 1 << unit[3]
    for w in range(len(tables)):
        for j in range(unit[4]):
            gain = part[w, players[j]]
            own = tables[w, unit[5] + j * size : unit[5] + (j + 1) * size]
            for b in range(rows):
                gain[b] += own[index[b]]


@fast
def _look_up_new(program, first, unit, players, value, goes, behind, share, rule, part):  # type: ignore[no-untyped-def]
    """Add a leaf's values for a block of rows, worked out for the patterns that occur."""
    node, side, count = unit[0], unit[1], unit[4]
    leaf = ~(program.tests[node].right if side else program.tests[node].left)
    rows, rows_behind = goes.shape[1], behind.shape[1]
    number, other_number = np.empty(rows, np.int64), np.empty(rows_behind, np.int64)
    patterns(program, first, node, side, goes, number)
    patterns(program, first, node, side, behind, other_number)
    own, other, weight = number, other_number, share
    ordered = rows * rows_behind > FEW_PAIRS
    if ordered:
        own, other = distinct(number), distinct(other_number)
        weight = np.zeros(len(other))
        for b in range(rows_behind):
            weight[other_number[b]] += share[b]
    worth = np.zeros((count, len(own)))
    pattern_values(count, own, other, weight, rule[2], worth)
    for w in range(value.shape[1]):
        for j in range(count):
            gain = part[w, players[j]]
            for b in range(rows):
                at = number[b] if ordered else b
                gain[b] += value[leaf, w] * worth[j, at]
