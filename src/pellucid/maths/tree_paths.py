"""Trees laid out for walking many rows at once, with the players of a Shapley game on each path.

Columns that share a player are one player of the game. On a path, all tests of one player act as
a single test, passed only if all of them are.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


class Coding(Protocol):
    """Integer tests of all nodes; a row goes left as a table says, or where its code <= cut."""

    slot: Ints
    cut: Ints
    missing_code: Ints
    table_start: NDArray[np.int64]
    table: NDArray[np.bool_]


class Forest(Protocol):
    """The arrays of an additive ensemble that the game of its trees needs."""

    root: Ints
    output: Ints
    feature: Ints
    left: Ints
    right: Ints
    cover: Floats
    value: Floats
    base: Floats
    columns: int

    @property
    def coding(self) -> Coding:
        """The integer tests."""

    def codes(self, X: Floats) -> Ints:
        """Rows (sample, column) as codes (slot, sample)."""

    def predict_codes(self, codes: Ints) -> Floats:
        """The ensemble's prediction (sample, output) for coded rows."""


class Program(NamedTuple):
    """Inner nodes of all trees, each tree in preorder; arrays are (inner node,) unless said.

    A child is the number of an inner node, or the complement (``~``) of a leaf's node number in
    the forest's own arrays. `previous` is the depth of the nearest test of the same player
    above, -1 if there is none; `before` is the share of training weight that this player's tests
    above let through. `bit` numbers the players along a path in order of first appearance, and
    `known` counts those above the node.
    """

    first: NDArray[np.int64]  # (tree + 1,)
    slot: Ints
    cut: Ints
    missing_code: Ints
    table_start: NDArray[np.int64]
    player: Ints
    left: Ints
    right: Ints
    depth: Ints
    ratio: Floats
    previous: Ints
    before: Floats
    bit: Ints
    known: Ints
    parent: Ints  # -1 at a root
    side: Ints  # 0 for a left child, 1 for a right one
    tree_depth: Ints  # (tree,)
    tree_players: Ints  # (tree,) most different players on one path


def program(forest: Forest, player_of_column: NDArray[np.integer]) -> Program:
    """Lay out a forest for a game.

    Parameters
    ----------
    forest : Forest
    player_of_column : ndarray of int, (column,)
        The player that owns each encoded column.

    Returns
    -------
    Program
    """
    coding = forest.coding
    inner = forest.feature >= 0
    player = np.full(len(inner), -1, dtype=np.int32)
    player[inner] = np.asarray(player_of_column)[forest.feature[inner]]
    order, first, left, right, depth, tree_depth = _preorder(
        forest.root, forest.left, forest.right
    )
    ratio = _left_share(forest.cover, forest.left[order], forest.right[order])
    own = player[order]
    parent, side = _upwards(left, right)
    previous, before, bit, known, tree_players = _repeats(
        first, parent, side, depth, own, ratio, int(tree_depth.max(initial=0))
    )
    return Program(
        first=first,
        slot=coding.slot[order],
        cut=coding.cut[order],
        missing_code=coding.missing_code[order],
        table_start=coding.table_start[order],
        player=own,
        left=left,
        right=right,
        depth=depth,
        ratio=ratio,
        previous=previous,
        before=before,
        bit=bit,
        known=known,
        parent=parent,
        side=side,
        tree_depth=tree_depth,
        tree_players=tree_players,
    )


def _left_share(cover: Floats, left: Ints, right: Ints) -> Floats:
    """Share of training weight that goes left; one half where no weight arrives at all."""
    both = cover[left] + cover[right]
    return np.divide(cover[left], both, out=np.full(len(left), 0.5), where=both > 0)


@njit(cache=True, nogil=True)
def _preorder(root, left, right):  # type: ignore[no-untyped-def]
    """Inner nodes in preorder, tree after tree, with renumbered children and their depths."""
    inner = np.count_nonzero(left >= 0)
    order = np.empty(inner, dtype=np.int64)
    new_left, new_right = np.empty(inner, dtype=np.int32), np.empty(inner, dtype=np.int32)
    depth = np.empty(inner, dtype=np.int32)
    tree_depth = np.zeros(len(root), dtype=np.int32)
    first = np.zeros(len(root) + 1, dtype=np.int64)
    number = np.empty(len(left), dtype=np.int32)
    stack, levels = np.empty(len(left) + 1, np.int64), np.empty(len(left) + 1, np.int64)
    count = 0
    for tree in range(len(root)):
        stack[0], levels[0], top = root[tree], 0, 1
        while top > 0:
            top -= 1
            node, level = stack[top], levels[top]
            if left[node] < 0:
                number[node] = ~node
                continue
            number[node], order[count], depth[count] = count, node, level
            count += 1
            tree_depth[tree] = max(tree_depth[tree], level + 1)
            stack[top], stack[top + 1] = right[node], left[node]
            levels[top] = levels[top + 1] = level + 1
            top += 2
        first[tree + 1] = count
    order = order[:count].copy()
    for i in range(count):
        new_left[i], new_right[i] = number[left[order[i]]], number[right[order[i]]]
    return (
        order, first, new_left[:count].copy(), new_right[:count].copy(),
        depth[:count].copy(), tree_depth,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _upwards(left, right):  # type: ignore[no-untyped-def]
    parent, side = np.full(len(left), -1, dtype=np.int32), np.zeros(len(left), dtype=np.int32)
    for node in range(len(left)):
        if left[node] >= 0:
            parent[left[node]] = node
        if right[node] >= 0:
            parent[right[node]], side[right[node]] = node, 1
    return parent, side


@njit(cache=True, nogil=True)
def _repeats(first, parent, side, depth, player, ratio, deepest):  # type: ignore[no-untyped-def]
    """Where a player was tested above, and what those tests let through."""
    inner = len(player)
    previous, bit = np.empty(inner, dtype=np.int32), np.empty(inner, dtype=np.int32)
    known, before = np.empty(inner, dtype=np.int32), np.empty(inner)
    tree_players = np.zeros(len(first) - 1, dtype=np.int32)
    path = np.empty(deepest + 1, dtype=np.int64)
    for tree in range(len(first) - 1):
        for node in range(first[tree], first[tree + 1]):
            up = parent[node]
            level = depth[node]
            path[level] = node
            previous[node], before[node], bit[node] = -1, 1.0, -1
            known[node] = 0 if up < 0 else known[up] + (previous[up] < 0)
            for e in range(level - 1, -1, -1):
                above = path[e]
                if player[above] == player[node]:
                    goes_right = side[path[e + 1]]
                    share = 1.0 - ratio[above] if goes_right else ratio[above]
                    previous[node], before[node], bit[node] = e, before[above] * share, bit[above]
                    break
            if previous[node] < 0:
                bit[node] = known[node]
            total = known[node] + (previous[node] < 0)
            tree_players[tree] = max(tree_players[tree], total)
    return previous, before, bit, known, tree_players
