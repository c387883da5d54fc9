"""Losses and scores of predictions as row terms.

Each function takes the answers and the predictions and returns one term per row. The terms' mean is
the loss or score; a term less that mean is the row's influence on it, also where the metric is no
plain mean (ROC AUC, R²), so that the variance over rows can be read off the terms.

Answers are class numbers with predictions of shape (row, class), or numbers with predictions of
shape (row,).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

CLIP = 1e-6
"""A forest says 0 and 1; this bounds the log loss of one row by 13.8."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """How far predictions are from the answers.

    Parameters
    ----------
    words : str
        The metric in a sentence.
    task : {"classification", "regression"}
        For which models.
    terms : callable
        From answers and predictions to one term per row.
    rising : bool
        Whether more is better, as for a score.
    chances : bool
        Whether predictions must be probabilities.
    """

    words: str
    task: Literal["classification", "regression"]
    terms: Callable[[np.ndarray, np.ndarray], np.ndarray]
    rising: bool = False
    chances: bool = False


def log_loss(answer: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """−log of the chance given to the answer, clipped by `CLIP`."""
    given: np.ndarray = chance[np.arange(len(answer)), answer]
    return -np.log(np.clip(given, CLIP, 1.0))


def brier(answer: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Squared distance of chances from certainty; of two classes, that of the second."""
    apart = (chance - (answer[:, None] == np.arange(chance.shape[1]))) ** 2
    return apart[:, 1] if chance.shape[1] == 2 else apart.sum(axis=1)


def accuracy(answer: np.ndarray, score: np.ndarray) -> np.ndarray:
    """1 where the class with the greatest score is the answer."""
    return (score.argmax(axis=1) == answer).astype(np.float64)


def roc_auc(answer: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Area under the ROC curve; of several classes, the mean of each against the rest.

    The terms are the placements of DeLong et al. (1988), doi:10.2307/2531595.
    """
    classes = range(score.shape[1]) if score.shape[1] > 2 else (1,)
    return np.mean([_area(answer == c, score[:, c]) for c in classes], axis=0)


def squared_error(answer: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Squared error."""
    return (answer - prediction) ** 2


def absolute_error(answer: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Absolute error."""
    return np.abs(answer - prediction)


def r2(answer: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Share of the answers' variance that is explained."""
    squared, spread = (answer - prediction) ** 2, (answer - answer.mean()) ** 2
    unexplained = squared.mean() / spread.mean()
    return 1.0 - (squared + unexplained * (spread.mean() - spread)) / spread.mean()


METRICS = {
    "log_loss": Metric(
        words=f"log loss, of chances held at {CLIP:g} or above,",
        task="classification",
        terms=log_loss,
        chances=True,
    ),
    "brier": Metric(words="Brier score", task="classification", terms=brier, chances=True),
    "accuracy": Metric(words="accuracy", task="classification", terms=accuracy, rising=True),
    "roc_auc": Metric(words="ROC AUC", task="classification", terms=roc_auc, rising=True),
    "mse": Metric(words="mean squared error", task="regression", terms=squared_error),
    "mae": Metric(words="mean absolute error", task="regression", terms=absolute_error),
    "r2": Metric(words="R²", task="regression", terms=r2, rising=True),
}


def _area(positive: np.ndarray, score: np.ndarray) -> np.ndarray:
    above = _placement(score, score[~positive])
    terms = np.where(positive, above, 1.0 - _placement(score, score[positive]))
    area = terms[positive].mean()
    size = np.where(positive, positive.sum(), (~positive).sum())
    return area + len(score) / size * (terms - area)


def _placement(score: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Share of `others` below each score, ties by half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, score, side="left")
    upto = np.searchsorted(ordered, score, side="right")
    return (below + upto) / (2 * len(others))
