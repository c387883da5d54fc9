"""Losses and scores of predictions as row terms.

Each function takes the answers and the predictions and returns one term per row. The terms' mean is
the loss or score; a term less that mean is the row's influence on it, also where the metric is no
plain mean (ROC AUC, R², F1), so that the variance over rows can be read off the terms. The few
metrics that no row terms describe are functions of all rows, and have `whole` instead.

Answers are class numbers with predictions of shape (row, class), or numbers with predictions of
shape (row,).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import special

from pellucid.core.errors import CannotExplain

CLIP = 1e-6
"""A forest says 0 and 1; this bounds the log loss of one row by 13.8."""


Refusal = Callable[[np.ndarray, np.ndarray], str | None]


def _no_terms(answer: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    raise CannotExplain("This metric is no mean of row terms", fix="Choose another metric")


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
    whole : callable, optional
        From answers and predictions to the number, where there are no terms.
    rising : bool
        Whether more is better, as for a score.
    chances : bool
        Whether predictions must be probabilities.
    refuses : callable
        From answers and predictions to why the metric is not defined for them, or `None`.
    """

    words: str
    task: Literal["classification", "regression"]
    terms: Callable[[np.ndarray, np.ndarray], np.ndarray] = _no_terms
    whole: Callable[[np.ndarray, np.ndarray], float] | None = None
    rising: bool = False
    chances: bool = False
    refuses: Refusal = lambda answer, prediction: None

    def value(self, answer: np.ndarray, prediction: np.ndarray) -> float:
        """The metric itself."""
        if self.whole is not None:
            return float(self.whole(answer, prediction))
        return float(self.terms(answer, prediction).mean())


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


