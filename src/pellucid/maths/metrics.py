"""Metrics of predictions under row weights, for many sets of weights at once.

`weights` has shape ``(resample, row)`` throughout; whole numbers mean repeated rows. A metric that
is not defined for a set of weights is NaN there.
"""

from __future__ import annotations

import numpy as np
from numba import njit


def mean_terms(terms: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted means of row terms ``(row, term)``: shape (resample, term)."""
    return weights @ terms / weights.sum(axis=1, keepdims=True)


def confusion_matrix(
    actual: np.ndarray, predicted: np.ndarray, n_classes: int, weights: np.ndarray
) -> np.ndarray:
    """Weight of each pair of actual and predicted class: shape (resample, actual, predicted)."""
    cells = np.asarray(actual * n_classes + predicted, dtype=np.int64)
    return sums_by_group(weights, cells, n_classes**2).reshape(-1, n_classes, n_classes)


def label_metrics(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics of predicted labels from confusion matrices ``(resample, actual, predicted)``.

    Returns
    -------
    dict of arrays
        ``"accuracy"``, ``"balanced_accuracy"`` and the macro averages ``"precision"``,
        ``"recall"``, ``"f1"`` of shape (resample,); ``"class precision"``, ``"class recall"``,
        ``"class f1"`` of shape (resample, class), NaN where 0 / 0.

    Notes
    -----
    As scikit-learn has it: macro averages run over the classes that occur or are predicted, and
    count 0 / 0 as 0; balanced accuracy runs over the classes that occur.
    """
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    support, called = confusion.sum(axis=2), confusion.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        by_class = {
            "precision": hits / called,
            "recall": hits / support,
            "f1": 2 * hits / (support + called),
        }
        occurs = support > 0
        balanced = np.nansum(by_class["recall"], axis=1) / occurs.sum(axis=1)
    seen = (support + called > 0).sum(axis=1)
    return {
        "accuracy": hits.sum(axis=1) / support.sum(axis=1),
        "balanced_accuracy": balanced,
        **{name: np.nansum(values, axis=1) / seen for name, values in by_class.items()},
        **{f"class {name}": values for name, values in by_class.items()},
    }


def ranking_areas(
    positive: np.ndarray, score: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Area under the ROC curve, and average precision, of a score: each of shape (resample,).

    Parameters
    ----------
    positive : bool array of shape (row,)
        Which rows should score high.
    score : array of shape (row,)
        Equal scores count as half a win, and as one threshold for the average precision.
    weights : array of shape (resample, row)
        Row weights.
    """
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    last_of_tie = np.append(ordered[1:] != ordered[:-1], True)
    areas = _areas(weights, order, positive[order], last_of_tie)
    return areas[:, 0], areas[:, 1]


def weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The median of ``values (row,)``, midway between the middle two: shape (resample,)."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    reached = np.cumsum(weights[:, order], axis=1)
    half = reached[:, -1:] / 2
    lower, upper = (reached < half).sum(axis=1), (reached <= half).sum(axis=1)
    return (ordered[lower] + ordered[upper]) / 2


def regression_metrics(
    y: np.ndarray, prediction: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """``mae, rmse, r2, median_absolute_error, bias`` (prediction − y), each (resample,)."""
    error = prediction - y
    centred = y - y.mean()
    terms = np.column_stack([np.abs(error), error**2, error, centred, centred**2])
    absolute, squared, bias, centre, spread = mean_terms(terms, weights).T
    variance = spread - centre**2
    varies = variance > 1e-12 * max(float(np.mean(centred**2)), np.finfo(float).tiny)
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = np.where(varies, 1 - squared / variance, np.nan)
    return {
        "mae": absolute,
        "rmse": np.sqrt(squared),
        "r2": r2,
        "median_absolute_error": weighted_median(np.abs(error), weights),
        "bias": bias,
    }


@njit(cache=True, nogil=True)
def sums_by_group(weights: np.ndarray, groups: np.ndarray, n_groups: int) -> np.ndarray:
    """Sum of the weights of each group, for ``groups (row,)`` of places: (resample, group)."""
    sums = np.zeros((weights.shape[0], n_groups))
    for resample in range(weights.shape[0]):
        for row in range(weights.shape[1]):
            sums[resample, groups[row]] += weights[resample, row]
    return sums


@njit(cache=True, nogil=True)
def _areas(
    weights: np.ndarray, order: np.ndarray, positive: np.ndarray, last_of_tie: np.ndarray
) -> np.ndarray:
    """ROC AUC and average precision; all but `weights` are in order of falling score."""
    areas = np.full((weights.shape[0], 2), np.nan)
    for resample in range(weights.shape[0]):
        above = np.zeros(2)  # weight of the negatives, and of the positives, so far
        tied = np.zeros(2)
        wins = precision = 0.0
        for place in range(len(order)):
            tied[np.int64(positive[place])] += weights[resample, order[place]]
            if last_of_tie[place]:
                wins += tied[0] * (above[1] + tied[1] / 2)
                above += tied
                if tied[1] > 0:
                    precision += tied[1] * above[1] / (above[0] + above[1])
                tied[:] = 0.0
        if above[1] > 0:
            areas[resample, 1] = precision / above[1]
            if above[0] > 0:
                areas[resample, 0] = wins / (above[0] * above[1])
    return areas
