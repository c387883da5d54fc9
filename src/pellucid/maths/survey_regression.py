"""Shapley values from a large part of few coalitions: the regression estimator of surveys.

Where much of all coalitions is drawn, what is left is too little for a model of interactions to say
how far it is off (`maths.shapley_regression`). The design of the sample says it without a model:
coalitions of a size are drawn as a survey draws from a stratum, without replacement. An additive
game is fitted to them, its Shapley values are known, and what it leaves is summed up size by size.
"""

from __future__ import annotations

from math import comb

import numpy as np

from pellucid.maths.shapley_regression import ROUNDING, widening, with_everybody

NEAR = 1e-3
"""Least part of a residual that the fit has not taken for itself."""


def surveyed(pairs: np.ndarray, odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shapley values and errors from pairs of coalitions, each size drawn without replacement.

    Parameters
    ----------
    pairs : array of bool of shape (pair, player)
        One coalition of each pair, the smaller one, without everybody.
    odd : array of shape (sample, 1 + pair, output)
        Half the difference of worth within each pair; everybody against nobody first.

    Returns
    -------
    values, error : arrays of shape (sample, player, output)
        Values add up to twice the first of `odd`. The error is that of the design: variances of
        what the fit leaves of each size, for as many pairs as are not drawn, widened by Student's
        t-quantile with its degrees of freedom. It assumes nothing about the game.

    References
    ----------
    Särndal, Swensson and Wretman (1992), Model assisted survey sampling, §6.4 and §7.1 (the
    regression estimator and its variance). Satterthwaite (1946), doi:10.2307/3002019.
    """
    players = pairs.shape[1]
    signs, gain = with_everybody(pairs), np.vstack([np.full(players, 2 / players), _gain(pairs)])
    size = np.append(0, pairs.sum(axis=1))
    drawn, all_ = np.bincount(size), _pairs_of(players)
    stands = (all_[: len(drawn)] / np.maximum(drawn, 1))[size]
    weight = np.sqrt((gain**2).sum(axis=1) * stands)[:, None]
    fit = np.linalg.pinv(signs * weight) * weight.T
    left = odd - np.einsum("np,spo->sno", signs, np.einsum("pn,sno->spo", fit, odd))
    values = 2 * np.einsum("pn,sno->spo", fit, odd)
    values += np.einsum("np,sno->spo", gain * stands[:, None], left)
    values += (2 * odd[:, :1] - values.sum(axis=1, keepdims=True)) / players
    own = np.maximum(1 - np.einsum("np,pn->n", signs, fit), NEAR)
    error = _error(gain, left, own, size, all_)
    return values, error + ROUNDING * np.abs(odd).max(axis=1, keepdims=True)


def _error(
    gain: np.ndarray, left: np.ndarray, own: np.ndarray, size: np.ndarray, all_: np.ndarray
) -> np.ndarray:
    """Standard errors of sums over sizes of which only some pairs are drawn."""
    left = left / np.sqrt(own)[:, None]
    variance = np.zeros((len(left), gain.shape[1], left.shape[2]))
    doubt = np.zeros_like(variance)
    for one, number in enumerate(np.bincount(size)):
        if not 0 < number < all_[one]:
            continue
        here = size == one
        square = np.einsum("np,sno->spo", gain[here] ** 2, left[:, here] ** 2)
        if number > 1:  # of a single pair the square itself is all there is
            square -= np.einsum("np,sno->spo", gain[here], left[:, here]) ** 2 / number
        part = all_[one] * (all_[one] - number) / number * np.maximum(square, 0)
        part /= max(number - 1, 1)
        variance += part
        doubt += part**2 / max((number - 1) * own[here].mean(), 1)
    degrees = np.divide(variance**2, doubt, out=np.ones_like(doubt), where=doubt > 0)
    return np.asarray(np.sqrt(variance) * widening(np.maximum(degrees, 1)))


def _gain(pairs: np.ndarray) -> np.ndarray:
    """What each pair's odd half adds to each player's Shapley value: (pair, player)."""
    players = pairs.shape[1]
    joins = np.array([0.0] + [2 / (players * comb(players - 1, s)) for s in range(players)])
    size = pairs.sum(axis=1)
    return np.where(pairs, joins[size][:, None], -joins[size + 1][:, None])


def _pairs_of(players: int) -> np.ndarray:
    """How many pairs there are of each size, 0 (with everybody) to half the players."""
    count = [comb(players, size) for size in range(players // 2 + 1)]
    if players % 2 == 0:
        count[-1] //= 2
    return np.array(count, dtype=float)
