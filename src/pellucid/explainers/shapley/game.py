"""The game that model-agnostic Shapley methods play, and what playing it costs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.question import Question
from pellucid.explainers.shapley.image_game import OF_IMAGES, image_game_of, references, told_of
from pellucid.perturb.game import Game
from pellucid.perturb.image_game import ImageGame
from pellucid.perturb.removal import SEEN, Reference
from pellucid.perturb.removals import CHAINED, REMOVALS

Predict = Callable[[np.ndarray], np.ndarray]


def settle_removal(recipe: Explainer, name: str, *, chained: bool = False) -> None:
    """Refuse a removal that is not known; under a conditional one, no column is a dummy."""
    table = CHAINED if chained else REMOVALS
    known = [*table, *(OF_IMAGES if "image" in recipe.takes else ())]
    if name not in known:
        raise UnknownName.among("removal", str(name), known)
    if name in table and table[name].conditional:
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
    if removal not in CHAINED:
        raise InvalidSetting(
            f"removal={removal!r} is for images", got="a table", allowed=list(REMOVALS)
        )
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


def played_on(
    question: Question | ImageQuestion, removal: str, max_background: int | None
) -> Game | ImageGame:
    """The game of a question about a table, or about images."""
    if isinstance(question, ImageQuestion):
        return image_game_of(question, removal, max_background)
    return game_of(question, removal, max_background)


def shared_out(
    question: Question | ImageQuestion,
    game: Game | ImageGame,
    values: np.ndarray,
    error: np.ndarray | None = None,
) -> Attribution:
    """The explanation that values of players, (sample, player, output), make."""
    if isinstance(question, ImageQuestion):
        assert isinstance(game, ImageGame)
        return told_of(question, game, values, error)
    return question.attribution(values, game.base, error)


def evaluations(
    question: Question | ImageQuestion,
    coalitions: int,
    max_background: int | None,
    removal: str = "marginal",
) -> int:
    """Rows to predict when every explained row takes this many coalitions."""
    if isinstance(question, ImageQuestion):
        return question.size * coalitions * references(question, removal, max_background)
    reference = 1 if removal == "baseline" else question.reference_size(max_background)
    return reference + len(question.table) * (1 + (coalitions - 2) * reference)
