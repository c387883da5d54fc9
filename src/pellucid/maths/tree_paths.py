"""Trees laid out for walking many rows at once, with the players of a Shapley game on each path.

Columns that share a player are one player of the game. On a path, all tests of one player act as
a single test, passed only if all of them are.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

LEFT, RIGHT = 0, 1

fast = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})

TEST = np.dtype(
    [
        ("ratio", "f8"),  # share of training weight that goes left
        ("before", "f8"),  # share that the player's tests above let through
        ("slot", "i4"),  # line of the codes that is tested
        ("cut", "i4"),
        ("missing_code", "i4"),
        ("table_start", "i4"),  # -1 for a numeric test
        ("player", "i4"),  # place in Program.players
        ("left", "i4"),  # a test, or ~node of a leaf in the forest's own arrays
        ("right", "i4"),
        ("depth", "i4"),
        ("parent", "i4"),  # -1 at a root
        ("side", "i4"),  # RIGHT for a right child
        ("previous", "i4"),  # depth of the player's nearest test above, -1 if none
        ("bit", "i4"),  # number of the player, in order of appearance on the path
        ("known", "i4"),  # different players above
        ("reused", "i4"),  # whether the player is tested again below
    ],
    align=True,
)
"""One test of a tree."""


class Coding(Protocol):
    """Integer tests of all nodes; a row goes left as a table says, or where its code <= cut."""

    slot: Ints
    cut: Ints
    missing_code: Ints
    table_start: NDArray[np.int64]
    table: NDArray[np.bool_]


class Forest(Protocol):
    """The arrays of an additive ensemble that the game of its trees needs."""

    @property
    def root(self) -> Ints:
        """First node of each tree."""

    @property
    def output(self) -> Ints:
        """First output that each tree feeds."""

    @property
    def feature(self) -> Ints:
        """Column that each node tests, -1 at a leaf."""

    @property
    def left(self) -> Ints:
        """Left child of each node."""

    @property
    def right(self) -> Ints:
        """Right child of each node."""

    @property
    def cover(self) -> Floats:
        """Weight of the training rows at each node."""

    @property
    def value(self) -> Floats:
        """What each leaf adds, (node, width)."""

    @property
    def base(self) -> Floats:
        """The constant of each output."""

    @property
    def columns(self) -> int:
        """Encoded columns."""

    @property
    def coding(self) -> Any:
        """The integer tests, as :class:`Coding` says."""

    def codes(self, X: Floats) -> Ints:
        """Rows (sample, column) as codes (slot, sample)."""

    def predict_codes(self, codes: Ints) -> Floats:
        """The ensemble's prediction (sample, output) for coded rows."""


class Program(NamedTuple):
    """All tests of a forest, each tree in preorder, tree after tree."""

    first: NDArray[np.int64]  # (tree + 1,) first test of each tree
    tests: NDArray[np.void]  # (test,) of TEST
    tree_depth: Ints  # (tree,) most tests on one path
    tree_players: Ints  # (tree,) most different players on one path
    players: NDArray[np.int64]  # those that own a tested column; all others earn nothing
    expected: Floats  # (output,) cover-weighted mean of the ensemble


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
    coding: Coding = forest.coding
    inner = int(np.count_nonzero(forest.left >= 0))
    tests = np.zeros(inner, dtype=TEST)
    order, first, depth = _preorder(forest.root, forest.left, forest.right, tests)
    tests, order = tests[: len(order)], order.astype(np.intp)
    owner = np.asarray(player_of_column, dtype=np.int64)[forest.feature[order]]
    players, tests["player"] = np.unique(owner, return_inverse=True)
    tests["ratio"] = _left_share(forest.cover, forest.left[order], forest.right[order])
    for name in ("slot", "cut", "missing_code", "table_start"):
        tests[name] = getattr(coding, name)[order]
    distinct = _repeats(first, tests, int(depth.max(initial=0)))
    expected = _expected(first, tests, forest.root, forest.output, forest.value, forest.base)
    return Program(first, tests, depth, distinct, players, expected)


def _left_share(cover: Floats, left: Ints, right: Ints) -> Floats:
    """Share of training weight that goes left; one half where no weight arrives at all."""
    both = cover[left] + cover[right]
    return np.divide(cover[left], both, out=np.full(len(left), 0.5), where=both > 0)


@fast
def _preorder(root, left, right, tests):  # type: ignore[no-untyped-def]
    """Fill in how the tests hang together; (forest's node of each test, first, tree depth)."""
    order = np.empty(len(tests), dtype=np.int64)
    tree_depth = np.zeros(len(root), dtype=np.int32)
    first = np.zeros(len(root) + 1, dtype=np.int64)
    stack = np.empty((len(tests) + 2, 3), dtype=np.int64)  # node, parent test, side
    count = 0
    for tree in range(len(root)):
        stack[0, 0], stack[0, 1], stack[0, 2], top = root[tree], -1, 0, 1
        while top > 0:
            top -= 1
            node, parent, side = stack[top, 0], stack[top, 1], stack[top, 2]
            number = ~node if left[node] < 0 else count
            if parent >= 0 and side == RIGHT:
                tests[parent].right = number
            elif parent >= 0:
                tests[parent].left = number
            if left[node] < 0:
                continue
            test = tests[count]
            test.parent, test.side = parent, side
            test.depth = tests[parent].depth + 1 if parent >= 0 else 0
            tree_depth[tree] = max(tree_depth[tree], test.depth + 1)
            order[count] = node
            for child, place in ((right[node], RIGHT), (left[node], LEFT)):
                stack[top, 0], stack[top, 1], stack[top, 2] = child, count, place
                top += 1
            count += 1
        first[tree + 1] = count
    return order[:count], first, tree_depth


@fast
def _repeats(first, tests, deepest):  # type: ignore[no-untyped-def]
    """Fill in where players were tested above; returns the most players on a path (tree,)."""
    tree_players = np.zeros(len(first) - 1, dtype=np.int32)
    path = np.empty(deepest + 1, dtype=np.int64)
    for tree in range(len(first) - 1):
        for node in range(first[tree], first[tree + 1]):
            test = tests[node]
            path[test.depth] = node
            test.known = 0
            if test.parent >= 0:
                above = tests[test.parent]
                test.known = above.known + (above.previous < 0)
            test.previous, test.before, test.bit = -1, 1.0, test.known
            for level in range(test.depth - 1, -1, -1):
                above = tests[path[level]]
                if above.player == test.player:
                    share = above.ratio if tests[path[level + 1]].side == LEFT else 1 - above.ratio
                    test.previous, test.before = level, above.before * share
                    test.bit, above.reused = above.bit, 1
                    break
            tree_players[tree] = max(tree_players[tree], test.known + (test.previous < 0))
    return tree_players


@fast
def _expected(first_test, tests, root, output, value, base):  # type: ignore[no-untyped-def]
    """Cover-weighted mean (output,) of the ensemble."""
    result = base.copy()
    width = value.shape[1]
    mean = np.empty((len(tests), width))
    for tree in range(len(root)):
        first, last = first_test[tree], first_test[tree + 1]
        for node in range(last - 1, first - 1, -1):
            test = tests[node]
            for w in range(width):
                low = mean[test.left, w] if test.left >= 0 else value[~test.left, w]
                high = mean[test.right, w] if test.right >= 0 else value[~test.right, w]
                mean[node, w] = test.ratio * low + (1.0 - test.ratio) * high
        for w in range(width):
            result[output[tree] + w] += mean[first, w] if last > first else value[root[tree], w]
    return result
