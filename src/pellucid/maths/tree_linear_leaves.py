"""Interventional Shapley values of trees whose leaves hold linear models, exactly.

For one row and one background row, let A be the players on whom only the row goes on to a leaf,
and B those on whom only the background row does. A leaf worth 1 pays ``(|A|-1)! |B|! /
(|A|+|B|)!`` to each of A and takes ``|A|! (|B|-1)! / (|A|+|B|)!`` from each of B. A linear leaf is
a sum of such games: its constant, with the terms of players in A and B at the only value they can
have here; and for every other player, whose term is the row's or the background's, the difference
of the two in a game where that player has joined A. Where a term is missing the leaf falls back to
a constant, so being there is one more thing in which the two rows may differ.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.core.errors import EmptyData
from pellucid.maths.tree_paths import Forest, fast
from pellucid.maths.tree_shapley import TreeValues, coalition_weights, prepare

Floats = NDArray[np.float64]

OPEN, MINE, THEIRS, NOBODYS = 0, 1, 2, 3


class Models(Protocol):
    """The linear models of all leaves; inner nodes have none."""

    constant: Floats
    start: NDArray[np.int64]
    column: NDArray[np.int32]
    slope: Floats


class LinearForest(Protocol):
    """A forest whose leaves hold linear models."""

    @property
    def routes(self) -> Forest:
        """Its tests, with what a leaf falls back to as its value."""

    @property
    def linear(self) -> Models | None:
        """What the leaves hold."""

    def predict(self, X: Floats) -> Floats:
        """The prediction (sample, output)."""


class Leaves(NamedTuple):
    """The linear models, each term with the player that owns its column."""

    constant: Floats
    start: NDArray[np.int64]
    column: NDArray[np.int32]
    slope: Floats
    player: NDArray[np.int64]
    fallback: Floats


def interventional(
    forest: LinearForest,
    X: Floats,
    background: Floats,
    player_of_column: NDArray[np.integer] | None = None,
    n_players: int | None = None,
    *,
    threads: int = 1,
) -> TreeValues:
    """Shapley values where absent players take their columns from the background.

    Parameters
    ----------
    forest : LinearForest
        A :class:`pellucid.models.trees.Trees` with linear leaves.
    X : ndarray of float, (sample, column)
        The encoded matrix.
    background : ndarray of float, (row, column)
        Encoded rows that stand in for absent columns; all of them are used.
    player_of_column : ndarray of int, (column,), optional
        The player that owns each encoded column; by default each is its own.
    n_players : int, optional
        Players, also those without columns.
    threads : int, default 1
        Cores to use; the values do not depend on it.

    Returns
    -------
    TreeValues
        Values (sample, player, output) and the mean prediction over the background (output,).

    Raises
    ------
    EmptyData
        The background has no rows.

    Notes
    -----
    Exact: no model evaluations. Obeys efficiency, dummy, symmetry and linearity in the trees. The
    cost is that of every pair of a row and a background row going down every tree together.
    """
    routes = forest.routes
    if not len(background):
        raise EmptyData("The background has no rows", fix="Give at least one background row")
    owner = np.arange(routes.columns) if player_of_column is None else np.asarray(player_of_column)
    players = int(owner.max(initial=-1)) + 1 if n_players is None else n_players
    plan, leaves = prepare(routes, owner), _leaves(forest, owner)
    longest = int(np.diff(leaves.start).max(initial=0))
    rule = coalition_weights(int(plan.tree_players.max(initial=0)) + longest + 1)
    X, background = np.array(X, dtype=np.float64), np.array(background, dtype=np.float64)
    codes, other = routes.codes(X), routes.codes(background)
    values = np.zeros((len(X), players, len(routes.base)))

    def explain(rows: NDArray[np.intp]) -> None:
        _values(
            plan, routes.coding.table, routes.output, routes.root, leaves, rule,
            (codes, X), (other, background), (rows[0], rows[-1] + 1), values,
        )  # fmt: skip

    parts = [rows for rows in np.array_split(np.arange(len(X)), threads) if len(rows)]
    with ThreadPoolExecutor(max(len(parts), 1)) as pool:
        list(pool.map(explain, parts))
    return TreeValues(values / len(background), forest.predict(background).mean(axis=0))


def _leaves(forest: LinearForest, owner: NDArray[np.integer]) -> Leaves:
    models, routes = forest.linear, forest.routes
    if models is None:
        nodes = len(routes.left)
        none = np.zeros(0)
        start = np.zeros(nodes + 1, dtype=np.int64)
        empty = none.astype(np.int32), none, none.astype(np.int64)
        return Leaves(routes.value[:, 0], start, *empty, routes.value[:, 0])
    player = owner[models.column].astype(np.int64)
    return Leaves(
        models.constant, models.start, models.column, models.slope, player, routes.value[:, 0]
    )


@fast
def _values(program, table, output, root, leaves, rule, own, other, rows, values):  # type: ignore[no-untyped-def]
    """Add all trees' values for some rows, summed over the background."""
    players, most = values.shape[1], len(rule)
    room = (
        np.full(players, OPEN, dtype=np.int8),  # who owns each player
        np.empty(most + 1, dtype=np.int64),  # players that are owned
        np.empty((program.tree_depth.max() + 1 if len(root) else 1, 3), dtype=np.int64),
    )
    terms = (
        np.empty(players, dtype=np.int8),  # who can go on to the leaf's model
        np.empty(most + 1, dtype=np.int64),  # players with terms
        np.empty((2, players)),  # sums of terms, the row's and the background's
    )
    for tree in range(len(root)):
        for row in range(rows[0], rows[1]):
            gain = values[row, :, output[tree]]
            for behind in range(other[0].shape[1]):
                _pair(
                    program, table, tree, root[tree], leaves, rule, own, row, other, behind,
                    room, terms, gain,
                )  # fmt: skip


