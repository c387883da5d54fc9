"""Exact Shapley values of tree ensembles, for single columns or for groups of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scipy.special import gammaln

from pellucid.maths import tree_background as backgrounds
from pellucid.maths import tree_path_dependent as paths
from pellucid.maths.tree_paths import Forest, Program, program

Floats = NDArray[np.float64]

MAX_ORDER = 12  # quadrature nodes; exact for 24 players on a path
ROOM_BYTES = 400_000  # what one block of rows may touch over and over: stays in the cache


class TreeValues(NamedTuple):
    """Shapley values and what they start from: ``base + values.sum(1)`` is the prediction."""

    values: Floats  # (sample, player, output)
    base: Floats  # (output,)


def path_dependent(
    forest: Forest,
    X: Floats,
    player_of_column: NDArray[np.integer] | None = None,
    n_players: int | None = None,
    *,
    threads: int = 1,
) -> TreeValues:
    plan = program(forest, _players(forest, player_of_column))
    players = n_players or forest.columns
    codes = forest.codes(X)
    samples = codes.shape[1]
    depth = int(plan.tree_depth.max(initial=0))
    order = min((int(plan.tree_players.max(initial=0)) + 1) // 2, MAX_ORDER)
    width = forest.value.shape[1]
    block = _block(samples, (depth + 1) * 2 * width * max(order, 1) * 8)
    values = np.zeros((len(forest.base), players, samples))
    times, weights = rules(MAX_ORDER)

    def work(begin: int) -> None:
        rows = min(block, samples - begin)
        room = (
            np.empty(((depth + 1) * 2 * width * order, block)),
            np.empty((depth, block)),
            np.empty((depth, 2, block)),
        )
        phi = np.zeros((len(forest.base), players, block))
        paths.shapley(
            plan, forest.coding.table, forest.output, forest.value, codes, begin, rows,
            times, weights, room, phi,
        )  # fmt: skip
        values[:, :, begin : begin + rows] = phi[:, :, :rows]

    _share(work, range(0, samples, block), threads)
    base = paths.expectations(plan, forest.root, forest.output, forest.value, forest.base)
    return TreeValues(np.ascontiguousarray(values.transpose(2, 1, 0)), base)


def interventional(
    forest: Forest,
    X: Floats,
    background: Floats,
    player_of_column: NDArray[np.integer] | None = None,
    n_players: int | None = None,
    *,
    threads: int = 1,
) -> TreeValues:
    plan = program(forest, _players(forest, player_of_column))
    own, other = forest.codes(X), forest.codes(background)
    rule = (*rules(MAX_ORDER), coalition_weights(int(plan.tree_players.max(initial=0))))
    bits = int(np.log2(max(own.shape[1], 1)))
    limits = (min(bits, 8), min(bits, 11))
    shape = (len(forest.base), n_players or forest.columns, own.shape[1])
    trees = len(forest.root)
    chunk = max(-(-trees // 16), 1)
    values = np.zeros(shape)

    def work(begin: int) -> None:
        part = np.zeros(shape)
        backgrounds.shapley(
            plan, forest.coding.table, forest.root, forest.output, forest.value,
            (begin, min(begin + chunk, trees)), own, other, rule, limits, part,
        )  # fmt: skip
        np.add(values, part, out=values)

    _share(work, range(0, trees, chunk), threads)
    base = forest.predict_codes(other).mean(axis=0)
    return TreeValues(np.ascontiguousarray(values.transpose(2, 1, 0)), base)


@cache
def coalition_weights(most: int) -> Floats:
    """(a - 1)! b! / (a + b)! for a, b up to `most`; 0 where a is 0."""
    a, b = np.arange(most + 1)[:, None], np.arange(most + 1)[None, :]
    with np.errstate(invalid="ignore"):
        weight = np.exp(gammaln(a) + gammaln(b + 1) - gammaln(a + b + 1))
    return np.where(a == 0, 0.0, weight)


@cache
def rules(highest: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights on [0, 1]; row K holds the rule with K nodes."""
    nodes, weights = np.zeros((2, highest + 1, highest))
    for order in range(1, highest + 1):
        x, w = np.polynomial.legendre.leggauss(order)
        nodes[order, :order], weights[order, :order] = (x + 1) / 2, w / 2
    return nodes, weights


def _players(forest: Forest, player_of_column: NDArray[np.integer] | None) -> NDArray[np.integer]:
    return np.arange(forest.columns) if player_of_column is None else player_of_column


def _block(samples: int, bytes_per_row: int) -> int:
    fits = max(ROOM_BYTES // max(bytes_per_row, 1), 8)
    return int(min(max(samples, 1), 1 << (fits.bit_length() - 1), 256))


def _share(work: Callable[[int], None], starts: Iterable[int], threads: int) -> None:
    if threads <= 1:
        for begin in starts:
            work(begin)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, starts))
