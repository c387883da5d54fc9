"""The game that model-agnostic Shapley methods play, and what playing it costs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.core.errors import UnknownName
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.question import Question
from pellucid.perturb.game import Game
from pellucid.perturb.removal import SEEN, Reference
from pellucid.perturb.removals import CHAINED, REMOVALS

Predict = Callable[[np.ndarray], np.ndarray]


def settle_removal(recipe: Explainer, name: str, *, chained: bool = False) -> None:
    """Refuse a removal that is not known; under a conditional one, no column is a dummy."""
    table = CHAINED if chained else REMOVALS
    if name not in table:
        raise UnknownName.among("removal", str(name), table)
    if table[name].conditional:
        object.__setattr__(recipe, "laws", recipe.laws - {"dummy"})


def game_of(
    question: Question,
    removal: str,
    max_background: int | None,
    *,
    chain: np.ndarray | None = None,
    predict: Predict | None = None,
) -> Game:
    """The game of a question.

    Parameters
    ----------
    question : Question
    removal : str
        A name in `CHAINED`.
    max_background : int or None
        Most background rows that stand in for what is removed.
    chain : array of int of shape (feature,), optional
        The place of each column in the order of causes.
    predict : callable, optional
        Another output than the one that is explained: from coded rows to (row, output).
    """
    kind = CHAINED[removal]
    rows = seen = question.reference(None if removal == "baseline" else max_background)
    if kind.conditional and max_background is not None:
        seen = question.reference(max(SEEN, max_background))
    known = Reference(
        rows=rows, seen=seen, columns=tuple(question.table.schema.values()), chain=chain
    )
    if kind.words:
        question.note(kind.words)
    return Game(
        predict=predict or question.predict,
        rows=question.table.codes,
        output=predict(question.table.codes) if predict else question.output,
        removal=kind(known),
        player_of=question.player_of,
        batch_size=question.work.batch_size,
    )


def evaluations(
    question: Question, coalitions: int, max_background: int | None, removal: str = "marginal"
) -> int:
    """Rows to predict when every explained row takes this many coalitions."""
    reference = 1 if removal == "baseline" else question.reference_size(max_background)
    return reference + len(question.table) * (1 + (coalitions - 2) * reference)
