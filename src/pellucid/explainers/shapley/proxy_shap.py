"""ProxySHAP: Shapley values of boosted trees fitted to the game, and of what they leave over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pellucid.explainers.question import Question
from pellucid.explainers.shapley.kernel_shap import drawn, regressions, stage_ends
from pellucid.explainers.shapley.sampler import Sampler
from pellucid.explainers.shapley.stages import every_pair_of, exactly, in_pairs
from pellucid.maths.coalitions import chances, sampled_pairs
from pellucid.maths.shapley_regression import ShapleyRegression, with_everybody
from pellucid.perturb.game import Plan

FOLDS = 4
"""Parts of the sample at most; each is left out of one proxy, which it then corrects."""

MANY = 16
"""Pairs for each player from which two parts do: more would correct with too little."""

KNOWN, CANCELS = 0.5, 0.1
"""Errors of the parts, which have no pair in common, cancel as those of a sample without
replacement do; less so as it nears half of all pairs, where proxies know what they have seen too
well; but never less than for a tenth of them."""

LEAST = 12
"""Players below which trees learn too little from a part of all coalitions to be of use."""

PAIRS_EACH = 2
"""Pairs in a part for each player but one, at least."""


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
        Most coalitions evaluated for each row. At least 4 × columns − 2, of up to six columns all;
        where it reaches 2^columns, all coalitions may be evaluated and the values are then exact.
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

    The sample is cut into two to four parts. Each proxy is fitted to all parts but one, and its
    values corrected by that one; the mean over parts has the mean of their squared errors, over
    the number of parts and a little less, as its own: right for models
    (``benchmarks/calibration.py``). With fewer than 8 × columns − 6 coalitions, or fewer than 12
    columns, there is no proxy, and the answer is `KernelSHAP`'s; a note says so.

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

    def sample(self, question: Question, players: int) -> Plan:
        whole, least = every_pair_of(players), PAIRS_EACH * (players - 1)
        count, threads = min((self.budget - 2) // 2, whole), question.threads
        rng = question.rng("coalitions", players)
        if count < 2 * least or players < LEAST:
            question.note(
                f"{2 * count + 2} coalitions of {players} columns are too few to fit proxies and "
                "to correct them: regression alone."
            )
            return drawn(question, players, count, rng)
        ends = stage_ends(question, players, count, 2 * least)
        pairs, _ = sampled_pairs(players, ends[-1], rng)
        order = question.rng("parts", players).random(len(pairs))

        def shares(odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            met = pairs[: odd.shape[1] - 1]
            parts = min(2 if len(met) >= MANY * players else FOLDS, len(met) // least)
            if len(met) == whole:
                return exactly(met, odd)
            if parts < 2:
                return regressions(met, odd, threads)
            return _corrected(met, odd, np.argsort(np.argsort(order[: len(met)])) % parts)

        return in_pairs(pairs, ends, shares)


def _corrected(
    pairs: np.ndarray, odd: np.ndarray, part: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean over parts of the values of a proxy without the part and of the part's residuals."""
    from threadpoolctl import threadpool_limits

    values, error = np.zeros((2, len(odd), pairs.shape[1], odd.shape[2]))
    parts = int(part.max()) + 1
    signs = with_everybody(pairs)
    with threadpool_limits(1, "blas"):
        for fold in range(parts):
            met = np.flatnonzero(part == fold)
            fit = ShapleyRegression.of(pairs[met], chances(pairs[met]), parts=parts)
            own, seen = np.append(0, 1 + met), np.append(True, part != fold)
            left, proxied = odd[:, own].copy(), np.zeros_like(values)
            for sample, output in np.ndindex(len(odd), odd.shape[2]):
                told, found = _proxy(signs, odd[sample, :, output], seen)
                left[sample, :, output] -= told[own]
                proxied[sample, :, output] = found
            found, doubt = fit.estimate(left)
            values += (proxied + found) / parts
            error += doubt**2 / parts**2
    drawn = len(pairs) / every_pair_of(pairs.shape[1])
    drawn = min(drawn, max(KNOWN - drawn, CANCELS))
    return values, np.sqrt(error * (1 - drawn) / (1 - drawn / parts))


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
