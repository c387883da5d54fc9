"""The bootstrap: how much would a number move if other rows had been drawn?

A resample is a vector of whole numbers, one for each row, that says how often the row was drawn.
The same weights serve every statistic, so that statistics are computed on whole blocks of
resamples by matrix products, and differences between statistics are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TypeVar

import numpy as np

from pellucid.core.errors import InvalidSetting

BLOCK = 2_000_000
"""Weights held in memory at once (16 MB)."""

FEWEST_RESAMPLES = 100
"""Below this a 2.5 % tail holds no more than two draws."""

REDRAWS = 50
"""How often the class sizes of a resample are drawn again before a missing class is given a row."""

Key = TypeVar("Key", bound=Hashable)
Statistic = Callable[[np.ndarray], Mapping[Key, np.ndarray]]


def bootstrap(
    statistic: Statistic[Key],
    n: int,
    *,
    resamples: int,
    rng: np.random.Generator,
    strata: np.ndarray | None = None,
) -> tuple[dict[Key, float], dict[Key, np.ndarray]]:
    """Each statistic on the rows as they are, and on resampled rows.

    Parameters
    ----------
    statistic : callable
        From weights ``(resample, row)`` to named statistics, each ``(resample,)``.
    n : int
        Number of rows.
    resamples : int
        How many times the rows are drawn again, at least 100.
    rng : numpy Generator
        The random stream.
    strata : int array of shape (row,), optional
        Groups, 0, 1, …, none of which may be missing from a resample; see `row_weights`.

    Returns
    -------
    values : dict
        The statistics with each row counted once.
    draws : dict of arrays of shape (resample,)
        The statistics on the resamples.

    Raises
    ------
    InvalidSetting
        If `resamples` is too small.

    Notes
    -----
    No model is evaluated. Time and draws grow with ``n · resamples``, memory does not.
    """
    if not isinstance(resamples, (int, np.integer)) or resamples < FEWEST_RESAMPLES:
        raise InvalidSetting(
            "A 95 % interval cannot be had from this many resamples",
            got=repr(resamples),
            allowed=f"an integer of at least {FEWEST_RESAMPLES}",
        )
    values = {key: float(found[0]) for key, found in statistic(np.ones((1, n))).items()}
    blocks = [statistic(weights) for weights in row_weights(n, resamples, rng, strata)]
    draws = {key: np.concatenate([block[key] for block in blocks]) for key in values}
    return values, draws


def row_weights(
    n: int, resamples: int, rng: np.random.Generator, strata: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Blocks of weights ``(resample, row)``: how often each row is drawn, with replacement.

    Parameters
    ----------
    n, resamples : int
        Number of rows, and of draws of `n` rows.
    rng : numpy Generator
        The random stream.
    strata : int array of shape (row,), optional
        Groups, 0, 1, …. The size of each group is drawn first, then its rows, which together is
        the ordinary bootstrap; resamples that would lack a group are drawn again.

    Yields
    ------
    array of shape (resample, row)
        float64 whole numbers; each row of the array sums to `n`.

    Notes
    -----
    The sizes of the groups vary, as they do when new rows are collected. Holding them fixed (the
    stratified bootstrap of case–control studies) makes the intervals of accuracy and precision
    too narrow for rows that were simply collected.
    """
    strata = np.zeros(n, dtype=np.intp) if strata is None else strata
    groups = [np.flatnonzero(strata == group) for group in np.unique(strata)]
    sizes = _group_sizes(np.array([len(rows) for rows in groups]), resamples, rng)
    step = max(1, BLOCK // n)
    for first in range(0, resamples, step):
        yield _weights(groups, sizes[first : first + step], n, rng)


def _group_sizes(observed: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of each group in each resample, at least one: shape (resample, group)."""
    n = observed.sum()
    sizes = rng.multinomial(n, observed / n, size=resamples)
    for _ in range(REDRAWS):
        lacking = (sizes == 0).any(axis=1)
        if not lacking.any():
            return sizes
        sizes[lacking] = rng.multinomial(n, observed / n, size=lacking.sum())
    for resample in np.flatnonzero((sizes == 0).any(axis=1)):
        for group in np.flatnonzero(sizes[resample] == 0):
            sizes[resample, sizes[resample].argmax()] -= 1
            sizes[resample, group] = 1
    return sizes


def _weights(
    groups: list[np.ndarray], sizes: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    weights = np.empty((len(sizes), n))
    for rows, size in zip(groups, sizes.T, strict=True):
        start = np.repeat(np.arange(len(sizes)) * len(rows), size)
        drawn = start + rng.integers(0, len(rows), size.sum())
        weights[:, rows] = np.bincount(drawn, minlength=len(sizes) * len(rows)).reshape(
            len(sizes), len(rows)
        )
    return weights
