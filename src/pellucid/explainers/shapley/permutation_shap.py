"""PermutationSHAP: Shapley values of any model, from columns that join in random orders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.explainers.question import Question
from pellucid.explainers.shapley.sampler import Sampler
from pellucid.maths.coalitions import antithetic_orders, distinct, prefixes
from pellucid.maths.shapley_regression import widening
from pellucid.perturb.marginal import Plan, odd_half


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
    max_background : int, optional
        Most background rows to use, or `None` for all. Errors do not include this choice.

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
    Student's t-quantile widens the error, so that value ± 1.96 errors covers about 95 % with few
    pairs too. Below ten pairs, games of rare jumps are covered less often.

    Cost: (budget − 2) × background rows for each row.

    References
    ----------
    Štrumbelj and Kononenko (2014), doi:10.1007/s10115-013-0679-x. Mitchell, Cooper, Frank and
    Holmes (2022), Sampling permutations for Shapley value estimation, arXiv:2104.12199.
    """

    laws = frozenset({"efficiency", "dummy", "symmetry", "linearity"})
    paper = "doi:10.1007/s10115-013-0679-x"
    cost = "budget × background rows, per row"

    def sample(self, question: Question, players: int) -> Plan:
        pairs = (self.budget - 2) // (2 * (players - 1))
        return _walks(antithetic_orders(players, pairs, question.rng("orders", players)))


def _walks(orders: np.ndarray) -> Plan:
    """The plan that takes the mean over orders and their reverses.

    What player k of an order adds there and in the reverse, halved, is the step of the odd half
    of the worth from the coalition before k to the one with k.
    """
    pairs, players = orders.shape
    joined = prefixes(orders).reshape(-1, players)
    others = ~joined[:, 0]
    met, place = distinct(joined ^ others[:, None])
    place = 1 + place.reshape(pairs, players - 1)
    sign = np.where(others, -1.0, 1.0).reshape(pairs, players - 1, 1)
    rank = np.argsort(orders, axis=1)

    def shares(
        worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        odd = odd_half(worth, nobody, everybody, len(met))
        whole = np.broadcast_to(odd[:, :1, None], (len(odd), pairs, 1, odd.shape[2]))
        path = np.concatenate([-whole, sign * odd[:, place], whole], axis=2)
        added = np.take_along_axis(np.diff(path, axis=2), rank[None, :, :, None], axis=2)
        variance = added.var(axis=1, ddof=1)
        variance += (variance.mean(axis=1, keepdims=True) - variance) / pairs
        return added.mean(axis=1), widening(pairs**2 / (pairs - 1)) * np.sqrt(variance / pairs)

    return Plan(np.concatenate([met, ~met]), shares)