def balanced_accuracy(answer: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Mean over classes of the share of their rows that are told."""
    hit = (score.argmax(axis=1) == answer).astype(np.float64)
    present = np.unique(answer)
    return np.mean([_ratio(hit * (answer == c), answer == c) for c in present], axis=0)


def precision(answer: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Share of right ones among rows told to be of the second class."""
    return _ratio(*_counted(answer == 1, score.argmax(axis=1) == 1, (0.0, 1.0)))


def recall(answer: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Share of rows of the second class that are told to be of it."""
    return _ratio(*_counted(answer == 1, score.argmax(axis=1) == 1, (1.0, 0.0)))


def f1(answer: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Harmonic mean of precision and recall of the second class."""
    return _ratio(*_counted(answer == 1, score.argmax(axis=1) == 1, (0.5, 0.5)))


def precision_macro(answer: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Mean over classes of the precision."""
    return _over_classes(answer, score, (0.0, 1.0))


def recall_macro(answer: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Mean over classes of the recall."""
    return _over_classes(answer, score, (1.0, 0.0))


def f1_macro(answer: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Mean over classes of F1."""
    return _over_classes(answer, score, (0.5, 0.5))


def f1_weighted(answer: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Mean over rows of the F1 of their class."""
    told, terms = score.argmax(axis=1), np.zeros(len(answer))
    for c in np.unique(answer):
        own = answer == c
        part = _ratio(*_counted(own, told == c, (0.5, 0.5)))
        terms += own.mean() * part + part.mean() * (own - own.mean())
    return terms


def matthews(answer: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Correlation of answers and told classes (Gorodkin, 2004), by the delta method."""
    classes = np.arange(score.shape[1])
    own, told = (each[:, None] == classes for each in (answer, score.argmax(axis=1)))
    own, told = own - own.mean(axis=0), told - told.mean(axis=0)
    both, first, second = (
        np.sum(a * b, axis=1) for a, b in ((own, told), (own, own), (told, told))
    )
    size = np.sqrt(first.mean() * second.mean())
    if size == 0:
        return np.zeros(len(answer))
    value = both.mean() / size
    apart = first / first.mean() + second / second.mean() - 2
    return value + (both - both.mean()) / size - value / 2 * apart


def average_precision(answer: np.ndarray, score: np.ndarray) -> float:
    """Mean precision at the thresholds where a row of the class is found; mean over classes."""
    classes = range(score.shape[1]) if score.shape[1] > 2 else (1,)
    return float(np.mean([_precision_area(answer == c, score[:, c]) for c in classes]))


def _precision_area(positive: np.ndarray, score: np.ndarray) -> float:
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)
    found = np.cumsum(positive[order])[last]
    told = np.flatnonzero(last) + 1
    return float(np.sum(np.diff(found, prepend=0) * found / told) / positive.sum())


def squared_error(answer: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Squared error."""
    return (answer - prediction) ** 2


def root_squared_error(answer: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Root of the mean squared error."""
    squared = (answer - prediction) ** 2
    root = np.sqrt(squared.mean())
    return squared * 0 + root if root == 0 else root + (squared - root**2) / (2 * root)


def absolute_error(answer: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Absolute error."""
    return np.abs(answer - prediction)


def relative_error(answer: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Absolute error as a share of the answer."""
    return np.abs(answer - prediction) / np.maximum(np.abs(answer), np.finfo(np.float64).eps)


def squared_log_error(answer: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Squared difference of log(1 + y)."""
    return (np.log1p(answer) - np.log1p(prediction)) ** 2


def poisson_deviance(answer: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Deviance of a Poisson model."""
    return 2 * (special.xlogy(answer, answer / prediction) - answer + prediction)


def gamma_deviance(answer: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Deviance of a gamma model."""
    return 2 * (np.log(prediction / answer) + answer / prediction - 1)


def explained_variance(answer: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """As R², but for a constant error."""
    return r2(answer, prediction + (answer - prediction).mean())


def r2(answer: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Share of the answers' variance that is explained."""
    squared, spread = (answer - prediction) ** 2, (answer - answer.mean()) ** 2
    unexplained = squared.mean() / spread.mean()
    return 1.0 - (squared + unexplained * (spread.mean() - spread)) / spread.mean()


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Terms of a ratio of two means; 0 where it is not defined, as scikit-learn has it."""
    below = denominator.mean()
    if below == 0:
        return np.zeros(len(numerator))
    value = numerator.mean() / below
    return value + (numerator - value * denominator) / below


def _counted(
    own: np.ndarray, told: np.ndarray, share: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Hits, and what they are counted against: so much of the class's rows and of those told."""
    return (own & told).astype(np.float64), share[0] * own + share[1] * told


def _over_classes(answer: np.ndarray, score: np.ndarray, share: tuple[float, float]) -> np.ndarray:
    told = score.argmax(axis=1)
    classes = np.union1d(answer, told)
    return np.mean([_ratio(*_counted(answer == c, told == c, share)) for c in classes], axis=0)


def _lacks_classes(answer: np.ndarray, score: np.ndarray) -> str | None:
    return "needs rows of every class" if len(np.unique(answer)) < score.shape[1] else None


def _equal(answer: np.ndarray, prediction: np.ndarray) -> str | None:
    return "is not defined where all answers are equal" if np.ptp(answer) == 0 else None


def _not_two(answer: np.ndarray, score: np.ndarray) -> str | None:
    return None if score.shape[1] == 2 else "is of two classes; of several, use its mean, _macro"


def _above(answers: float, predictions: float, *, strictly: bool = True) -> Refusal:
    """Refuses numbers that a logarithm cannot take."""

    def refuses(answer: np.ndarray, prediction: np.ndarray) -> str | None:
        low = answer.min() <= answers if strictly else answer.min() < answers
        fits = not low and prediction.min() > predictions
        return (
            None if fits else f"needs answers and predictions above {max(answers, predictions):g}"
        )

    return refuses


SORTS: dict[str, Any] = {"task": "classification", "rising": True}
NUMBERS: dict[str, Any] = {"task": "regression"}

METRICS = {
    "log_loss": Metric(
        words=f"log loss, of chances held at {CLIP:g} or above,",
        task="classification",
        terms=log_loss,
        chances=True,
    ),
    "brier": Metric(words="Brier score", task="classification", terms=brier, chances=True),
    "accuracy": Metric(words="accuracy", terms=accuracy, **SORTS),
    "balanced_accuracy": Metric(words="balanced accuracy", terms=balanced_accuracy, **SORTS),
    "precision": Metric(words="precision", terms=precision, refuses=_not_two, **SORTS),
    "recall": Metric(words="recall", terms=recall, refuses=_not_two, **SORTS),
    "f1": Metric(words="F1", terms=f1, refuses=_not_two, **SORTS),
    "precision_macro": Metric(words="mean precision of classes", terms=precision_macro, **SORTS),
    "recall_macro": Metric(words="mean recall of classes", terms=recall_macro, **SORTS),
    "f1_macro": Metric(words="mean F1 of classes", terms=f1_macro, **SORTS),
    "f1_weighted": Metric(words="weighted F1 of classes", terms=f1_weighted, **SORTS),
    "matthews": Metric(words="Matthews correlation", terms=matthews, **SORTS),
    "roc_auc": Metric(words="ROC AUC", terms=roc_auc, refuses=_lacks_classes, **SORTS),
    "average_precision": Metric(
        words="average precision", whole=average_precision, refuses=_lacks_classes, **SORTS
    ),
    "mse": Metric(words="mean squared error", terms=squared_error, **NUMBERS),
    "rmse": Metric(words="root mean squared error", terms=root_squared_error, **NUMBERS),
    "mae": Metric(words="mean absolute error", terms=absolute_error, **NUMBERS),
    "median_ae": Metric(
        words="median absolute error",
        whole=lambda answer, prediction: float(np.median(np.abs(answer - prediction))),
        **NUMBERS,
    ),
    "max_error": Metric(
        words="greatest error",
        whole=lambda answer, prediction: float(np.abs(answer - prediction).max()),
        **NUMBERS,
    ),
    "mape": Metric(words="mean relative error", terms=relative_error, **NUMBERS),
    "msle": Metric(
        words="mean squared log error", terms=squared_log_error, refuses=_above(-1, -1), **NUMBERS
    ),
    "poisson_deviance": Metric(
        words="mean Poisson deviance",
        terms=poisson_deviance,
        refuses=_above(0, 0, strictly=False),
        **NUMBERS,
    ),
    "gamma_deviance": Metric(
        words="mean gamma deviance", terms=gamma_deviance, refuses=_above(0, 0), **NUMBERS
    ),
    "r2": Metric(words="R²", terms=r2, rising=True, refuses=_equal, **NUMBERS),
    "explained_variance": Metric(
        words="explained variance",
        terms=explained_variance,
        rising=True,
        refuses=_equal,
        **NUMBERS,
    ),
}

SCORERS = {
    "neg_log_loss": "log_loss",
    "neg_brier_score": "brier",
    "matthews_corrcoef": "matthews",
    "roc_auc_ovr": "roc_auc",
    "f1_micro": "accuracy",
    "neg_mean_squared_error": "mse",
    "neg_root_mean_squared_error": "rmse",
    "neg_mean_absolute_error": "mae",
    "neg_median_absolute_error": "median_ae",
    "neg_max_error": "max_error",
    "neg_mean_absolute_percentage_error": "mape",
    "neg_mean_squared_log_error": "msle",
    "neg_mean_poisson_deviance": "poisson_deviance",
    "neg_mean_gamma_deviance": "gamma_deviance",
}
"""scikit-learn's names of scorers, where they are not ours."""


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
