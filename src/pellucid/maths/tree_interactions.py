"""Exact Shapley interactions of tree ensembles, and their Banzhaf values.

The interaction of two players is what they add together beyond what either adds alone, averaged
over the coalitions of the others (the Shapley interaction index). The two games are those of
:mod:`pellucid.maths.tree_shapley`. Players that no path of the trees tests together do not
interact, so only pairs that meet are worked out and returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.core.errors import EmptyData, InvalidSetting
from pellucid.maths import tree_interactions_background, tree_interactions_paths
from pellucid.maths.tree_interactions_pairs import PairLines, meeting, pair_lines, split
from pellucid.maths.tree_path_dependent import quadrature_order
from pellucid.maths.tree_paths import Forest, Program
from pellucid.maths.tree_shapley import (
    TreeValues,
    _count,
    _each,
    coalition_weights,
    lanes,
    prepare,
    rules,
)

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

WALK_ROWS = 256  # path-dependent: most rows in a block
CACHE_NUMBERS = 2**17  # of a block, those that a tree touches; they stay in the L2 cache
MOST_LINES = 1024  # results that a tree is taken to touch
ROOM_NUMBERS = 2**23  # most numbers in the room of one block
TABLE_NUMBERS, PATTERN_ROWS = 2**21, 4096  # interventional: of one leaf's table, and rows at once


class Interactions(NamedTuple):
    """``base + main.sum(axis=1) + together.sum(axis=1)`` is the prediction."""

    main: Floats
    """(sample, player, output): the Shapley value less half of each interaction in `pairs`."""
    together: Floats
    """(sample, pair, output)"""
    pairs: Places
    """(pair, 2): the players of each pair, the lower one first."""
    base: Floats
    """(output,)"""

    def shapley(self) -> Floats:
        """The Shapley values (sample, player, output): main effects and half of each pair."""
        values = self.main.copy()
        for pair, players in enumerate(self.pairs):
            values[:, players] += 0.5 * self.together[:, pair, None]
        return values

    def matrix(self) -> Floats:
        """(sample, player, player, output): main effects, and half of each pair on both sides.

        All entries and the base add up to the prediction, a row of the matrix to the player's
        Shapley value. This is the layout of ``shap.TreeExplainer.shap_interaction_values``.
        """
        samples, players, outputs = self.main.shape
        result = np.zeros((samples, players, players, outputs))
        one, other = self.pairs.T
        result[:, one, other] = result[:, other, one] = 0.5 * self.together
        result[:, range(players), range(players)] = self.main
        return result


def interactions(
    forest: Forest,
    X: Floats,
    background: Floats | None = None,
    player_of_column: NDArray[np.integer] | None = None,
    n_players: int | None = None,
    *,
    pairs: Places | None = None,
    plan: Program | None = None,
    threads: int = 1,
) -> Interactions:
    """Main effects of players and Shapley interactions of pairs of them.

    Parameters
    ----------
    forest : Forest
        A :class:`pellucid.models.trees.Trees`.
    X : ndarray of float, (sample, column)
        The encoded matrix.
    background : ndarray of float, (row, column), optional
        Encoded rows that stand in for absent columns; all of them are used. Without it the game
        is path-dependent: absent players follow the training rows down the tree.
    player_of_column : ndarray of int, (column,), optional
        The player that owns each encoded column; by default each is its own.
    n_players : int, optional
        Players, also those without columns; by default as many as the numbers need.
    pairs : ndarray of int, (pair, 2), optional
        The pairs to work out, the lower player first; by default all that meet on a path. What
        other pairs would get stays with the main effects of their players.
    plan : Program, optional
        What :func:`pellucid.maths.tree_shapley.prepare` returned for the same forest and players.
    threads : int, default 1
        Cores to use; the values do not depend on it.

    Returns
    -------
    Interactions

    Raises
    ------
    EmptyData
        The background has no rows.
    InvalidSetting
        The players do not fit the columns, or the pairs the players.
    ColumnMismatch
        `X` or `background` does not fit the forest.

    Notes
    -----
    Exact: no model evaluations. The index is k-SII of order 2, as in ``shap_interaction_values``.
    Rounding is that of double precision; path-dependent, paths of more than 30 players are
    integrated to within 1e-13 of their leaves' size. With a background the cost goes with the
    patterns of tests that rows and background rows pass, not with their number, while paths have
    up to a dozen players.

    References
    ----------
    Lundberg et al., 2020, doi:10.1038/s42256-019-0138-9. Wettenstein, Mitchell, Yu,
    Quadrature-TreeSHAP, 2026, arXiv:2605.04497.
    """
    players = _count(forest, player_of_column, n_players)
    plan = plan or prepare(forest, player_of_column)
    chosen = _chosen(plan, pairs, players)
    walk, base = _shapley_walk(forest, X, background, plan, chosen.lines)
    return _gathered(walk, plan, chosen, players, base, threads)


def pairs_that_meet(plan: Program) -> Places:
    """The pairs (pair, 2) of players that some path tests both, the lower player first, in order.

    No other pair interacts.
    """
    return plan.players[meeting(plan)].reshape(-1, 2)


def strengths(
    forest: Forest,
    X: Floats,
    background: Floats | None = None,
    player_of_column: NDArray[np.integer] | None = None,
    *,
    plan: Program | None = None,
    threads: int = 1,
) -> Floats:
    """Mean magnitude (pair, output) over the rows of every pair that meets.

    Memory goes with the pairs and a block of rows, not with all rows. Pairs are in the order of
    :func:`pairs_that_meet`, parameters those of :func:`interactions`.
    """
    players = _count(forest, player_of_column, None)
    plan = plan or prepare(forest, player_of_column)
    chosen = _chosen(plan, None, players)
    walk, _ = _shapley_walk(forest, X, background, plan, chosen.lines)
    total = np.zeros((len(forest.base), len(chosen.met)))
    for _, gain in walk.each(threads):
        total += np.abs(gain[:, len(plan.players) :]).sum(axis=2)
    return total.T / max(walk.samples, 1)


def banzhaf(
    forest: Forest,
    X: Floats,
    background: Floats | None = None,
    player_of_column: NDArray[np.integer] | None = None,
    n_players: int | None = None,
    *,
    plan: Program | None = None,
    threads: int = 1,
) -> TreeValues:
    """Exact Banzhaf values: what a player adds when every other has joined with probability 1/2.

    Parameters
    ----------
    forest, X, background, player_of_column, n_players, plan, threads
        As for :func:`interactions`.

    Returns
    -------
    TreeValues
        Values (sample, player, output) and the output without players (output,). They do not add
        up to the prediction; they obey dummy, symmetry and linearity.
    """
    players = _count(forest, player_of_column, n_players)
    plan = plan or prepare(forest, player_of_column)
    chosen = _chosen(plan, np.zeros((0, 2), dtype=np.int64), players)
    if background is None:
        walk, base = _following(forest, X, plan, chosen.lines, nodes=1), plan.expected.copy()
    else:
        half = _halves(_most_players(plan))
        walk, base = _replacing(forest, X, background, plan, chosen.lines, half)
    found = _gathered(walk, plan, chosen, players, base, threads)
    return TreeValues(found.main, found.base)


def _shapley_walk(
    forest: Forest, X: Floats, background: Floats | None, plan: Program, pairs: PairLines
) -> tuple[_Walk, Floats]:
    """All blocks, and the output without players (output,)."""
    most = _most_players(plan)
    if background is None:
        return _following(forest, X, plan, pairs, quadrature_order(most)), plan.expected.copy()
    return _replacing(forest, X, background, plan, pairs, coalition_weights(most))


class _Chosen(NamedTuple):
    """The pairs asked for, (pair, 2); which of them meet, as numbered in the program."""

    pairs: Places
    met: Places
    place: Places  # where each pair that meets stands among those asked for
    lines: PairLines


class _Walk(NamedTuple):
    """Blocks of rows, each to be worked out as (output, players then pairs, row)."""

    samples: int
    block: int
    work: Callable[[int], Floats]

    def each(self, threads: int) -> Iterator[tuple[int, Floats]]:
        """Every block's first row and results, in order."""
        starts = range(0, self.samples, self.block)
        return zip(starts, _each(self.work, starts, threads), strict=True)


