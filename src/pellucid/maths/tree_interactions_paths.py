"""Path-dependent Shapley interactions of trees by quadrature, many rows at once.

With every player joining with probability t, a leaf's chance is a product of one factor
``(1 - t) r + t z`` for each player, as in :mod:`pellucid.maths.tree_path_dependent`. The
interaction of two players is the integral over t of the mixed derivative with respect to both
their probabilities. So on the way up a tree each test pays, besides its own player, all other
players tested above it: what it earns, times ``(z - r) / ((1 - t) r + t z)`` of that player. As z
is 0 or 1, this is ``z / ((1 - t) ((1 - t) r + t)) - 1 / (1 - t)``: one weighted sum for each
player above, with weights that are the same for all rows, and one sum that they share.

With one quadrature node, t = 1/2, the values are Banzhaf's.

The room has one line per quantity and one column per row of the block: means and chances as in
:mod:`pellucid.maths.tree_path_dependent`; a line per depth for ``z - r`` and two for who still
passes; two for the values of a test's leaves; what a test earns at each node of the quadrature,
and their shared sum; then the results, for each output its players and its pairs.
"""

from __future__ import annotations

import numpy as np

from pellucid.maths.tree_interactions_pairs import line_of
from pellucid.maths.tree_path_dependent import quadrature_order
from pellucid.maths.tree_paths import LEFT, RIGHT, fast

TAU, WEIGHT, ABSENT = 0, 1, 2
"""Lines of a test's rule: its player joined, weight of its gain, 1 / (1 - t)."""


@fast
def interactions(program, table, output, value, codes, rules, most, pairs, layout, room):  # type: ignore[no-untyped-def]
    """Add a block's values to the last lines of the room.

    Line K of `rules` (times, weights) is the rule with K nodes on [0, 1]; at most `most` nodes are
    used. `layout` is players, and where the lines for ``z - r``, for who passes, for what a test
    earns and for results begin.
    """
    tests, width, rows = program.tests, value.shape[1], codes.shape[1]
    players, lean, hot, work, gain = layout
    results = players + len(pairs.first)
    path, side, over = np.zeros((3, hot - lean + 1), np.int64)
    rule, away = np.empty((3, most)), np.empty((hot - lean + 1, most))
    for tree in range(len(output)):
        node, depth = program.first[tree], 0
        if node == program.first[tree + 1]:
            continue
        order = min(quadrature_order(program.tree_players[tree]), most)
        first = gain + output[tree] * results
        room[:order] = 1.0
        while depth >= 0:
            path[depth], test = node, tests[node]
            if test.previous >= 0:
                over[test.previous] = 1
            _passes(test, table, codes, side, lean + depth, hot, room)
            if test.left >= 0 or test.right >= 0:
                at = _places(depth, side, width * order)
                _rule(test.before, rules, order, rule)
                _down(test.ratio, at, lean + depth, rule, order, rows, room)
            side[depth] = LEFT if test.left >= 0 else RIGHT
            node = test.left if test.left >= 0 else test.right
            _away(test, side[depth], rules, order, away[depth])
            while node < 0 and depth >= 0:
                test, at = tests[path[depth]], _places(depth, side, width * order)
                _rule(test.before, rules, order, rule)
                for w in range(width - 1, -1, -1):
                    to = first + w * results
                    _earn(test, value, w, order, at, lean + depth, work, to, rule, rows, room)
                    if len(pairs.first):
                        _share(
                            tests, path[: depth + 1], side, over, away[:, :order], pairs, players,
                            hot, work, to, rows, room,
                        )  # fmt: skip
                if test.previous >= 0:
                    over[test.previous] = 0
                depth -= 1
                if depth >= 0 and side[depth] == LEFT:
                    side[depth] = RIGHT
                    node = tests[path[depth]].right
                    _away(tests[path[depth]], RIGHT, rules, order, away[depth])
            depth += node >= 0


@fast
def _share(tests, path, side, over, away, pairs, players, hot, work, to, rows, room):  # type: ignore[no-untyped-def]
    """Pay every pair of the last test's player with one tested above it.

    A test is passed over where its player is tested again further down: that one knows more.
    """
    own = tests[path[-1]].player
    for level in range(len(path) - 1):
        if over[level]:
            continue
        line = line_of(pairs, players, own, tests[path[level]].player)
        if line >= 0:
            passes = hot + 2 * level + side[level]
            _pay(away[level], work, passes, to + players + line, rows, room)


@fast
def _places(depth, side, lines):  # type: ignore[no-untyped-def]
    """Where a node's lines begin, its left child's and its right child's."""
    own = (2 * depth + (side[depth - 1] if depth else LEFT)) * lines
    low = 2 * (depth + 1) * lines
    return own, low, low + lines


