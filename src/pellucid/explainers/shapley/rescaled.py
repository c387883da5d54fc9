"""Shares of a probability or of a loss, rescaled from shares of the margin.

For one row x and one background row b the shares of the margin f are stretched until they add up
to g(f(x)) - g(f(b)), and the mean over the background is taken. That is additive and it is what
shap calls ``model_output="probability"`` and ``"log_loss"``, but it is not the Shapley value of
the game of probabilities: the order in which players share is kept, not what each coalition makes.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from pellucid.core.errors import CannotExplain, InvalidData
from pellucid.explainers.question import Question
from pellucid.maths.tree_shapley import interventional
from pellucid.models.trees import Trees

Rescaled = Literal["probability", "log_loss"]

CLOSE = 1e-5
"""Margins so near each other are stretched by the slope between them: it is exact to 1e-11."""

MOST_PAIRS = 4_000_000
"""Pairs of a row and a background row that are weighted at once: 32 MB."""


def obstacle(rescaled: Rescaled, scales: tuple[str, ...], scale: str) -> str | None:
    """Why shares cannot be rescaled for a model with these scales, or `None`."""
    if scales[0] != "logit" or "probability" not in scales:
        return "only shares of a logit, of a boosted classifier, are rescaled"
    wanted = "probability" if rescaled == "probability" else "logit"
    if scale != wanted:
        return f"rescaled={rescaled!r} goes with scale={wanted!r}, not with {scale!r}"
    return None


def stretched(
    question: Question, trees: Trees, rows: np.ndarray, reference: np.ndarray, rescaled: Rescaled
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares (sample, player, 1), base and output (sample, 1), for class 1 or for the loss.

    The output is the model's own answer where it is a loss, else what the trees say.

    Raises
    ------
    CannotExplain
        There are more than two classes, or no background.
    InvalidData
        A true answer is not one of the classes.
    """
    if trees.link != "logit" or trees.n_outputs != 1:
        raise CannotExplain(
            "Shares of several classes are not rescaled: each depends on every class's margin",
            got=f"{trees.n_outputs} margins with link {trees.link!r}",
            fix="Use method='exact_shap' or 'kernel_shap' with scale='probability'",
        )
    truth = _truth(question, len(rows)) if rescaled == "log_loss" else np.ones(len(rows))
    own, other = trees.predict(rows)[:, :1], trees.predict(reference)[:, 0]
    values = np.zeros((len(rows), len(question.player_names), 1))
    base = np.zeros((len(rows), 1))
    step = max(MOST_PAIRS // len(reference), 1)
    for begin in range(0, len(rows), step):
        part = slice(begin, begin + step)
        answer = truth[part, None]
        factor = _slope(own[part], other[None], answer, rescaled)
        values[part] = interventional(
            trees, rows[part], reference, question.players, values.shape[1],
            share=factor / len(reference), threads=question.threads,
        ).values  # fmt: skip
        base[part, 0] = _curve(other[None], answer, rescaled).mean(axis=1)
    margin = question.shares(question.output) if rescaled == "log_loss" else own
    return values, base, _curve(margin, truth[:, None], rescaled)


def _curve(margin: np.ndarray, truth: np.ndarray, rescaled: Rescaled) -> np.ndarray:
    """The probability of class 1, or the log loss of the true class."""
    if rescaled == "probability":
        return np.exp(-np.logaddexp(0.0, -margin)) * np.ones_like(truth)
    return np.logaddexp(0.0, np.where(truth > 0, -margin, margin))


def _slope(own: np.ndarray, other: np.ndarray, truth: np.ndarray, rescaled: Rescaled) -> np.ndarray:
    """(g(own) - g(other)) / (own - other), and g's own slope where they are close."""
    gap = own - other
    close = np.abs(gap) < CLOSE
    chance = np.exp(-np.logaddexp(0.0, -(own + other) / 2))
    slope = chance * (1 - chance) if rescaled == "probability" else chance - truth
    rise = _curve(own, truth, rescaled) - _curve(other, truth, rescaled)
    return np.where(close, slope, rise / np.where(close, 1.0, gap))


def _truth(question: Question, rows: int) -> np.ndarray:
    """1 where the true answer is the second class, 0 where it is the first."""
    classes = question.model.classes or ()
    answers = np.asarray(question.y).tolist()
    strange = [answer for answer in answers if answer not in classes]
    if strange or len(classes) != 2:
        raise InvalidData(
            "y holds answers that are not classes of the model",
            got=strange[:3],
            allowed=list(classes),
            fix="Give the labels that the model was fitted on",
        )
    return np.array([float(answer == classes[1]) for answer in answers])
