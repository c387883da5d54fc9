"""The game that model-agnostic Shapley methods play, and what playing it costs."""

from __future__ import annotations

from pellucid.explainers.question import Question
from pellucid.perturb.marginal import MarginalGame


def marginal_game(question: Question, max_background: int | None) -> MarginalGame:
    """The game in which removed columns take their values from the background."""
    return MarginalGame(
        predict=question.predict,
        rows=question.table.codes,
        output=question.output,
        background=question.reference(max_background),
        batch_size=question.work.batch_size,
    )


def evaluations(question: Question, coalitions: int, max_background: int | None) -> int:
    """Rows to predict when every explained row takes this many coalitions."""
    reference = question.reference_size(max_background)
    return reference + len(question.table) * (1 + (coalitions - 2) * reference)
