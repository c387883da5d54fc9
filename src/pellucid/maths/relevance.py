"""How much each player matters in interactions, learnt from the worths of sampled coalitions.

A game is written as a sum of products of signs, +1 for players in the coalition and -1 for others.
Before its worths are seen, the coefficient of each product has a variance: the product of the
relevances of its players, which lie between 0 and 1. A player of relevance near 0 takes part in no
interaction; relevances near 1 let interactions of many players be as large as those of few. Only
products of an odd number of signs, and at least three, are wanted here; their covariance is

    k(x, y) = sum over odd sets T of 3 and more players: product over i in T of w_i x_i y_i
            = c sinh(sum over i: atanh(w_i) x_i y_i) - sum over i: w_i x_i y_i

with ``c = product of sqrt(1 - w_i^2)``: one matrix product and one exponential for all pairs.

Relevances are those that make the worths likely, whatever the main effects (restricted maximum
likelihood): automatic relevance determination for games.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_solve, lapack
from scipy.optimize import minimize

DECAY = 0.2
"""Variance of all interactions of order 5 relative to those of order 3, when nothing is known."""

MOST = 0.9
"""Relevance of few players when nothing is known."""

NUGGETS = 1e-8, 1e-6, 1e-4
"""Variance that belongs to no product of signs, relative to all interactions: the first with which
a covariance can be factored. More than rounding needs would say errors too large where values are
found almost exactly."""

FAR = 300.0
"""Exponents from here on could be lost to underflow in a quotient."""

LEARNT_FROM = 320
"""Pairs of coalitions that relevances are learnt from, at most: the cost grows with their cube."""

LEAST_FOR_EACH = 4
"""Pairs for each player, below which relevances are taken to be even."""

PULL = 1.0
"""Inverse variance of the logits of relevances around their mean."""

STEPS = 6
"""Steps of the search: further ones do not make values more accurate."""

LOGITS = -7.0, 4.0
"""The range of the logit of a relevance: less would drown in rounding, more would overflow."""

NODES = 16
"""Nodes of the quadrature over the size of a product: exact up to 32 players."""

HIGHEST = 64
"""Highest order of interaction in the variance of a Shapley value."""

ROWS_AT_ONCE = 128
"""Rows of a covariance that are made at once, so that they stay in the processor's cache."""

GRAIN = 2.0**-26
"""Residuals are rounded to multiples of this, relative to the largest, so that rounding in the
model's answers, which differs from one batch of rows to the next, does not show in the values."""


def even(players: int) -> np.ndarray:
    """Relevances when nothing is known, shape (player,)."""
    orders = max((players - 3) * (players - 4), 1)
    return np.full(players, min(MOST, np.sqrt(20 * DECAY / orders)))


def learnt(signs: np.ndarray, odd: np.ndarray) -> np.ndarray | None:
    """Relevances that make a game likely, or `None` with too few pairs or no interactions.

    Parameters
    ----------
    signs : array of shape (pair, player)
        +1 and -1; everybody first, and any beginning as good a sample as the whole.
    odd : array of shape (pair,)
        Half the difference of worth within each pair.

    Returns
    -------
    array of shape (player,), or None

    References
    ----------
    Patterson and Thompson (1971), doi:10.1093/biomet/58.3.545 (restricted likelihood). MacKay
    (1996), Bayesian non-linear modelling for the prediction competition (relevance). Fumagalli et
    al. (2026), arXiv:2602.01399 (Shapley values need the odd half alone).
    """
    players = signs.shape[1]
    if len(signs) < LEAST_FOR_EACH * players:
        return None
    some = slice(max(LEARNT_FROM, LEAST_FOR_EACH * players))
    signs, odd = signs[some], odd[some]
    basis, _ = np.linalg.qr(signs)
    left = odd - basis @ (basis.T @ odd)
    size = float(np.abs(left).max())
    if size <= 1e-10 * np.abs(odd).max():
        return None
    start = even(players)
    found = minimize(
        _unlikeliness,
        np.log(start / (1 - start)),
        args=(signs, GRAIN * np.rint(left / size / GRAIN)),
        jac=True,
        method="L-BFGS-B",
        bounds=[LOGITS] * players,
        options={"maxiter": STEPS},
    )
    return np.asarray(1 / (1 + np.exp(-found.x)))


def covariance(signs: np.ndarray, relevance: np.ndarray) -> np.ndarray:
    """Prior covariance of the interactions of coalitions, shape (pair, pair), without nugget."""
    found = np.empty((len(signs), len(signs)))
    for begin in range(0, len(signs), ROWS_AT_ONCE):
        some = slice(begin, begin + ROWS_AT_ONCE)
        up, down, scale = _exponentials(signs[some], signs, relevance)
        up -= down
        up *= scale
        np.subtract(up, (signs[some] * relevance) @ signs.T, out=found[some])
    return found


