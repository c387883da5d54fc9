"""Exact Shapley values of tree ensembles, for single columns or for groups of them.

Two games are solved. In the *path-dependent* one a missing player's tests are averaged over the
training rows that reached them; in the *interventional* one its columns are replaced by those of
background rows. Columns that share a player join and leave together, which is how one-hot columns
come back as the column they were made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

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
MOST_ROWS = 256  # of a block, in 64 bits
SINGLE_TREES = 16  # trees whose values are added up in 32 bits
CHUNKS = 16  # parts of a forest whose sums are added in order, whatever the threads
SMALL = 1 << 20  # tests × rows × background rows for which starting threads takes longer
SUBTREE_BITS, LEAF_BITS = 8, 11  # largest tables of the interventional game


class TreeValues(NamedTuple):
    """Shapley values and where they start: ``base + values.sum(axis=1)`` is the prediction."""

    values: Floats
    """(sample, player, output)"""
    base: Floats
    """(output,)"""


class Background(NamedTuple):
    """Background rows as a forest reads them."""

    codes: NDArray[np.int32]
    """(slot, row)"""
    base: Floats
    """Their mean prediction, (output,)"""


def path_dependent(
    forest: Forest,
    X: Floats,
    player_of_column: NDArray[np.integer] | None = None,
    n_players: int | None = None,
    *,
    plan: Program | None = None,
    single: bool = False,
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
    single : bool, default False
        Walk each tree in 32 bits, which is about twice as fast; see :func:`single_rounding`.
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
    forest.codes(X[:0])  # refuses what does not fit
    samples, outputs, width = len(X), len(forest.base), forest.value.shape[1]
    depth = int(plan.tree_depth.max(initial=0))
    order = quadrature_order(int(plan.tree_players.max(initial=0)))
    lean = 2 * (depth + 1) * width * order
    earning = len(plan.players)
    layout = earning, lean, lean + depth, lean + 3 * depth
    lines = layout[-1] + outputs * earning
    kind: type[np.floating] = np.float32 if single else np.float64
    block = _block(samples, kind(0).itemsize * layout[-1], MOST_ROWS * 8 // kind(0).itemsize)
    values = np.zeros((samples, players, outputs))
    together = SINGLE_TREES if single else max(len(forest.root), 1)

    def explain(begin: int) -> None:
        own = forest.codes(X[begin : begin + block])
        room = lanes(lines, own.shape[1], kind)
        total = np.zeros((outputs, earning, own.shape[1]))
        for tree in range(0, len(forest.root), together):
            room[layout[-1] :] = 0.0
            tree_path_dependent.shapley(
                plan, forest.coding.table, forest.output, forest.value,
                (tree, min(tree + together, len(forest.root))), own, *rules(order), layout, room,
            )  # fmt: skip
            total += room[layout[-1] :, : own.shape[1]].reshape(total.shape)
        values[begin : begin + block, plan.players] = total.transpose(2, 1, 0)

    for _ in _each(explain, range(0, samples, block), threads):
        pass
    return TreeValues(values, plan.expected.copy())


def single_rounding(forest: Forest, plan: Program) -> float:
    """How far a value may be off that was worked out in 32 bits.

    Parameters
    ----------
    forest : Forest
    plan : Program
        Its layout.

    Returns
    -------
    float
        ``4 * 2**-24`` times the sum over trees of depth times largest leaf. Every step of a walk
        rounds a mean of leaves, a tree has as many steps as its depth, and their roundings partly
        cancel: no proof, but what is measured is several times less.
    """
    deep = np.append(plan.tree_depth, 0).astype(np.float64)[:-1]
    bounds = np.append(forest.root, len(forest.value)).astype(np.intp)
    size = np.abs(forest.value).max(axis=1, initial=0.0)
    largest = [size[a:b].max(initial=0.0) for a, b in pairwise(bounds)]
    return float(4 * 2.0**-24 * (deep * np.array(largest)).sum())


def interventional(
    forest: Forest,
    X: Floats,
    background: Floats | Background,
    player_of_column: NDArray[np.integer] | None = None,
    n_players: int | None = None,
    *,
    plan: Program | None = None,
    share: Floats | None = None,
    threads: int = 1,
) -> TreeValues:
    """Shapley values where absent players take their columns from the background.

    Parameters
    ----------
    forest : Forest
        A :class:`pellucid.models.trees.Trees`.
    X : ndarray of float, (sample, column)
        The encoded matrix.
    background : ndarray of float, (row, column), or Background
        Encoded rows that stand in for absent columns, all of which are used; or what
        :func:`read_background` made of them, to save its time.
    player_of_column, n_players, plan, threads
        As for :func:`path_dependent`.
    share : ndarray of float, (sample, row), optional
        What each background row counts for each sample; by default all alike, and 1 together.
        The values are the sum over background rows of `share` times the values against that row.

    Returns
    -------
    TreeValues
        Values (sample, player, output) and the mean prediction over the background (output,).

    Raises
    ------
    EmptyData
        The background has no rows.
    InvalidSetting
        The players do not fit the columns, or the shares the rows.
    ColumnMismatch
        `X` or `background` does not fit the forest.

    Notes
    -----
    Exact for every background: no model evaluations. Obeys efficiency, dummy, symmetry and
    linearity in the trees. The cost hardly grows with the background while paths have up to a
    dozen players; with `share` it grows with the pairs of rows.

    References
    ----------
    Lundberg et al., 2020, doi:10.1038/s42256-019-0138-9.
    """
    players = _count(forest, player_of_column, n_players)
    plan = plan or prepare(forest, player_of_column)
    if not isinstance(background, Background):
        background = read_background(forest, background)
    own, other = forest.codes(X), background.codes
    if share is not None and share.shape != (own.shape[1], other.shape[1]):
        raise InvalidSetting(
            "The shares do not fit the rows",
            got=share.shape,
            allowed=f"{own.shape[1]} × {other.shape[1]}",
        )
    most = int(plan.tree_players.max(initial=0))
    rule = (*rules(quadrature_order(LEAF_BITS)), coalition_weights(most))
    bits = own.shape[1].bit_length()
    limits = min(bits, SUBTREE_BITS), min(bits, LEAF_BITS)
    shape = len(forest.base), len(plan.players), own.shape[1]
    trees = len(forest.root)
    chunk = max(-(-trees // CHUNKS), 1)
    small = len(plan.tests) * own.shape[1] * other.shape[1] <= SMALL
    if share is None and own.shape[1] == 1:  # the tables of many rows need not be compiled for it
        share = np.full((1, other.shape[1]), 1.0 / other.shape[1])
        chunk = trees if small else chunk

    def explain(begin: int) -> Floats:
        part = np.zeros(shape)
        parts = begin, min(begin + chunk, trees)
        arrays = plan, forest.coding.table, forest.output, forest.value, parts, own, other
        if share is None:
            tree_background.shapley(*arrays, rule, limits, part)
        else:
            tree_background.weighted(*arrays, share, rule[2], part)
        return part

    total = np.zeros(shape)
    for part in _each(explain, range(0, trees, chunk), 1 if small else threads):
        total += part
    values = np.zeros((own.shape[1], players, len(forest.base)))
    values[:, plan.players] = total.transpose(2, 1, 0)
    return TreeValues(values, background.base.copy())


def read_background(forest: Forest, background: Floats) -> Background:
    """Read the background once for many calls.

    Parameters
    ----------
    forest : Forest
    background : ndarray of float, (row, column)

    Returns
    -------
    Background

    Raises
    ------
    EmptyData
        The background has no rows.
    ColumnMismatch
        It does not fit the forest.
    """
    codes = forest.codes(background)
    if not codes.shape[1]:
        raise EmptyData("The background has no rows", fix="Give at least one background row")
    return Background(codes, forest.predict_codes(codes).mean(axis=0))


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


def lanes(lines: int, rows: int, kind: type[np.floating] = np.float64) -> NDArray[Any]:
    """Room for some lines of rows: each starts a cache line, and not all in the same place.

    Lines an odd number of cache lines apart do not compete for the same part of the cache.
    """
    fits = 64 // kind(0).itemsize
    step = (-(-rows // fits) | 1) * fits
    raw = np.empty(lines * step + fits, dtype=kind)
    skip = -raw.ctypes.data // raw.itemsize % fits
    return raw[skip : skip + lines * step].reshape(lines, step)


def _block(samples: int, bytes_per_row: int, most: int = MOST_ROWS) -> int:
    """Rows to walk at once: as many as fit, in whole cache lines."""
    fits = max(ROOM_BYTES // max(bytes_per_row, 1) // 8 * 8, 16)
    return max(min(samples, fits, most), 1)


def _each(work: Callable[[int], Result], starts: range, threads: int) -> Iterator[Result]:
    """Results in the order of their starts."""
    if threads <= 1 or len(starts) <= 1:
        yield from map(work, starts)
        return
    pool = ThreadPoolExecutor(threads)
    try:
        yield from pool.map(work, starts)
    finally:  # Ctrl-C waits for the blocks that run, not for those that have not begun
        pool.shutdown(cancel_futures=True)
