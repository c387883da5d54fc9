"""Path-dependent Shapley values of trees by quadrature, many rows at once.

For a leaf of value w, let r be the share of training weight that a player's tests let through
and z whether the row passes them. If every player joins with probability t, the leaf contributes
``w * prod((1 - t) r + t z)``; a player's Shapley value is the integral over t of the derivative
with respect to its own probability, a polynomial of degree (players - 1) in t, which K
Gauss-Legendre nodes integrate exactly up to degree 2K - 1 (Wettenstein, Mitchell, Yu,
Quadrature-TreeSHAP, 2026, arXiv:2605.04497).

Here each tree is walked once for a block of rows. A test that sends the share r left takes the
left branch with probability ``g = r + tau (z - r)``, where tau is the probability that the player
has joined given that the path was followed so far: t itself, or ``t / ((1 - t) r0 + t)`` where
the player's tests above let through r0. So going down needs a product, coming up a weighted
mean, and nothing is ever divided by a quantity that depends on the row.

The room to work in has one line per quantity and one column per row of the block, few enough to
stay in the processor's nearest cache. First come, for depth 0, 1, … and the two children there,
``width * K`` lines: the means below for each output; on the way down, those of the first output
hold the chance to get there. Then one line per depth for ``z - r`` and two for who still passes;
then the results.
"""

from __future__ import annotations

import numpy as np

from pellucid.maths.tree_paths import LEFT, RIGHT, fast


