"""The Shapley regression for sampled coalitions, with interactions as its correlated residuals.

Write the worth of a coalition S as a function of signs x, +1 for players in S and -1 for others,
and keep its odd half, g(S) = (v(S) - v(not S)) / 2: the even half has no Shapley values. g is a
sum of products of an odd number of signs. A product of r signs gives each of its r players the
Shapley value 2 / r times its coefficient, and every other player nothing.

KernelSHAP fits the products of one sign and takes the rest for noise. Here that rest has a
covariance: each product of r signs is expected to be as large as any other of its order, and
orders to decay. Generalised least squares with this covariance is the best linear unbiased
predictor of the Shapley values (universal kriging): still linear in the worths, with weights that
depend on the coalitions only, so one factorisation serves all rows and all outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import stdtrit

HIGHEST = 11
"""Highest order of interaction whose covariance is written out."""

DECAY = 0.2
"""Variance of one order of interaction relative to the odd order below it."""

REST = 1e-4, 1e-6
"""Variance of all higher orders, taken for noise; of none left, to keep the matrix regular."""

ROOM = 6
"""Pairs wanted for each game beyond one per player on which estimates are exact."""

NORMAL = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""

ROUNDING = 1e-14
"""Error of a worth that comes from rounding alone, relative to the largest worth."""


@dataclass(frozen=True, kw_only=True)
class ShapleyRegression:
    """Linear estimates of Shapley values from the worths of sampled pairs of coalitions.

    Parameters
    ----------
    weights : array of shape (player, pair)
        Estimates are ``weights @ g``. The first pair is everybody and nobody.
    residual : array of shape (pair, pair)
        Whitened projection: ``residual.T @ residual @ g`` is what the other pairs do not explain.
    spread : array of shape (player, pair)
        Weights with which squares of these residuals make the squared error.

    Notes
    -----
    The error is that of the design: how far estimates move when other coalitions are drawn. It
    starts from the jackknife, whose terms are ``weights * leave-one-out residual`` with a factor
    for the finite number of coalitions of each size, and which is known to be too large for
    smoothers. Its expectation under the covariance is known, and so is the true expected squared
    error; the ratio of the two, which does not depend on the game, corrects it. Few effective
    terms (Satterthwaite) widen it so that estimate ± 1.96 errors covers 95 %.

    References
    ----------
    Lundberg and Lee (2017), arXiv:1705.07874. Musco and Witter (2025), arXiv:2410.01917. Cressie
    (1993), Statistics for spatial data, §3.4, doi:10.1002/9781119115151 (kriging). Efron and Stein
    (1981), doi:10.1214/aos/1176345462 (the jackknife is too large). Satterthwaite (1946),
    doi:10.2307/3002019.
    """

    weights: np.ndarray
    residual: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, coalitions: np.ndarray, chance: np.ndarray) -> ShapleyRegression:
        """The regression for a sample of pairs.

        Parameters
        ----------
        coalitions : array of bool of shape (pair, player)
            One coalition of each pair, without everybody.
        chance : array of shape (pair,)
            With which the pair is in the sample.
        """
        players = coalitions.shape[1]
        signs = np.concatenate([np.ones((1, players)), 2.0 * coalitions - 1])
        chance = np.concatenate([[1.0], chance])
        whole, shapley, prior = _covariances(signs)
        fixed, truth = _fixed(signs)
        factor = np.linalg.cholesky(whole)
        shapley = solve_triangular(factor, shapley, lower=True)
        fixed = solve_triangular(factor, fixed, lower=True)
        basis, size, turn = np.linalg.svd(fixed, full_matrices=False)
        kept = size > 1e-9 * size[0]
        basis, size, turn = basis[:, kept], size[kept], turn[kept]
        lack = basis.T @ shapley - (turn @ truth) / size[:, None]
        variance = prior - (shapley**2).sum(axis=0) + (lack**2).sum(axis=0)
        weights = solve_triangular(factor, shapley - basis @ lack, lower=True, trans=1).T
        inverse = solve_triangular(factor, np.eye(len(signs)), lower=True)
        residual = inverse - basis @ (basis.T @ inverse)
        spread = _spread(weights, (residual**2).sum(axis=0), chance, np.maximum(variance, 0))
        return cls(weights=weights, residual=residual, spread=spread)

    def estimate(self, odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shapley values and their standard errors.

        Parameters
        ----------
        odd : array of shape (sample, pair, output)
            Half the difference of worth within each pair; everybody against nobody first.

        Returns
        -------
        values, error : arrays of shape (sample, player, output)
            Values add up to twice the first of `odd`.
        """
        samples, pairs, outputs = odd.shape
        flat = odd.transpose(1, 0, 2).reshape(pairs, -1)
        left = self.residual.T @ (self.residual @ flat)
        values = self.weights @ flat
        values += (2 * flat[0] - values.sum(axis=0)) / len(values)
        error = np.sqrt(self.spread @ left**2) + ROUNDING * np.abs(flat).max(axis=0)
        shape = (-1, samples, outputs)
        return values.reshape(shape).transpose(1, 0, 2), error.reshape(shape).transpose(1, 0, 2)


