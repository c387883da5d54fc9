"""ProxySHAP: Shapley values of boosted trees fitted to the game, and of what they leave over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.explainers.question import Question
from pellucid.explainers.shapley.sampler import Sampler
from pellucid.explainers.shapley.stages import Draw, doubling, exactly
from pellucid.maths.coalitions import chances, sampled_pairs
from pellucid.maths.shapley_regression import ShapleyRegression, with_everybody

FOLDS = 4
"""Parts of the sample at most; each is left out of one proxy, which it then corrects."""

PAIRS_EACH = 2
"""Pairs in a part for each player but one, at least."""

BOOSTING = {
    "max_iter": 100,
    "learning_rate": 0.15,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 4,
    "early_stopping": False,
    "random_state": 0,
}


@dataclass(frozen=True, kw_only=True)
class ProxySHAP(Sampler):
    """Shapley values of a boosted model of the game, corrected by regression on its residuals.

    Boosted trees are fitted to the worth of sampled coalitions; their own Shapley values are exact
    and take no evaluations. What they leave over, on coalitions that they were not fitted to, is
    regressed as `KernelSHAP` does, so that a bad proxy makes wide errors and not wrong values.

    Parameters
    ----------
    budget : int
        Most coalitions evaluated for each row. At least 8 × columns − 6; where it reaches
        2^columns, all coalitions may be evaluated and the values are then exact.
    tolerance, top
        When to stop before the budget is spent, as for `KernelSHAP`.
    max_background : int, optional
        Most background rows to use, or `None` for all. Errors do not include this choice.
    removal : str
        What stands in for removed columns, as for `ExactSHAP`.

    Raises
    ------
    InvalidSetting
        If the budget is too small for the columns; says the least.

    Notes
    -----
    Laws: efficiency exactly; linearity under change of unit exactly, and of sums of models, dummy
    and symmetry within the error. `KernelSHAP` is more accurate on the games measured here; this
    one is for games that trees describe well and products of signs do not.

    The sample is cut into up to four parts. Each proxy is fitted to all parts but one, and its
    values corrected by that one; the mean over parts has the mean of their squared errors, over
    the number of parts, as its own.

    Cost: (budget − 2) × background rows for each row; and about half a second for each row and
    output, for the proxies.

    References
    ----------
    Witter, Liu and Musco (2025), Regression-adjusted Monte Carlo estimators for Shapley values and
    probabilistic values, arXiv:2506.11849. Lundberg et al. (2020), doi:10.1038/s42256-019-0138-9.
    """

    laws = frozenset({"efficiency", "dummy", "symmetry", "linearity"})
    takes_groups: ClassVar[bool] = True
    paper = "arXiv:2506.11849"
    cost = "budget × background rows, per row"

    def least(self, players: int) -> int:
        """Two parts that can each correct a proxy."""
        return int(min(4 * PAIRS_EACH * (players - 1) + 2, 2**players))

    def sample(self, question: Question, players: int) -> Draw:
        whole = 2 ** (players - 1) - 1 if players < 60 else self.budget
        count = min((self.budget - 2) // 2, whole)
        pairs, _ = sampled_pairs(players, count, question.rng("coalitions", players))
        parts = question.rng("parts", players).permutation(count)

        def shares(odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            met = pairs[: odd.shape[1] - 1]
            if len(met) == whole:
                return exactly(met, odd)
            folds = min(FOLDS, len(met) // (PAIRS_EACH * (players - 1)))
            return _corrected(met, odd, np.argsort(np.argsort(parts[: len(met)])) % folds)

        first = max(2 * PAIRS_EACH * (players - 1), min(64, count))
        return Draw(pairs, doubling(first, count), shares)


def _corrected(
    pairs: np.ndarray, odd: np.ndarray, part: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean over parts of the values of a proxy without the part and of the part's residuals."""
    from threadpoolctl import threadpool_limits

    values, error = np.zeros((2, len(odd), pairs.shape[1], odd.shape[2]))
    parts = int(part.max()) + 1
    signs = with_everybody(pairs)
    with threadpool_limits(1):
        for fold in range(parts):
            own = np.flatnonzero(part == fold)
            fit = ShapleyRegression.of(pairs[own], chances(pairs[own]))
            own, rest = np.append(0, 1 + own), np.append(0, 1 + np.flatnonzero(part != fold))
            left, proxied = odd[:, own].copy(), np.zeros_like(values)
            for sample, output in np.ndindex(len(odd), odd.shape[2]):
                told, proxied[sample, :, output] = _proxy(signs, odd[sample, :, output], rest, own)
                left[sample, :, output] -= told
            found, doubt = fit.estimate(left)
            values += (proxied + found) / parts
            error += doubt**2 / parts**2
    return values, np.sqrt(error)


def _proxy(
    signs: np.ndarray, odd: np.ndarray, fitted: np.ndarray, asked: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The odd half of trees fitted to some pairs, at others; and the trees' Shapley values."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    from pellucid.maths.tree_shapley import interventional
    from pellucid.models.sklearn_trees import read

    size = np.abs(odd).max() or 1.0
    both = np.concatenate([signs[fitted], -signs[fitted]])
    trees = HistGradientBoostingRegressor(**BOOSTING)
    trees.fit(both, np.concatenate([odd[fitted], -odd[fitted]]) / size)
    told = (trees.predict(signs[asked]) - trees.predict(-signs[asked])) / 2
    players = signs.shape[1]
    everybody = np.ones((1, players))
    found = interventional(
        read(trees), everybody, -everybody, np.arange(players), players, threads=1
    )
    return size * told, size * found.values[0, :, 0]
