"""ProxySHAP: Shapley values of boosted trees fitted to the game, and of what they leave over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.explainers.question import Question
from pellucid.explainers.shapley.sampler import Sampler
from pellucid.explainers.shapley.kernel_shap import regressions
from pellucid.explainers.shapley.stages import Draw, doubling, every_pair_of, exactly
from pellucid.maths.coalitions import sampled_pairs
from pellucid.maths.relevance import LEAST_FOR_EACH
from pellucid.maths.shapley_regression import with_everybody

FOLDS = 4
"""Parts of the sample; each is left out of one proxy, and corrects it."""


@dataclass(frozen=True, kw_only=True)
class ProxySHAP(Sampler):
    """Shapley values of a boosted model of the game, corrected by regression on its residuals.

    Boosted trees are fitted to the worth of sampled coalitions; their own Shapley values are exact
    and take no evaluations. What they leave over, on coalitions that they were not fitted to, goes
    through the regression of `KernelSHAP`, so that a bad proxy makes wide errors and not wrong
    values.

    Parameters
    ----------
    budget : int
        Most coalitions evaluated for each row. At least 4 × columns − 2; where it reaches
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

    The sample is cut into four parts. Each proxy is fitted to all parts but one and leaves over
    what it does not explain of that one; the values are the mean of the proxies' and those of all
    that is left over.

    Cost: (budget − 2) × background rows for each row; and about half a second for each row and
    output.

    References
    ----------
    Witter, Liu and Musco (2025), Regression-adjusted Monte Carlo estimators for Shapley values and
    probabilistic values, arXiv:2506.11849. Lundberg et al. (2020), doi:10.1038/s42256-019-0138-9.
    """

    laws = frozenset({"efficiency", "dummy", "symmetry", "linearity"})
    takes_groups: ClassVar[bool] = True
    paper = "arXiv:2506.11849"
    cost = "budget × background rows, per row"

    def sample(self, question: Question, players: int) -> Draw:
        whole = every_pair_of(players)
        count = min((self.budget - 2) // 2, whole)
        pairs, _ = sampled_pairs(players, count, question.rng("coalitions", players))
        part = question.rng("parts", players).permutation(count) % FOLDS
        threads = question.threads

        def shares(odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            met = pairs[: odd.shape[1] - 1]
            if len(met) == whole:
                return exactly(met, odd)
            left, proxied = _left_over(with_everybody(met), odd, part[: len(met)])
            found, error = regressions(met, left, threads)
            return proxied + found, error

        return Draw(pairs, doubling(LEAST_FOR_EACH * players, count), shares)


def _left_over(
    signs: np.ndarray, odd: np.ndarray, part: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What proxies leave over of pairs that they have not seen; and their mean Shapley values."""
    from threadpoolctl import threadpool_limits

    left = odd.copy()
    values = np.zeros((len(odd), signs.shape[1], odd.shape[2]))
    with threadpool_limits(1):
        for sample, fold, output in np.ndindex(len(odd), FOLDS, odd.shape[2]):
            game = odd[sample, :, output]
            told, found = _proxy(signs, game, np.append(True, part != fold))
            own = np.flatnonzero(np.append(False, part == fold))
            left[sample, own, output] -= told[own]
            left[sample, 0, output] -= told[0] / FOLDS
            values[sample, :, output] += found / FOLDS
    return left, values


def _proxy(signs: np.ndarray, odd: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The odd half of trees fitted to the pairs seen, at all pairs; and their Shapley values."""
    from pellucid.maths.tree_shapley import interventional
    from pellucid.models.boosted_trees import boosted

    size = np.abs(odd).max() or 1.0
    both = np.concatenate([signs[seen], -signs[seen]])
    worth = np.concatenate([odd[seen], -odd[seen]]) / size
    told, trees = boosted(both, worth, np.concatenate([signs, -signs]))
    players = signs.shape[1]
    everybody = np.ones((1, players))
    found = interventional(trees, everybody, -everybody, np.arange(players), players, threads=1)
    return size * np.subtract(*np.split(told, 2)) / 2, size * found.values[0, :, 0]
