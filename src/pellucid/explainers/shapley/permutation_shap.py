"""PermutationSHAP: Shapley values of any model, from columns that join in random orders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.explainers.question import Question
from pellucid.explainers.shapley.sampler import Sampler
from pellucid.explainers.shapley.stages import Draw, doubling
from pellucid.maths.coalitions import antithetic_orders, distinct, prefixes
from pellucid.maths.shapley_regression import widening

LEAST = 8
"""Pairs of orders in the first stage: fewer tell too little of their own error to stop."""


@dataclass(frozen=True, kw_only=True)
class PermutationSHAP(Sampler):
    """Shapley values as mean contributions of columns that join one after the other.

    Orders are drawn in pairs, one the reverse of the other. A removed column takes its values from
    the background rows.

    Parameters
    ----------
    budget : int
        Most coalitions evaluated for each row: a pair of orders takes 2 × (columns − 1). At least
        two pairs; where it reaches 2^columns, all coalitions are evaluated and values are exact.
    tolerance, top
        When to stop before the budget is spent, as for `KernelSHAP`.
    max_background : int, optional
        Most background rows to use, or `None` for all. Errors do not include this choice.
    removal : str
        What stands in for removed columns, as for `ExactSHAP`.

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
    with few pairs too (``benchmarks/calibration.py``). Below ten pairs, games of rare jumps are covered less often.

    Cost: (budget − 2) × background rows for each row.

    References
    ----------
    Štrumbelj and Kononenko (2014), doi:10.1007/s10115-013-0679-x. Mitchell, Cooper, Frank and
    Holmes (2022), Sampling permutations for Shapley value estimation, arXiv:2104.12199.
    """

    laws = frozenset({"efficiency", "dummy", "symmetry", "linearity"})
    paper = "doi:10.1007/s10115-013-0679-x"
    cost = "budget × background rows, per row"
    takes_groups = True

    def sample(self, question: Question, players: int) -> Draw:
        most = (self.budget - 2) // (2 * (players - 1))
        return _walks(antithetic_orders(players, most, question.rng("orders", players)))


def _walks(orders: np.ndarray) -> Draw:
    """The mean over orders and their reverses.

    What player k of an order adds there and in the reverse, halved, is the step of the odd half
    of the worth from the coalition before k to the one with k.
    """
    most, players = orders.shape
    joined = prefixes(orders).reshape(-1, players)
    others = ~joined[:, 0]
    met, place = distinct(joined ^ others[:, None])
    place = 1 + place.reshape(most, players - 1)
    sign = np.where(others, -1.0, 1.0).reshape(most, players - 1, 1)
    rank = np.argsort(orders, axis=1)
    orders_after = {int(place[:count].max()): count for count in doubling(min(LEAST, most), most)}

    def shares(odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        count = orders_after[odd.shape[1] - 1]
        whole = np.broadcast_to(odd[:, :1, None], (len(odd), count, 1, odd.shape[2]))
        path = np.concatenate([-whole, sign[:count] * odd[:, place[:count]], whole], axis=2)
        added = np.take_along_axis(np.diff(path, axis=2), rank[None, :count, :, None], axis=2)
        variance = added.var(axis=1, ddof=1)
        variance += (variance.mean(axis=1, keepdims=True) - variance) / count
        return added.mean(axis=1), widening(count + 1) * np.sqrt(variance / count)

    return Draw(met, tuple(orders_after), shares)
