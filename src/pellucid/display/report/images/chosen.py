"""Which images a report shows, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.core.errors import UnknownName
from pellucid.display.report.images.truth import Truth

MOST = 6
"""Images shown, beside those that were asked for."""

WRONG, DOUBTFUL = 2, 2
"""Images shown of those predicted wrongly, and of those the model is least sure of."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An image that is shown, by place, and why."""

    place: int
    why: str


def confidence(truth: Truth, output: np.ndarray) -> np.ndarray:
    """The greatest output of each image; of a single output, the output."""
    return np.asarray(output.max(axis=1))


def chosen(
    truth: Truth, output: np.ndarray, names: Sequence[Any], asked: Sequence[Any]
) -> tuple[Shown, ...]:
    """The images to show: those asked for, then the most instructive ones, each once.

    Raises
    ------
    UnknownName
        If an image that was asked for is not there.
    """
    spelled = [str(name) for name in names]
    found: dict[int, str] = {}
    for name in asked:
        if str(name) not in spelled:
            raise UnknownName.among("image", str(name), spelled)
        found[spelled.index(str(name))] = "You asked for this image."
    most = len(found) + MOST
    ways = _of_several(truth, output) if truth.several else _of_numbers(truth, output[:, 0])
    for place, why in ways:
        if len(found) < most:
            found.setdefault(place, why)
    return tuple(Shown(place=place, why=why) for place, why in found.items())


def _of_several(truth: Truth, output: np.ndarray) -> Iterator[tuple[int, str]]:
    """Wrong and sure of it, least sure, and most sure, the last of one class each."""
    sure = confidence(truth, output)
    wrong = np.flatnonzero(truth.wrong)
    for place in wrong[np.argsort(-sure[wrong], kind="stable")][:WRONG]:
        yield int(place), "Predicted wrongly, and one of those it is surest of."
    for place in np.argsort(sure, kind="stable")[:DOUBTFUL]:
        yield int(place), f"One of the {DOUBTFUL} images the model is least sure of."
    right = np.flatnonzero(~truth.wrong)
    classes: set[str] = set()
    for place in right[np.argsort(-sure[right], kind="stable")]:
        if str(truth.predicted[place]) not in classes:
            classes.add(str(truth.predicted[place]))
            yield int(place), "Of those predicted as this class, the model is surest of this one."


def _of_numbers(truth: Truth, output: np.ndarray) -> Iterator[tuple[int, str]]:
    order = np.argsort(-output, kind="stable")
    if truth.answers is not None:
        gap = np.abs(output - truth.answers.astype(float))
        yield int(gap.argmax()), "The prediction that is furthest from the truth."
    yield int(order[0]), "The highest prediction."
    yield int(order[-1]), "The lowest prediction."
    yield int(order[len(order) // 2]), "A prediction in the middle."
