"""Banzhaf: what a column adds on average, all coalitions of the others equally likely."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.explainers.asked import Asked
from pellucid.explainers.shapley.sampler import Sampler
from pellucid.explainers.shapley.stages import doubling, in_pairs
from pellucid.maths.banzhaf import even_pairs, exact_banzhaf, fitted_banzhaf
from pellucid.maths.coalitions import every_coalition
from pellucid.perturb.game import Plan, whole_table

LEAST_FOR_EACH = 4
"""Pairs for each column in the first stage."""


@dataclass(frozen=True, kw_only=True)
class Banzhaf(Sampler):
    """Banzhaf values: mean contributions of a column, every coalition of the others counting alike.

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
        What stands in for removed columns, or segments of images, as for `ExactSHAP`.

    Raises
    ------
    InvalidSetting
        If the budget is too small for the columns; says the least.

    Notes
    -----
    Laws: symmetry, linearity, and dummy unless removal depends on the known columns. *Not*
    efficient: values do not add up to the prediction, so there is no base. Coalitions of half the
    columns dominate; of all values of this kind they are the least disturbed by a noisy model.

    Sampled values use every evaluation for every column (maximum sample reuse), adjusted by
    regression and in complementary pairs; ``error`` is the standard error over draws of coalitions.

    Cost: budget × background rows for each row.

    References
    ----------
    Banzhaf (1965), Rutgers Law Review 19. Wang and Jia (2023), arXiv:2205.15466.
    """

    laws = frozenset({"dummy", "symmetry", "linearity"})
    takes: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    takes_groups: ClassVar[bool] = True
    paper = "arXiv:2205.15466"
    cost = "budget × background rows, per row"

    def sample(self, question: Asked, players: int) -> Plan:
        pairs = min((self.budget - 2) // 2, 1 << (players - 1))
        coalitions = even_pairs(players, pairs, question.rng("coalitions", players))

        def shares(odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return fitted_banzhaf(coalitions[: odd.shape[1] - 1], odd[:, 1:])

        return in_pairs(coalitions, doubling(LEAST_FOR_EACH * players, pairs), shares)

    def whole(self, players: int) -> Plan:
        def shares(
            worth: np.ndarray, nobody: np.ndarray, everybody: np.ndarray
        ) -> tuple[np.ndarray, np.ndarray]:
            values = exact_banzhaf(whole_table(worth, nobody, everybody))
            return values, np.zeros_like(values)

        return Plan(every_coalition(players)[1:-1], shares)

    def told(
        self, question: Asked, game: Any, values: np.ndarray, error: np.ndarray
    ) -> Attribution:
        question.note("Banzhaf values do not add up to the prediction.")
        return replace(super().told(question, game, values, error), base=None)
