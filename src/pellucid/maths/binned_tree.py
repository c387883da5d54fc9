"""A small regression tree over bins, grown where it explains most, with any number of targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

Allowed = tuple[frozenset[int], ...]
"""For each column the bins that a row may lie in."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """The best cut of some rows: their bins of one column go left, all others right."""

    gain: float
    column: int = -1
    left: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True, eq=False)
class Leaf:
    """Where rows end: the bins they may lie in, in the order of the tree, and which rows do."""

    allowed: Allowed
    rows: np.ndarray
    depth: int
    path: tuple[int, ...]


def grow(
    bins: np.ndarray,
    targets: np.ndarray,
    counts: Sequence[int] | np.ndarray,
    ordered: Sequence[bool],
    *,
    leaves: int,
    least: int,
) -> list[Leaf]:
    """The leaves of a tree that is grown, leaf by leaf, where the squared error falls most.

    Parameters
    ----------
    bins : array of int of shape (row, column)
        0 where a value is missing, then 1, 2, …
    targets : array of shape (row, target)
        What is to be predicted by the mean.
    counts : array of int of shape (column,)
        Bins of each column, without that of missing values.
    ordered : sequence of bool
        Whether the bins of a column are cut in their order; otherwise any of them may go
        together, and missing values are one bin more.
    leaves : int
        Most leaves.
    least : int
        Fewest rows in a leaf.

    Notes
    -----
    Each row, also one with bins that no row here has, ends in exactly one leaf. The cut of an
    unordered column is the best of all for one target (Fisher 1958), and by the target that
    varies most for several.

    References
    ----------
    Breiman, Friedman, Olshen and Stone (1984), Classification and Regression Trees.
    """
    whole = tuple(frozenset(range(count + 1)) for count in counts)
    root = Leaf(allowed=whole, rows=np.arange(len(bins)), depth=0, path=())
    found = [(root, _best(bins, targets, root, ordered, least))]
    while len(found) < leaves:
        place = int(np.argmax([split.gain for _, split in found]))
        leaf, split = found[place]
        if split.gain <= 0:
            break
        parts = _parted(bins, leaf, split)
        found[place : place + 1] = [
            (part, _best(bins, targets, part, ordered, least)) for part in parts
        ]
    return [leaf for leaf, _ in found]


def place(bins: np.ndarray, leaves: Sequence[Leaf]) -> np.ndarray:
    """The number of the leaf that each row ends in."""
    found = np.zeros(len(bins), dtype=np.int64)
    for number, leaf in enumerate(leaves):
        inside = np.ones(len(bins), dtype=bool)
        for column, allowed in enumerate(leaf.allowed):
            inside &= np.isin(bins[:, column], list(allowed))
        found[inside] = number
    return found


def _parted(bins: np.ndarray, leaf: Leaf, split: Split) -> Iterator[Leaf]:
    goes = np.isin(bins[leaf.rows, split.column], list(split.left))
    for side, rows in ((split.left, leaf.rows[goes]), (None, leaf.rows[~goes])):
        before = leaf.allowed[split.column]
        allowed = list(leaf.allowed)
        allowed[split.column] = before & split.left if side is not None else before - split.left
        path = leaf.path if split.column in leaf.path else (*leaf.path, split.column)
        yield Leaf(allowed=tuple(allowed), rows=rows, depth=leaf.depth + 1, path=path)


def _best(
    bins: np.ndarray, targets: np.ndarray, leaf: Leaf, ordered: Sequence[bool], least: int
) -> Split:
    """The cut of a leaf that explains most, or one that gains nothing."""
    here, values = bins[leaf.rows], targets[leaf.rows]
    found = Split(gain=0.0)
    if len(here) < 2 * least:
        return found
    scale = 1e-9 * float(np.square(values - values.mean(axis=0)).sum())
    for column, in_order in enumerate(ordered):
        for order in _orders(here[:, column], values, leaf.allowed[column], in_order):
            gain, cut = _cut(here[:, column], values, order, least)
            if gain > found.gain + scale:
                left = frozenset(order[: cut + 1].tolist())
                found = Split(gain=gain, column=column, left=left)
    return found


def _orders(
    column: np.ndarray, values: np.ndarray, allowed: frozenset[int], in_order: bool
) -> Iterator[np.ndarray]:
    """Orders of the allowed bins in which a cut is looked for."""
    bins = np.array(sorted(allowed))
    if in_order:
        known, gone = bins[bins > 0], bins[bins == 0]
        yield np.concatenate([known, gone])
        if len(gone) and (column == 0).any():
            yield np.concatenate([gone, known])
        return
    target = values[:, np.argmax(values.var(axis=0))]
    total = np.bincount(column, weights=target, minlength=bins[-1] + 1)[bins]
    size = np.bincount(column, minlength=bins[-1] + 1)[bins]
    mean = np.divide(total, size, out=np.full(len(bins), np.inf), where=size > 0)
    yield bins[np.argsort(mean, kind="stable")]


def _cut(
    column: np.ndarray, values: np.ndarray, order: np.ndarray, least: int
) -> tuple[float, int]:
    """The gain of the best cut of bins in this order, and the place of its last bin."""
    width = int(order.max()) + 1
    size = np.bincount(column, minlength=width)[order].cumsum()
    sums = np.stack(
        [np.bincount(column, weights=target, minlength=width)[order] for target in values.T], axis=1
    ).cumsum(axis=0)
    rest = size[-1] - size
    fits = (size >= least) & (rest >= least)
    if not fits.any():
        return 0.0, 0
    left = np.square(sums).sum(axis=1) / np.maximum(size, 1)
    right = np.square(sums[-1] - sums).sum(axis=1) / np.maximum(rest, 1)
    gain = np.where(fits, left + right - np.square(sums[-1]).sum() / size[-1], 0.0)
    best = int(np.argmax(gain))
    return float(gain[best]), best
