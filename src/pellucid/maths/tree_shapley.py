"""Exact Shapley values of tree ensembles, for single columns or for groups of them.

Two games are solved. In the *path-dependent* one a missing player's tests are averaged over the
training rows that reached them; in the *interventional* one its columns are replaced by those of
background rows. Columns that share a player join and leave together, which is how one-hot columns
come back as the column they were made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb

from pellucid.core.errors import EmptyData, InvalidSetting
from pellucid.maths import tree_background, tree_path_dependent
from pellucid.maths.tree_path_dependent import quadrature_order
from pellucid.maths.tree_paths import Forest, Program, program

Floats = NDArray[np.float64]
Result = TypeVar("Result")

ROOM_BYTES = 524_288  # what a block of rows touches again and again; stays in the L2 cache
MOST_ROWS = 256
CHUNKS = 16  # parts of a forest whose sums are added in order, whatever the threads
SUBTREE_BITS, LEAF_BITS = 8, 11  # largest tables of the interventional game


class TreeValues(NamedTuple):
    """Shapley values and where they start: ``base + values.sum(axis=1)`` is the prediction."""

    values: Floats
    """(sample, player, output)"""
    base: Floats
    """(output,)"""


def path_dependent(
    forest: Forest,
    X: Floats,
    player_of_column: NDArray[np.integer] | None = None,
    n_players: int | None = None,
    *,
    plan: Program | None = None,
    threads: int = 1,
) -> TreeValues:
    """Shapley values where absent players follow the training rows down the tree.

    Parameters
    ----------
    forest : Forest
        A :class:`pellucid.models.trees.Trees`.
    X : ndarray of float, (sample, column)
        The encoded matrix.
    player_of_column : ndarray of int, (column,), optional
        The player that owns each encoded column; by default each is its own.
    n_players : int, optional
        Players, also those without columns; by default as many as the numbers need.
    plan : Program, optional
        What :func:`prepare` returned for the same forest and players, to save its time.
    threads : int, default 1
        Cores to use; the values do not depend on it.

    Returns
    -------
    TreeValues
        Values (sample, player, output) and the cover-weighted mean (output,).

    Raises
    ------
    InvalidSetting
        The players do not fit the columns.
    ColumnMismatch
        `X` does not fit the forest.

    Notes
    -----
    Exact: no model evaluations. Obeys efficiency, dummy, symmetry and linearity in the trees. At
    a test, the shares of training weight are the children's, over their sum; a test that no
    training weight reached splits it in halves. Rounding is that of double precision; paths of
    more than 30 players are integrated to within 1e-14 of their leaves' size.

    References
    ----------
    Lundberg et al., From local explanations to global understanding with explainable AI for
    trees, 2020, doi:10.1038/s42256-019-0138-9.
    Wettenstein, Mitchell, Yu, Quadrature-TreeSHAP, 2026, arXiv:2605.04497.
    """
    players = _count(forest, player_of_column, n_players)
    plan = plan or prepare(forest, player_of_column)
    codes = forest.codes(X)
    samples, outputs, width = codes.shape[1], len(forest.base), forest.value.shape[1]
    depth = int(plan.tree_depth.max(initial=0))
    order = quadrature_order(int(plan.tree_players.max(initial=0)))
    lean = 2 * (depth + 1) * width * order
    earning = len(plan.players)
    layout = earning, lean, lean + depth, lean + 3 * depth
    lines = layout[-1] + outputs * earning
    block = _block(samples, 8 * layout[-1])
    values = np.zeros((samples, players, outputs))

    def explain(begin: int) -> None:
        own = np.ascontiguousarray(codes[:, begin : begin + block])
        room = lanes(lines, own.shape[1])
        room[layout[-1] :] = 0.0
        tree_path_dependent.shapley(
            plan, forest.coding.table, forest.output, forest.value, own, *rules(order),
            layout, room,
        )  # fmt: skip
        gain = room[layout[-1] :, : own.shape[1]].reshape(outputs, earning, own.shape[1])
        values[begin : begin + block, plan.players] = gain.transpose(2, 1, 0)

    for _ in _each(explain, range(0, samples, block), threads):
        pass
    return TreeValues(values, plan.expected.copy())


def interventional(
    forest: Forest,
    X: Floats,
    background: Floats,
    player_of_column: NDArray[np.integer] | None = None,
    n_players: int | None = None,
    *,
    plan: Program | None = None,
    threads: int = 1,
) -> TreeValues:
    """Shapley values where absent players take their columns from the background.

    Parameters
    ----------
    forest : Forest
        A :class:`pellucid.models.trees.Trees`.
    X : ndarray of float, (sample, column)
        The encoded matrix.
    background : ndarray of float, (row, column)
        Encoded rows that stand in for absent columns; all of them are used.
    player_of_column, n_players, plan, threads
        As for :func:`path_dependent`.

    Returns
    -------
    TreeValues
        Values (sample, player, output) and the mean prediction over the background (output,).

    Raises
    ------
    EmptyData
        The background has no rows.
    InvalidSetting
        The players do not fit the columns.
    ColumnMismatch
        `X` or `background` does not fit the forest.

    Notes
    -----
    Exact for every background: no model evaluations. Obeys efficiency, dummy, symmetry and
    linearity in the trees. The cost hardly grows with the background while paths have up to a
    dozen players.

    References
    ----------
    Lundberg et al., 2020, doi:10.1038/s42256-019-0138-9.
    """
    players = _count(forest, player_of_column, n_players)
    plan = plan or prepare(forest, player_of_column)
    own, other = forest.codes(X), forest.codes(background)
    if not other.shape[1]:
        raise EmptyData("The background has no rows", fix="Give at least one background row")
    most = int(plan.tree_players.max(initial=0))
    rule = (*rules(quadrature_order(LEAF_BITS)), coalition_weights(most))
    bits = own.shape[1].bit_length()
    limits = min(bits, SUBTREE_BITS), min(bits, LEAF_BITS)
    shape = len(forest.base), len(plan.players), own.shape[1]
    trees = len(forest.root)
    chunk = max(-(-trees // CHUNKS), 1)

    def explain(begin: int) -> Floats:
        part = np.zeros(shape)
        tree_background.shapley(
            plan, forest.coding.table, forest.output, forest.value,
            (begin, min(begin + chunk, trees)), own, other, rule, limits, part,
        )  # fmt: skip
        return part

    total = np.zeros(shape)
    for part in _each(explain, range(0, trees, chunk), threads):
        total += part
    base = forest.predict_codes(other).mean(axis=0)
    values = np.zeros((own.shape[1], players, len(forest.base)))
    values[:, plan.players] = total.transpose(2, 1, 0)
    return TreeValues(values, base)


def prepare(forest: Forest, player_of_column: NDArray[np.integer] | None = None) -> Program:
    """Lay out a forest for its game, once for many calls.

    Parameters
    ----------
    forest : Forest
    player_of_column : ndarray of int, (column,), optional

    Returns
    -------
    Program
    """
    if player_of_column is None:
        player_of_column = np.arange(forest.columns)
    return program(forest, np.asarray(player_of_column))


@cache
def rules(highest: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights on [0, 1]; line K holds the rule with K nodes."""
    nodes, weights = np.zeros((2, highest + 1, highest))
    for order in range(1, highest + 1):
        x, w = np.polynomial.legendre.leggauss(order)
        nodes[order, :order], weights[order, :order] = (x + 1) / 2, w / 2
    return nodes, weights


