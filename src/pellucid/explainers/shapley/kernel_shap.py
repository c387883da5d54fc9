"""KernelSHAP: Shapley values of any model, from a regression on sampled coalitions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.explainers.question import Question
from pellucid.explainers.shapley.sampler import Sampler
from pellucid.maths.coalitions import distinct, sampled_pairs
from pellucid.maths.shapley_regression import ShapleyRegression
from pellucid.perturb.marginal import Plan, odd_half

PAIRS_AT_ONCE = 2048
"""Pairs in one regression, whose cost grows with their cube; more are cut into several."""


@dataclass(frozen=True, kw_only=True)
class KernelSHAP(Sampler):
    """Shapley values by regression of the worth of coalitions on who is in them.

    A removed column takes its values from the background rows.

    Parameters
    ----------
    budget : int
        Most coalitions evaluated for each row. At least 4 × columns − 2; where it reaches
        2^columns, all coalitions are evaluated and the values are exact.
    max_background : int, optional
        Most background rows to use, or `None` for all. Errors do not include this choice.

    Raises
    ------
    InvalidSetting
        If the budget is too small for the columns; says the least.

    Notes
    -----
    Laws: efficiency and linearity exactly; dummy and symmetry within the error, because the
    coalitions are a sample. Coalitions are drawn in complementary pairs, by leverage scores and
    without replacement, and are the same for all rows with as many columns that differ from the
    background.

    ``error`` is the standard error over draws of coalitions, as wide as is needed for value ± 1.96
    errors to cover the exact value in 95 of 100 draws.

    Deviations from the paper: no columns are dropped to save evaluations (the ``l1`` penalty of
    the peer library), sizes are weighted by leverage, and what interactions leave unexplained is
    not taken for independent noise but has the covariance of interactions of orders 3 to 11
    (`pellucid.maths.shapley_regression`). Budgets above 4098 are cut into independent regressions,
    whose mean is taken.

    Cost: (budget − 2) × background rows for each row; one factorisation for all rows and outputs.

    References
    ----------
    Lundberg and Lee (2017), arXiv:1705.07874. Covert and Lee (2021), arXiv:2012.01536. Musco and
    Witter (2025), arXiv:2410.01917.
    """

    laws = frozenset({"efficiency", "dummy", "symmetry", "linearity"})
    paper = "arXiv:1705.07874"
    cost = "budget × background rows, per row"

    def sample(self, question: Question, players: int) -> Plan:
        pairs = (self.budget - 2) // 2
        parts = -(-pairs // PAIRS_AT_ONCE)
        samples = [
            sampled_pairs(
                players,
                pairs // parts + (part < pairs % parts),
                question.rng("coalitions", players, part),
            )
            for part in range(parts)
        ]
        return _regressions(samples)


def _regressions(samples: list[tuple[np.ndarray, np.ndarray]]) -> Plan:
    """The plan that takes the mean of one regression for each sample."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # small factorisations crawl when threads must share cores
        fits = [ShapleyRegression.of(coalitions, chance) for coalitions, chance in samples]
    pairs, place = distinct(np.concatenate([coalitions for coalitions, _ in samples]))
    ends = np.cumsum([len(coalitions) for coalitions, _ in samples])[:-1]

    def shares(
        worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        odd = odd_half(worth, nobody, everybody, len(pairs))
        found = [
            fit.estimate(odd[:, np.concatenate([[0], 1 + where])])
            for fit, where in zip(fits, np.split(place, ends), strict=True)
        ]
        values = np.mean([value for value, _ in found], axis=0)
        error = np.sqrt(np.mean([one**2 for _, one in found], axis=0) / len(found))
        return values, error

    return Plan(np.concatenate([pairs, ~pairs]), shares)
