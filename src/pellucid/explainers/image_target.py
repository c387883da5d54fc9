"""Which output is explained of each image, and what that is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.core.axes import Label
from pellucid.core.errors import InvalidSetting, UnknownName

PREDICTED = "the class predicted"
"""What is explained where no target is named."""

MOST_NAMED = 6
"""Outputs that are named one by one, where images have targets of their own."""


def chosen_outputs(target: Any, labels: tuple[Label, ...], scores: np.ndarray) -> np.ndarray:
    """The output of each image: the one named, one for each image, or the greatest."""
    if target is None:
        return np.asarray(scores.argmax(axis=1))
    wanted = list(target) if isinstance(target, (list, tuple, np.ndarray)) else [target]
    if len(wanted) not in (1, len(scores)):
        raise InvalidSetting(
            "target names one class, or one for each image",
            got=f"{len(wanted)} targets",
            allowed=f"1 or {len(scores)}",
        )
    spelled: dict[str, list[int]] = {}
    for place, label in enumerate(labels):
        spelled.setdefault(str(label), []).append(place)
    numbered = not any(isinstance(label, (int, np.integer)) for label in labels)
    places = [_place(str(one), spelled, len(labels) if numbered else 0) for one in wanted]
    return np.array(places * len(scores) if len(places) == 1 else places)


def _place(one: str, spelled: Mapping[str, list[int]], numbers: int) -> int:
    """The output with a label, or else, of `numbers` outputs that may be numbered, with a number.

    Raises
    ------
    InvalidSetting
        If several outputs have this label.
    UnknownName
        If none has.
    """
    found = spelled.get(one, [])
    if len(found) > 1:
        raise InvalidSetting(
            f"{len(found)} outputs are called {one!r}",
            got=f"target={one!r}",
            allowed=[str(place) for place in found],
            fix="Give the number of the output that is meant",
        )
    if found:
        return found[0]
    if one.isdecimal() and int(one) < numbers:
        return int(one)
    raise UnknownName.among("class", one, list(spelled))


def numbered_outputs(outputs: Sequence[int], scores: np.ndarray) -> np.ndarray:
    """The output of each image, given by its number."""
    found = np.asarray(outputs, dtype=int)
    if found.shape != (len(scores),) or found.min() < 0 or found.max() >= scores.shape[1]:
        raise InvalidSetting(
            "The model has no such outputs",
            got=f"numbers up to {found.max()} for {found.size} images",
            allowed=f"0 to {scores.shape[1] - 1}, one for each of {len(scores)} images",
        )
    return found


def in_words(places: Sequence[int], labels: Sequence[Label], *, given: bool) -> str:
    """What is explained: the one output, those `given` for each image, or what was predicted."""
    told = [str(labels[place]) for place in places]
    if len(set(places)) == 1:
        return told[0]
    if not given:
        return PREDICTED
    if len(told) <= MOST_NAMED:
        return f"{', '.join(told)}, in the order of the images"
    return f"the class named for each image: {len(set(places))} of them"
