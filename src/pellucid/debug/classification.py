"""The metrics of a classifier, as functions of row weights, and the sentences that say them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.core.scores import Score
from pellucid.debug.estimates import VERDICTS, Estimate, percentage, proportion
from pellucid.debug.judged import Judged
from pellucid.maths.metrics import confusion_matrix, label_metrics, mean_terms, ranking_areas

BASELINE = "baseline"
"""The group of the rows that speak of no model: the majority class, the class shares, the mean."""

SMALLEST = float(np.finfo(np.float64).eps)
"""The least probability that the log loss takes at its word, as in scikit-learn."""

LABELS = {
    "accuracy": "The accuracy",
    "balanced_accuracy": "The balanced accuracy",
    "precision": "The precision",
    "recall": "The recall",
    "f1": "The F1 score",
    "roc_auc": "The area under the ROC curve",
    "pr_auc": "The average precision",
    "skill": "The skill",
}

NUMBERS = {"log_loss", "brier"}
"""Metrics said as numbers; the others are said in per cent."""

OVERALL = {
    "accuracy": "The model is right for {value} of {n} rows{interval}.",
    "balanced_accuracy": "Averaged over the classes, the model finds {value} of the rows of a"
    " class{interval}.",
    "precision": "Averaged over the classes, {value} of the rows predicted as a class truly are"
    " of it{interval}.",
    "recall": "Averaged over the classes, the model finds {value} of the rows of a"
    " class{interval}.",
    "f1": "Averaged over the classes, the F1 score is {value}{interval}.",
    "roc_auc": "Averaged over the classes, the model ranks a row of the class above another row"
    " {value} of the time{interval}.",
    "pr_auc": "Averaged over the classes, the average precision is {value}{interval}.",
    "log_loss": "The log loss is {value}{interval}; lower is better.",
    "brier": "The squared error of the probabilities is {value}{interval}; lower is better.",
    "skill": "Of the squared error of always giving the class shares, the model takes away"
    " {value}{interval}: {verdict}.",
}

ONE_CLASS = {
    "precision": "Of the {n} rows predicted as {name}, {value} truly are{interval}.",
    "recall": "Of the {n} rows of class {name}, the model finds {value}{interval}.",
    "f1": "The F1 score for {name}, which balances precision and recall, is {value}{interval}.",
    "roc_auc": "The model ranks a row of class {name} above one of another class {value} of the"
    " time{interval}.",
    "pr_auc": "Going down the ranking, on average {value} of the rows passed are of class"
    " {name}{interval}; {share} of all rows are.",
    "brier": "The squared error of the probability of {name} is {value}{interval}; lower is"
    " better.",
}

NO_MODEL = {
    "accuracy": "Always saying {majority} is right for {value} of the rows{interval}.",
    "balanced_accuracy": "Always saying {majority} finds {value} of the rows of a class.",
    "roc_auc": "Guessing ranks a row of the class above another row {value} of the time.",
    "pr_auc": "Guessing has an average precision of {value}{interval}.",
    "log_loss": "Always giving the class shares has a log loss of {value}{interval}.",
    "brier": "Always giving the class shares has a squared error of {value}{interval}.",
}

Metric = tuple[str, str]
Values = dict[Metric, np.ndarray]


def statistic(judged: Judged, predicted: np.ndarray) -> Callable[[np.ndarray], Values]:
    """From weights ``(resample, row)`` to every metric, by (metric, group)."""
    size = len(judged.classes)
    majority = np.full(judged.n, np.bincount(judged.actual).argmax())
    terms = _row_terms(judged)
    columns = np.column_stack(list(terms.values()))

    def measure(weights: np.ndarray) -> Values:
        labels = label_metrics(confusion_matrix(judged.actual, predicted, size, weights))
        always = label_metrics(confusion_matrix(judged.actual, majority, size, weights))
        means = dict(zip(terms, mean_terms(columns, weights).T, strict=True))
        ranking = _ranking(judged, weights)
        found = _overall(judged, labels, ranking)
        found |= {key: mean for key, mean in means.items() if key[1] == ""}
        found["skill", ""] = skill(means["brier", ""], means["brier", BASELINE])
        if not judged.binary:
            found |= _by_class(judged, labels, ranking, means)
        found["accuracy", BASELINE] = always["accuracy"]
        found["balanced_accuracy", BASELINE] = always["balanced_accuracy"]
        found |= _guessing(judged, weights, found["roc_auc", ""])
        found |= {key: mean for key, mean in means.items() if key[1] == BASELINE}
        return found

    return measure


def skill(loss: np.ndarray, loss_of_no_model: np.ndarray) -> np.ndarray:
    """Share of the loss of no model that the model takes away; NaN where there was none."""
    known = loss_of_no_model > 0
    return np.where(known, 1 - loss / np.where(known, loss_of_no_model, 1.0), np.nan)


def proportions(judged: Judged, predicted: np.ndarray) -> dict[Metric, Estimate]:
    """The metrics that are shares of rows, with Wilson intervals."""
    size = len(judged.classes)
    confusion = confusion_matrix(judged.actual, predicted, size, np.ones((1, judged.n)))[0]
    hits, support, called = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    found = {("accuracy", ""): proportion(hits.sum(), judged.n)}
    for place, name in enumerate(judged.names):
        group = "" if judged.binary else name
        if judged.binary and place != judged.positive:
            continue
        found["precision", group] = proportion(hits[place], called[place])
        found["recall", group] = proportion(hits[place], support[place])
    return found


def row(key: Metric, estimate: Estimate, judged: Judged) -> Score:
    """A metric as a row of the table, with its sentence."""
    metric, group = key
    if np.isnan(estimate.value):
        text = f"{LABELS[metric]} is not defined: {_undefined(metric, group, judged)}."
        return estimate.score(metric, text, group=group)
    shares = np.bincount(judged.actual, minlength=len(judged.classes)) / judged.n
    words = estimate.words(percent=metric not in NUMBERS) | {
        "majority": judged.names[shares.argmax()],
        "verdict": VERDICTS[estimate.positive],
    }
    place = _place(group, judged)
    if place is not None:
        words |= {"name": judged.names[place], "share": percentage(shares[place])}
    sentences = NO_MODEL if group == BASELINE else OVERALL
    if group != BASELINE and place is not None:
        sentences = OVERALL | ONE_CLASS
    passed = estimate.positive if metric == "skill" else None
    return estimate.score(metric, sentences[metric].format(**words), group=group, passed=passed)


def notes(judged: Judged) -> tuple[str, ...]:
    """What a reader of the scores must know."""
    said = judged.probability[np.arange(judged.n), judged.actual]
    impossible = np.count_nonzero(said < SMALLEST)
    found = [
        "Accuracy, and precision and recall of one class, carry Wilson intervals; the others"
        " carry percentile intervals of a bootstrap of the rows.",
        "The intervals speak of other rows like these, not of training the model again.",
    ]
    if impossible:
        found.append(
            f"{impossible} rows had a predicted probability of 0 for what they are; the log loss"
            f" counts each as {-np.log(SMALLEST):.1f}."
        )
    absent = [name for place, name in enumerate(judged.names) if not np.any(judged.actual == place)]
    if absent:
        found.append(f"No row is of class {', '.join(absent)}; averages leave it out.")
    return tuple(found)


def _row_terms(judged: Judged) -> dict[Metric, np.ndarray]:
    """Row terms whose weighted means are the losses of the model and of no model."""
    size = len(judged.classes)
    shares = np.bincount(judged.actual, minlength=size) / judged.n
    truth = np.eye(size)[judged.actual]
    said = judged.probability[np.arange(judged.n), judged.actual]
    squares, base = (judged.probability - truth) ** 2, (shares - truth) ** 2
    halved = 0.5 if judged.binary else 1.0
    if judged.binary:
        assert judged.positive is not None
        brier = squares[:, judged.positive]
    else:
        brier = squares.sum(axis=1)
    terms = {
        ("log_loss", ""): -np.log(np.clip(said, SMALLEST, 1 - SMALLEST)),
        ("brier", ""): brier,
        ("log_loss", BASELINE): -np.log(shares[judged.actual]),
        ("brier", BASELINE): base.sum(axis=1) * halved,
    }
    if not judged.binary:
        terms |= {("brier", name): squares[:, place] for place, name in enumerate(judged.names)}
    return terms


def _ranking(judged: Judged, weights: np.ndarray) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """ROC AUC and average precision by place of the class."""
    places = range(len(judged.classes)) if judged.positive is None else [judged.positive]
    return {
        place: ranking_areas(judged.actual == place, judged.probability[:, place], weights)
        for place in places
    }


def _overall(
    judged: Judged,
    labels: dict[str, np.ndarray],
    ranking: dict[int, tuple[np.ndarray, np.ndarray]],
) -> Values:
    found = {(name, ""): labels[name] for name in ("accuracy", "balanced_accuracy")}
    for name in ("precision", "recall", "f1"):
        place = judged.positive
        found[name, ""] = labels[name] if place is None else labels[f"class {name}"][:, place]
    occurring = [areas for place, areas in ranking.items() if np.any(judged.actual == place)]
    nothing = np.full((1, 2, len(labels["accuracy"])), np.nan)
    roc, pr = np.mean(occurring or nothing, axis=0)
    return {**found, ("roc_auc", ""): roc, ("pr_auc", ""): pr}


def _by_class(
    judged: Judged,
    labels: dict[str, np.ndarray],
    ranking: dict[int, tuple[np.ndarray, np.ndarray]],
    means: Values,
) -> Values:
    found: Values = {}
    for place, name in enumerate(judged.names):
        for metric in ("precision", "recall", "f1"):
            found[metric, name] = labels[f"class {metric}"][:, place]
        found["roc_auc", name], found["pr_auc", name] = ranking[place]
        found["brier", name] = means["brier", name]
    return found


def _guessing(judged: Judged, weights: np.ndarray, roc_auc: np.ndarray) -> Values:
    """The areas of a constant score."""
    places = np.unique(judged.actual) if judged.positive is None else [judged.positive]
    shares = mean_terms(np.eye(len(judged.classes))[judged.actual], weights)[:, places]
    return {
        ("roc_auc", BASELINE): np.where(np.isnan(roc_auc), np.nan, 0.5),
        ("pr_auc", BASELINE): np.where(shares > 0, shares, np.nan).mean(axis=1),
    }


def _place(group: str, judged: Judged) -> int | None:
    """Place of the class that a group speaks of."""
    if group in ("", BASELINE):
        return judged.positive
    return judged.names.index(group)


def _undefined(metric: str, group: str, judged: Judged) -> str:
    """Why a metric has no value."""
    place = _place(group, judged)
    support = np.bincount(judged.actual, minlength=len(judged.classes))
    if metric == "skill" or (metric == "roc_auc" and support.max() == judged.n):
        return f"every row is of class {judged.names[support.argmax()]}"
    name = "any class" if place is None else judged.names[place]
    if metric == "precision":
        return f"the model predicts no row as {name}"
    return f"no row is of class {name}"
