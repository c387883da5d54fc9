"""The Shapley regression for sampled coalitions, with interactions as its correlated residuals.

Write the worth of a coalition S as a function of signs x, +1 for players in S and -1 for others,
and keep its odd half, g(S) = (v(S) - v(not S)) / 2: the even half has no Shapley values. g is a
sum of products of an odd number of signs. A product of r signs gives each of its r players the
Shapley value 2 / r times its coefficient, and every other player nothing.

KernelSHAP fits the products of one sign and takes the rest for noise. Here that rest has the
covariance of interactions whose players matter as much as the worths say (`maths.relevance`).
Generalised least squares with this covariance is the best linear unbiased predictor of the Shapley
values (universal kriging).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack
from scipy.special import stdtrit

from pellucid.maths.relevance import covariance, even, factored, shares_covariance

HIGHEST = 7
"""Highest order of the games on which estimates are exact."""

ROOM = 16
"""Pairs wanted for each game beyond one per player on which estimates are exact."""

LEARNING = 3.5
"""What each learnt relevance adds to the squared error, relative to one pair of coalitions."""

FLOOR = 1e-3
"""Least squared error, relative to the one that the covariance expects: the jackknife sees nothing
where the worths that matter happen to be alike."""

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
    whiten : array of shape (pair, pair)
        Lower triangle that makes interactions independent and of variance 1.
    basis : array of shape (pair, game)
        The whitened games on which estimates are exact, made orthonormal.
    spread : array of shape (player, pair)
        Weights with which squares of these residuals make the squared error.
    least : array of shape (player,)
        Weights with which the sum of squares of the whitened residuals makes the least of it.

    Notes
    -----
    The error is that of the design: how far estimates move when other coalitions are drawn. It
    starts from the jackknife, whose terms are ``weights * leave-one-out residual`` with a factor
    for the finite number of coalitions of each size, and which is known to be too large for
    smoothers. Its expectation under the covariance is known, and so is the true expected squared
    error; the ratio of the two, which does not depend on the game, corrects it. Few effective
    terms (Satterthwaite) widen it, and so do relevances learnt from the same worths, so that
    estimate ± 1.96 errors covers 95 %.

    References
    ----------
    Lundberg and Lee (2017), arXiv:1705.07874. Musco and Witter (2025), arXiv:2410.01917. Cressie
    (1993), Statistics for spatial data, §3.4, doi:10.1002/9781119115151 (kriging). Efron and Stein
    (1981), doi:10.1214/aos/1176345462 (the jackknife is too large). Satterthwaite (1946),
    doi:10.2307/3002019.
    """

    weights: np.ndarray
    whiten: np.ndarray
    basis: np.ndarray
    spread: np.ndarray
    least: np.ndarray

    @classmethod
    def of(
        cls,
        coalitions: np.ndarray,
        chance: np.ndarray,
        relevance: np.ndarray | None = None,
        parts: int = 1,
    ) -> ShapleyRegression:
        """The regression for a sample of pairs.

        Parameters
        ----------
        coalitions : array of bool of shape (pair, player)
            One coalition of each pair, without everybody.
        chance : array of shape (pair,)
            With which the pair is in the sample.
        relevance : array of shape (player,), optional
            How much players matter in interactions, if it was learnt from the same worths.
        parts : int
            Regressions whose mean is taken: together they have more effective terms than each.
        """
        signs = with_everybody(coalitions)
        chance = np.concatenate([[1.0], chance])
        assumed = even(signs.shape[1]) if relevance is None else relevance
        whole = covariance(signs, assumed)
        shapley, prior = shares_covariance(signs, assumed)
        size = whole[0, 0]
        whole /= size
        inverse = lapack.dtrtri(factored(whole), lower=1, overwrite_c=1)[0]
        games, truth = _fixed(signs)
        shapley = inverse @ shapley / size
        basis, length, turn = np.linalg.svd(inverse @ games, full_matrices=False)
        kept = length > 1e-9 * length[0]
        basis, length, turn = basis[:, kept], length[kept], turn[kept]
        lack = basis.T @ shapley - (turn @ truth) / length[:, None]
        variance = prior / size - (shapley**2).sum(axis=0) + (lack**2).sum(axis=0)
        weights = (inverse.T @ (shapley - basis @ lack)).T
        diagonal = np.einsum("ij,ij->j", inverse, inverse)
        diagonal -= ((inverse.T @ basis) ** 2).sum(axis=1)
        variance = np.maximum(variance, 0)
        if relevance is not None:
            variance *= 1 + LEARNING * len(relevance) / len(signs)
        spread = _spread(weights, np.maximum(diagonal, 0), chance, variance, parts)
        least = FLOOR * variance / max(1, len(signs) - len(length))
        return cls(weights=weights, whiten=inverse, basis=basis, spread=spread, least=least)

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
        white = self.whiten @ flat
        for _ in range(2):  # once leaves rounding that `whiten` would make large
            white -= self.basis @ (self.basis.T @ white)
        left = self.whiten.T @ white
        values = self.weights @ flat
        values += (2 * flat[0] - values.sum(axis=0)) / len(values)
        square = self.spread @ left**2 + np.outer(self.least, (white**2).sum(axis=0))
        error = np.sqrt(square) + ROUNDING * np.abs(flat).max(axis=0)
        shape = (-1, samples, outputs)
        return values.reshape(shape).transpose(1, 0, 2), error.reshape(shape).transpose(1, 0, 2)


def with_everybody(coalitions: np.ndarray) -> np.ndarray:
    """Signs of everybody and then of the coalitions: (1 + coalition, player)."""
    return np.concatenate([np.ones((1, coalitions.shape[1])), 2.0 * coalitions - 1])


def widening(degrees: np.ndarray | float) -> np.ndarray:
    """How much wider an error must be, for 1.96 of it to cover 95 % with few degrees of freedom."""
    return np.asarray(stdtrit(degrees, 0.975) / NORMAL)


def _fixed(signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Games on which estimates are exact, and their Shapley values, shape (game, player).

    For each order and player: the mean of all products of that order with the player in them. They
    span what a player adds that depends only on how many others are there, such as rare jumps.
    """
    pairs, players = signs.shape
    number = min(-(-pairs // (ROOM * players)), (min(players, HIGHEST) + 1) // 2)
    negative = signs < 0
    others = negative.sum(axis=1, keepdims=True) - negative
    mean = _mean_products(players - 1, HIGHEST - 1)
    games, truth = [], []
    for order in range(1, 2 * number, 2):
        games.append(signs * mean[order - 1][others])
        share = (order - 1) / max(players - 1, 1)
        truth.append(2 / order * (share + (1 - share) * np.eye(players)))
    return np.concatenate(games, axis=1), np.concatenate(truth)


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
    weights: np.ndarray,
    diagonal: np.ndarray,
    chance: np.ndarray,
    variance: np.ndarray,
    parts: int,
) -> np.ndarray:
    """Weights of squared residuals in the squared error of each player."""
    free = np.where(diagonal > 1e-9 * diagonal.max(), 1 - chance, 0.0)
    if not free.any():
        free = np.ones_like(chance)
    safe = np.maximum(diagonal, 1e-300)
    expected = free * weights**2 / safe
    total = expected.sum(axis=1, keepdims=True)
    effective = np.maximum(total[:, 0] ** 2 / (expected**2).sum(axis=1), 1.0)
    wider = widening(parts * effective) ** 2
    return np.asarray((wider * variance)[:, None] * expected / total / safe)
