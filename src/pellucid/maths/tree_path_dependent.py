"""Path-dependent Shapley values of trees by quadrature, many rows at once.

For a leaf of value w, let r be the share of training weight that a player's tests let through
and z whether the row passes them. If every player joins with probability t, the leaf contributes
``w * prod((1 - t) r + t z)``; a player's Shapley value is the integral over t of the derivative
with respect to its own probability, a polynomial of degree (players - 1) in t, which K
Gauss-Legendre nodes integrate exactly up to degree 2K - 1.

Here each tree is walked once for a block of rows. A test that sends the share r left takes the
left branch with probability ``g = r + tau (z - r)``, where tau is the probability that the player
has joined given that the path was followed so far: t itself, or ``t / ((1 - t) r0 + t)`` where
the player's tests above let through r0. So going down needs a product, coming up a weighted
mean, and nothing is ever divided by a quantity that depends on the row.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LEFT, RIGHT = 0, 1

fast = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


@fast
def expectations(program, root, output, value, base):  # type: ignore[no-untyped-def]
    """Cover-weighted mean (output,) of the ensemble."""
    result = base.copy()
    width = value.shape[1]
    mean = np.empty((len(program.slot), width))
    for tree in range(len(root)):
        first, last = program.first[tree], program.first[tree + 1]
        for node in range(last - 1, first - 1, -1):
            left, right, ratio = program.left[node], program.right[node], program.ratio[node]
            for w in range(width):
                low = mean[left, w] if left >= 0 else value[~left, w]
                high = mean[right, w] if right >= 0 else value[~right, w]
                mean[node, w] = ratio * low + (1.0 - ratio) * high
        for w in range(width):
            result[output[tree] + w] += mean[first, w] if last > first else value[root[tree], w]
    return result


@fast
def shapley(program, table, output, value, codes, begin, rows, times, weights, room, phi):  # type: ignore[no-untyped-def]
    """Add the values of rows begin, …, begin + rows - 1 to phi (output, player, row).

    Row K of `times` and `weights` is the rule with K nodes on [0, 1]; `room` holds the arrays to
    work in: state (depth, 2, width, K, row), lean (depth, row) and hot (depth, 2, row).
    """
    path = np.empty(len(room[1]), dtype=np.int64)
    side = np.zeros(len(room[1]) + 1, dtype=np.int64)  # the last stands above the root
    for tree in range(len(output)):
        if program.first[tree] == program.first[tree + 1]:
            continue
        order = min((program.tree_players[tree] + 1) // 2, len(times) - 1)
        t, weight = times[order, :order], weights[order, :order]
        room[0][0, LEFT, -1, :order, :rows] = 1.0
        node, depth = program.first[tree], 0
        while depth >= 0:
            path[depth] = node
            _down(program, table, node, codes, begin, rows, t, side, room)
            side[depth] = LEFT if program.left[node] >= 0 else RIGHT
            node = program.left[node] if side[depth] == LEFT else program.right[node]
            while node < 0 and depth >= 0:
                above = path[depth]
                _up(program, above, output[tree], value, rows, t, weight, side, room, phi)
                depth -= 1
                if depth >= 0 and side[depth] == LEFT:
                    side[depth] = RIGHT
                    node = program.right[path[depth]]
            depth += node >= 0


@fast
def _pass(program, table, node, codes, begin, rows, hot):  # type: ignore[no-untyped-def]
    """Whether each row goes left, as 1.0 or 0.0."""
    line = codes[program.slot[node]]
    start = program.table_start[node]
    if start >= 0:
        for b in range(rows):
            hot[b] = 1.0 if table[start + line[begin + b]] else 0.0
    else:
        cut, missing = program.cut[node], program.missing_code[node]
        for b in range(rows):
            code = line[begin + b]
            hot[b] = 1.0 if (code <= cut) | (code == missing) else 0.0


@fast
def _down(program, table, node, codes, begin, rows, t, side, room):  # type: ignore[no-untyped-def]
    """Probability of reaching each child, from that of reaching the node."""
    state, lean, hot = room
    depth, ratio, previous = program.depth[node], program.ratio[node], program.previous[node]
    left, right, h = hot[depth, LEFT], hot[depth, RIGHT], lean[depth]
    _pass(program, table, node, codes, begin, rows, left)
    if previous >= 0:
        above = hot[previous, side[previous]]
        for b in range(rows):
            left[b] *= above[b]
            right[b] = above[b] - left[b]
            h[b] = left[b] - above[b] * ratio
    else:
        for b in range(rows):
            right[b] = 1.0 - left[b]
            h[b] = left[b] - ratio
    if program.left[node] < 0 and program.right[node] < 0:
        return
    own = state[depth, side[depth - 1], -1]
    low, high = state[depth + 1, LEFT, -1], state[depth + 1, RIGHT, -1]
    for k in range(len(t)):
        tau = t[k] / ((1.0 - t[k]) * program.before[node] + t[k])
        for b in range(rows):
            reach = own[k, b]
            below = reach * (ratio + tau * h[b])
            low[k, b] = below
            high[k, b] = reach - below


@fast
def _up(program, node, output, value, rows, t, weight, side, room, phi):  # type: ignore[no-untyped-def]
    """Mean below the node, from its children; and what the node's player earns here."""
    state, lean, _ = room
    depth, ratio, before = program.depth[node], program.ratio[node], program.before[node]
    left, right, h = program.left[node], program.right[node], lean[depth]
    own = state[depth, side[depth - 1]]
    low, high = state[depth + 1, LEFT], state[depth + 1, RIGHT]
    earned = np.zeros(rows)
    width = value.shape[1]
    for w in range(width):
        gain = phi[output + w, program.player[node]]
        for b in range(rows):
            earned[b] = 0.0
        for k in range(len(t)):
            seen = (1.0 - t[k]) * before + t[k]
            tau, factor = t[k] / seen, weight[k] * before / (seen * seen)
            if left < 0 and right < 0:
                base = value[~right, w]
                step = value[~left, w] - base
                for b in range(rows):
                    earned[b] += factor * step * own[width - 1, k, b]
                    own[w, k, b] = base + (ratio + tau * h[b]) * step
                continue
            if left < 0:
                low[w, k, :rows] = value[~left, w]
            elif right < 0:
                high[w, k, :rows] = value[~right, w]
            for b in range(rows):
                base = high[w, k, b]
                step = low[w, k, b] - base
                earned[b] += factor * own[width - 1, k, b] * step
                own[w, k, b] = base + (ratio + tau * h[b]) * step
        for b in range(rows):
            gain[b] += h[b] * earned[b]