def factored(matrix: np.ndarray) -> np.ndarray:
    """Lower factor of a covariance of variance 1, after a nugget is put on its diagonal.

    The nugget is the least one tried that leaves the matrix positive definite.
    """
    for nugget in NUGGETS:
        matrix[np.diag_indices(len(matrix))] = 1 + nugget
        factor, failed = lapack.dpotrf(matrix.T, lower=1, clean=1)
        if not failed:
            return np.asarray(factor)
    raise np.linalg.LinAlgError("the covariance of the worths is not positive definite")


def shares_covariance(signs: np.ndarray, relevance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Prior covariance of interactions with their part in Shapley values, and its variance.

    A product of r signs gives each of its r players 2 / r times its coefficient, and 1 / r is the
    integral of t^(r-1) from 0 to 1, so that both are integrals of products over players.

    Returns
    -------
    array of shape (pair, player), array of shape (player,)
    """
    players = len(relevance)
    nodes, weights = np.polynomial.legendre.leggauss(min(players // 2 + 1, NODES))
    total = -2 * signs * relevance
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        plus, minus = _without_one(signs, node * relevance)
        total += weight * relevance * signs * (plus + minus)
    return total, _shares_variance(relevance)


def _shares_variance(relevance: np.ndarray) -> np.ndarray:
    """Sum over odd sets with the player of the variance times (2 / size)^2: shape (player,)."""
    players = len(relevance)
    others = np.zeros((players, min(players, HIGHEST)))
    others[:, 0] = 1.0
    for player, one in enumerate(relevance):
        share = np.where(np.arange(players) == player, 0.0, one)
        others[:, 1:] += share[:, None] * others[:, :-1]
    size = np.arange(3, others.shape[1] + 1, 2)
    return np.asarray(relevance * (others[:, size - 1] @ (4 / size**2)))


def _without_one(signs: np.ndarray, relevance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Products over all players but one of 1 + w x, and of 1 - w x: (pair, player)."""
    plus, minus = np.log1p(relevance * signs), np.log1p(-relevance * signs)
    return (
        np.exp(plus.sum(axis=1, keepdims=True) - plus),
        np.exp(minus.sum(axis=1, keepdims=True) - minus),
    )


def _exponentials(
    signs: np.ndarray, others: np.ndarray, relevance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Both exponentials of the hyperbolic sine, relative to the greatest, and their scale."""
    bend = np.arctanh(relevance)
    most = float(bend.sum())
    up = (signs * bend) @ others.T
    if most < FAR:  # their product is known, and dividing is cheaper than another exponential
        up -= most
        np.exp(up, out=up)
        down = np.exp(-2 * most) / up
    else:
        down = np.exp(-up - most)
        np.exp(up - most, out=up)
    scale = 0.5 * np.exp(most + 0.5 * np.log1p(-(relevance**2)).sum())
    return up, down, float(scale)


def _unlikeliness(
    logits: np.ndarray, signs: np.ndarray, odd: np.ndarray
) -> tuple[float, np.ndarray]:
    """Minus the restricted log-likelihood, with the pull, and its slope."""
    relevance = 1 / (1 + np.exp(-logits))
    up, down, scale = _exponentials(signs, signs, relevance)
    both = up + down
    difference = np.subtract(up, down, out=up)
    size = float(scale * difference[0, 0] - relevance.sum())
    matrix = (scale / size) * difference
    matrix -= (signs * (relevance / size)) @ signs.T
    factor = factored(matrix)
    inverse = lapack.dpotri(factor, lower=1)[0]
    inverse = inverse + inverse.T
    inverse[np.diag_indices(len(odd))] /= 2
    explained = inverse @ signs
    inner = np.linalg.cholesky(signs.T @ explained)
    project = inverse
    project -= explained @ cho_solve((inner, True), explained.T)
    left = project @ odd
    free = len(odd) - signs.shape[1]
    variance = float(odd @ left) / free
    value = 0.5 * free * np.log(variance)
    value += np.log(np.diag(factor)).sum() + np.log(np.diag(inner)).sum()
    pressure = project
    pressure -= np.outer(left, left / variance)
    bend = 1 - relevance**2
    told = np.vdot(pressure, matrix) - (matrix[0, 0] - 1) * np.trace(pressure)
    rise = (signs * (np.multiply(pressure, both, out=matrix) @ signs)).sum(axis=0)
    rise = scale * (rise - relevance * np.vdot(pressure, difference)) / bend
    rise -= (signs * (pressure @ signs)).sum(axis=0)
    corner = scale * (both[0, 0] - relevance * difference[0, 0]) / bend - 1
    by_relevance = 0.5 * (rise - told * corner) / size
    apart = logits - logits.mean()
    value += 0.5 * PULL * float(apart @ apart)
    return value, by_relevance * relevance * (1 - relevance) + PULL * apart