def _chosen(plan: Program, pairs: Places | None, players: int) -> _Chosen:
    """Look up the pairs asked for, or take all that meet."""
    met = meeting(plan)
    if pairs is None:
        own = plan.players[met].reshape(-1, 2)
        return _Chosen(own, met, np.arange(len(met)), pair_lines(met, len(plan.players)))
    asked = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    if np.any((asked < 0) | (asked >= players)) or np.any(asked[:, 0] >= asked[:, 1]):
        raise InvalidSetting(
            "The pairs do not fit the players",
            got=asked.tolist(),
            allowed=f"two different players below {players} for each pair, the lower one first",
        )
    known = plan.players[met]
    where = {(int(a), int(b)): i for i, (a, b) in enumerate(known)}
    number = np.array([where.get((int(a), int(b)), -1) for a, b in asked], dtype=np.int64)
    place = np.flatnonzero(number >= 0)
    kept = met[number[place]].reshape(-1, 2)
    return _Chosen(asked, kept, place, pair_lines(kept, len(plan.players)))


def _following(forest: Forest, X: Floats, plan: Program, pairs: PairLines, nodes: int) -> _Walk:
    """Path-dependent blocks, by at most so many quadrature nodes."""
    codes = forest.codes(X)
    samples, outputs, width = codes.shape[1], len(forest.base), forest.value.shape[1]
    depth = int(plan.tree_depth.max(initial=0))
    lean = 2 * (depth + 1) * width * nodes
    earned = lean + 3 * depth + 2
    layout = len(plan.players), lean, lean + depth, earned, earned + nodes + 1
    results = len(plan.players) + len(pairs.first)
    lines = layout[-1] + outputs * results
    touched = layout[-1] + min(outputs * results, MOST_LINES)
    fits = min(CACHE_NUMBERS // touched, ROOM_NUMBERS // lines, WALK_ROWS)
    block = max(fits // 8 * 8, 8)

    def work(begin: int) -> Floats:
        own = np.ascontiguousarray(codes[:, begin : begin + block])
        room = lanes(lines, own.shape[1])
        room[layout[-1] :] = 0.0
        tree_interactions_paths.interactions(
            plan, forest.coding.table, forest.output, forest.value, own, rules(nodes), nodes,
            pairs, layout, room,
        )  # fmt: skip
        return room[layout[-1] :, : own.shape[1]].reshape(outputs, results, own.shape[1])

    return _Walk(samples, block, work)


def _replacing(
    forest: Forest,
    X: Floats,
    background: Floats,
    plan: Program,
    pairs: PairLines,
    gains: Floats,
) -> tuple[_Walk, Floats]:
    """Interventional blocks, and the mean prediction over the background."""
    other = forest.codes(background)
    if not other.shape[1]:
        raise EmptyData("The background has no rows", fix="Give at least one background row")
    codes, bits = forest.codes(X), _most_players(plan)
    results = len(plan.players) + len(pairs.first)
    table = forest.value.shape[1] * (bits * (bits + 1) // 2 if len(pairs.first) else bits)
    tests = int(np.diff(plan.first).max(initial=1))
    fits = min(TABLE_NUMBERS // max(table, 1), ROOM_NUMBERS // max(tests, results))
    block = min(max(fits, 64), PATTERN_ROWS)

    def work(begin: int) -> Floats:
        own = np.ascontiguousarray(codes[:, begin : begin + block])
        gain = np.zeros((len(forest.base), results, own.shape[1]))
        tree_interactions_background.interactions(
            plan, forest.coding.table, forest.output, forest.value, own, other, gains, pairs, gain
        )
        return gain

    base = forest.predict_codes(other).mean(axis=0)
    return _Walk(codes.shape[1], block, work), base


def _gathered(
    walk: _Walk, plan: Program, chosen: _Chosen, players: int, base: Floats, threads: int
) -> Interactions:
    """All blocks, with half of each pair taken from the Shapley values of its two players."""
    main = np.zeros((walk.samples, players, len(base)))
    together = np.zeros((walk.samples, len(chosen.pairs), len(base)))
    earning = len(plan.players)
    for begin, gain in walk.each(threads):
        split(gain, earning, chosen.lines)
        rows = slice(begin, begin + gain.shape[2])
        main[rows, plan.players] = gain[:, :earning].transpose(2, 1, 0)
        together[rows, chosen.place] = gain[:, earning:].transpose(2, 1, 0)
    return Interactions(main, together, chosen.pairs, base)


def _most_players(plan: Program) -> int:
    return int(plan.tree_players.max(initial=0))


def _halves(most: int) -> Floats:
    """Banzhaf's weights for a and b players, like :func:`coalition_weights`."""
    a, b = np.arange(most + 1)[:, None], np.arange(most + 1)[None, :]
    return np.where(a == 0, 0.0, 0.5 ** np.maximum(a + b - 1, 0))
