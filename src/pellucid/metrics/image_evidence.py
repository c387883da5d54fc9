"""What a metric judges of images: cells of a grid, and what can take their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import CannotExplain
from pellucid.engine.work import slices
from pellucid.explainers.image_model import adapter_of
from pellucid.explainers.image_question import ImageQuestion
from pellucid.metrics.evidence import Evidence
from pellucid.models.adapter import Model
from pellucid.perturb.imputed import noisy_linear
from pellucid.perturb.input_baseline import baseline_of

NOISE = 0.01
"""Standard deviation of the noise of ROAD's filling, as a part of the image's spread."""

PLAIN = 0.1
"""The colour that an image has most often is its background where at least such a part has it."""

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From places of samples (case,) and the pixels removed (case, row, column) to images without."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageEvidence(Evidence):
    """The evidence of images; units are cells, the same for every method that is judged.

    Parameters
    ----------
    cell : int array of shape (sample, row, column)
        The cell of each pixel, from 0 in each image.
    maps : array of shape (sample, row, column)
        The explanation, summed over channels.
    own, own_error : array of shape (sample, row, column) or (sample, channel, row, column)
        The explanation and its standard errors, as they were made. The `error` of a unit is the
        sum of those of its pixels: the most it can be, where they err together.
    segment : int array of shape (sample, row, column) or None
        The segments that the explanation was made of, to make it again of the same.
    """

    thing: ClassVar[str] = "image"
    one: ClassVar[str] = "an image"
    part: ClassVar[str] = "cell"
    number: ClassVar[str] = "pixel"
    step: ClassVar[str] = "unit of pixel value"
    unmoved: ClassVar[str] = "an image of a single colour has no spread to be changed by"
    evaluations: ClassVar[int] = 100_000
    ways: ClassVar[Mapping[str, str]] = {
        "mean": "the image's mean colour",
        "blur": "the image blurred",
        "zero": "zeros",
        "noisy_linear": "the pixels around it, blended, with a little noise",
    }

    question: ImageQuestion
    first: ImageQuestion
    cell: np.ndarray
    maps: np.ndarray
    own: np.ndarray
    own_error: np.ndarray
    segment: np.ndarray | None = None

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(f"cell {i}" for i in range(int(self.cell.max()) + 1))

    @property
    def names(self) -> tuple[Any, ...]:
        return self.question.images.names

    @property
    def inputs(self) -> np.ndarray:
        return self.question.images.values

    @property
    def outputs(self) -> np.ndarray:
        return self.question.output[:, None]

    @property
    def classes(self) -> np.ndarray:
        labels = np.array([str(label) for label in self.question.labels], dtype=object)
        return labels[self.question.chosen]

    @property
    def has_reference(self) -> bool:
        return True

    @cached_property
    def area(self) -> np.ndarray:
        """Pixels of each cell: (sample, unit)."""
        return summed(np.ones(self.cell.shape), self.cell)

    @property
    def there(self) -> np.ndarray:
        return self.area > 0

    @property
    def importance(self) -> np.ndarray:
        """Mean value of a cell's pixels, so that larger cells do not come first for their size."""
        return np.where(self.there, self.shares / np.maximum(self.area, 1), -np.inf)

    @property
    def finest(self) -> np.ndarray:
        return self.maps

    @property
    def told(self) -> np.ndarray:
        return self.own

    @property
    def doubt(self) -> np.ndarray:
        return self.own_error

    @property
    def unit(self) -> np.ndarray:
        return np.ones(1)

    @property
    def own_part(self) -> str | None:
        return None if self.segment is None else "segment"

    @property
    def foreground(self) -> np.ndarray:
        """All pixels but those of the colour that is behind the others (`PLAIN`)."""
        return self.once("foreground", lambda: ~_plain(self.inputs))

    @property
    def picked(self) -> np.ndarray:
        return self.question.chosen

    @property
    def class_count(self) -> int:
        return len(self.question.labels)

    @property
    def golden(self) -> np.ndarray | None:
        if self.gold is None:
            return None
        return summed(self.gold.astype(float), self.cell) / np.maximum(self.area, 1)

    @cached_property
    def spread(self) -> float:
        """How far the prediction ranges over the images judged, whole and with all removed."""

        def empty() -> np.ndarray:
            everything = np.ones((len(self), len(self.features)), dtype=bool)
            return self.without(np.arange(len(self)), everything, self.donors(1))[:, 0]

        gone = self.once(("empty", next(iter(self.ways)), ()), empty)
        return float(max(np.ptp(self.output), np.abs(self.output - gone).max()))

    def predict(self, changed: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return self.question.predict(changed, self.question.chosen[rows])

    def answers(self, changed: np.ndarray) -> np.ndarray:
        return self.question.work.predict(self.question.scores, changed)

    def donors(self, most: int, way: str | None = None) -> Fill:
        """What puts images together from which pixels are gone; each way has one, not `most`."""
        way = next(iter(self.ways)) if way is None else way
        values = self.inputs
        if way == "noisy_linear":
            spread = NOISE * values.std(axis=(1, 2, 3))
            drawn = self.rng("noisy linear").normal(size=values.shape[1:]).astype(values.dtype)
            return lambda rows, gone: noisy_linear(
                values[rows], gone, spread[rows, None, None, None] * drawn
            )
        behind = self.once(("behind", way), lambda: baseline_of(values, way))
        return lambda rows, gone: np.where(gone[:, None], behind[rows], values[rows])

    def without(self, rows: np.ndarray, removed: np.ndarray, given: Any) -> np.ndarray:
        found = np.empty((len(rows), 1))
        for some in slices(len(rows), self.question.work.batch_size):
            own, mask = rows[some], removed[some]
            flat = self.cell[own].reshape(len(own), -1)
            gone = np.take_along_axis(mask, flat, axis=1).reshape(self.cell[own].shape)
            found[some, 0] = self.predict(given(own, gone), own)
        return found

    def blanked(self, removed: np.ndarray, way: str) -> np.ndarray:
        flat = self.cell.reshape(len(self), -1)
        gone = np.take_along_axis(removed, flat, axis=1).reshape(self.cell.shape)
        return self.donors(1, way)(np.arange(len(self)), gone)

    def native(self, changed: np.ndarray) -> np.ndarray:
        return self.question.images.laid(changed)

    def classified(self, model: Model, changed: np.ndarray) -> np.ndarray:
        asked = replace(self.question, model=model, scale=model.scales[0], notes=[])
        best = asked.work.predict(asked.scores, changed).argmax(axis=1)
        return best.astype(str) if model.classes is None else _in_words(model.classes)[best]

    def nudged(self, rows: np.ndarray, noise: float, *purpose: str | int) -> np.ndarray:
        """Images whose pixels have moved by `noise` standard deviations of the image."""
        values = self.inputs[rows]
        drawn = self.rng("noise", *purpose).normal(size=self.inputs.shape)[rows]
        spread = values.std(axis=(1, 2, 3), keepdims=True)
        return (values + noise * spread * drawn).astype(values.dtype)

    def asked(self, rows: np.ndarray, changed: np.ndarray | None = None) -> ImageQuestion:
        """The question as it was asked about some of the images, or changed copies of them."""
        images = self.question.images.take(rows)
        return replace(
            self.first,
            images=images if changed is None else images.with_values(changed),
            chosen=self.question.chosen[rows],
            cut=None if self.segment is None else self.segment[rows],
            notes=[],
            begun={},
        )

    def explained(
        self, rows: np.ndarray, changed: np.ndarray | None, seed: int | None
    ) -> np.ndarray | None:
        asked = self.asked(rows, changed)
        if seed is not None:
            asked.seed = seed
        assert self.recipe is not None
        found = self.recipe.answer(asked, progress=False)
        if not isinstance(found, Attribution) or found.dims not in GRIDS:
            return None
        return np.asarray(found.values)

    def adapted(self, model: Any) -> Model:
        found = adapter_of(model, self.question.images)
        found.settle(self.inputs[:2])
        return found

    def otherwise(
        self,
        rows: np.ndarray,
        *,
        model: Model | None = None,
        classes: np.ndarray | None = None,
        changed: np.ndarray | None = None,
    ) -> np.ndarray:
        asked = self.asked(rows, changed)
        asked.model = asked.model if model is None else model
        asked.chosen = asked.chosen if classes is None else classes
        return self.answered(asked)

    def answered(self, asked: ImageQuestion) -> np.ndarray:
        """What the method says to a question about some of the images, as `told`.

        Raises
        ------
        CannotExplain
            If it gives no value for each pixel.
        """
        assert self.recipe is not None
        found = self.recipe.answer(asked, progress=False)
        if not isinstance(found, Attribution) or found.dims not in GRIDS:
            raise CannotExplain(f"{self.recipe.name()} gave no value for each pixel")
        return np.asarray(found.values)

    def in_units(self, told: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return summed(flat(told), self.cell[rows], len(self.features))

    def in_finest(self, told: np.ndarray) -> np.ndarray:
        return flat(told)

    def in_parts(self, told: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Of segments, whose pixels err together, or of single pixels and channels."""
        if self.segment is None:
            return told.reshape(len(told), -1)
        return summed(flat(told), self.segment[rows], int(self.segment.max()) + 1)


GRIDS = ("sample", "row", "column"), ("sample", "channel", "row", "column")
"""The axes of explanations that can be judged."""


def _in_words(classes: Sequence[Any]) -> np.ndarray:
    return np.array([str(label) for label in classes])


def _plain(values: np.ndarray) -> np.ndarray:
    """Pixels of the image's most frequent colour, where it is frequent: (sample, row, column)."""
    found = np.zeros((len(values), *values.shape[2:]), dtype=bool)
    for place, image in enumerate(values):
        colours = np.ascontiguousarray(image.reshape(len(image), -1).T)
        whole = colours.view(f"V{colours.itemsize * colours.shape[1]}")[:, 0]
        _, each, count = np.unique(whole, return_inverse=True, return_counts=True)
        if count.max() >= PLAIN * len(whole):
            found[place] = (each == count.argmax()).reshape(image.shape[1:])
    return found


def flat(values: np.ndarray) -> np.ndarray:
    """Values of pixels summed over channels: (sample, row, column)."""
    return values.sum(axis=1) if values.ndim == 4 else values


def summed(maps: np.ndarray, cell: np.ndarray, number: int | None = None) -> np.ndarray:
    """Sum of a map's pixels over each cell: (sample, unit)."""
    number = int(cell.max()) + 1 if number is None else number
    flat_cells = (cell + number * np.arange(len(cell))[:, None, None]).ravel()
    total = np.bincount(flat_cells, weights=maps.ravel(), minlength=number * len(cell))
    return total.reshape(len(cell), number)
