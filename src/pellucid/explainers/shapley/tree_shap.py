"""TreeSHAP: exact Shapley values of tree ensembles, in the user's own columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain, InvalidSetting, NotAdditive
from pellucid.core.explanation import number
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.explainers.shapley import rescaled as scaling
from pellucid.models.adapter import Model

TOLERANCE = 1e-6
"""Largest gap to the model's own prediction, relative to its size: XGBoost sums in 32 bits."""

ROUNDING = 1e-15
"""What is smaller than this part of a row's shares is the rounding of their sum."""


PRECISIONS = ("double", "single")
SCALINGS = (None, "probability", "log_loss")


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
    precision : {"double", "single"}
        ``"single"`` walks the trees of the path-dependent game in 32 bits, which is nearly twice
        as fast; how far the shares may then be off is said in a note.
    rescaled : {"probability", "log_loss"}, optional
        Shares of a boosted classifier's probability or log loss instead of its logit: those of
        the logit, stretched for each background row until they add up. Needs a background, two
        classes, and ``scale="probability"`` or ``y``. This is shap's ``model_output``.

    Notes
    -----
    Laws: efficiency, dummy, symmetry, linearity. Cost: no model evaluations but one per row to
    check that base and shares add up to the model's own prediction; if not, `NotAdditive` names
    the row, and the tree where the library answers tree by tree. One-hot columns of one
    categorical column are one player of the game, so the values are exact for the user's columns
    and not a sum of parts. Where two of the user's columns meet in one encoded column the model
    has no readable trees, and a sampler serves.

    What was prepared for a model is kept in memory for the next question about the same trees
    (at most 8 models and 256 MB); it is found by the content of the trees, so a model that was
    fitted again is read anew.

    `rescaled` shares obey efficiency, dummy and symmetry, but not linearity in the trees, and
    they are not the Shapley values of the probability: on a small task they missed those by 2 %
    of the largest share after 5 rounds of boosting and by 21 % after 100. For the game of
    probabilities itself use `ExactSHAP` or `KernelSHAP` with ``scale="probability"``. Their cost
    grows with the pairs of rows.

    References
    ----------
    Wettenstein, Mitchell, Yu (2026), Quadrature-TreeSHAP, arXiv:2605.04497. Lundberg et al.
    (2020), From local explanations to global understanding, doi:10.1038/s42256-019-0138-9.
    """

    needs = frozenset({"trees"})
    laws = frozenset({"efficiency", "dummy", "symmetry", "linearity"})
    exact = True
    natural_scale = True
    takes_groups = True
    paper = "arXiv:2605.04497"
    cost = "one per row, for the check"

    max_background: int | None = None
    precision: Literal["double", "single"] = "double"
    rescaled: scaling.Rescaled | None = None

    def __post_init__(self) -> None:
        for name, allowed in (("precision", PRECISIONS), ("rescaled", SCALINGS)):
            if getattr(self, name) not in allowed:
                raise InvalidSetting(
                    f"TreeSHAP has no such {name}", got=getattr(self, name), allowed=allowed
                )
        if self.rescaled is not None:
            object.__setattr__(self, "laws", self.laws - {"linearity"})

    @property
    def labels(self) -> bool:  # type: ignore[override]
        """A loss needs the true answers."""
        return self.rescaled == "log_loss"

    @property
    def measures(self) -> str | None:  # type: ignore[override]
        """A loss is on no scale of the model."""
        return "loss" if self.rescaled == "log_loss" else None

    def obstacle(self, model: Model, scale: str) -> str | None:
        """Trees with linear leaves are read too."""
        if self.rescaled is not None:
            lacking = super().obstacle(model, model.scales[0])
            return lacking or scaling.obstacle(self.rescaled, model.scales, scale)
        if "linear leaves" in model.can and scale == model.scales[0]:
            return None
        return super().obstacle(model, scale)

    def compute(self, question: Question) -> Attribution:
        """Read the trees, run the kernel, hold the sum to the model's prediction."""
        trees = question.model.trees(question.model.scales[0])
        rows = question.encode(question.table.codes)
        if self.rescaled is not None:
            return self._stretched(question, trees, rows, self.rescaled)
        found, slack = self._values(question, trees, rows)
        values = question.shares(rounded(found.values[:, :, question.columns]))
        base = question.level(found.base[question.columns])
        held_to(question, values, base, trees=trees, rows=rows, slack=slack)
        return question.attribution(values, base)

    def _values(self, question: Question, trees: Any, rows: np.ndarray) -> tuple[Any, float]:
        """What the kernel for this question finds, and how far its rounding may go."""
        from pellucid.explainers.shapley.tree_plans import plan_for
        from pellucid.maths import tree_linear_leaves, tree_shapley

        players, count = question.players, len(question.player_names)
        threads = question.threads
        if trees.linear is not None:
            if question.background is None:
                question.note("Its leaves hold linear models: they need rows to compare with.")
            reference = question.encode(question.reference(self.max_background))
            return tree_linear_leaves.interventional(
                trees, rows, reference, players, count, threads=threads
            ), 0.0
        plan = plan_for(trees, players)
        trees, program = plan.trees, plan.program
        if question.background is not None:
            behind = plan.background(question.encode(question.reference(self.max_background)))
            return tree_shapley.interventional(
                trees, rows, behind, players, count, plan=program, threads=threads
            ), 0.0
        question.note(
            "Without a background, a removed feature follows both branches of a tree in "
            "proportion to the training rows (path-dependent)."
        )
        single = self.precision == "single"
        found = tree_shapley.path_dependent(
            trees, rows, players, count, plan=program, single=single, threads=threads
        )
        slack = tree_shapley.single_rounding(trees, program) if single else 0.0
        if single:
            question.note(
                "The trees were walked in 32 bits: a share may be off by "
                f"{number(slack)}, by a generous estimate."
            )
        return found, slack

    def _stretched(
        self, question: Question, trees: Any, rows: np.ndarray, rescaled: scaling.Rescaled
    ) -> Attribution:
        """Shares of the probability, or of the loss."""
        if question.background is None:
            raise CannotExplain(
                "Shares are rescaled for each background row",
                got="no background",
                fix="Give background=, such as the training data",
            )
        reference = question.encode(question.reference(self.max_background))
        question.note(
            "Shares of the logit were rescaled for each background row: they add up, but they "
            "are not the Shapley values of the game on this scale."
        )
        values, base, output = scaling.stretched(question, trees, rows, reference, rescaled)
        values = rounded(values)
        if rescaled == "log_loss":
            held_to(question, values, base, output=output, trees=trees, rows=rows)
            made = question.attribution(values, base)
            return replace(made, output=output[:, 0])
        values, base = question.shares(values), question.level(base)
        held_to(question, values, base, trees=trees, rows=rows)
        return question.attribution(values, base)


