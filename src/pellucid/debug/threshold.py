"""Where to draw the line between the two answers of a classifier."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from pellucid import __version__
from pellucid.core.errors import InvalidSetting, WrongTarget
from pellucid.core.explanation import number
from pellucid.core.provenance import Provenance
from pellucid.core.scores import Score, Scores
from pellucid.core.seeds import generator, resolve_seed
from pellucid.debug.estimates import Estimate, from_draws
from pellucid.debug.judged import judge
from pellucid.maths.bootstrap import bootstrap

COSTS = ("false_positive", "false_negative")

USUAL = 0.5
"""The threshold that the chosen one is compared with."""

FLATTERED = (
    "The threshold was chosen on the rows it is measured on, which flatters it: measure again on"
    " other rows."
)

SENTENCES = {
    "threshold": "Predict {name} from a probability of {value} on{interval}.",
    "youden": "At {place}, the share of {name} rows found minus the share of false alarms among the"
    " others is {value}{interval}.",
    "f1": "At {place}, the F1 score for {name} is {value}{interval}.",
    "cost": "At {place}, the mean cost of a row is {value}{interval}.",
}

Goal = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def choose_threshold(
    y: Any,
    probability: Any,
    classes: Sequence[Any],
    goal: Literal["youden", "f1"] | Mapping[str, float] = "youden",
    *,
    positive: Any = None,
    seed: int | None = None,
    resamples: int = 1000,
) -> Scores:
    """The threshold that serves a goal best on these rows, and how far it can be trusted.

    Parameters
    ----------
    y, probability, classes
        As for `classification_scores`.
    goal : {"youden", "f1"} or Mapping
        ``"youden"``: recall of the positive class plus recall of the others, minus 1. ``"f1"``:
        the F1 score of the positive class. ``{"false_positive": 1, "false_negative": 5}``: the
        least cost, in any unit.
    positive : label, optional
        The class that is predicted from the threshold on; needed with more than two classes.
    seed : int, optional
        Seed of the resamples.
    resamples : int
        Number of bootstrap resamples, at least 100.

    Returns
    -------
    Scores
        ``threshold``, whose interval shows how the choice moves on other rows; then the goal
        (``youden``, ``f1`` or ``cost``, the mean cost of a row) there and, with
        ``group="threshold 0.5"``, at 0.5.

    Raises
    ------
    WrongTarget
        If all rows are of one class.
    InvalidData, InvalidSetting, UnknownName
        If labels, probabilities or settings cannot be used.

    Notes
    -----
    The threshold lies midway between two predicted probabilities; of equally good ones it is the
    highest. It is chosen on the rows given, and the goal is measured on the same rows, so that
    the goal is somewhat flattered: measure again on other rows. No model is evaluated.

    References
    ----------
    Youden (1950), doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3.
    """
    started = time.perf_counter()
    judged = judge(y, probability, classes, positive)
    truth, score, name = judged.one("A threshold")
    _check_both(truth, name)
    metric, gain, sign = _goal(goal)
    cuts = _cuts(score)
    chosen = _best(truth, score, gain, np.ones((1, judged.n)), cuts)[0]

    def measure(weights: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
        return {
            ("threshold", ""): _best(truth, score, gain, weights, cuts),
            (metric, ""): sign * _at(truth, score, gain, weights, chosen),
            (metric, f"threshold {USUAL}"): sign * _at(truth, score, gain, weights, USUAL),
        }

    used = resolve_seed(seed)
    values, draws = bootstrap(
        measure,
        judged.n,
        resamples=resamples,
        rng=generator(used, "choose_threshold"),
        strata=truth.astype(np.intp),
    )
    found = from_draws(values, draws, judged.n)
    return Scores(
        rows=tuple(_row(key, estimate, name, chosen) for key, estimate in found.items()),
        provenance=Provenance(
            method="choose_threshold",
            params={"goal": goal, "resamples": resamples},
            target=name,
            scale="probability",
            seconds=time.perf_counter() - started,
            seed=used,
            version=__version__,
            notes=(FLATTERED,),
        ),
    )


def _row(key: tuple[str, str], estimate: Estimate, name: str, chosen: float) -> Score:
    metric, group = key
    words = estimate.words(percent=False) | {
        "place": number(USUAL if group else chosen),
        "name": name,
    }
    return estimate.score(metric, SENTENCES[metric].format(**words), group=group)


def _check_both(truth: np.ndarray, name: str) -> None:
    if truth.all() or not truth.any():
        which = "every" if truth.all() else "no"
        raise WrongTarget(
            f"No threshold can be chosen: {which} row is of class {name}",
            fix="Give rows of both kinds",
        )


def _goal(goal: Any) -> tuple[str, Goal, float]:
    """Name, gain of (true positives, false positives, positives, negatives), and its sign."""
    if goal == "youden":
        return "youden", lambda tp, fp, p, n: tp / p - fp / n, 1.0
    if goal == "f1":
        return "f1", lambda tp, fp, p, n: 2 * tp / (tp + fp + p), 1.0
    if not isinstance(goal, Mapping) or set(goal) != set(COSTS):
        raise InvalidSetting(
            "The goal of the threshold cannot be used",
            got=goal if isinstance(goal, str) else repr(goal),
            allowed="'youden', 'f1', or a mapping with 'false_positive' and 'false_negative'",
        )
    alarm, miss = (float(goal[name]) for name in COSTS)
    if not (0 <= alarm < np.inf and 0 <= miss < np.inf and alarm + miss > 0):
        raise InvalidSetting("Costs must be 0 or more, and not both 0", got=repr(dict(goal)))
    return "cost", lambda tp, fp, p, n: -(alarm * fp + miss * (p - tp)) / (p + n), -1.0


def _cuts(score: np.ndarray) -> np.ndarray:
    """Thresholds from above all scores down to below them, each between two different scores."""
    ordered = np.unique(score)[::-1]
    above = np.concatenate([[1.0], ordered])
    below = np.append(ordered, 0.0)
    middle = (above + below) / 2
    cuts = np.where(middle > below, middle, above)
    if ordered[0] == 1.0:
        cuts[0] = np.nextafter(1.0, 2.0)
    return cuts


def _best(
    truth: np.ndarray, score: np.ndarray, gain: Goal, weights: np.ndarray, cuts: np.ndarray
) -> np.ndarray:
    """The cut of highest gain under each set of weights: shape (resample,)."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    ordered = weights[:, order]
    total = np.cumsum(ordered, axis=1)[:, ends]
    hits = np.cumsum(ordered * truth[order], axis=1)[:, ends]
    none = np.zeros((len(weights), 1))
    hits, total = np.hstack([none, hits]), np.hstack([none, total])
    positives, negatives = hits[:, -1:], (total - hits)[:, -1:]
    gains = gain(hits, total - hits, positives, negatives)
    return cuts[np.argmax(gains >= gains.max(axis=1, keepdims=True) - 1e-12, axis=1)]


def _at(
    truth: np.ndarray, score: np.ndarray, gain: Goal, weights: np.ndarray, threshold: float
) -> np.ndarray:
    """The gain of one threshold under each set of weights: shape (resample,)."""
    said = score >= threshold
    terms = np.column_stack([said & truth, said & ~truth, truth, ~truth]).astype(float)
    hits, alarms, positives, negatives = (weights @ terms).T
    return gain(hits, alarms, positives, negatives)
