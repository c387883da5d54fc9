"""Deletion and insertion: how soon an order of features takes the prediction away, or brings it.

Deletion replaces the features of a row by background values, the first of the order first;
insertion starts from background values and puts the row's own in. A good order moves the
prediction early when deleting, and comes near it early when inserting.

`compare` holds methods on tables to these: by magnitude, in either direction, against a band of
random orders. `curves` goes by sign, one random order beside it, and serves all other numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.metrics.evidence import Evidence
from pellucid.metrics.ranks import NEGLIGIBLE, rounded


@dataclass(frozen=True, kw_only=True)
class Areas:
    """Areas under the curves of some orders, in units of the output with everything replaced.

    Parameters
    ----------
    deletion, insertion : arrays of shape (order, row)
        Between 0 and 1 for orders that only move the prediction away, or nearer; greater is better
        for both. Relative to the mean distance over rows, so that rows may be averaged.
    """

    deletion: np.ndarray
    insertion: np.ndarray


def orders_of(evidence: Evidence) -> np.ndarray:
    """Features of each row by magnitude, greatest first, ties in random order: (row, feature)."""
    size = np.abs(rounded(evidence.shares, evidence.spread))
    chance = evidence.rng("orders").random(size.shape)
    return np.lexsort((chance, -size), axis=1)


def areas(
    evidence: Evidence, orders: np.ndarray, rows: np.ndarray, steps: int, most: int
) -> Areas | None:
    """The areas of several orders on the same rows and against the same background rows.

    Parameters
    ----------
    evidence : Evidence
        The model and its rows.
    orders : array of int of shape (order, row, feature)
        Features of each of `rows`, those that go first in front.
    rows : int array of shape (row,)
        Which of the rows judged.
    steps : int
        Points of each curve; with fewer features, one for each.
    most : int
        Background rows that each row takes values from.

    Returns
    -------
    Areas or None
        None where replacing everything moves no row, so there is nothing to measure.

    Notes
    -----
    Cost: orders × rows × 2 × (steps − 1) × background rows, and rows × background rows.

    References
    ----------
    Samek et al. (2017), arXiv:1509.06321; Petsiuk et al. (2018), arXiv:1806.07421.
    """
    width = len(evidence.features)
    counts = np.unique(np.linspace(0, width, min(steps, width) + 1).round().astype(int))
    rank = np.argsort(orders, axis=2)
    given = evidence.donors(most)
    gone = rank[:, :, None, :] < counts[1:-1, None]
    apart = [_distance(evidence, rows, mask, given) for mask in (gone, ~gone)]
    everything = np.ones((1, len(rows), 1, width), dtype=bool)
    whole = _distance(evidence, rows, everything, given)[0, :, 0]
    scale = float(whole.mean())
    if scale <= NEGLIGIBLE * (evidence.spread or 1.0):
        return None
    none = np.zeros((len(orders), len(rows), 1))
    all_ = none + whole[None, :, None]
    away = np.concatenate([none, apart[0], all_], axis=2)
    left = np.concatenate([all_, apart[1], none], axis=2)
    part = counts / width
    return Areas(
        deletion=np.trapezoid(away, part, axis=2) / scale,
        insertion=(whole - np.trapezoid(left, part, axis=2)) / scale,
    )


def _distance(evidence: Evidence, rows: np.ndarray, removed: np.ndarray, given: Any) -> np.ndarray:
    """|prediction − mean prediction with features removed|, (order, row, count)."""
    shape = removed.shape[:3]
    start = np.broadcast_to(rows[:, None], shape).ravel()
    mean = evidence.without(start, removed.reshape(-1, removed.shape[3]), given).mean(axis=1)
    return np.abs(mean.reshape(shape) - evidence.output[rows][:, None])
