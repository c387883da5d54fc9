"""TreeInteractions: what pairs of the user's columns do together in trees, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.shapley.terms import MOST_TERMS, interactions
from pellucid.explainers.shapley.tree_shap import held_to, rounded

MOST_VALUES = 2**28
"""Most values in one answer, 2 GB of them."""


@dataclass(frozen=True, kw_only=True)
class TreeInteractions(Explainer):
    """Exact Shapley interactions of pairs of columns, for trees, forests and boosting.

    The answer has an axis ``term``: first the main effect of every column, under its own name,
    then the pairs, such as ``"age × debt"``. A pair's value is what its two columns do together
    beyond what each does alone, averaged over the coalitions of all others; a main effect is the
    column's Shapley value less half of its pairs. Base and terms add up to the prediction.

    Without a background a removed column follows both branches of a tree in proportion to the
    training rows (path-dependent). With one it takes the value of a background row, and the
    value is the mean over all of them (interventional).

    Parameters
    ----------
    pairs : int, optional
        Split off only so many pairs, those with the greatest mean magnitude over the rows and
        classes that are explained, on which the choice therefore depends. Whatever other pairs
        do stays in the main effects of their columns, so that terms still add up. By default all
        pairs, as in `ShapleyInteractions`; of more than some 200 columns those that some path of
        the trees tests together, since the others do nothing together.
    max_background : int, optional
        Most background rows to use; by default all, since the cost hardly grows with them.

    Raises
    ------
    InvalidSetting
        If `pairs` is not a number of pairs, or the answer would not fit in memory.

    Notes
    -----
    The index is k-SII of order 2 (n-Shapley values). `pellucid.core.terms.interaction_matrix` lays
    the terms out as ``shap_interaction_values`` does: main effects on the diagonal, and half of
    each pair's value on either side of it, so that a line adds up to the column's Shapley value.
    `pellucid.core.terms.folded` gives these Shapley values, those of `TreeSHAP`.

    Laws: efficiency, dummy, symmetry, linearity. Cost: no model evaluations but one per row to
    check that base and terms add up to the model's own prediction; if not, `NotAdditive` names
    the row.

    References
    ----------
    Lundberg et al. (2020), From local explanations to global understanding,
    doi:10.1038/s42256-019-0138-9. Bordt and von Luxburg (2023), From Shapley values to
    generalized additive models and back, arXiv:2209.04012. Wettenstein, Mitchell, Yu (2026),
    Quadrature-TreeSHAP, arXiv:2605.04497.
    """

    needs = frozenset({"trees"})
    laws = frozenset({"efficiency", "dummy", "symmetry", "linearity"})
    exact = True
    natural_scale = True
    takes_groups = True
    paper = "doi:10.1038/s42256-019-0138-9"
    cost = "one per row, for the check"

    pairs: int | None = None
    max_background: int | None = None

    def __post_init__(self) -> None:
        whole = isinstance(self.pairs, (int, np.integer)) and not isinstance(self.pairs, bool)
        if self.pairs is not None and not (whole and self.pairs >= 1):
            raise InvalidSetting("pairs is a number of pairs", got=repr(self.pairs), allowed="≥ 1")

    def compute(self, question: Question) -> Attribution:
        """Read the trees, choose the pairs, run the kernel, hold the sum to the prediction."""
        from pellucid.maths import tree_interactions, tree_shapley

        trees = question.model.trees(question.scale)
        game = trees, question.encode(question.table.codes), self._reference(question)
        owner, players = question.players, len(question.player_names)
        plan, threads = tree_shapley.prepare(trees, owner), question.threads
        met, chosen = tree_interactions.pairs_that_meet(plan), None
        if self.pairs is not None and self.pairs < len(met):
            sizes = tree_interactions.strengths(*game, owner, plan=plan, threads=threads)
            chosen = self._strongest(question, met, sizes[:, question.columns])
        listed = self._listed(question, met if chosen is None else chosen, players)
        terms = players + len(listed)
        _check_size(len(question.table), terms, len(trees.base))
        found = tree_interactions.interactions(
            *game, owner, players, pairs=chosen, plan=plan, threads=threads
        )
        values = question.shares(rounded(_laid_out(found, listed)[:, :, question.columns]))
        base = question.level(found.base[question.columns])
        held_to(question, values, base)
        return interactions(question, [*((i,) for i in range(players)), *listed], values, base)

    def _listed(self, question: Question, met: np.ndarray, players: int) -> list[tuple[int, int]]:
        """The pairs that get a term: all, or those asked for, or those of many that can act."""
        every = players * (players - 1) // 2
        if self.pairs is None and players + every <= MOST_TERMS:
            return list(combinations(range(players), 2))
        if len(met) < every and self.pairs is None:
            question.note(
                f"{every - len(met):,} of {every:,} pairs have no term: no path of the trees tests "
                "both columns, so they do nothing together."
            )
        return [(int(one), int(other)) for one, other in met]

    def _reference(self, question: Question) -> np.ndarray | None:
        """The encoded background rows, if there are any."""
        if question.background is not None:
            return question.encode(question.reference(self.max_background))
        question.note(
            "Without a background, a removed feature follows both branches of a tree in "
            "proportion to the training rows (path-dependent)."
        )
        return None

    def _strongest(self, question: Question, met: np.ndarray, strength: np.ndarray) -> np.ndarray:
        """The pairs with the greatest strength over all outputs, in their own order."""
        order = np.argsort(-strength.sum(axis=1), kind="stable")[: self.pairs]
        question.note(
            f"Only the {self.pairs} strongest of {len(met)} pairs have a term; what the others do "
            "is in the main effects of their columns."
        )
        return met[np.sort(order)]


def _laid_out(found: Any, listed: list[tuple[int, int]]) -> np.ndarray:
    """Values (sample, term, output) of all players and the pairs listed, of others 0."""
    rows, players, outputs = found.main.shape
    values = np.zeros((rows, players + len(listed), outputs))
    values[:, :players] = found.main
    place = {pair: players + number for number, pair in enumerate(listed)}
    where = [place[int(one), int(other)] for one, other in found.pairs]
    values[:, where] = found.together
    return values


def _check_size(rows: int, terms: int, outputs: int) -> None:
    if rows * terms * outputs > MOST_VALUES:
        raise InvalidSetting(
            "The interactions of so many pairs do not fit in memory",
            got=f"{rows:,} rows × {terms:,} terms × {outputs} outputs",
            allowed=f"{MOST_VALUES:,} values",
            fix="Explain fewer rows at a time, or only the strongest pairs with pairs=100",
        )