@fast
def _pair(  # type: ignore[no-untyped-def]
    program, table, tree, root, leaves, rule, own, row, other, behind, room, terms, gain
):
    """Walk one row with one background row; the stack keeps ways not yet taken as THEIRS."""
    owner, owned, stack = room
    node, top, count = program.first[tree], 0, 0
    if node == program.first[tree + 1]:
        node = ~np.int64(root)
    while True:
        while node >= 0:
            test = program.tests[node]
            player = program.players[test.player]
            here = _child(test, table, own[0][test.slot, row])
            there = _child(test, table, other[0][test.slot, behind])
            if here == there or owner[player] == MINE:
                node = here
            elif owner[player] == THEIRS:
                node = there
            else:
                stack[top, 0], stack[top, 1], stack[top, 2] = there, player, count
                top, owner[player], owned[count] = top + 1, MINE, player
                node, count = here, count + 1
        _credit(
            leaves, ~node, rule, own[1][row], other[1][behind], owner, owned, count, terms, gain
        )
        kept = stack[top - 1, 2] if top else 0
        while count > kept:
            count -= 1
            owner[owned[count]] = OPEN
        if not top:
            return
        top -= 1
        node, owned[count], owner[stack[top, 1]] = stack[top, 0], stack[top, 1], THEIRS
        count += 1


@fast
def _child(test, table, code):  # type: ignore[no-untyped-def]
    if test.table_start >= 0:
        goes_left = table[test.table_start + code]
    else:
        goes_left = code <= test.cut or code == test.missing_code
    return test.left if goes_left else test.right


@fast
def _credit(leaves, leaf, rule, x, b, owner, owned, count, terms, gain):  # type: ignore[no-untyped-def]
    """Pay for one leaf that the two rows can reach together."""
    whose, listed, sums = terms
    found, whole = _terms(leaves, leaf, x, b, owner, terms)
    constant, swing, mine, alive = leaves.constant[leaf], 0.0, 0, True
    for j in range(count):
        mine += owner[owned[j]] == MINE
    theirs = count - mine
    if not whole:  # its value where terms are missing, and the rest only where they are not
        worth = leaves.fallback[leaf]
        _pay(worth * rule[mine, theirs], worth * rule[theirs, mine], owner, owned, count, gain)
        constant -= worth
    for j in range(found):
        player = listed[j]
        now = whose[player]
        alive = alive and now != NOBODYS
        mine += now == MINE and owner[player] == OPEN
        theirs += now == THEIRS and owner[player] == OPEN
        constant += sums[0, player] if now == MINE else sums[1, player]
        swing += sums[0, player] - sums[1, player] if now == OPEN else 0.0
    if alive:
        plus = constant * rule[mine, theirs] + swing * rule[mine + 1, theirs]
        minus = constant * rule[theirs, mine] + swing * rule[theirs, mine + 1]
        _pay(plus, minus, owner, owned, count, gain)
        for j in range(found):
            player = listed[j]
            if whose[player] == OPEN:
                gain[player] += (sums[0, player] - sums[1, player]) * rule[mine + 1, theirs]
            elif owner[player] == OPEN:
                gain[player] += plus if whose[player] == MINE else -minus


@fast
def _pay(plus, minus, owner, owned, count, gain):  # type: ignore[no-untyped-def]
    for j in range(count):
        gain[owned[j]] += plus if owner[owned[j]] == MINE else -minus


@fast
def _terms(leaves, leaf, x, b, owner, terms):  # type: ignore[no-untyped-def]
    """Sum each player's terms in a leaf, and say who can give them all: (players, no gaps)."""
    whose, listed, sums = terms
    found, whole = 0, True
    first, last = leaves.start[leaf], leaves.start[leaf + 1]
    for entry in range(first, last):
        player = leaves.player[entry]
        new = True
        for j in range(found):
            new = new and listed[j] != player
        if new:
            listed[found], whose[player] = player, owner[player]
            sums[0, player], sums[1, player] = 0.0, 0.0
            found += 1
        own, other = x[leaves.column[entry]], b[leaves.column[entry]]
        if np.isnan(own):
            whole, own = False, 0.0
            whose[player] = THEIRS if whose[player] in (OPEN, THEIRS) else NOBODYS
        if np.isnan(other):
            whole, other = False, 0.0
            whose[player] = MINE if whose[player] in (OPEN, MINE) else NOBODYS
        sums[0, player] += leaves.slope[entry] * own
        sums[1, player] += leaves.slope[entry] * other
    return found, whole
