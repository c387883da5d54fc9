"""TreeSHAP: exact Shapley values of tree ensembles, in the user's own columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import NotAdditive
from pellucid.core.explanation import number
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question

TOLERANCE = 1e-6
"""Largest gap to the model's own prediction, relative to its size: XGBoost sums in 32 bits."""

ROUNDING = 1e-15
"""What is smaller than this part of a row's shares is the rounding of their sum."""


@dataclass(frozen=True, kw_only=True)
class TreeSHAP(Explainer):
    """Exact Shapley values for trees, forests and boosting.

    Without a background the values are path-dependent: a removed feature follows both branches in
    proportion to the training rows. With a background they are interventional: a removed feature
    takes the value of a background row, and the value is the mean over all of them.

    Parameters
    ----------
    max_background : int, optional
        Most background rows to use; by default all, since the cost hardly grows with them.

    Notes
    -----
    Laws: efficiency, dummy, symmetry, linearity. Cost: no model evaluations but one per row to
    check that base and shares add up to the model's own prediction; if not, `NotAdditive` names
    the row. One-hot columns of one categorical column are one player of the game, so the values
    are exact for the user's columns and not a sum of parts. Where two of the user's columns meet
    in one encoded column the model has no readable trees, and a sampler serves.

    References
    ----------
    Wettenstein, Mitchell, Yu (2026), Quadrature-TreeSHAP, arXiv:2605.04497. Lundberg et al.
    (2020), From local explanations to global understanding, doi:10.1038/s42256-019-0138-9.
    """

    needs = frozenset({"trees"})
    laws = frozenset({"efficiency", "dummy", "symmetry", "linearity"})
    exact = True
    natural_scale = True
    paper = "arXiv:2605.04497"
    cost = "one per row, for the check"

    max_background: int | None = None

    def compute(self, question: Question) -> Attribution:
        """Read the trees, run the kernel, hold the sum to the model's prediction."""
        from pellucid.maths import tree_shapley

        trees = question.model.trees(question.scale)
        rows = question.encode(question.table.codes)
        players, n_players = question.players, len(question.table.names)
        if question.background is None:
            question.note(
                "Without a background, a removed feature follows both branches of a tree in "
                "proportion to the training rows (path-dependent)."
            )
            found = tree_shapley.path_dependent(
                trees, rows, players, n_players, threads=question.threads
            )
        else:
            reference = question.encode(question.reference(self.max_background))
            found = tree_shapley.interventional(
                trees, rows, reference, players, n_players, threads=question.threads
            )
        values = question.shares(rounded(found.values[:, :, question.columns]))
        base = question.level(found.base[question.columns])
        held_to(question, values, base)
        return question.attribution(values, base)


def rounded(values: np.ndarray) -> np.ndarray:
    """Values with exact zeros where a row's share is no more than its rounding."""
    size = np.abs(values)
    return np.where(size <= ROUNDING * size.sum(axis=1, keepdims=True), 0.0, values)


def held_to(question: Question, values: np.ndarray, base: np.ndarray) -> None:
    """Raise unless base and shares add up to the model's own prediction.

    Raises
    ------
    NotAdditive
        Naming the row that is furthest off.
    """
    output = question.output
    gap = np.abs(output - base - values.sum(axis=1))
    allowed = TOLERANCE * np.maximum(1.0, np.abs(output) + np.abs(values).sum(axis=1))
    if np.all(gap <= allowed):
        return
    row = int(np.argmax((gap - allowed).max(axis=1)))
    raise NotAdditive(
        f"The shares of row {question.table.rows[row]} do not add up to the prediction of "
        f"{question.model.name}",
        got=f"{number(float(gap[row].max()))} missing from {number(float(output[row].max()))}",
        allowed=f"a gap of at most {TOLERANCE:g}, relatively",
        fix="Please report this model; method='kernel_shap' needs no readable trees",
    )
