"""The game of the segments of images, and what stands in for those that are removed."""

from __future__ import annotations

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.image_question import ImageQuestion
from pellucid.perturb.image_game import ImageGame
from pellucid.perturb.input_baseline import baseline_of

OF_IMAGES: dict[str, str] = {
    "marginal": "Removed segments take their pixels from background images.",
    "baseline": "Removed segments take the mean of the background images.",
    "mean": "Removed segments take the mean colour of their image.",
    "zero": "Removed segments are zero.",
    "blur": "Removed segments are blurred.",
}
"""Removals of images, and what the reader is told. Without a background, the first two are
``"mean"``."""

WITH_BACKGROUND = ("marginal", "baseline")


def image_game_of(question: ImageQuestion, removal: str, max_background: int | None) -> ImageGame:
    """The game of a question about images.

    Raises
    ------
    InvalidSetting
        If the removal is for tables.
    """

    def scores(values: np.ndarray) -> np.ndarray:
        return question.work.predict(question.scores, values)

    return ImageGame(
        scores=scores,
        images=question.images.values,
        chosen=question.chosen,
        told=question.output,
        segment=question.segment,
        behind=behind(question, removal, max_background),
        batch_size=question.work.batch_size,
    )


def behind(question: ImageQuestion, removal: str, max_background: int | None) -> np.ndarray:
    """What stands in for what is removed: (1 or sample, reference, channel, row, column)."""
    if removal not in OF_IMAGES:
        raise InvalidSetting(
            f"removal={removal!r} is for tables", got="images", allowed=list(OF_IMAGES)
        )
    if removal in WITH_BACKGROUND and question.background is None:
        removal = "mean"
    question.note(OF_IMAGES[removal])
    if removal not in WITH_BACKGROUND:
        return baseline_of(question.images.values, removal)[:, None]
    assert question.background is not None
    images = question.background.values
    if removal == "baseline":
        return images.mean(axis=0, dtype=np.float64).astype(images.dtype)[None, None]
    if max_background is not None and len(images) > max_background:
        question.note(
            f"{max_background:,} of {len(images):,} background images were drawn at random (seed "
            f"{question.seed}) to bound the cost; the error does not include this choice."
        )
        drawn = question.rng("background").choice(len(images), max_background, replace=False)
        images = images[np.sort(drawn)]
    return images[None]


def references(question: ImageQuestion, removal: str, max_background: int | None) -> int:
    """How many images stand in for what a coalition lacks."""
    if removal != "marginal" or question.background is None:
        return 1
    return min(len(question.background), max_background or len(question.background))


def told_of(
    question: ImageQuestion, game: ImageGame, values: np.ndarray, error: np.ndarray | None
) -> Attribution:
    """The explanation that values of segments, (sample, segment, 1), make on their pixels.

    Values and errors are spread evenly over the pixels and channels of a segment, whose sums they
    keep.
    """
    most = game.segment.max(axis=(1, 2)) + 1
    low, high = int(most.min()), int(most.max())
    number = f"{low}" if low == high else f"{low} to {high}"
    question.note(f"Images were cut into {number} segments, whose values are spread evenly.")
    return question.attribution(
        game.spread(values[..., 0]),
        base=game.nobody,
        error=None if error is None else game.spread(error[..., 0]),
        inputs={"segment": question.segment},
    )
