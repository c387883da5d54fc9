"""What a metric judges of images: cells of a grid, and what can take their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.engine.work import slices
from pellucid.explainers.image_question import ImageQuestion
from pellucid.metrics.evidence import Evidence
from pellucid.perturb.imputed import noisy_linear
from pellucid.perturb.input_baseline import baseline_of

NOISE = 0.01
"""Standard deviation of the noise of ROAD's filling, as a part of the image's spread."""

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
    segment : int array of shape (sample, row, column) or None
        The segments that the explanation was made of, to make it again of the same.
    """

    thing: ClassVar[str] = "image"
    one: ClassVar[str] = "an image"
    part: ClassVar[str] = "cell"
    number: ClassVar[str] = "pixel"
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

        gone = self.once(("empty", next(iter(self.ways))), empty)
        return float(max(np.ptp(self.output), np.abs(self.output - gone).max()))

    def predict(self, changed: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return self.question.predict(changed, self.question.chosen[rows])

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
        return summed(flat(found.values), self.cell[rows], len(self.features))[:, :, None]


GRIDS = ("sample", "row", "column"), ("sample", "channel", "row", "column")
"""The axes of explanations that can be judged."""


def flat(values: np.ndarray) -> np.ndarray:
    """Values of pixels summed over channels: (sample, row, column)."""
    return values.sum(axis=1) if values.ndim == 4 else values


def summed(maps: np.ndarray, cell: np.ndarray, number: int | None = None) -> np.ndarray:
    """Sum of a map's pixels over each cell: (sample, unit)."""
    number = int(cell.max()) + 1 if number is None else number
    flat_cells = (cell + number * np.arange(len(cell))[:, None, None]).ravel()
    total = np.bincount(flat_cells, weights=maps.ravel(), minlength=number * len(cell))
    return total.reshape(len(cell), number)