@fast
def quadrature_order(players):  # type: ignore[no-untyped-def]
    """Nodes that integrate the values of a path with so many players.

    A path's integrand is a weighted mean of ``t**a (1 - t)**b`` with a + b < players. Half as
    many nodes as players are exact; for long paths fewer are enough, and the worst of these
    monomials tells how many: with this many the error is below 1e-14 up to 1000 players.
    """
    return min((players + 1) // 2, int(np.ceil(2.75 * np.sqrt(players))))


@fast
def shapley(program, table, output, value, trees, codes, times, weights, layout, room):  # type: ignore[no-untyped-def]
    """Add what trees[0], …, trees[1] - 1 give a block to the room's last lines, (output, player).

    Line K of `times` and `weights` is the rule with K nodes on [0, 1]; `layout` is players, and
    where the lines for ``z - r``, for who passes, and for results begin. The room's precision is
    that of the sums.
    """
    tests, width, rows = program.tests, value.shape[1], codes.shape[1]
    players, lean, hot, gain = layout
    path, side = np.zeros(hot - lean + 1, np.int64), np.zeros(hot - lean + 1, np.int64)
    rule = np.empty((2, times.shape[1]), dtype=room.dtype)
    for tree in range(trees[0], trees[1]):
        node, depth = program.first[tree], 0
        if node == program.first[tree + 1]:
            continue
        order = quadrature_order(program.tree_players[tree])
        lines, first = width * order, gain + output[tree] * players
        room[:order] = 1.0
        while depth >= 0:
            path[depth], test = node, tests[node]
            above = hot + 2 * test.previous + side[test.previous] if test.previous >= 0 else -1
            _lean(test, table, codes, rows, lean + depth, hot + 2 * depth, above, room)
            if test.left >= 0 or test.right >= 0:
                _conditional(test.before, times, weights, order, rule)
                _down(test.ratio, rows, order, _place(depth, side, lines, lean), rule, room)
            side[depth] = LEFT if test.left >= 0 else RIGHT
            node = test.left if test.left >= 0 else test.right
            while node < 0 and depth >= 0:
                test, place = tests[path[depth]], _place(depth, side, lines, lean)
                _conditional(test.before, times, weights, order, rule)
                for w in range(width - 1, 0, -1):
                    to = first + w * players + test.player
                    _up_other(test, value, w, rows, order, place, to, rule, room)
                _up_first(test, value, 0, rows, order, place, first + test.player, rule, room)
                depth -= 1
                if depth >= 0 and side[depth] == LEFT:
                    side[depth] = RIGHT
                    node = tests[path[depth]].right
            depth += node >= 0


@fast
def _place(depth, side, lines, lean):  # type: ignore[no-untyped-def]
    """Where a node's lines begin, its left child's, its right child's, and that of its leaning."""
    own = (2 * depth + (side[depth - 1] if depth else LEFT)) * lines
    low = 2 * (depth + 1) * lines
    return own, low, low + lines, lean + depth


@fast
def _conditional(before, times, weights, order, rule):  # type: ignore[no-untyped-def]
    """Chance that the player has joined, and weight of its gain, at each quadrature node."""
    if before == 1.0:
        for k in range(order):
            rule[0, k], rule[1, k] = times[order, k], weights[order, k]
        return
    for k in range(order):
        t = times[order, k]
        seen = (1.0 - t) * before + t
        rule[0, k], rule[1, k] = t / seen, weights[order, k] * before / (seen * seen)


@fast
def _lean(test, table, codes, rows, lean, hot, above, room):  # type: ignore[no-untyped-def]
    """How far each row's own way left is from the share that goes left."""
    slot, start, cut, missing = test.slot, test.table_start, test.cut, test.missing_code
    again = above >= 0 or test.reused
    number = room.dtype.type
    low = number(0.0 if again else -test.ratio)
    high = number(1.0 if again else 1.0 - test.ratio)
    if start >= 0:
        for b in range(rows):
            room[lean, b] = high if table[start + codes[slot, b]] else low
    else:
        for b in range(rows):
            code = codes[slot, b]
            room[lean, b] = high if (code <= cut) | (code == missing) else low
    if again:
        _lean_again(test.ratio, rows, lean, hot, above, room)


@fast
def _lean_again(ratio, rows, lean, hot, above, room):  # type: ignore[no-untyped-def]
    """The same for a player with several tests on the path, and who still passes them all."""
    ratio, one = room.dtype.type(ratio), room.dtype.type(1.0)
    for b in range(rows):
        so_far = room[above, b] if above >= 0 else one
        passes = so_far * room[lean, b]
        room[hot, b] = passes
        room[hot + 1, b] = so_far - passes
        room[lean, b] = passes - ratio * so_far


@fast
def _down(ratio, rows, order, place, rule, room):  # type: ignore[no-untyped-def]
    """Chance to reach each child, from that to reach the node."""
    own, low, high, lean = place
    ratio = room.dtype.type(ratio)
    for k in range(order):
        tau = rule[0, k]
        for b in range(rows):
            chance = room[own + k, b]
            left = chance * (ratio + tau * room[lean, b])
            room[low + k, b] = left
            room[high + k, b] = chance - left


def _up_for(first_output: bool):  # type: ignore[no-untyped-def]
    """The way up for the output whose means replace the chances, or for any other one.

    The loops run many rows at a time only if it is plain that they read and write the same line.
    """

    @fast
    def up(test, value, w, rows, order, place, gain, rule, room):  # type: ignore[no-untyped-def]
        """Mean below the node, from its children; and what the node's player earns here."""
        number, left, right = room.dtype.type, test.left, test.right
        own, low, high, lean = place
        mean = own if first_output else own + w * order
        low, high = low + w * order, high + w * order
        ratio = number(test.ratio)
        first = number(value[~left, w] if left < 0 else 0.0)
        second = number(value[~right, w] if right < 0 else 0.0)
        for k in range(order):
            tau, factor = rule[0, k], rule[1, k]
            if left < 0 and right < 0:
                step = first - second
                for b in range(rows):
                    h = room[lean, b]
                    room[gain, b] += factor * step * h * room[own + k, b]
                    room[mean + k, b] = second + (ratio + tau * h) * step
            elif left < 0:
                for b in range(rows):
                    h, base = room[lean, b], room[high + k, b]
                    room[gain, b] += factor * h * room[own + k, b] * (first - base)
                    room[mean + k, b] = base + (ratio + tau * h) * (first - base)
            elif right < 0:
                for b in range(rows):
                    h, step = room[lean, b], room[low + k, b] - second
                    room[gain, b] += factor * h * room[own + k, b] * step
                    room[mean + k, b] = second + (ratio + tau * h) * step
            else:
                for b in range(rows):
                    h, base = room[lean, b], room[high + k, b]
                    step = room[low + k, b] - base
                    room[gain, b] += factor * h * room[own + k, b] * step
                    room[mean + k, b] = base + (ratio + tau * h) * step

    return up


_up_first, _up_other = _up_for(True), _up_for(False)
