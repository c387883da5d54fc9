"""Shuffles that give every row the value of another row, never twice the same, and their error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def donors(rows: int, repeats: int, rng: np.random.Generator) -> np.ndarray:
    """Which row gives its value to each row: shape (repeat, row).

    Parameters
    ----------
    rows : int
        At least two.
    repeats : int
        At most ``rows - 1``; with all of them every pair of rows occurs once.

    Notes
    -----
    The repeats are different turns of one random circle of all rows. No row keeps its own value
    and no pair occurs twice, so the mean over repeats is unbiased for a value drawn from an
    independent row, and has less variance than independent shuffles.
    """
    circle = rng.permutation(rows)
    turns = 1 + rng.permutation(rows - 1)[:repeats]
    given = np.empty((len(turns), rows), dtype=np.intp)
    for repeat, turn in enumerate(turns):
        given[repeat, circle] = np.roll(circle, -turn)
    return given


def donors_within(strata: np.ndarray, repeats: int, rng: np.random.Generator) -> np.ndarray:
    """As `donors`, of shape (repeat, row), from rows of the same stratum.

    Parameters
    ----------
    strata : int array of shape (row,)
        Strata of at least two rows. One with fewer pairs than `repeats` needs uses some again.
    repeats : int
    rng : Generator
    """
    most = int(np.bincount(strata).max()) - 1
    given = np.empty((min(repeats, most), len(strata)), dtype=np.intp)
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        some = donors(len(rows), len(given), rng)
        given[:, rows] = rows[np.resize(some, (len(given), len(rows)))]
    return given


def paired_error(terms: np.ndarray, given: np.ndarray) -> float:
    """Standard error, over rows and shuffles, of the mean of `terms`.

    Parameters
    ----------
    terms : array of shape (repeat, row)
        What changed for each row in each shuffle.
    given : int array of shape (repeat, row)
        Which row gave its value, as `donors` made it.

    Notes
    -----
    A term depends on two rows, the one that receives and the one that gives. Each row therefore
    enters with the mean of its terms in both roles. The variance of these sums overstates that of
    the rows by the scatter of single terms, ``var(terms) / repeats``, which is taken off
    (Hoeffding's decomposition); what remains is held at or above that of independent terms.
    """
    repeats, rows = terms.shape
    received = terms.mean(axis=0)
    gave = np.bincount(given.ravel(), weights=terms.ravel(), minlength=rows) / repeats
    single = terms.var() / repeats
    spread = np.var(received + gave, ddof=1) - single
    return float(np.sqrt(max(spread, single) / rows))


GROUPS = 10


def grouped_error(
    value: Callable[[np.ndarray, np.ndarray, int], float], given: np.ndarray
) -> float:
    """Standard error, over rows and shuffles, of the mean over repeats of any `value`.

    Parameters
    ----------
    value : callable
        From the places of receiving rows, the places of rows as they are, and the number of a
        repeat, to the value on these rows only.
    given : int array of shape (repeat, row)

    Notes
    -----
    A jackknife that leaves out a tenth of the rows at a time, in both roles: the pairs that
    receive or give one of them go.
    """
    rows = np.arange(given.shape[1])
    groups = min(GROUPS, len(rows))
    left = []
    for group in range(groups):
        stays = rows % groups != group
        parts = []
        for repeat, giver in enumerate(given):
            pairs = np.flatnonzero(stays & stays[giver])
            if len(pairs):
                parts.append(value(pairs, rows[stays], repeat))
        if parts:
            left.append(np.mean(parts))
    spread = np.var(left) * (len(left) - 1) if left else 0.0
    return float(np.sqrt(spread))
