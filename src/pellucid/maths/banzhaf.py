"""Banzhaf values: what a player adds on average, all coalitions of the others equally likely."""

from __future__ import annotations

import numpy as np

from pellucid.maths.shapley_regression import widening

LISTED = 40
"""Up to this many players, coalitions are numbered and drawn without replacement."""


def exact_banzhaf(worth: np.ndarray) -> np.ndarray:
    """Banzhaf values from the worth of every coalition.

    Parameters
    ----------
    worth : array of shape (sample, coalition, output)
        In the order of `every_coalition`.

    Returns
    -------
    array of shape (sample, player, output)

    References
    ----------
    Banzhaf (1965), Weighted voting doesn't work, Rutgers Law Review 19.
    """
    samples, total, outputs = worth.shape
    values = []
    for i in range(total.bit_length() - 1):
        apart = worth.reshape(samples, total >> (i + 1), 2, 1 << i, outputs)
        values.append((apart[:, :, 1] - apart[:, :, 0]).mean(axis=(1, 2)))
    return np.stack(values, axis=1)


def even_pairs(players: int, pairs: int, rng: np.random.Generator) -> np.ndarray:
    """Pairs of a coalition and all others, every coalition equally likely.

    Returns
    -------
    array of bool of shape (pair, player)
        One coalition of each pair; up to `LISTED` players, no pair twice.
    """
    if players > LISTED:
        return rng.random((pairs, players)) < 0.5
    drawn = rng.choice(1 << (players - 1), pairs, replace=False)
    return np.asarray((drawn[:, None] >> np.arange(players) & 1).astype(bool))


def fitted_banzhaf(coalitions: np.ndarray, odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Banzhaf values and errors from `even_pairs`.

    Every worth tells of every player, who is in the coalition or not (maximum sample reuse). Here
    that mean is adjusted by regression: Banzhaf values are the slopes of the best additive fit, so
    what the others add is taken off and only interactions are left as noise.

    Parameters
    ----------
    coalitions : array of bool of shape (pair, player)
    odd : array of shape (sample, pair, output)
        Half the difference of worth within each pair.

    Returns
    -------
    values, error : arrays of shape (sample, player, output)
        The error is that of a regression whose residuals differ in size (HC2), widened by Student's
        t-quantile with the degrees of freedom that such an error has.

    References
    ----------
    Wang and Jia (2023), Data Banzhaf, arXiv:2205.15466 (maximum sample reuse). Hammer and Holzman
    (1992), doi:10.1007/BF01541075 (the best additive fit). MacKinnon and White (1985),
    doi:10.1016/0304-4076(85)90158-7 (HC2). Bell and McCaffrey (2002), Bias reduction in standard
    errors for linear regression with multi-stage samples (its degrees of freedom).
    """
    pairs, players = coalitions.shape
    left = 1.0 - pairs / 2 ** (players - 1) if players <= LISTED else 1.0
    signs = np.where(coalitions, 1.0, -1.0)
    inverse = np.linalg.pinv(signs)
    leverage = np.einsum("np,pn->n", signs, inverse)
    slope = np.einsum("pn,sno->spo", inverse, odd)
    free = np.maximum(1 - leverage, 1e-9)[:, None]
    residual = (odd - np.einsum("np,spo->sno", signs, slope)) / np.sqrt(free)
    variance = np.einsum("pn,sno->spo", inverse**2, residual**2)
    wider = widening(np.maximum(_degrees(signs, inverse, free[:, 0]), 1))[:, None]
    return 2 * slope, 2 * wider * np.sqrt(left * variance)


def _degrees(signs: np.ndarray, inverse: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Degrees of freedom of the error of each slope, were residuals alike and normal: (player,)."""
    weight = inverse**2 / free
    residual = np.eye(len(signs)) - signs @ inverse
    return np.asarray((weight @ free) ** 2 / np.einsum("pn,pn->p", weight @ residual**2, weight))
