"""Asking a model about images of which a mask keeps a part and removes the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.core.errors import InvalidSetting
from pellucid.engine.work import slices
from pellucid.explainers.image_question import ImageQuestion
from pellucid.perturb.input_baseline import baseline_of

REMOVALS: dict[str, str] = {
    "mean": "Removed pixels take the mean colour of their image.",
    "zero": "Removed pixels are zero.",
    "blur": "Removed pixels are blurred.",
}
"""What may stand in for removed pixels, beside a number, and what the reader is told."""

Masks = Callable[[np.ndarray], np.ndarray]
"""From numbers of masks (mask,) to what each keeps of every pixel, 0 to 1: (mask, row, column)."""


def checked_removal(value: Any) -> None:
    """Refuse what is neither the name of a removal nor a finite number."""
    named = isinstance(value, str) and value in REMOVALS
    numbered = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not named and not (numbered and abs(value) < float("inf")):
        raise InvalidSetting(
            "removal is what stands in for removed pixels",
            got=repr(value),
            allowed=f"{', '.join(map(repr, REMOVALS))}, or a number",
        )


def stand_in(question: ImageQuestion, removal: float | str) -> np.ndarray:
    """The images with all pixels removed, like the images' values; the reader is told of it."""
    if isinstance(removal, str):
        question.note(REMOVALS[removal])
    else:
        question.note(f"Removed pixels are {removal:g}.")
    return baseline_of(question.images.values, removal)


def outputs_under(
    question: ImageQuestion, behind: np.ndarray, masks: Masks, number: int
) -> np.ndarray:
    """The explained output of every image under every mask: (sample, mask).

    Parameters
    ----------
    question : ImageQuestion
    behind : array of shape (sample, channel, row, column)
        What shows where a mask keeps nothing.
    masks : callable
    number : int
        How many masks there are; they are made as they are needed.

    Notes
    -----
    Cost: samples × masks evaluations, in calls of at most `batch_size` images.
    """
    images = question.images.values
    samples = len(images)
    found = np.empty(number * samples)
    for some in slices(len(found), question.work.batch_size):
        mask, sample = np.divmod(np.arange(some.start, some.stop), samples)
        first, last = mask[0], mask[-1] + 1
        kept = masks(np.arange(first, last)).astype(np.float32)[mask - first][:, None]
        shown = images[sample] * kept + behind[sample] * (1 - kept)
        found[some] = question.predict(shown, question.chosen[sample])
    return np.ascontiguousarray(found.reshape(number, samples).T)


def nodes_along(side: int, cells: int) -> tuple[int, int]:
    """Pixels in one of so many cells along a side, and nodes that a shifted grid of them needs."""
    cell = -(-side // cells)
    return cell, -(-side // cell) + 2


def between(side: int, cell: int, nodes: int) -> np.ndarray:
    """What each node gives to each pixel by linear interpolation: (shift, pixel, node)."""
    at = (np.arange(side) + np.arange(cell)[:, None]) / cell
    return np.clip(1 - np.abs(at[..., None] - np.arange(nodes)), 0, None).astype(np.float32)
