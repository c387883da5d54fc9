"""How good is the model? Its scores with intervals, beside those of no model at all.

The rows should be ones the model has not seen. Everything is computed from arrays, so that any
model can be judged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid import __version__
from pellucid.core.errors import InvalidSetting
from pellucid.core.provenance import Provenance
from pellucid.core.scores import Score, Scores
from pellucid.core.seeds import generator, resolve_seed
from pellucid.debug import classification
from pellucid.debug.estimates import VERDICTS, Estimate, from_draws
from pellucid.debug.judged import judge, numbers
from pellucid.maths.bootstrap import bootstrap
from pellucid.maths.metrics import regression_metrics

REGRESSION = {
    "mae": "The prediction is off by {value} on average{interval}.",
    "rmse": "The root mean squared error is {value}{interval}; it weighs large errors most.",
    "r2": "R² is {value}{interval}: 1 is perfect, 0 is always saying the mean.",
    "median_absolute_error": "Half of the predictions are off by {value} or less{interval}.",
    "bias": "On average, prediction minus truth is {value}{interval}.",
    "skill": "Of the mean absolute error of always saying the mean, the model takes away"
    " {value}{interval}: {verdict}.",
}

ALWAYS_THE_MEAN = {
    "mae": "Always saying the mean is off by {value} on average{interval}.",
    "rmse": "Always saying the mean has a root mean squared error of {value}{interval}.",
    "median_absolute_error": "Always saying the mean is off by {value} or less for half of the"
    " rows{interval}.",
}


def classification_scores(
    y: Any,
    probability: Any,
    classes: Sequence[Any],
    *,
    threshold: float = 0.5,
    positive: Any = None,
    seed: int | None = None,
    resamples: int = 1000,
) -> Scores:
    """How well a classifier does on these rows, with 95 % intervals.

    Parameters
    ----------
    y : array of shape (sample,)
        True class labels.
    probability : array of shape (sample, class), or (sample,) with two classes
        Predicted probabilities in the order of `classes`; a single column is that of
        ``classes[1]``.
    classes : sequence
        Class labels.
    threshold : float
        With two classes: the probability from which on the positive class is predicted. With
        more, the most probable class is predicted.
    positive : label, optional
        With two classes: the one that precision, recall, F1 and the areas speak of; by default
        ``classes[1]``.
    seed : int, optional
        Seed of the resamples.
    resamples : int
        Number of bootstrap resamples, at least 100.

    Returns
    -------
    Scores
        ``accuracy, balanced_accuracy, precision, recall, f1, roc_auc, pr_auc`` (average
        precision), ``log_loss, brier`` and ``skill``. With more than two classes, precision to
        pr_auc are macro averages and each class has its own rows against the rest
        (``group=<class>``). Rows with ``group="baseline"`` are those of no model: the most
        frequent class always, or the class shares as probabilities. ``skill`` is the share of the
        baseline's Brier score that the model takes away; its check holds where the whole interval
        lies above 0.

    Raises
    ------
    InvalidData, InvalidSetting, UnknownName
        If labels, probabilities or settings cannot be used.

    Notes
    -----
    No model is evaluated. Accuracy, and precision and recall of one class, are shares of rows and
    carry Wilson intervals; all others carry percentile intervals of a bootstrap of the rows in
    which no class goes missing. The intervals speak of other rows, not of another training run.
    Metrics are those of scikit-learn, except that precision and recall of a single class are NaN,
    not 0, where there is nothing to divide by, and that macro averages of the areas leave out
    classes that do not occur. The Brier score of two classes is that of the positive class, of
    more the sum over the classes.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, doi:10.1201/9780429246593.

    Examples
    --------
    >>> y = ["ill"] * 20 + ["well"] * 20
    >>> ill = [0.9] * 15 + [0.2] * 5 + [0.1] * 18 + [0.7] * 2
    >>> probability = [[p, 1 - p] for p in ill]
    >>> scores = classification_scores(y, probability, ["ill", "well"], positive="ill", seed=0)
    >>> print(scores.sel(metric="recall").rows[0].text)
    Of the 20 rows of class ill, the model finds 75.0 % (95 % interval 53.1 to 88.8).
    """
    started = time.perf_counter()
    judged = judge(y, probability, classes, positive)
    if positive is not None and not judged.binary:
        raise InvalidSetting(
            f"A positive class needs two classes, and there are {len(judged.classes)}",
            got=str(positive),
            fix="Leave it out: each class has its own rows",
        )
    predicted = judged.predicted(threshold)
    used = resolve_seed(seed)
    values, draws = bootstrap(
        classification.statistic(judged, predicted),
        judged.n,
        resamples=resamples,
        rng=generator(used, "classification_scores"),
        strata=judged.actual,
    )
    found = from_draws(values, draws, judged.n) | classification.proportions(judged, predicted)
    return Scores(
        rows=tuple(classification.row(key, found[key], judged) for key in values),
        provenance=Provenance(
            method="classification_scores",
            params={"threshold": threshold, "positive": judged.name, "resamples": resamples},
            target=judged.name,
            scale="probability",
            seconds=time.perf_counter() - started,
            seed=used,
            version=__version__,
            notes=classification.notes(judged),
        ),
    )


def regression_scores(
    y: Any, prediction: Any, *, seed: int | None = None, resamples: int = 1000
) -> Scores:
    """How well a regression model does on these rows, with 95 % intervals.

    Parameters
    ----------
    y, prediction : array of shape (sample,)
        Truth and prediction, in the unit of the target.
    seed : int, optional
        Seed of the resamples.
    resamples : int
        Number of bootstrap resamples, at least 100.

    Returns
    -------
    Scores
        ``mae, rmse, r2, median_absolute_error, bias`` (prediction − truth) and ``skill``; rows
        with ``group="baseline"`` are those of always saying the mean of `y`. ``skill`` is the
        share of the baseline's mean absolute error that the model takes away; its check holds
        where the whole interval lies above 0.

    Raises
    ------
    InvalidData, InvalidSetting
        If truth, prediction or settings cannot be used.

    Notes
    -----
    No model is evaluated. Percentile intervals of a bootstrap of the rows. R² is NaN where the
    truth is constant.
    """
    started = time.perf_counter()
    truth = numbers("true answers", y)
    said = numbers("predictions", prediction, len(truth))
    used = resolve_seed(seed)
    values, draws = bootstrap(
        _regression(truth, said),
        len(truth),
        resamples=resamples,
        rng=generator(used, "regression_scores"),
    )
    found = from_draws(values, draws, len(truth))
    return Scores(
        rows=tuple(_regression_row(key, found[key]) for key in values),
        provenance=Provenance(
            method="regression_scores",
            params={"resamples": resamples},
            seconds=time.perf_counter() - started,
            seed=used,
            version=__version__,
            notes=("The intervals speak of other rows like these, not of training again.",),
        ),
    )


def _regression(
    truth: np.ndarray, said: np.ndarray
) -> Callable[[np.ndarray], classification.Values]:
    middle = np.full(len(truth), truth.mean())

    def measure(weights: np.ndarray) -> classification.Values:
        model = regression_metrics(truth, said, weights)
        always = regression_metrics(truth, middle, weights)
        found = {(metric, ""): values for metric, values in model.items()}
        found["skill", ""] = classification.skill(model["mae"], always["mae"])
        return found | {
            (metric, classification.BASELINE): always[metric] for metric in ALWAYS_THE_MEAN
        }

    return measure


def _regression_row(key: classification.Metric, estimate: Estimate) -> Score:
    metric, group = key
    if np.isnan(estimate.value):
        name = "R²" if metric == "r2" else "The skill"
        return estimate.score(metric, f"{name} is not defined: the truth is constant.", group=group)
    words = estimate.words(percent=metric == "skill") | {"verdict": VERDICTS[estimate.positive]}
    sentence = (ALWAYS_THE_MEAN if group == classification.BASELINE else REGRESSION)[metric]
    passed = estimate.positive if metric == "skill" else None
    return estimate.score(metric, sentence.format(**words), group=group, passed=passed)