@cache
def coalition_weights(most: int) -> Floats:
    """(a - 1)! b! / (a + b)! for a, b up to `most`; 0 where a is 0."""
    a, b = np.arange(most + 1)[:, None], np.arange(most + 1)[None, :]
    return np.where(a == 0, 0.0, 1.0 / (np.maximum(a, 1) * comb(a + b, a)))


def _count(
    forest: Forest, player_of_column: NDArray[np.integer] | None, n_players: int | None
) -> int:
    """Number of players, or why it cannot be."""
    if player_of_column is None:
        player_of_column = np.arange(forest.columns)
    owner = np.asarray(player_of_column)
    needed = int(owner.max(initial=-1)) + 1
    if owner.shape != (forest.columns,) or owner.dtype.kind not in "iu" or owner.min(initial=0) < 0:
        raise InvalidSetting(
            "The players do not fit the columns",
            got=f"{owner.dtype} of shape {owner.shape}",
            allowed=f"one whole number ≥ 0 for each of {forest.columns} columns",
            fix="Say for each encoded column which player owns it",
        )
    if n_players is not None and n_players < needed:
        raise InvalidSetting(
            "There are fewer players than the columns name",
            got=n_players,
            allowed=f"{needed} or more",
            fix="Leave n_players out, or raise it",
        )
    return needed if n_players is None else n_players


def lanes(lines: int, rows: int) -> Floats:
    """Room for some lines of rows: each starts a cache line, and not all in the same place.

    Lines an odd number of cache lines apart do not compete for the same part of the cache.
    """
    step = (-(-rows // 8) | 1) * 8
    raw = np.empty(lines * step + 8)
    skip = -raw.ctypes.data // 8 % 8
    return raw[skip : skip + lines * step].reshape(lines, step)


def _block(samples: int, bytes_per_row: int) -> int:
    """Rows to walk at once: as many as fit, in whole cache lines."""
    fits = max(ROOM_BYTES // max(bytes_per_row, 1) // 8 * 8, 16)
    return max(min(samples, fits, MOST_ROWS), 1)


def _each(work: Callable[[int], Result], starts: Iterable[int], threads: int) -> Iterator[Result]:
    """Results in the order of their starts."""
    if threads <= 1:
        yield from map(work, starts)
        return
    pool = ThreadPoolExecutor(threads)
    try:
        yield from pool.map(work, starts)
    finally:  # Ctrl-C waits for the blocks that run, not for those that have not begun
        pool.shutdown(cancel_futures=True)
