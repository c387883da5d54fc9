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

The room to work in has one line per quantity and one column per row of the block. Depth d has
``2 * width * K`` lines of `state` for each of the two children above it: the chance to get there
on the way down, which the mean below replaces on the way up.
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
def expectations(program, root, output, value, base):  # type: ignore[no-untyped-def]
    """Cover-weighted mean (output,) of the ensemble."""
    result = base.copy()
    width = value.shape[1]
    mean = np.empty((len(program.tests), width))
    for tree in range(len(root)):
        first, last = program.first[tree], program.first[tree + 1]
        for node in range(last - 1, first - 1, -1):
            test = program.tests[node]
            for w in range(width):
                low = mean[test.left, w] if test.left >= 0 else value[~test.left, w]
                high = mean[test.right, w] if test.right >= 0 else value[~test.right, w]
                mean[node, w] = test.ratio * low + (1.0 - test.ratio) * high
        for w in range(width):
            result[output[tree] + w] += mean[first, w] if last > first else value[root[tree], w]
    return result


@fast
def shapley(program, table, output, value, codes, begin, rows, times, weights, room, phi):  # type: ignore[no-untyped-def]
    """Add the values of rows begin, …, begin + rows - 1 to phi (output, player, row).

    Line K of `times` and `weights` is the rule with K nodes on [0, 1]; `room` is state
    (line, row), lean (depth, row) and hot (2 * depth, row).
    """
    state, lean, hot = room
    tests, width = program.tests, value.shape[1]
    path = np.zeros(len(lean) + 1, dtype=np.int64)
    side = np.zeros(len(lean) + 1, dtype=np.int64)
    for tree in range(len(output)):
        node, depth = program.first[tree], 0
        if node == program.first[tree + 1]:
            continue
        order = quadrature_order(program.tree_players[tree])
        lines = width * order
        for k in range(lines - order, lines):
            for b in range(rows):
                state[k, b] = 1.0
        while depth >= 0:
            path[depth] = node
            test = tests[node]
            _lean(test, table, codes, begin, rows, side, lean, hot)
            own = (2 * depth + (side[depth - 1] if depth else LEFT)) * lines
            below = 2 * (depth + 1) * lines
            if test.left >= 0 or test.right >= 0:
                _down(
                    test, rows, times[order], order, own + lines - order, below, lines, state, lean
                )
            side[depth] = LEFT if test.left >= 0 else RIGHT
            node = test.left if test.left >= 0 else test.right
            while node < 0 and depth >= 0:
                test = tests[path[depth]]
                own = (2 * depth + (side[depth - 1] if depth else LEFT)) * lines
                below = 2 * (depth + 1) * lines
                for w in range(width):
                    _up(
                        test, value, w, rows, times[order], weights[order], order,
                        own, below, lines, state, lean, phi[output[tree] + w],
                    )  # fmt: skip
                depth -= 1
                if depth >= 0 and side[depth] == LEFT:
                    side[depth] = RIGHT
                    node = tests[path[depth]].right
            depth += node >= 0


@fast
def _lean(test, table, codes, begin, rows, side, lean, hot):  # type: ignore[no-untyped-def]
    """How far each row's own way left is from the share that goes left."""
    depth, slot, ratio, start = test.depth, test.slot, test.ratio, test.table_start
    if start >= 0:
        for b in range(rows):
            lean[depth, b] = 1.0 if table[start + codes[slot, begin + b]] else 0.0
    else:
        cut, missing = test.cut, test.missing_code
        for b in range(rows):
            code = codes[slot, begin + b]
            lean[depth, b] = 1.0 if (code <= cut) | (code == missing) else 0.0
    if test.previous >= 0:
        above = 2 * test.previous + side[test.previous]
        for b in range(rows):
            lean[depth, b] *= hot[above, b]
        if test.reused:
            for b in range(rows):
                hot[2 * depth, b] = lean[depth, b]
                hot[2 * depth + 1, b] = hot[above, b] - lean[depth, b]
        for b in range(rows):
            lean[depth, b] -= ratio * hot[above, b]
        return
    if test.reused:
        for b in range(rows):
            hot[2 * depth, b] = lean[depth, b]
            hot[2 * depth + 1, b] = 1.0 - lean[depth, b]
    for b in range(rows):
        lean[depth, b] -= ratio


@fast
def _down(test, rows, times, order, own, below, lines, state, lean):  # type: ignore[no-untyped-def]
    """Chance to reach each child, from that to reach the node."""
    depth, ratio, before = test.depth, test.ratio, test.before
    low, high = below + lines - order, below + 2 * lines - order
    for k in range(order):
        tau = times[k] / ((1.0 - times[k]) * before + times[k])
        for b in range(rows):
            chance = state[own + k, b]
            left = chance * (ratio + tau * lean[depth, b])
            state[low + k, b] = left
            state[high + k, b] = chance - left


@fast
def _up(test, value, w, rows, times, weights, order, own, below, lines, state, lean, gain):  # type: ignore[no-untyped-def]
    """Mean below the node, from its children; and what the node's player earns here."""
    depth, ratio, before, player = test.depth, test.ratio, test.before, test.player
    chance, mean = own + lines - order, own + w * order
    low, high = below + w * order, below + lines + w * order
    for k in range(order):
        seen = (1.0 - times[k]) * before + times[k]
        tau, factor = times[k] / seen, weights[k] * before / (seen * seen)
        if test.left < 0 and test.right < 0:
            base = value[~test.right, w]
            step = value[~test.left, w] - base
            for b in range(rows):
                h = lean[depth, b]
                gain[player, b] += factor * step * h * state[chance + k, b]
                state[mean + k, b] = base + (ratio + tau * h) * step
        elif test.left < 0:
            first = value[~test.left, w]
            for b in range(rows):
                h, base = lean[depth, b], state[high + k, b]
                gain[player, b] += factor * h * state[chance + k, b] * (first - base)
                state[mean + k, b] = base + (ratio + tau * h) * (first - base)
        elif test.right < 0:
            base = value[~test.right, w]
            for b in range(rows):
                h, step = lean[depth, b], state[low + k, b] - base
                gain[player, b] += factor * h * state[chance + k, b] * step
                state[mean + k, b] = base + (ratio + tau * h) * step
        else:
            for b in range(rows):
                h, base = lean[depth, b], state[high + k, b]
                step = state[low + k, b] - base
                gain[player, b] += factor * h * state[chance + k, b] * step
                state[mean + k, b] = base + (ratio + tau * h) * step