@fast
def _rule(before, rules, order, rule):  # type: ignore[no-untyped-def]
    """The chance that the player joined given the path so far, and the weight of its gain."""
    times, weights = rules
    for k in range(order):
        t = times[order, k]
        seen = (1.0 - t) * before + t
        rule[TAU, k], rule[WEIGHT, k] = t / seen, weights[order, k] * before / (seen * seen)
        rule[ABSENT, k] = 1.0 / (1.0 - t)


@fast
def _away(test, side, rules, order, into):  # type: ignore[no-untyped-def]
    """Weights of what is earned below a test's child, for its player."""
    share = test.before * (test.ratio if side == LEFT else 1.0 - test.ratio)
    for k in range(order):
        t = rules[0][order, k]
        into[k] = 1.0 / ((1.0 - t) * ((1.0 - t) * share + t))


@fast
def _passes(test, table, codes, side, lean, hot, room):  # type: ignore[no-untyped-def]
    """Who passes all tests of the player on each side, and how far that is from the share."""
    slot, start, cut, missing = test.slot, test.table_start, test.cut, test.missing_code
    left, rows = hot + 2 * test.depth, codes.shape[1]
    if start >= 0:
        for b in range(rows):
            room[left, b] = 1.0 if table[start + codes[slot, b]] else 0.0
    else:
        for b in range(rows):
            code = codes[slot, b]
            room[left, b] = 1.0 if (code <= cut) | (code == missing) else 0.0
    if test.previous < 0:
        for b in range(rows):
            passes = room[left, b]
            room[left + 1, b] = 1.0 - passes
            room[lean, b] = passes - test.ratio
        return
    above = hot + 2 * test.previous + side[test.previous]
    for b in range(rows):
        so_far = room[above, b]
        passes = so_far * room[left, b]
        room[left, b] = passes
        room[left + 1, b] = so_far - passes
        room[lean, b] = passes - test.ratio * so_far


@fast
def _down(ratio, at, lean, rule, order, rows, room):  # type: ignore[no-untyped-def]
    """Chance to reach each child, from that to reach the node."""
    own, low, high = at
    for k in range(order):
        tau = rule[TAU, k]
        for b in range(rows):
            chance = room[own + k, b]
            left = chance * (ratio + tau * room[lean, b])
            room[low + k, b] = left
            room[high + k, b] = chance - left


@fast
def _earn(test, value, w, order, at, lean, work, to, rule, rows, room):  # type: ignore[no-untyped-def]
    """What the test's player earns here, and the mean below the node."""
    own, low, high = at
    mean, low, high = own + w * order, low + w * order, high + w * order
    gain, shared, ratio = to + test.player, work + order, test.ratio
    if test.left < 0 and test.right < 0:
        second = value[~test.right, w]
        step = value[~test.left, w] - second
        for k in range(order):
            tau, factor = rule[TAU, k], rule[WEIGHT, k] * step
            for b in range(rows):
                h = room[lean, b]
                room[work + k, b] = factor * h * room[own + k, b]
                room[mean + k, b] = second + (ratio + tau * h) * step
    else:
        by, along = _leaf_lines(test, value, w, work - 2, room)
        low, high = (work - 2 if by == 0 else low), (work - 1 if along == 0 else high)
        for k in range(order):
            tau, factor = rule[TAU, k], rule[WEIGHT, k]
            for b in range(rows):
                h, base = room[lean, b], room[high + k * along, b]
                step = room[low + k * by, b] - base
                room[work + k, b] = factor * h * room[own + k, b] * step
                room[mean + k, b] = base + (ratio + tau * h) * step
    room[shared] = 0.0
    for k in range(order):
        absent = rule[ABSENT, k]
        for b in range(rows):
            earned = room[work + k, b]
            room[gain, b] += earned
            room[shared, b] -= earned * absent


@fast
def _leaf_lines(test, value, w, line, room):  # type: ignore[no-untyped-def]
    """Write a line for a child that is a leaf; lines from one quadrature node to the next."""
    if test.left < 0:
        room[line] = value[~test.left, w]
    if test.right < 0:
        room[line + 1] = value[~test.right, w]
    return int(test.left >= 0), int(test.right >= 0)


@fast
def _pay(away, work, passes, gain, rows, room):  # type: ignore[no-untyped-def]
    """Add to a pair what a test earned, as one player above it sees it."""
    order = len(away)
    shared, done = work + order, min(order, 3)
    first = away[0]
    second = away[1] if order > 1 else 0.0
    third = away[2] if order > 2 else 0.0
    one, two, three = work, work + min(1, order - 1), work + min(2, order - 1)
    for b in range(rows):
        earned = first * room[one, b] + second * room[two, b] + third * room[three, b]
        room[gain, b] += room[shared, b] + room[passes, b] * earned
    while done < order:
        first, second = away[done], away[done + 1] if done + 1 < order else 0.0
        one, two = work + done, work + min(done + 1, order - 1)
        for b in range(rows):
            earned = first * room[one, b] + second * room[two, b]
            room[gain, b] += room[passes, b] * earned
        done += 2