def widening(degrees: np.ndarray | float) -> np.ndarray:
    """How much wider an error must be, for 1.96 of it to cover 95 % with few degrees of freedom."""
    return np.asarray(stdtrit(degrees, 0.975) / NORMAL)


def _covariances(signs: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Prior covariance of interactions: worth with worth, worth with Shapley value, its variance.

    The mean of all products of r among `players` signs depends only on how many are negative.
    """
    pairs, players = signs.shape
    orders = range(3, min(players, HIGHEST) + 1, 2)
    mean = _mean_products(players, HIGHEST)
    mean_without, negative = _without_one(signs)
    apart = np.rint((players - signs @ signs.T) / 2).astype(int)
    rest = REST[0] if players > HIGHEST + 1 else REST[1]
    profile, variance = np.zeros(players + 1), rest * 4 / (players * (HIGHEST + 2))
    shapley = np.zeros((pairs, players))
    for order in orders:
        size = DECAY ** ((order - 3) / 2)
        profile += size * mean[order]
        shapley += size * 2 / players * signs * mean_without[order - 1][negative]
        variance += size * 4 / (order * players)
    whole = profile[apart]
    whole[np.diag_indices(pairs)] += rest
    shapley[0] += rest * 2 / players
    return whole, shapley, variance


def _fixed(signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Games on which estimates are exact, and their Shapley values, shape (game, player).

    For each order and player: the mean of all products of that order with the player in them. As
    coalitions are drawn alike for all players, estimates that are exact on these means have no
    bias on any game of these orders.
    """
    pairs, players = signs.shape
    number = min(-(-pairs // (ROOM * players)), (min(players, HIGHEST) + 1) // 2)
    mean_without, negative = _without_one(signs)
    games, truth = [], []
    for order in range(1, 2 * number, 2):
        games.append(signs * mean_without[order - 1][negative])
        others = (order - 1) / max(players - 1, 1)
        truth.append(2 / order * (others + (1 - others) * np.eye(players)))
    return np.concatenate(games, axis=1), np.concatenate(truth)


def _without_one(signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean products of the players but one, and how many of them are negative: (pair, player)."""
    negative = signs < 0
    others = negative.sum(axis=1, keepdims=True) - negative
    return _mean_products(signs.shape[1] - 1, HIGHEST - 1), others


def _mean_products(players: int, highest: int) -> np.ndarray:
    """Mean of all products of r of the signs, shape (r, number of negative signs).

    Krawtchouk polynomials over their value at 0, by their recurrence; 0 for r above `players`.
    """
    negative = np.arange(players + 1)
    mean = np.zeros((highest + 1, players + 1))
    mean[0] = 1.0
    for r in range(min(highest, players)):
        below = r * mean[r - 1] if r else 0.0
        mean[r + 1] = ((players - 2 * negative) * mean[r] - below) / (players - r)
    return mean


def _spread(
    weights: np.ndarray, diagonal: np.ndarray, chance: np.ndarray, variance: np.ndarray
) -> np.ndarray:
    """Weights of squared residuals in the squared error of each player."""
    free = np.where(diagonal > 1e-9 * diagonal.max(), 1 - chance, 0.0)
    if not free.any():
        free = np.ones_like(chance)
    safe = np.maximum(diagonal, 1e-300)
    expected = free * weights**2 / safe
    total = expected.sum(axis=1, keepdims=True)
    effective = np.maximum(total[:, 0] ** 2 / (expected**2).sum(axis=1), 1.0)
    wider = widening(effective) ** 2
    return np.asarray((wider * variance)[:, None] * expected / total / safe)
