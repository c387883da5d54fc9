"""Where a model of images takes the channels: first or last, found out by asking it."""

from __future__ import annotations

from typing import Protocol, Self, TypeVar

import numpy as np

from pellucid.core.errors import CannotExplain, InvalidData

SAME = 1e-4
"""How far apart answers may be and still be the same, as a share of the greatest."""

PUT_FIRST = (
    "The model runs only with the channels first: it was given the images so, not with the "
    "channels last as they came."
)
PUT_LAST = "The model runs only with the channels last: it was given the images so."
EITHER = (
    "The model runs with the channels first and last, with other answers: it was given them last, "
    "as the images came. If it takes them first, give X.transpose(0, 3, 1, 2)."
)


class Asked(Protocol):
    """A model that answers about images."""

    def raw(self, values: np.ndarray) -> np.ndarray:
        """Raw scores (sample, output) of images (sample, channel, row, column)."""


class Laid(Asked, Protocol):
    """A model that can be given images in either layout.

    `last` is None until it is known whether the model takes the channels last.
    """

    last: bool | None
    notes: tuple[str, ...]

    def laid_out(self, last: bool) -> Self:
        """The same model, given images with the channels last or first."""


M = TypeVar("M", bound=Laid)


def runs(model: Asked, values: np.ndarray) -> np.ndarray | None:
    """The model's raw scores, or None where it fails."""
    try:
        return model.raw(values)
    except (CannotExplain, InvalidData):
        return None


def as_given(model: M, values: np.ndarray) -> M:
    """The model for images that came with the channels last, so that it answers as it would them.

    It is given them last if it runs so, else first. Cost: four evaluations, which are not counted.
    """
    if model.last is not None:
        return model
    last, first = model.laid_out(True), model.laid_out(False)
    own, turned = runs(last, values), runs(first, values)
    if own is None:
        first.notes = (*model.notes, PUT_FIRST)
        return model if turned is None else first
    if turned is not None and not _alike(own, turned):
        last.notes = (*model.notes, EITHER)
    return last


def first_answer(model: Laid, values: np.ndarray) -> np.ndarray:
    """Raw scores, of channels first; a model that fails so is given images channels last."""
    try:
        return model.raw(values)
    except (CannotExplain, InvalidData):
        turned = None
        if model.last is None and values.ndim == 4:
            turned = runs(model.laid_out(True), values)
        if turned is None:
            raise
        model.last, model.notes = True, (*model.notes, PUT_LAST)
        return turned


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.allclose(one, other, 0, SAME * np.abs(one).max())
