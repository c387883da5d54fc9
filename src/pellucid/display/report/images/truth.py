"""What the model says of each image, and whether it is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pellucid import __version__
from pellucid.core.errors import WrongTarget, WrongType
from pellucid.core.provenance import Provenance
from pellucid.core.scores import Score, Scores
from pellucid.debug.performance import classification_scores, regression_scores
from pellucid.debug.probability import confusion
from pellucid.display.report.facts import _labels
from pellucid.display.words import percent
from pellucid.maths.intervals import wilson

MOST_CLASSES = 20
"""Classes up to which each is judged by itself and confusion is drawn."""

SCORES = (
    "The outputs are no probabilities, so they are taken as scores: only which one is the greatest "
    "is held against the truth. A function that returns probabilities is judged by them too."
)
"""What is said of outputs that do not add up to 1."""

TOP = 5
"""Of many classes: among how many first ones the true one is looked for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """Predictions beside answers.

    Parameters
    ----------
    own, names : tuple of str
        The outputs as the model calls them, and as the report does.
    several : bool
        Whether the model chooses one of several outputs; otherwise it says a number.
    predicted, answers : arrays of shape (sample,)
        Names of outputs, or numbers; `answers` is None where they are not known.
    scores, confusion : Scores or None
        How good the model is.
    notes : tuple of str
        What was assumed.
    """

    own: tuple[str, ...]
    names: tuple[str, ...]
    several: bool
    predicted: np.ndarray
    answers: np.ndarray | None = None
    scores: Scores | None = None
    confusion: Scores | None = None
    notes: tuple[str, ...] = ()

    @property
    def wrong(self) -> np.ndarray:
        """Which images are predicted wrongly; none where that cannot be told."""
        if self.answers is None or not self.several:
            return np.zeros(len(self.predicted), dtype=bool)
        return np.asarray(self.predicted != self.answers)

    def called(self, own: str) -> str:
        """What the report calls an output of the model."""
        return dict(zip(self.own, self.names, strict=True)).get(own, own)

    def spelled(self, target: Any) -> Any:
        """A target, or one for each image, as the model calls it."""
        if isinstance(target, (list, tuple, np.ndarray)):
            return [self.spelled(each) for each in target]
        known = dict(zip(self.names, self.own, strict=True))
        return target if target is None else known.get(str(target), target)

    def most_predicted(self, most: int) -> list[str]:
        """The names predicted most often."""
        return [name for name, _ in Counter(map(str, self.predicted)).most_common(most)]


def truth_of(y: Any, output: np.ndarray, adapter: Any, seed: int) -> Truth:
    """What the outputs (sample, output) say, held against the answers.

    Raises
    ------
    WrongTarget, WrongType
        If the answers do not fit.
    """
    answers = None if y is None else np.asarray(y)
    if answers is not None and answers.shape != (len(output),):
        raise WrongTarget(
            "The true answers do not fit the images",
            got=f"shape {answers.shape}",
            allowed=f"({len(output)},)",
        )
    if output.shape[1] == 1:
        return _of_numbers(answers, output[:, 0], seed)
    own = tuple(map(str, adapter.classes or range(output.shape[1])))
    names, told, notes = _names(own, answers)
    predicted = np.array(names, dtype=object)[output.argmax(axis=1)]
    truth = Truth(
        own=own, names=names, several=True, predicted=predicted, answers=told, notes=notes
    )
    if told is None:
        return truth
    probable = "probability" in adapter.scales and len(names) <= MOST_CLASSES
    if "probability" not in adapter.scales:
        truth = replace(truth, notes=(*notes, SCORES))
    if not probable:
        return replace(truth, scores=_counted(told, predicted, output, names))
    return replace(
        truth,
        scores=_on_images(classification_scores(told, output, names, seed=seed)),
        confusion=_on_images(confusion(told, output, names)),
    )


def _of_numbers(answers: np.ndarray | None, output: np.ndarray, seed: int) -> Truth:
    truth = Truth(own=("0",), names=("0",), several=False, predicted=output)
    if answers is None:
        return truth
    try:
        numbers = answers.astype(np.float64)
    except (TypeError, ValueError):
        raise WrongType(
            "The answers to a model with one output are numbers",
            got=f"values such as {answers[0]!r}",
        ) from None
    scores = _on_images(regression_scores(numbers, output, seed=seed))
    return replace(truth, answers=numbers, scores=scores)


def _names(
    own: Sequence[str], answers: np.ndarray | None
) -> tuple[tuple[str, ...], np.ndarray | None, tuple[str, ...]]:
    """What outputs are called, the answers in these names, and what was assumed.

    Outputs that are only numbered take the names of the answers, in their order, where there are
    as many; so does who trains on a folder for each class.
    """
    if answers is None:
        return tuple(own), None, ()
    told = _labels(answers, set(own))
    strange = sorted(set(told) - set(own))
    if not strange:
        return tuple(own), told, ()
    found = sorted(set(told))
    numbered = list(own) == [str(i) for i in range(len(own))]
    if numbered and len(found) == len(own):
        first = ", ".join(f"{name} is {i}" for i, name in enumerate(found[:4]))
        note = f"Answers were matched to the outputs in the order of their names: {first}"
        return tuple(found), told, (f"{note}{', …' * (len(found) > 4)}.",)
    raise WrongTarget(
        "The answers have classes that the model does not know",
        got=strange[:8],
        allowed=list(own[:8]) + ["…"] * (len(own) > 8),
        fix="Call folders, or answers, as the model's classes; without them give images alone",
    )


def _counted(
    answers: np.ndarray, predicted: np.ndarray, output: np.ndarray, names: Sequence[str]
) -> Scores:
    """How often one of many classes is right, and how often it is among the first five."""
    place = {name: i for i, name in enumerate(names)}
    true = np.array([place[str(each)] for each in answers])
    top = np.argsort(-output, axis=1)[:, :TOP]
    rows = []
    told = [("accuracy", predicted == answers, "the model is right")]
    if len(names) > TOP:
        among = (top == true[:, None]).any(axis=1)
        words = f"the true class is among the model's first {TOP}"
        told.append((f"top_{TOP}_accuracy", among, words))
    for metric, hits, words in told:
        share, n = float(np.mean(hits)), len(answers)
        low, high = (float(each) for each in wilson(float(np.sum(hits)), n))
        text = f"For {percent(share)} of the rows {words}"
        text += f" (95 % interval {percent(low)} to {percent(high)})."
        rows.append(Score(metric=metric, value=share, low=low, high=high, n=n, text=text))
    made = Provenance(method="performance", version=__version__)
    return _on_images(Scores(rows=tuple(rows), provenance=made))


def _on_images(scores: Scores) -> Scores:
    """Scores that say of themselves that they are of images, for charts to say so too."""
    made = scores.provenance
    return replace(scores, provenance=replace(made, params={**made.params, "kind": "image"}))
