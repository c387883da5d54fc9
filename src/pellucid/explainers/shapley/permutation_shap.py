"""PermutationSHAP: Shapley values of any model, from columns that join in random orders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.explainers.asked import Asked
from pellucid.explainers.shapley.sampler import Sampler
from pellucid.explainers.shapley.walks import pairs_within, walked
from pellucid.maths.coalitions import antithetic_orders
from pellucid.perturb.game import Plan


@dataclass(frozen=True, kw_only=True)
class PermutationSHAP(Sampler):
    """Shapley values as mean contributions of columns that join one after the other.

    Orders are drawn in pairs, one the reverse of the other. A removed column takes its values from
    the background rows.

    Parameters
    ----------
    budget : int
        Most coalitions evaluated for each row: a pair of orders takes 2 × (columns − 1). At least
        two pairs, of up to six columns all coalitions; where it reaches 2^columns, all are
        evaluated and values are exact.
    tolerance, top
        When to stop before the budget is spent, as for `KernelSHAP`.
    max_background : int, optional
        Most background rows to use, or `None` for all. Errors do not include this choice.
    removal : str
        What stands in for removed columns, or segments of images, as for `ExactSHAP`.

    Raises
    ------
    InvalidSetting
        If the budget is too small for two pairs of orders; says the least.

    Notes
    -----
    Laws: efficiency, dummy and linearity exactly; symmetry within the error. Orders are the same
    for all rows with as many columns that differ from the background, and a coalition that occurs
    twice is evaluated once.

    ``error`` is the standard error over independent pairs of orders. The mean variance of all
    columns counts as one pair more, since two pairs that agree on a column do not prove it, and
    Student's t-quantile widens the error, so that value ± 1.96 errors covers 93 to 97 % for models
    with few pairs too (``benchmarks/calibration.py``). Below ten pairs, games of rare jumps are
    covered less often.

    Cost: (budget − 2) × background rows for each row.

    References
    ----------
    Štrumbelj and Kononenko (2014), doi:10.1007/s10115-013-0679-x. Mitchell, Cooper, Frank and
    Holmes (2022), Sampling permutations for Shapley value estimation, arXiv:2104.12199.
    """

    laws = frozenset({"efficiency", "dummy", "symmetry", "linearity"})
    paper = "doi:10.1007/s10115-013-0679-x"
    cost = "budget × background rows, per row"
    takes = frozenset({"table", "image"})
    takes_groups = True

    def sample(self, question: Asked, players: int) -> Plan:
        pairs = pairs_within(type(self).__name__, self.budget, players)
        orders = antithetic_orders(players, pairs, question.rng("orders", players))
        return walked(np.stack([orders, orders[:, ::-1]], axis=1))
