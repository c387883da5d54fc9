"""Shapley interactions from sampled coalitions, with errors, for any index.

An interaction is a weighted sum of the worths of all coalitions. The sum is estimated size by size
from pairs of complementary coalitions: not of the worth itself, but of what a fitted surrogate
leaves of it. The surrogate's own interactions are known and are added back. The surrogate for a
pair is fitted to other pairs, so the estimate has no bias, however bad the surrogate.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import NamedTuple

import numpy as np
from scipy.stats import hypergeom

from pellucid.maths.interactions import INDICES, coefficients, terms
from pellucid.maths.shapley_regression import widening

FOLDS = 5
"""Parts of the sample, each predicted from the others."""

USUAL = 0.25
"""How many pairs the usual residual of a size counts as, beside those of the sample."""

EVEN = 0.24
"""Over the order of the index: how far the degrees of freedom of a sum lie between those of its
heavy pairs and those of all pairs."""

RIDGES = np.logspace(-12, 1, 14)
"""Penalties tried, relative to the largest squared singular value."""


class Surrogate(NamedTuple):
    """A sum of signs (+1 for players who are in) and of products of two.

    Parameters
    ----------
    start : array of shape (game,)
    single : array of shape (player, game)
    pair : array of shape (pair of players, game)
        In the order of `numpy.triu_indices`.
    """

    start: np.ndarray
    single: np.ndarray
    pair: np.ndarray

    def worth(self, coalitions: np.ndarray) -> np.ndarray:
        """Worths (coalition, game)."""
        signs = _signs(coalitions)
        return np.asarray(self.start + signs @ self.single + _products(signs) @ self.pair)


@dataclass(frozen=True, kw_only=True, eq=False)
class InteractionSampling:
    """Estimates for one sample of pairs of coalitions.

    Parameters
    ----------
    coalitions : array of bool of shape (pair, player)
        The smaller one of each pair, without nobody; no pair twice, and at least two of each size.
    index : str
    order : int
        At least 2.

    References
    ----------
    Fumagalli et al. (2023), SHAP-IQ, arXiv:2303.01179 (the weighted sum). Witter et al. (2025),
    Regression-adjusted Monte Carlo estimators, arXiv:2506.11849. Cochran (1977), Sampling
    techniques, §5 (strata). Satterthwaite (1946), doi:10.2307/3002019.
    """

    coalitions: np.ndarray
    index: str
    order: int

    def estimate(
        self, worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Interactions and their standard errors.

        Parameters
        ----------
        worth : array of shape (sample, coalition, output)
            `coalitions`, and then those of the others.
        nobody, everybody : arrays of shape (output,) and (sample, output)

        Returns
        -------
        values, error : arrays of shape (sample, term, output)
        """
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, "blas"):  # small factorisations crawl when threads share cores
            return self._estimate(worth, nobody, everybody)

    def _estimate(
        self, worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        samples, _, outputs = worth.shape
        pairs = len(self.coalitions)
        flat = worth.transpose(1, 0, 2).reshape(2, pairs, -1)
        ends = np.stack([np.broadcast_to(nobody, everybody.shape), everybody]).reshape(2, -1)
        fold, parts = self._folds()
        rest, known = flat.copy(), []
        for part in range(parts):
            others, own, whole = fold != part, fold == part, fold < 0
            fit = _fitted(self.coalitions[others], flat[:, others], ends)
            both = np.stack([self.coalitions, ~self.coalitions])
            rest[:, own] -= _each(fit, both[:, own])
            rest[:, whole] -= _each(fit, both[:, whole]) / parts
            known.append(self._known(fit, ends))
        value, error = self._sums(np.mean(known, axis=0), rest, fold, parts)
        shape = (-1, samples, outputs)
        return value.reshape(shape).transpose(1, 0, 2), error.reshape(shape).transpose(1, 0, 2)

    def _folds(self) -> tuple[np.ndarray, int]:
        """The part of each pair, -1 where all pairs of its size are there; and how many parts."""
        fold = np.full(len(self.coalitions), -1)
        strata = [(place, count) for place, count in self._strata() if len(place) < count]
        parts = min([FOLDS, *(len(place) for place, _ in strata)])
        for place, _ in strata:
            fold[place] = np.arange(len(place)) % parts
        return fold, parts if strata else 1

    def _strata(self) -> list[tuple[np.ndarray, float]]:
        """Places of the pairs of each size, and how many pairs there are."""
        players = self.coalitions.shape[1]
        size = self.coalitions.sum(axis=1)
        found = []
        for each in np.unique(size):
            count = comb(players, int(each)) / (2 if 2 * each == players else 1)
            found.append((np.flatnonzero(size == each), count))
        return found

    def _known(self, fit: Surrogate, ends: np.ndarray) -> np.ndarray:
        """Interactions of the surrogate, and of what it leaves of nobody and everybody."""
        players = self.coalitions.shape[1]
        share = INDICES[self.index]
        row, column = np.triu_indices(players, 1)
        single = 2 * fit.single
        for i in (row, column):
            np.subtract.at(single, i, 2 * fit.pair)
        single = single * float(share(1, 1, self.order))
        for i in (row, column):
            np.add.at(single, i, 4 * fit.pair * float(share(1, 2, self.order)))
        held = np.array([len(term) for term in terms(players, self.order)])
        known = np.zeros((len(held), ends.shape[1]))
        known[:players] = single
        known[held == 2] = 4 * fit.pair * float(share(2, 2, self.order))
        edges = np.array([[False] * players, [True] * players])
        left = ends - fit.worth(edges)
        table = coefficients(self.index, self.order, players)
        known += np.outer(table[held, 0, 0], left[0]) + np.outer(
            table[held, players, held], left[1]
        )
        return known

    def _sums(
        self, value: np.ndarray, rest: np.ndarray, fold: np.ndarray, parts: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The weighted sum of what surrogates leave, added to `value`, and its error.

        What is left of pairs of one size, whatever they weigh, counts as a quarter of a pair more;
        the others count by how much they weigh, so that a term which hangs on a few rare pairs,
        which may not be in the sample, has a wide error.
        """
        variance, fourth = np.zeros_like(value), np.full_like(value, 1e-300)
        for place, count in self._strata():
            small, large = self._weights(place)
            first, second = rest[0, place], rest[1, place]
            if fold[place[0]] < 0:
                value = value + small @ first + large @ second
                continue
            few, number = len(place), np.bincount(fold[place], minlength=parts)
            each = (count / (parts * number[fold[place]]))[:, None]
            value = value + small @ (each * first) + large @ (each * second)
            mean = (small @ first + large @ second) / few
            squares = small**2 @ first**2 + 2 * (small * large) @ (first * second)
            squares = np.maximum(squares + large**2 @ second**2 - few * mean**2, 0)
            heavy, effective = self._weight(int(self.coalitions[place[0]].sum()), few)
            squares = squares / (few - 1 if few > 1 else 1) * effective
            usual = (first**2 + second**2).mean(axis=0) / 2
            squares = (squares + USUAL * np.multiply.outer(heavy, usual)) / (effective + USUAL)
            added = squares * count**2 * (1 - few / count) * (1 / number).sum() / parts**2
            variance += added
            fourth += added**2 / (effective + EVEN / self.order * (few - effective))
        return value, widening(np.maximum(variance**2 / fourth, 1)) * np.sqrt(variance)

    def _weight(self, size: int, few: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean squared weight of a pair of one size for each term, and to how many of `few` pairs
        of equal weight they come: (term,) and (term, 1)."""
        players = self.coalitions.shape[1]
        table = coefficients(self.index, self.order, players)
        mean, effective = np.zeros(self.order + 1), np.ones(self.order + 1)
        for held in range(1, self.order + 1):
            common = np.arange(held + 1)
            chance = hypergeom(players, held, size).pmf(common)
            heavy = table[held, size, common] ** 2 + table[held, players - size, held - common] ** 2
            mean[held] = chance @ heavy
            effective[held] = few * mean[held] ** 2 / max(chance @ heavy**2, 1e-300)
        sizes = np.array([len(term) for term in terms(players, self.order)])
        return mean[sizes], effective[sizes, None]

    def _weights(self, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the worths of pairs of one size count for each term: two of (term, pair)."""
        chosen = self.coalitions[place]
        players, size = chosen.shape[1], int(chosen[0].sum())
        named = terms(players, self.order)
        held = np.array([len(term) for term in named])
        inside = np.zeros((len(named), players))
        for row, term in zip(inside, named, strict=True):
            row[list(term)] = 1.0
        common = np.rint(inside @ chosen.T).astype(int)
        table = coefficients(self.index, self.order, players)
        small = table[held[:, None], size, common]
        return small, table[held[:, None], players - size, held[:, None] - common]


def _fitted(coalitions: np.ndarray, worth: np.ndarray, ends: np.ndarray) -> Surrogate:
    """The surrogate for pairs of worths (2, pair, game): odd and even halves fitted apart."""
    signs = np.concatenate([_signs(coalitions), np.ones((1, coalitions.shape[1]))])
    worth = np.concatenate([worth, ends[::-1, None]], axis=1)
    odd, even = (worth[0] - worth[1]) / 2, (worth[0] + worth[1]) / 2
    products = _products(signs)
    middle, mean = products.mean(axis=0), even.mean(axis=0)
    pair = _ridge(products - middle, even - mean)
    return Surrogate(mean - middle @ pair, _ridge(signs, odd), pair)


def _ridge(design: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Coefficients (column, game), with the penalty of least generalised cross-validation."""
    left, size, right = np.linalg.svd(design, full_matrices=False)
    turned = left.T @ target
    outside = np.maximum((target**2).sum(axis=0) - (turned**2).sum(axis=0), 0)
    best, lowest = np.zeros((design.shape[1], target.shape[1])), np.full(target.shape[1], np.inf)
    for ridge in RIDGES * max(size[0] ** 2, 1e-300):
        kept = size**2 / (size**2 + ridge)
        missed = outside + (((1 - kept)[:, None] * turned) ** 2).sum(axis=0)
        score = missed / max(1 - kept.sum() / len(design), 1e-12) ** 2
        better = score < lowest
        found = right.T @ ((kept / np.maximum(size, 1e-300))[:, None] * turned[:, better])
        best[:, better], lowest[better] = found, score[better]
    return best


def _each(fit: Surrogate, both: np.ndarray) -> np.ndarray:
    return np.stack([fit.worth(coalitions) for coalitions in both])


def _signs(coalitions: np.ndarray) -> np.ndarray:
    return np.where(coalitions, 1.0, -1.0)


def _products(signs: np.ndarray) -> np.ndarray:
    row, column = np.triu_indices(signs.shape[1], 1)
    return np.asarray(signs[:, row] * signs[:, column])