def rounded(values: np.ndarray) -> np.ndarray:
    """Values with exact zeros where a row's share is no more than its rounding."""
    size = np.abs(values)
    return np.where(size <= ROUNDING * size.sum(axis=1, keepdims=True), 0.0, values)


def held_to(
    question: Question,
    values: np.ndarray,
    base: np.ndarray,
    *,
    output: np.ndarray | None = None,
    trees: Any = None,
    rows: np.ndarray | None = None,
    slack: float = 0.0,
) -> None:
    """Raise unless base and shares add up to the model's own prediction.

    Parameters
    ----------
    question : Question
    values : ndarray of float, (sample, player, output)
    base : ndarray of float, (output,) or (sample, output)
    output : ndarray of float, (sample, output), optional
        The model's own answer, if it is not the prediction.
    trees : Trees, optional
        As they were read, to find the one that was read wrongly.
    rows : ndarray of float, (sample, encoded column), optional
    slack : float
        Known rounding of one share.

    Raises
    ------
    NotAdditive
        Naming the row that is furthest off, and the tree where it can be told.
    """
    output = question.output if output is None else output
    gap = np.abs(output - base - values.sum(axis=1))
    allowed = TOLERANCE * np.maximum(1.0, np.abs(output) + np.abs(values).sum(axis=1))
    allowed = allowed + slack * values.shape[1]
    if np.all(gap <= allowed):
        return
    row = int(np.argmax((gap - allowed).max(axis=1)))
    where = ""
    if trees is not None and rows is not None:
        from pellucid.explainers.shapley.tree_at_fault import tree_at_fault

        tree = tree_at_fault(question.model.source, trees, rows[row])
        found = "no single tree can be named" if tree is None else f"tree {tree} was read wrongly"
        where = f": {found}"
    raise NotAdditive(
        f"The shares of row {question.table.rows[row]} do not add up to the prediction of "
        f"{question.model.name}{where}",
        got=f"{number(float(gap[row].max()))} missing from {number(float(output[row].max()))}",
        allowed=f"a gap of at most {TOLERANCE:g}, relatively",
        fix="Please report this model; method='kernel_shap' needs no readable trees",
    )
